"""Rows that come in pieces: what `partial_fit` of both estimators shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.errors import TrainingError
from justright.estimators.columns import Table, is_frame, of_matrix
from justright.estimators.crossed_fitting import Fitted
from justright.estimators.crossed_reading import read_new, refresh
from justright.estimators.encoding import blocks_of
from justright.estimators.inputs import check_infinite, read_weights
from justright.features.target import TargetFeature
from justright.models.base import State
from justright.models.crossed import pieces
from justright.models.crossed.export import export_model
from justright.models.crossed.fields import Field, fit_fields
from justright.models.crossed.forward import layout_of
from justright.models.crossed.state import terms_of
from justright.schema import FloatArray

__all__ = ["Course", "begin", "go_on", "read", "target_of"]

_LEAST: Final = 1_000  # rows of a part


@dataclass(frozen=True)
class Course:
    """Where a training in pieces stands.

    Parameters
    ----------
    fitted : Fitted
        The model of the first piece, without its rows.
    fields : tuple of Field
        Its fields.
    state : State
        Tables and sums of all rows so far.
    rows : int
        Their number.
    """

    fitted: Fitted
    fields: tuple[Field, ...]
    state: State
    rows: int


def begin(estimator: Any, fitted: Fitted) -> None:
    """Note what further pieces go on from."""
    fields = fit_fields(fitted.plan, fitted.blocks, fitted.crosses.products, by_name=False)
    chosen = estimator.penalty is None
    state = pieces.begin(fitted.spec, fields, fitted.state, fitted.blocks, finest=chosen)
    estimator._course = Course(replace(fitted, blocks=[]), tuple(fields), state, fitted.spec.rows)


def target_of(estimator: Any) -> TargetFeature:
    """Return the target with the scale of the first piece."""
    target: TargetFeature | None = estimator._course.fitted.plan.data.target
    if target is None:
        raise TrainingError("pieces without a target", next_step="fit again")
    return target


def read(
    estimator: Any, X: Any, y: Any, weight: Any, *, numeric: bool
) -> tuple[Table, npt.NDArray[Any], FloatArray]:
    """Check a further piece against the first, and return its columns, y and weights.

    Raises
    ------
    ValueError
        Other columns than in the first piece, lengths that differ, values that are not allowed.
    """
    from sklearn.utils.validation import check_consistent_length, validate_data

    fitted: Fitted = estimator._course.fitted
    if not is_frame(X) and fitted.names is None:
        X, y = validate_data(
            estimator, X, y, dtype=np.float64, reset=False, y_numeric=numeric, ensure_all_finite=False
        )
        check_infinite(X)
        return of_matrix(X), y, read_weights(weight, len(X))
    y = _check_target(y, numeric=numeric)
    table = read_new(estimator, fitted.plan, fitted.names, X)
    check_consistent_length(X, y)
    return table, y, read_weights(weight, table.rows)


def _check_target(y: Any, *, numeric: bool) -> npt.NDArray[Any]:
    """Return y as scikit-learn's estimators read it: one finite value a row."""
    from sklearn.utils import check_array, column_or_1d

    kind = np.float64 if numeric else None
    made = check_array(y, ensure_2d=False, dtype=kind, input_name="y", ensure_min_samples=0)
    return np.asarray(column_or_1d(made, warn=True))


def go_on(estimator: Any, table: Table, encoded: npt.NDArray[Any], weight: FloatArray) -> None:
    """Train on a further piece and set what the estimator shows.

    A piece larger than all rows so far is taken in parts, each no larger than those before it: what the
    first rows chose as penalties must not be what all of it is trained with.
    """
    course: Course = estimator._course
    fitted, state = course.fitted, course.state
    begin, rows = 0, course.rows
    while begin < table.rows:
        part = np.arange(begin, min(begin + max(rows, _LEAST), table.rows))
        state = _trained(estimator, course, state, table.take(part), encoded[part], weight[part])
        begin, rows = begin + len(part), rows + len(part)
    target, own = target_of(estimator), slice(0, fitted.spec.outputs)
    terms = terms_of(state, course.fields)
    front, arrays = export_model(course.fields, terms, state, own, target.centre, target.scale)
    made = replace(fitted, front=front, arrays=arrays)
    estimator._course = Course(made, course.fields, state, rows)
    refresh(estimator, made, state["strength"], _spread(front, arrays, state))


def _trained(
    estimator: Any,
    course: Course,
    state: State,
    table: Table,
    encoded: npt.NDArray[Any],
    weight: FloatArray,
) -> State:
    """Return the state after some more rows."""
    seen = weight > 0
    if not seen.any():
        return state
    table, encoded, weight = table.take(seen), encoded[seen], weight[seen]
    none, key = np.full(len(weight), -2, np.int8), np.zeros(len(weight), np.uint64)
    fitted, chosen = course.fitted, estimator.penalty is None
    blocks = blocks_of(table, fitted.plan, encoded, weight, none, key, fitted.unit)
    factor = 1.0 if chosen else float(estimator.penalty)
    return pieces.go_on(fitted.spec, course.fields, state, blocks, factor=factor, choosing=chosen)


def _spread(front: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], state: State) -> FloatArray:
    """Return the mean absolute contribution of each term over all rows so far."""
    by_cell = np.abs(arrays["tables"]).mean(axis=1) * state["mass"] * front["scale"]
    starts = np.cumsum([0, *layout_of(front).cells[:-1]])
    return np.asarray(np.add.reduceat(by_cell, starts) / state["weight"][0])
