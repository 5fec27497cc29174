"""The one JSON object of a run: its form is a promise."""

from __future__ import annotations

import msgspec
import pytest

from justright.schema import Finding, Value
from justright.workflow.summary import Baselines, Rows, Rung, Seconds, Summary


@pytest.fixture
def summary():
    value = Value(1.0, 0.5, 1.5)
    return Summary(
        run="runs/a",
        model="runs/a/model",
        model_id="00",
        task="regression",
        family="linear",
        target="y",
        rows=Rows(10, 0),
        folds=5,
        metric="rmse",
        validation=value,
        metrics={"rmse": value},
        baselines=Baselines(2.0, None),
        ladder=[Rung("linear", 1.0, 0.5, 1.5, 0.1, True)],
        threshold=None,
        seconds=Seconds(0.1, 0.2, 0.3, 0.7),
        verdict="Fine.",
        findings=[Finding("a", "info", "A.", {"n": 1}, "b")],
    )


def test_there_and_back(summary):
    assert msgspec.json.decode(msgspec.json.encode(summary), type=Summary) == summary


def test_keys_of_a_later_version_are_passed_over(summary):
    data = msgspec.to_builtins(summary) | {"later": 1}
    data["rows"] = data["rows"] | {"validation": 3}
    assert msgspec.convert(data, Summary) == summary


def test_the_order_of_the_keys_is_that_of_the_promise(summary):
    assert list(msgspec.to_builtins(summary))[:18] == [
        "format", "run", "model", "model_id", "task", "family", "target", "rows", "folds", "metric",
        "validation", "metrics", "baselines", "ladder", "threshold", "seconds", "verdict", "findings",
    ]  # fmt: skip
