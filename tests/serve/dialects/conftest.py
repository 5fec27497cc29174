"""Described models and answers made by hand, and the golden bundle behind every dialect."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from justright.bundle.predictor import Predictor, load
from justright.serve.exchange import Answers, Asked, Described, Question


@pytest.fixture(scope="session")
def two() -> Described:
    """A regression over a number that is always there and a text that may be missing."""
    asked = (Asked("x", "numeric", "number"), Asked("c", "categorical", "text", True))
    return Described(
        "m", "1", "ab", "regression", asked, versions=("1",), levels=(0.8, 0.9, 0.95), explains=True
    )


@pytest.fixture(scope="session")
def predictor(bundle_path) -> Predictor:
    return load(bundle_path)


@pytest.fixture(scope="session")
def buys(predictor: Predictor) -> Described:
    """The golden bundle as a client sees it."""
    schema = {column.name: column for column in predictor.schema.columns}
    asked = tuple(
        Asked(name, schema[name].kind, schema[name].form, name in predictor.optional)
        for name in predictor.columns
    )
    return Described(
        "buys",
        "2",
        predictor.model_id,
        predictor.task,
        asked,
        predictor.classes,
        tuple(predictor.classes),
        predictor.threshold,
        ("1", "2"),
        {"champion": "2"},
        explains=True,
    )


@pytest.fixture(scope="session")
def answer(predictor: Predictor):
    """Answer a question with the golden bundle, by the one path that all dialects share."""

    def answer(question: Question) -> Answers:
        columns: Any = question.columns
        assert list(columns) == list(predictor.columns)
        rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        assert len(rows) == question.size
        found = predictor.predict_rows(rows)
        return Answers(
            "buys",
            "2",
            predictor.model_id,
            "binary",
            predictor.classes,
            probabilities=np.array([list(each["probabilities"].values()) for each in found]),
            labels=[each["label"] for each in found],
        )

    return answer
