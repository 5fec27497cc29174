"""What a customer must hear before a model is used: how often it will be wrong, and how badly.

Counts are of 1,000 new rows, with 95 % intervals; no term of statistics stands in a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from justright.evaluate.influence import mean_influence
from justright.evaluate.intervals import interval_of, wilson
from justright.evaluate.quantile import normal_quantile
from justright.metrics.confusion import count_cells
from justright.metrics.rows import ClassRows, class_rows, value_rows
from justright.schema import FloatArray, Task, Value
from justright.values import figure

__all__ = ["Customer", "tell_customer", "weighted_quantile"]

_PAIRS: Final = 3


class Customer(msgspec.Struct, frozen=True):
    """What a customer must hear.

    Parameters
    ----------
    sentences : tuple of str
        Plain sentences with their numbers, the most important first.
    figures : dict of Value
        The same numbers by name: `wrongly_flagged`, `missed`, `flagged` and `cost` (binary, of 1,000
        rows), `wrong` and `taken:A:B` (several classes, of 1,000 rows), `typical_error`,
        `bad_error_90` and `bad_error_95` (regression, in the target's unit).
    """

    sentences: tuple[str, ...]
    figures: dict[str, Value]


def tell_customer(
    task: Task,
    classes: Sequence[str],
    target: npt.ArrayLike,
    prediction: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    threshold: float = 0.5,
    cost_fp: float | None = None,
    cost_fn: float | None = None,
    level: float = 0.95,
) -> Customer:
    """Say how often the model will be wrong on new rows, or how large its errors are.

    Parameters
    ----------
    task : {"regression", "binary", "multiclass"}
        What is predicted.
    classes : sequence of str
        Text of each class; empty for regression.
    target, prediction, weight
        Rows the model has not seen.
    threshold : float, default 0.5
        A binary row is flagged where `prediction >= threshold`.
    cost_fp, cost_fn : float, optional
        Cost of a wrongly flagged and of a missed row; None = not told.
    level : float, default 0.95
        Of the intervals.

    Returns
    -------
    Customer
        Sentences and figures.

    Examples
    --------
    >>> tell_customer("regression", (), [1.0, 2.0, 3.0, 4.0] * 20, [1.5, 2.0, 4.0, 4.0] * 20).sentences[0]
    'Half of the predictions are off by at most 0 (0 to 0.5).'
    """
    if task == "regression":
        return _of_numbers(target, prediction, weight, level)
    rows = class_rows(target, prediction, weight)
    if task == "binary":
        return _of_flags(rows, classes, threshold, cost_fp, cost_fn, level)
    return _of_classes(rows, classes, level)


def weighted_quantile(values: FloatArray, weight: FloatArray, share: float, level: float = 0.95) -> Value:
    """Return a quantile with the interval got by inverting that of the share (Woodruff 1952).

    Parameters
    ----------
    values, weight : float64 (rows,)
        Weights above zero.
    share : float
        Which quantile, 0..1: the smallest value that at least this share of the weight reaches.
    level : float, default 0.95
        Of the interval.

    Examples
    --------
    >>> weighted_quantile(np.arange(1.0, 101.0), np.ones(100), 0.5)
    Value(value=50.0, low=41.0, high=60.0)
    """
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order]) / weight.sum()
    count = float(weight.sum()) ** 2 / float(np.dot(weight, weight))
    half = normal_quantile(level) * float(np.sqrt(share * (1.0 - share) / count))
    places = np.searchsorted(reached, [share - 1e-12, max(share - half, 0.0), min(share + half, 1.0) - 1e-12])
    picked = values[order][np.minimum(places, values.shape[0] - 1)]
    return Value(float(picked[0]), float(picked[1]), float(picked[2]))


def _of_numbers(
    target: npt.ArrayLike, prediction: npt.ArrayLike, weight: npt.ArrayLike | None, level: float
) -> Customer:
    """Typical and bad errors."""
    rows = value_rows(target, prediction, weight)
    error = np.abs(rows.target - rows.prediction)
    typical, bad, worse = (weighted_quantile(error, rows.weight, q, level) for q in (0.5, 0.9, 0.95))
    bias = mean_influence(rows.prediction - rows.target, rows.weight)
    sentences = [
        f"Half of the predictions are off by at most {_with_ends(typical)}.",
        f"One in ten is off by more than {_with_ends(bad)}, one in twenty by more than {_with_ends(worse)}.",
    ]
    if abs(bias.value) > normal_quantile(level) * np.sqrt(bias.variance) > 0.0:
        side = "high" if bias.value > 0 else "low"
        sentences.append(f"On average predictions are too {side} by {figure(abs(bias.value), 3)}.")
    return Customer(tuple(sentences), {"typical_error": typical, "bad_error_90": bad, "bad_error_95": worse})


def _of_flags(
    rows: ClassRows,
    classes: Sequence[str],
    threshold: float,
    cost_fp: float | None,
    cost_fn: float | None,
    level: float,
) -> Customer:
    """Wrongly flagged, missed, and what it costs."""
    cells = count_cells(rows, threshold)
    flagged, false, missed = (
        _of_thousand(rows, x, level) for x in (cells[:, 1].sum(), cells[0, 1], cells[1, 0])
    )
    name = classes[1] if len(classes) > 1 else "1"
    true = 1000.0 * float(cells[1].sum() / cells.sum())
    sentences = [
        f"Of 1,000 new rows about {_with_ends(flagged)} will be flagged as {name!r}; "
        f"about {_with_ends(false)} of them wrongly.",
        f"About {figure(true, 3)} of the 1,000 are truly {name!r}; "
        f"about {_with_ends(missed)} of them will be missed.",
    ]
    figures = {"flagged": flagged, "wrongly_flagged": false, "missed": missed}
    if cost_fp is not None and cost_fn is not None:
        label = rows.labels(threshold)
        cost = np.where(rows.target == 1, cost_fn * (label == 0), cost_fp * (label == 1)) * 1000.0
        figures["cost"] = interval_of("mae", mean_influence(cost, rows.weight), level, binary=True)
        sentences.append(
            f"At {cost_fp:g} for each wrongly flagged and {cost_fn:g} for each missed row, 1,000 rows cost "
            f"about {_with_ends(figures['cost'])}."
        )
    return Customer(tuple(sentences), figures)


def _of_classes(rows: ClassRows, classes: Sequence[str], level: float) -> Customer:
    """How many are wrong, and which classes are taken for which."""
    cells = count_cells(rows, 0.5)
    wrong = _of_thousand(rows, cells.sum() - np.trace(cells), level)
    figures = {"wrong": wrong}
    sentences = [f"Of 1,000 new rows about {_with_ends(wrong)} will get a wrong class."]
    off = cells - np.diag(np.diagonal(cells))
    for place in np.argsort(-off, axis=None, kind="stable")[:_PAIRS].tolist():
        a, b = divmod(place, len(cells))
        if off[a, b] > 0.0:
            share = _of_thousand(rows, off[a, b], level)
            truth, label = (_name(classes, number) for number in (a, b))
            figures[f"taken:{truth}:{label}"] = share
            sentences.append(
                f"About {_with_ends(share)} of the 1,000 are {truth!r} and will be taken for {label!r}."
            )
    return Customer(tuple(sentences), figures)


def _name(classes: Sequence[str], number: int) -> str:
    """Text of a class, or its number."""
    return classes[number] if number < len(classes) else str(number)


def _of_thousand(rows: ClassRows, amount: float, level: float) -> Value:
    """A weight of rows as a count of 1,000, with Wilson's interval."""
    total = float(rows.weight.sum())
    count = total * total / float(np.dot(rows.weight, rows.weight))
    share = min(max(float(amount) / total, 0.0), 1.0)
    found = wilson(share, count, level)
    return Value(1000.0 * share, 1000.0 * found.low, 1000.0 * found.high)


def _with_ends(value: Value) -> str:
    """A figure and its interval, three digits each."""
    return f"{figure(value.value, 3)} ({figure(value.low, 3)} to {figure(value.high, 3)})"
