"""Answers as JSON values: one object a row, or one list a column."""

from __future__ import annotations

from typing import Any

from justright.serve.exchange import Answers

__all__ = ["as_columns", "as_rows"]


def as_rows(answers: Answers) -> list[Any]:
    """Return one JSON value a row.

    Returns
    -------
    list
        Regression: a number. Classes: `{"label": ..., "probabilities": {class: p}}`. With intervals or
        contributions each row is an object that also holds `interval`, `[low, high]`, and
        `contributions`, `{"intercept": ..., "adds_<term>": ...}`; the number is then `prediction`.

    Examples
    --------
    >>> import numpy as np
    >>> as_rows(Answers("m", "1", "ab", "regression", prediction=np.array([1.5])))
    [1.5]
    """
    if answers.probabilities is None:
        assert answers.prediction is not None
        rows: list[Any] = answers.prediction.tolist()
        if answers.intervals is None and answers.contributions is None:
            return rows
        rows = [{"prediction": value} for value in rows]
    else:
        assert answers.labels is not None
        classes = answers.classes
        rows = [
            {"label": label, "probabilities": dict(zip(classes, shares, strict=True))}
            for label, shares in zip(answers.labels, answers.probabilities.tolist(), strict=True)
        ]
    if answers.intervals is not None:
        for row, ends in zip(rows, answers.intervals.tolist(), strict=True):
            row["interval"] = ends
    if answers.contributions is not None:
        names = answers.contributions.names
        for row, adds in zip(rows, answers.contributions.values.tolist(), strict=True):
            row["contributions"] = dict(zip(names, adds, strict=True))
    return rows


def as_columns(answers: Answers) -> dict[str, list[Any]]:
    """Return one list a column, under the names that `justright predict` gives them.

    Returns
    -------
    dict
        `prediction`: the number or the label. `probability_<class>` of each class. `interval_low` and
        `interval_high`, `intercept` and `adds_<term>` where they were asked for.

    Examples
    --------
    >>> import numpy as np
    >>> as_columns(Answers("m", "1", "ab", "binary", ("no", "yes"), labels=["yes"],
    ...                    probabilities=np.array([[0.25, 0.75]])))
    {'prediction': ['yes'], 'probability_no': [0.25], 'probability_yes': [0.75]}
    """
    found: dict[str, list[Any]] = {}
    if answers.probabilities is None:
        assert answers.prediction is not None
        found["prediction"] = answers.prediction.tolist()
    else:
        assert answers.labels is not None
        found["prediction"] = list(answers.labels)
        for name, shares in zip(answers.classes, answers.probabilities.T.tolist(), strict=True):
            found[f"probability_{name}"] = shares
    if answers.intervals is not None:
        found["interval_low"], found["interval_high"] = answers.intervals.T.tolist()
    if answers.contributions is not None:
        found |= zip(answers.contributions.names, answers.contributions.values.T.tolist(), strict=True)
    return found
