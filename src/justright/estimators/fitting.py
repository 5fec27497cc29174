"""From a checked table to a fitted model: encode, fold, train; what `fit` of both estimators does."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from justright.errors import JustrightWarning
from justright.estimators.columns import Table
from justright.estimators.dense_fitting import fit_dense, mix_of
from justright.estimators.encoding import blocks_of, keys_of, plan_of
from justright.estimators.fold import distinct, folds_of, of_splits, salt
from justright.estimators.inputs import Model
from justright.estimators.training import Fitted, fit_path, path_of, raw
from justright.features.target import TargetFeature
from justright.models.linear import gram
from justright.models.linear.design import layout_for
from justright.optim.losses import Loss
from justright.schema import FloatArray

__all__ = ["fit_linear", "given_folds", "salt"]


def fit_linear(
    estimator: Any,
    table: Table,
    y: npt.NDArray[Any],
    weight: FloatArray,
    *,
    loss: Loss,
    outputs: int,
    target: TargetFeature,
    encoded: npt.NDArray[Any],
) -> tuple[Model, Fitted]:
    """Fit.

    Parameters
    ----------
    estimator : LinearRegressor or LinearClassifier
        For its parameters.
    table, y, weight
        All rows, weights of 0 included.
    loss, outputs
        What is minimised, margins a row.
    target : TargetFeature
        The target with its scale.
    encoded : int32 or float32 (rows,)
        Class numbers, or values on the scale of training; -1 where the weight is 0.
    """
    fold = given_folds(estimator, table, y)
    seen = weight > 0
    if not seen.all():
        table, weight, encoded = table.take(seen), weight[seen], encoded[seen]
        fold = fold[seen] if fold is not None else None
    made = fit_dense(
        estimator, table, weight, fold, loss=loss, outputs=outputs, target=target, encoded=encoded
    )
    if made is not None:
        _tell_aside(table)
        return made
    plan = plan_of(table, weight, target)
    key = keys_of(table)
    mix = mix_of(estimator)
    sums = loss.name == "squared" and layout_for(plan).width <= gram.GRAM_LIMIT
    path = path_of(estimator.alphas, mix, distinct(key), exact_sums=sums)
    if len(path) == 1:
        fold = np.full(len(key), -2, np.int8)  # nothing is to be chosen
    elif fold is None:
        fold = folds_of(estimator, key, encoded, loss.link)
    blocks = blocks_of(table, plan, encoded, weight, fold, key)
    fitted = fit_path(
        loss,
        outputs,
        plan,
        blocks,
        path=path,
        mix=mix,
        rows=distinct(key),
        max_iter=int(estimator.max_iter),
        tol=float(estimator.tol),
    )
    _tell_aside(table)
    return Model(table.names, plan, fitted.front, fitted.arrays, *raw(fitted, plan)), fitted


def given_folds(estimator: Any, table: Table, y: npt.NDArray[Any]) -> npt.NDArray[np.int8] | None:
    """Return the folds of a splitter or of given splits; None where a number of folds was asked for."""
    if isinstance(estimator.cv, int | np.integer):
        return None
    splits = (
        estimator.cv.split(np.zeros((table.rows, 1)), y) if hasattr(estimator.cv, "split") else estimator.cv
    )
    return of_splits(splits, table.rows)


def _tell_aside(table: Table) -> None:
    """Warn of columns of a data frame that were set aside."""
    if table.aside:
        warnings.warn(
            f"Columns that name rows were set aside: {', '.join(table.aside)}."
            " Next: give them the type category to keep them",
            JustrightWarning,
            stacklevel=4,
        )
