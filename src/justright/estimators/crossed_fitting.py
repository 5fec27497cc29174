"""From checked rows to a fitted additive model: fields, folds, one training; what both estimators share."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.errors import ColumnError, JustrightWarning, closest
from justright.estimators.columns import Table
from justright.estimators.crossed_rows import Rows, collapse, keys_in_order, telling
from justright.estimators.encoding import blocks_of, plan_of, unit_of
from justright.estimators.fitting import given_folds, salt
from justright.estimators.fold import deal
from justright.features.plan import FeaturePlan
from justright.features.target import TargetFeature
from justright.models.base import Spec, State
from justright.models.crossed.learner import CrossedLearner
from justright.optim.losses import Loss
from justright.optim.schedules import schedule_for
from justright.recipe import Crosses, Descent
from justright.schema import Block, FloatArray, Member
from justright.training.history import History
from justright.training.loop import Trained, Trainer

__all__ = ["Fitted", "columns_of", "fit_crossed"]

_SORTED: Final = 65_536  # rows up to which those of the fast path are sorted too
_MODERATE: Final = 1.0  # a multiple of the chosen strengths: the member that chooses them


@dataclass(frozen=True)
class Fitted:
    """An additive model and how it came about.

    Parameters
    ----------
    names : tuple of str or None
        Columns of the data frame it was fitted on; None for a matrix.
    plan : FeaturePlan
        How rows are encoded.
    spec : Spec
        What was trained.
    state : State
        Where the training ended.
    front, arrays : mapping
        The model of all rows.
    history : History
        All passes of all members.
    blocks : list of Block
        The rows that trained it.
    unit : float
        Factor of the weights in the blocks.
    crosses : Crosses
        Which crosses were asked for.
    """

    names: tuple[str, ...] | None
    plan: FeaturePlan
    spec: Spec
    state: State
    front: Mapping[str, Any]
    arrays: Mapping[str, npt.NDArray[Any]]
    history: History
    blocks: list[Block]
    unit: float
    crosses: Crosses


def fit_crossed(
    estimator: Any,
    table: Table,
    y: npt.NDArray[Any],
    weight: FloatArray,
    *,
    loss: Loss,
    outputs: int,
    target: TargetFeature,
    encoded: npt.NDArray[Any],
) -> Fitted:
    """Fit.

    Parameters
    ----------
    estimator : CrossedRegressor or CrossedClassifier
        For its parameters.
    table, y, weight
        All rows, weights of 0 included.
    loss, outputs
        What is minimised, margins a row.
    target : TargetFeature
        The target with its scale.
    encoded : int32 or float32 (rows,)
        Class numbers, or values on the scale of training.

    Raises
    ------
    ColumnError
        A cross or a product of columns that are not there.
    TrainingError
        Nothing could be trained.
    """
    rows = _rows(estimator, table, y, weight, encoded, classes=loss.link in ("logistic", "softmax"))
    plan = plan_of(rows.table, rows.weight, target)
    crosses = crosses_of(estimator, plan, columns_of(estimator, table.names))
    unit = unit_of(rows.weight)
    blocks = blocks_of(rows.table, plan, rows.encoded, rows.weight, rows.fold, rows.key, unit)
    spec = Spec(
        loss,
        outputs,
        plan,
        Descent(epochs=int(estimator.max_iter)),
        schedule_for("constant"),
        len(rows.weight),
    )
    chosen = estimator.penalty is None
    members = [Member(-1, 0, _MODERATE if chosen else float(estimator.penalty))]
    if chosen:
        members += [Member(fold, 0, _MODERATE) for fold in range(1 + int(rows.fold.max(initial=-1)))]
    learner = CrossedLearner(crosses, by_name=False)  # columns stand in the order of their content
    trained = Trainer(learner).fit(spec, members, blocks)
    if trained.interrupted:
        raise KeyboardInterrupt
    _warn(trained, chosen and len(members) == 1)
    front, arrays = learner.export(spec, trained.state, 0)
    return Fitted(
        table.names, plan, spec, trained.state, front, arrays, trained.history, blocks, unit, crosses
    )


def _rows(
    estimator: Any,
    table: Table,
    y: npt.NDArray[Any],
    weight: FloatArray,
    encoded: npt.NDArray[Any],
    *,
    classes: bool,
) -> Rows:
    """Return the rows that train, with their folds."""
    fold = None if estimator.penalty is not None else given_folds(estimator, table, y)
    seen = weight > 0
    if not seen.all():
        table, weight, encoded = table.take(seen), weight[seen], encoded[seen]
    table = telling(table, weight)
    key = keys_in_order(table)
    none = np.full(len(key), -2, np.int8)
    if estimator.penalty is not None and len(key) > _SORTED:
        return Rows(table, encoded, weight, none, key)  # nothing is chosen: equal rows may stay apart
    rows = collapse(Rows(table, encoded, weight, none if fold is None else fold[seen], key))
    if fold is not None or estimator.penalty is not None:
        return rows
    label = rows.encoded.astype(np.int32) if classes else np.zeros(len(rows.key), np.int32)
    dealt = deal(rows.key, label, int(estimator.cv), salt(estimator.random_state))
    return Rows(rows.table, rows.encoded, rows.weight, dealt, rows.key)


def columns_of(estimator: Any, names: Sequence[str] | None) -> list[str]:
    """Return the names of all columns of X, those left out included."""
    return list(names) if names is not None else [f"x{place}" for place in range(estimator.n_features_in_)]


def crosses_of(estimator: Any, plan: FeaturePlan, names: Sequence[str]) -> Crosses:
    """Return which crosses are asked for, by the names of the features; `names` are all columns of X."""
    asked = estimator.crosses
    search = isinstance(asked, str) and estimator.penalty is None
    pairs = () if asked is None or isinstance(asked, str) else _named(asked, plan, names, "crosses")
    products = _named(estimator.products or (), plan, names, "products")
    categories = {feature.name for feature in plan.data.categorical}
    if wrong := [name for pair in products for name in pair if name in categories]:
        raise ColumnError(
            f"products with {wrong[0]!r}",
            allowed="columns of numbers",
            next_step="put the pair into crosses=",
        )
    return Crosses(search=search, pairs=pairs, products=products)


def _named(
    pairs: Iterable[Any], plan: FeaturePlan, names: Sequence[str], parameter: str
) -> tuple[tuple[str, str], ...]:
    """Return pairs of columns as pairs of features, without those of columns that tell no rows apart."""
    features = {feature.column.name: feature.name for feature in plan.data.categorical}
    features |= {feature.column.name: feature.name for feature in plan.data.numeric}
    found: dict[tuple[str, str], None] = {}
    for first, second in pairs:
        one, other = sorted(_column(column, names, parameter) for column in (first, second))
        if one == other and parameter == "crosses":
            raise ColumnError(f"crosses of {one!r} with itself", allowed="two different columns")
        if one in features and other in features:
            found[features[one], features[other]] = None
    return tuple(found)


def _column(column: Any, names: Sequence[str], parameter: str) -> str:
    """Return the name of a column given by name or number."""
    if isinstance(column, str):
        if column not in names:
            raise ColumnError(f"{parameter} of column {column!r}", allowed=closest(column, names))
        return column
    if not 0 <= int(column) < len(names):
        raise ColumnError(f"{parameter} of column {column}", allowed=f"0..{len(names) - 1}")
    return names[int(column)]


def _warn(trained: Trained, unjudged: bool) -> None:
    """Say where the model is not what was asked for."""
    from sklearn.exceptions import ConvergenceWarning

    last = next(row for row in reversed(trained.history.rows) if row.member == 0)
    if not last.done:
        warnings.warn(
            f"{trained.history.passes} sweeps were not enough. Next: raise max_iter",
            ConvergenceWarning,
            stacklevel=4,
        )
    if unjudged:
        warnings.warn(
            "Too few different rows to choose penalties or crosses: moderate penalties and no search."
            " Next: give one with penalty=",
            JustrightWarning,
            stacklevel=4,
        )
