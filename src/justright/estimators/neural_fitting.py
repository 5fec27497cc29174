"""From checked rows to a fitted network: parts, features, one training; what the estimators share."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from justright.errors import ColumnError, JustrightWarning
from justright.estimators.columns import Table, is_frame, read_frame
from justright.estimators.crossed_fitting import columns_of, crosses_of
from justright.estimators.crossed_rows import Rows, collapse, keys_in_order, telling
from justright.estimators.encoding import blocks_of, plan_of
from justright.estimators.fold import deal
from justright.estimators.neural_rows import given_parts, held_out, spread
from justright.features.plan import FeaturePlan
from justright.features.target import TargetFeature
from justright.models.base import Learner, Spec
from justright.models.registry import learner_for
from justright.optim.losses import Loss
from justright.optim.schedules import schedule_for
from justright.recipe import Crosses, Descent, Network, Recipe
from justright.schema import Column, FloatArray, Member
from justright.training.history import History
from justright.training.loop import Trained, Trainer

__all__ = ["Fitted", "Model", "Training", "fit_network", "network_of", "seed_of"]


@dataclass(frozen=True)
class Model:
    """What a prediction needs, and a training that goes on.

    Parameters
    ----------
    names : tuple of str or None
        Columns of the data frame it was fitted on; None for a matrix.
    width : int
        Columns of X.
    columns : tuple of Column
        Those that feed the network, in canonical order.
    plan : FeaturePlan
        How rows are encoded.
    front, arrays : mapping
        The network.
    seed : int
        Of the training; -1 = none was given.
    rate : float
        Learning rate that it ended with.
    """

    names: tuple[str, ...] | None
    width: int
    columns: tuple[Column, ...]
    plan: FeaturePlan
    front: Mapping[str, Any]
    arrays: Mapping[str, npt.NDArray[Any]]
    seed: int
    rate: float


@dataclass(frozen=True)
class Training:
    """What is to be learned.

    Parameters
    ----------
    family : str
        Name of the family of networks.
    table : Table
        All rows, weights of 0 included.
    y : array (rows,)
        As it was given.
    encoded : int32 or float32 (rows,)
        Class numbers, or values on the scale of training.
    weight : float64 (rows,)
        At least 0.
    eval_rows : array or None
        Rows of the held-out part, where it is given.
    loss : Loss
        What is minimised.
    outputs : int
        Margins a row.
    target : TargetFeature
        The target with its scale.
    """

    family: str
    table: Table
    y: npt.NDArray[Any]
    encoded: npt.NDArray[Any]
    weight: FloatArray
    eval_rows: Any
    loss: Loss
    outputs: int
    target: TargetFeature


@dataclass(frozen=True)
class Fitted:
    """A network and how it came about.

    Parameters
    ----------
    model : Model
        The network.
    members : tuple of Member
        Who was trained; the first is the model.
    history : History
        All passes of all members.
    best : int
        Pass whose weights the model has, from 1.
    race : float64 (candidates, 3)
        Rate, held-out loss half way and at the end of its leg.
    """

    model: Model
    members: tuple[Member, ...]
    history: History
    best: int
    race: FloatArray


class _Asked(NamedTuple):
    """What `crosses_of` reads of an estimator."""

    crosses: Any
    products: None = None
    penalty: None = None


def seed_of(random_state: Any) -> int:
    """Return the seed of a random state; -1 for None.

    Examples
    --------
    >>> seed_of(None), seed_of(7)
    (-1, 7)
    """
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    return -1 if random_state is None else int(random_state)


def network_of(estimator: Any, rate: float = 0.0) -> Network:
    """Return the settings of an estimator as those of a recipe; `rate` stands for an open one."""
    sizes = estimator.hidden_layer_sizes
    hidden = (sizes,) if np.ndim(sizes) == 0 else sizes
    given = 0.0 if estimator.learning_rate_init == "auto" else float(estimator.learning_rate_init)
    activation = "sigmoid" if estimator.activation == "logistic" else estimator.activation
    return Network(
        hidden=tuple(int(neurons) for neurons in hidden),
        activation=activation,
        numbers=estimator.numbers,
        dropout=float(estimator.dropout),
        ensemble=int(estimator.ensemble),
        optimizer=estimator.solver,
        rate=given or rate,
        schedule=estimator.schedule,
        batch=0 if estimator.batch_size == "auto" else int(estimator.batch_size),
        epochs=0 if estimator.max_iter == "auto" else int(estimator.max_iter),
        decay=float(estimator.alpha),
        clip=float(estimator.clip),
        average=float(estimator.average),
        smoothing=float(getattr(estimator, "label_smoothing", 0.0)),
    )


def fit_network(estimator: Any, X: Any, training: Training, former: Model | None) -> Fitted:
    """Fit.

    Parameters
    ----------
    estimator : NeuralRegressor or NeuralClassifier
        For its parameters.
    X : array or data frame (rows, columns)
        As it was given; `training.table` is its content.
    training : Training
        What is to be learned.
    former : Model or None
        The network to go on from.

    Raises
    ------
    ColumnError
        Other columns than those of `former`.
    MissingExtraError
        No jax or optax.
    RecipeError
        Parts or settings that cannot be.
    TrainingError
        Nothing could be trained.
    """
    seed = seed_of(estimator.random_state) if former is None else former.seed
    rows = _rows(estimator, X, training, former, "" if seed < 0 else str(seed))
    plan = plan_of(rows.table, rows.weight, training.target) if former is None else former.plan
    blocks = blocks_of(rows.table, plan, rows.encoded, rows.weight, rows.fold, rows.key)
    network = network_of(estimator, 0.0 if former is None else former.rate)
    members = _members(rows.fold)
    trained_rows = len(rows.fold) if len(members) > 1 else int((rows.fold != members[0].fold).sum())
    recipe = Recipe(
        family=training.family, network=network, crosses=_crosses(estimator, plan, training.table)
    )
    learner = _learner(recipe, former)
    spec = Spec(
        training.loss,
        training.outputs,
        plan,
        Descent("sgd", epochs=_passes(network, trained_rows), patience=network.patience, tolerance=0.0),
        schedule_for("constant"),
        len(rows.fold),
    )
    trained = Trainer(learner).fit(spec, members, blocks, seed=max(seed, 0))
    if trained.interrupted:
        raise KeyboardInterrupt
    return _fitted(estimator, training.table, rows.table, learner, spec, members, trained, seed)


def _learner(recipe: Recipe, former: Model | None) -> Learner:
    """Return who learns; MissingExtraError without jax."""
    learner = learner_for(recipe.family, recipe)
    if former is None:
        return learner
    from justright.estimators.neural_warm import WarmLearner

    return WarmLearner(recipe.network, former.arrays)


def _crosses(estimator: Any, plan: FeaturePlan, table: Table) -> Crosses:
    """Return the crosses that an estimator with a wide part asks for; the default of a recipe else."""
    if not hasattr(estimator, "crosses"):
        return Crosses()
    return crosses_of(_Asked(estimator.crosses), plan, columns_of(estimator, table.names))


def _passes(network: Network, rows: int) -> int:
    """Return the most passes."""
    from justright.models.neural.defaults import epochs_of

    return epochs_of(network, rows)


def _rows(estimator: Any, X: Any, training: Training, former: Model | None, salt: str) -> Rows:
    """Return the rows that train and judge, with their parts."""
    table, weight, encoded = training.table, training.weight, training.encoded
    cv = getattr(estimator, "cv", None)
    fold = given_parts(cv, training.eval_rows, table, training.y)
    if former is not None:
        table = _again(estimator, X, table, former)
    seen = weight > 0
    if not seen.all():
        table, weight, encoded = table.take(seen), weight[seen], encoded[seen]
        fold = None if fold is None else fold[seen]
    if former is None:
        table = telling(table, weight)
    key = keys_in_order(table)
    none = np.full(len(key), -2, np.int8) if fold is None else fold
    rows = collapse(Rows(table, encoded, weight, none, key))
    if fold is None:
        classes = training.loss.link in ("logistic", "softmax")
        label = rows.encoded.astype(np.int32) if classes else np.zeros(len(rows.key), np.int32)
        if cv is None:
            dealt = held_out(rows.key, label, float(estimator.validation_fraction), salt)
        else:
            dealt = deal(rows.key, label, int(cv), salt)
        rows = Rows(rows.table, rows.encoded, rows.weight, dealt, rows.key)
    return spread(rows)


def _again(estimator: Any, X: Any, table: Table, former: Model) -> Table:
    """Return the columns of a network that goes on; ColumnError where X has others."""
    if table.names != former.names or estimator.n_features_in_ != former.width:
        raise ColumnError(
            "other columns than in the fit before",
            allowed=", ".join(former.names or ()) or f"{former.width} columns",
            next_step="warm_start=False",
        )
    if former.names is not None and is_frame(X):
        return read_frame(X, former.columns, former.names)
    return Table(former.columns, {c.name: table.values[c.name] for c in former.columns}, table.rows)


def _members(fold: npt.NDArray[np.int8]) -> tuple[Member, ...]:
    """Return one network judged on one part, or one of all rows and one a fold."""
    last = int(fold.max())
    if last < 0:
        warnings.warn(
            "Too few different rows to hold some out: all of them train, and judge. Next: more rows",
            JustrightWarning,
            stacklevel=5,
        )
        return (Member(-1),)
    if last == 0:
        return (Member(0),)
    return (Member(-1), *(Member(one) for one in range(last + 1)))


def _fitted(
    estimator: Any,
    whole: Table,
    used: Table,
    learner: Learner,
    spec: Spec,
    members: tuple[Member, ...],
    trained: Trained,
    seed: int,
) -> Fitted:
    """Return what a training gives."""
    front, arrays = learner.export(spec, trained.state, 0)
    model = Model(
        whole.names,
        estimator.n_features_in_,
        used.columns,
        spec.plan,
        front,
        arrays,
        seed,
        float(trained.state["rate"][0]),
    )
    return Fitted(
        model, members, trained.history, trained.kept[0], np.array(trained.state["race"][..., 0], np.float64)
    )
