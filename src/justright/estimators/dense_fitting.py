"""Large tables of nothing but numbers: fitted straight from the caller's array, without encoded copies.

Least squares by sums of products (`models.linear.gram`), logistic regression with a ridge by Newton's method
(`models.linear.dense`), all penalties and folds in the same passes. Everything else takes the longer way.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.estimators.columns import Table
from justright.estimators.encoding import LARGEST, is_flat, keys_of, unit_of
from justright.estimators.fold import distinct, folds_of
from justright.estimators.inputs import Model
from justright.estimators.training import Fitted, path_of, raw, tell
from justright.features.numeric import NumericFeature
from justright.features.plan import FeaturePlan, PlanData
from justright.features.target import TargetFeature
from justright.kernels.blas import one_blas_thread
from justright.kernels.dense import (
    Numbers,
    Survey,
    all_finite,
    products,
    rows_of,
    survey,
)
from justright.models.base import Progress
from justright.models.linear import dense, gram
from justright.models.linear.design import layout_for
from justright.optim.losses import Loss
from justright.schema import FloatArray, Member
from justright.training.history import History, Row, rows_of_pass
from justright.workflow.held_out import choose_setting

__all__ = ["fit_dense", "mix_of"]

_FEWEST: Final = 10_000
"""Rows below which the longer way, too, is a matter of an instant."""

_CELLS: Final = 32_000_000  # float64 for the sums of all pieces: 256 MB

Folds = npt.NDArray[np.int8] | None


def mix_of(estimator: Any) -> float:
    """Return the share of L1 in the penalty of an estimator."""
    return {"l2": 0.0, "l1": 1.0, "elasticnet": float(estimator.l1_ratio)}[estimator.penalty]


def fit_dense(
    estimator: Any,
    table: Table,
    weight: FloatArray,
    fold: Folds,
    *,
    loss: Loss,
    outputs: int,
    target: TargetFeature,
    encoded: npt.NDArray[Any],
) -> tuple[Model, Fitted] | None:
    """Fit.

    Parameters
    ----------
    estimator, loss, outputs, target, encoded
        As in `fit_linear`.
    table, weight, fold
        Rows of positive weight; folds of given splits, None = a number of folds was asked for.

    Returns
    -------
    tuple of Model and Fitted, or None
        None where it does not apply or does not settle.
    """
    mix = mix_of(estimator)
    if table.rows < _FEWEST or not _applies(loss, outputs, mix, len(table.columns)):
        return None
    X = _matrix(table)
    if X is None:
        return None
    found = survey(X, weight)
    if max(-found.low.min(), found.high.max()) > LARGEST:
        return None
    plan = _plan(table, found, target)
    exact_sums = loss.name == "squared"
    if estimator.alphas is None:
        key = keys_of(table)
        path = path_of(None, mix, distinct(key), exact_sums=exact_sums)
    else:
        path = path_of(estimator.alphas, mix, 0, exact_sums=exact_sums)
        key = keys_of(table) if fold is None and len(path) > 1 else np.zeros(0, np.uint64)
    if len(path) == 1:
        fold = None
    elif fold is None:
        fold = folds_of(estimator, key, encoded, loss.link)
    begin = time.perf_counter()
    train = _by_sums if exact_sums else _by_newton
    with one_blas_thread():
        made = train(estimator, X, encoded, weight * unit_of(weight), fold, found, path, mix)
    if made is None:
        return None
    theta, losses, rows, ended = made
    history = History(tuple(rows), ended, time.perf_counter() - begin)
    members = _members(path, losses.shape[1], mix)
    chosen = choose_setting(members, np.r_[np.full(len(path), np.nan), losses.T.ravel()], ())
    tell(history, chosen, path, losses.shape[1])
    front = layout_for(plan).to_front() | {"centre": target.centre, "scale": target.scale}
    arrays = {"weights": np.ascontiguousarray(theta[:-1, chosen, None]), "bias": theta[-1:, chosen].copy()}
    fitted = Fitted(front, arrays, float(path[chosen]), np.asarray(path), losses, history)
    return Model(table.names, plan, front, arrays, *raw(fitted, plan)), fitted


def _matrix(table: Table) -> Numbers | None:
    """Return the values as they came or, of a data frame, side by side; None with gaps or other columns."""
    if table.matrix is not None:
        return table.matrix if table.matrix.flags.c_contiguous else table.matrix.copy(order="C")
    if any(column.kind != "numeric" for column in table.columns):
        return None
    made = np.empty((table.rows, len(table.columns)))
    for place, column in enumerate(table.columns):
        made[:, place] = table.values[column.name].numbers
    return made if all_finite(made) else None


def _applies(loss: Loss, outputs: int, mix: float, columns: int) -> bool:
    """Say whether this module fits such a model."""
    if loss.name == "squared":
        return columns <= gram.GRAM_LIMIT and columns**2 * 64 <= _CELLS
    return loss.name == "logistic" and outputs == 1 and mix == 0.0 and columns <= dense.MOST_COLUMNS


def _plan(table: Table, found: Survey, target: TargetFeature) -> FeaturePlan:
    """Return the plan of columns of numbers; one without spread has an infinite scale."""
    features = []
    for place, column in enumerate(table.columns):
        low, high, spread = (float(values[place]) for values in (found.low, found.high, found.spread))
        scale = np.inf if is_flat(spread, low, high) else spread
        features.append(NumericFeature(column, float(found.mean[place]), scale, low, high, False))
    return FeaturePlan(PlanData(tuple(features), (), (), target))


def _factor(found: Survey) -> FloatArray:
    """Return 1 / spread of each column, 0 without spread."""
    flat = [is_flat(*of) for of in zip(found.spread, found.low, found.high, strict=True)]
    return np.asarray(np.where(flat, 0.0, 1.0 / np.where(flat, 1.0, found.spread)))


def _members(path: Sequence[float], folds: int, mix: float) -> list[Member]:
    """Return all members: those of all rows, then fold by fold."""
    return [Member(fold, place, alpha, mix) for fold in range(-1, folds) for place, alpha in enumerate(path)]


def _by_sums(
    estimator: Any,
    X: Numbers,
    encoded: npt.NDArray[Any],
    weight: FloatArray,
    fold: Folds,
    found: Survey,
    path: Sequence[float],
    mix: float,
) -> tuple[FloatArray, FloatArray, list[Row], str]:
    """Solve least squares: weights and bias (d + 1, settings), held-out losses, history, why it ended."""
    folds = 0 if fold is None else max(int(fold.max()) + 1, 0)
    group = None if fold is None or not folds else np.where(fold < 0, folds, fold)
    rows = rows_of(X, encoded, weight, group, folds + 1, found.mean, _factor(found))
    members = _members(path, folds, mix)
    solution = gram.solve(products(rows)[None, :, None], members)
    rule = "solved exactly from sums of products"
    progress = Progress(solution.curves, np.ones(len(members), bool), rule=rule)
    history = rows_of_pass(1, 1, progress, members, [0.0] * len(members))
    losses = solution.curves[-1].validation[len(path) :].reshape(folds, len(path)).T
    theta = np.vstack([solution.weights, solution.bias])
    return theta[:, : len(path)], np.asarray(losses), history, rule


def _by_newton(
    estimator: Any,
    X: Numbers,
    encoded: npt.NDArray[Any],
    weight: FloatArray,
    fold: Folds,
    found: Survey,
    path: Sequence[float],
    mix: float,
) -> tuple[FloatArray, FloatArray, list[Row], str] | None:
    """Train logistic regression: as `_by_sums`; None where Newton's method does not settle."""
    made = dense.solve(
        X,
        encoded,
        weight,
        fold,
        found.mean,
        _factor(found),
        path,
        # As in the longer way: a tenth, and the square of the error of the coefficients.
        tolerance=0.1 * float(estimator.tol) ** 2,
        most=float(estimator.max_iter),
    )
    if made is None:
        return None
    members = _members(path, made.losses.shape[1], mix)
    rows = [row for number, one in enumerate(made.passes) for row in _rows(number + 1, one, members)]
    return made.theta, made.losses, rows, "the decrease of the loss to come is below the tolerance"


def _rows(number: int, one: dense.Pass, members: Sequence[Member]) -> list[Row]:
    """Return the rows of history of one pass."""
    made = []
    for place, train, held, done in zip(
        one.members.tolist(), one.train.tolist(), one.held.tolist(), one.done.tolist(), strict=True
    ):
        member = members[place]
        made.append(
            Row(
                number,
                place,
                member.setting,
                member.fold,
                member.penalty,
                share=one.share,
                steps=number,
                train=train,
                validation=held if np.isfinite(held) else None,
                done=done,
            )
        )
    return made
