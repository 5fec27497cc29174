"""What `fit` of the networks does for numbers and for classes: check, train, show."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.multiclass import check_classification_targets

from justright.errors import ColumnError
from justright.estimators.classes import class_factors
from justright.estimators.constraints import Table as Constraints
from justright.estimators.constraints import check
from justright.estimators.encoding import scale_target
from justright.estimators.inputs import read_training, read_weights
from justright.estimators.neural_fitting import Model, Training, fit_network
from justright.estimators.neural_reading import describe, former_of
from justright.estimators.soft_labels import hardened
from justright.features.target import TargetFeature
from justright.optim.losses import loss_for
from justright.schema import Column, FloatArray, Target, Task

__all__ = ["fit_classes", "fit_numbers"]


def fit_numbers(
    estimator: Any, X: Any, y: Any, sample_weight: Any, eval_rows: Any, allowed: Constraints, family: str
) -> None:
    """Fit a regression and set what it shows.

    Parameters
    ----------
    estimator : NeuralRegressor or WideDeepRegressor
        For its parameters; changed in place.
    X, y, sample_weight, eval_rows
        As `fit` takes them.
    allowed : mapping
        What each parameter may be.
    family : str
        Name of the family.
    """
    check(estimator.get_params(deep=False), allowed)
    former = former_of(estimator)
    table, y = read_training(estimator, X, y, numeric=True, gaps=True)
    weight = read_weights(sample_weight, table.rows)
    values = _counts(y) if estimator.loss == "poisson" else np.asarray(y, np.float64)
    target = former.plan.data.target if former else None
    target = target or scale_target(values, weight, own_unit=estimator.loss == "poisson")
    loss = loss_for(estimator.loss, "regression")
    encoded = target.scaled(values)
    training = Training(family, table, values, encoded, weight, eval_rows, loss, 1, target)
    describe(estimator, fit_network(estimator, X, training, former))


def fit_classes(
    estimator: Any, X: Any, y: Any, sample_weight: Any, eval_rows: Any, allowed: Constraints, family: str
) -> None:
    """Fit a classification and set what it shows; parameters as in `fit_numbers`."""
    check(estimator.get_params(deep=False), allowed)
    former = former_of(estimator)
    rows = hardened(X, y, sample_weight, eval_rows)
    table, y = read_training(estimator, rows.X, rows.y, numeric=False, gaps=True)
    check_classification_targets(y)
    weight = read_weights(rows.weight, table.rows)
    number = _numbers(estimator, y, weight, former)
    classes = estimator.classes_
    weight = weight * class_factors(estimator.class_weight, classes, number, weight)[number]
    task: Task = "binary" if len(classes) == 2 else "multiclass"
    target = TargetFeature(Target(Column("y", "categorical", "text"), task))
    outputs = 1 if task == "binary" else len(classes)
    loss = loss_for("auto", task)
    training = Training(family, table, y, number, weight, rows.eval_rows, loss, outputs, target)
    describe(estimator, fit_network(estimator, rows.X, training, former))


def _counts(y: Any) -> FloatArray:
    """Return y as float64; ColumnError where a count is negative."""
    values = np.asarray(y, np.float64)
    if values.min() < 0:
        raise ColumnError(
            f"y with {values.min():g}", allowed="counts >= 0 for loss='poisson'", next_step="loss='squared'"
        )
    return values


def _numbers(
    estimator: Any, y: npt.NDArray[Any], weight: FloatArray, former: Model | None
) -> npt.NDArray[np.int32]:
    """Return the place of each row's class and set `classes_`, unless they stand from the fit before."""
    if former is None:
        estimator.classes_ = np.unique(y[weight > 0])
    classes = estimator.classes_
    if len(classes) < 2:
        raise ColumnError(
            f"y with one class, {classes[:1].tolist()[0]!r}, in every row of positive weight",
            allowed="at least two classes",
        )
    place = np.clip(np.searchsorted(classes, y), 0, len(classes) - 1).astype(np.int32)
    unknown = (classes[place] != y) & (weight > 0)
    if unknown.any():
        raise ColumnError(
            f"y with {y[unknown].tolist()[0]!r}",
            allowed=f"the classes of the fit before, {classes.tolist()!r}",
            next_step="warm_start=False",
        )
    return place
