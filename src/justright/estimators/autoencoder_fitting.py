"""From checked rows to a fitted autoencoder, and new rows through it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from justright.errors import ColumnError, JustrightWarning, MissingExtraError, TableError
from justright.estimators.columns import Table, is_frame, of_frame, of_matrix
from justright.estimators.crossed_reading import read_new
from justright.estimators.crossed_rows import Rows, collapse, keys_in_order, telling
from justright.estimators.encoding import blocks_of, plan_of
from justright.estimators.inputs import check_infinite, read_weights
from justright.estimators.neural_fitting import Fitted, Model, seed_of
from justright.estimators.neural_rows import held_out, spread
from justright.features.plan import FeaturePlan
from justright.features.target import TargetFeature
from justright.models.base import Learner, Spec
from justright.models.neural.autoencoder import AutoNet, Coder, Corruption, Reconstruction
from justright.monitor import baseline
from justright.optim.schedules import schedule_for
from justright.recipe import Descent, Network
from justright.schema import BLOCK_ROWS, Column, FloatArray, Member, Target
from justright.training.loop import Trainer

__all__ = ["TARGET", "Made", "encoded", "fit_autoencoder", "undone"]

TARGET: Final = Target(Column("reconstruction_error", "numeric", "number"), "regression")
"""What an autoencoder predicts of a row."""

_STEPS: Final = 3_000  # of a training on a small table
_PASSES: Final = 48, 400
_BATCH: Final = 32, 256
_FLAT: Final = 1e300  # scale of a column without spread


class Made(NamedTuple):
    """A fitted network, the table it was fitted on, and the statistics of its rows."""

    fitted: Fitted
    table: Table
    baseline: dict[str, Any]


def fit_autoencoder(estimator: Any, X: Any, sample_weight: Any) -> Made:
    """Fit.

    Parameters
    ----------
    estimator : Autoencoder
        For its parameters; `n_features_in_` and `feature_names_in_` are set.
    X : array or data frame (rows, columns)
        Rows.
    sample_weight : array (rows,) or None
        Weights >= 0.

    Raises
    ------
    ValueError
        Values that are not allowed, fewer than two rows.
    MissingExtraError
        No jax or optax.
    TrainingError
        Nothing could be trained.
    """
    whole = _table(estimator, X)
    seed = seed_of(estimator.random_state)
    rows = _rows(whole, read_weights(sample_weight, whole.rows), float(estimator.validation_fraction), seed)
    plan = _finite(plan_of(rows.table, rows.weight, TargetFeature(TARGET)))
    blocks = blocks_of(rows.table, plan, rows.encoded, rows.weight, rows.fold, rows.key)
    member = Member(0 if (rows.fold == 0).any() else -1)
    network = _network(estimator, int((rows.fold != member.fold).sum()))
    learner = _learner(estimator, network)
    descent = Descent("sgd", epochs=network.epochs, patience=network.patience, tolerance=0.0)
    spec = Spec(Reconstruction(), 1, plan, descent, schedule_for("constant"), len(rows.fold))
    trained = Trainer(learner).fit(spec, (member,), blocks, seed=max(seed, 0))
    if trained.interrupted:
        raise KeyboardInterrupt
    front, arrays = learner.export(spec, trained.state, 0)
    rate = float(trained.state["rate"][0])
    model = Model(whole.names, estimator.n_features_in_, rows.table.columns, plan, front, arrays, seed, rate)
    race = np.array(trained.state["race"][..., 0], np.float64)
    fitted = Fitted(model, (member,), trained.history, trained.kept[0], race)
    return Made(fitted, whole, baseline(plan, blocks))


def encoded(estimator: Any, X: Any, reads: Any) -> FloatArray:
    """Return `reads(front, arrays, block)` of new rows, block by block."""
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(estimator)
    model: Model = estimator._model
    table = read_new(estimator, model.plan, model.names, X)
    parts = []
    for begin in range(0, max(table.rows, 1), BLOCK_ROWS):
        some = table.take(np.arange(begin, min(begin + BLOCK_ROWS, table.rows)))
        block, _ = model.plan.encode(some.values, some.rows)
        parts.append(reads(model.front, model.arrays, block))
    return np.concatenate(parts)


def undone(model: Model, numbers: FloatArray, others: Mapping[str, float], names: list[str]) -> FloatArray:
    """Return numbers of Block.numeric as columns of X, float64 (rows, columns); the rest by `others`.

    Raises
    ------
    ColumnError
        X has columns of other kinds, which are no numbers.
    """
    features = {f.column.name: (place, f) for place, f in enumerate(model.plan.data.numeric) if not f.part}
    unknown = [name for name in names if name not in features and name not in others]
    if unknown:
        raise ColumnError(
            f"rows with columns that are no numbers: {', '.join(unknown[:8])}",
            allowed="a table of numbers alone",
            next_step="score_samples, which judges categories too",
        )
    found = np.empty((len(numbers), len(names)))
    for at, name in enumerate(names):
        if name not in features:
            found[:, at] = others[name]
            continue
        place, feature = features[name]
        # The range of the training rows: where the cut of the inputs is undone, little becomes very much.
        found[:, at] = np.clip(numbers[:, place] * feature.scale + feature.centre, feature.low, feature.high)
    return found


def _table(estimator: Any, X: Any) -> Table:
    """Check X, set `n_features_in_` and `feature_names_in_`, and return it as a table."""
    from sklearn.utils.validation import validate_data

    if not is_frame(X):
        X = validate_data(estimator, X, dtype=np.float64, ensure_min_samples=2, ensure_all_finite=False)
        check_infinite(X)
        return of_matrix(X)
    validate_data(estimator, X, skip_check_array=True)
    table = of_frame(X, getattr(estimator, "feature_names_in_", None))
    if table.rows < 2:
        raise TableError(f"{table.rows} sample", allowed="at least 2 rows", where="X")
    return table


def _rows(table: Table, weight: FloatArray, fraction: float, seed: int) -> Rows:
    """Return the rows that train and judge: equal ones as one, their order by content, with their parts."""
    seen = weight > 0
    if not seen.all():
        table, weight = table.take(seen), weight[seen]
    table = telling(table, weight)
    key = keys_in_order(table)
    none = np.full(len(key), -2, np.int8)
    rows = collapse(Rows(table, np.zeros(len(key), np.float32), weight, none, key))
    dealt = held_out(rows.key, np.zeros(len(rows.key), np.int32), fraction, "" if seed < 0 else str(seed))
    if not (dealt == 0).any():
        warnings.warn(
            "Too few different rows to hold some out: all of them train, and judge. Next: more rows",
            JustrightWarning,
            stacklevel=4,
        )
    return spread(Rows(rows.table, rows.encoded, rows.weight, dealt, rows.key))


def _finite(plan: FeaturePlan) -> FeaturePlan:
    """Return the plan with scales that JSON holds: a column without spread is 0 all the same."""
    scales = [msgspec.structs.replace(f, scale=min(f.scale, _FLAT)) for f in plan.data.numeric]
    return FeaturePlan(msgspec.structs.replace(plan.data, numeric=tuple(scales)))


def _network(estimator: Any, rows: int) -> Network:
    """Return the settings of an estimator as those of a recipe; small tables take smaller steps and more."""
    from justright.models.neural.defaults import batch_of

    low, high = _BATCH
    batch = 0 if estimator.batch_size == "auto" else int(estimator.batch_size)
    if not batch and rows < high * 16:
        batch = max(low, min(high, 1 << max(rows // 16, 1).bit_length() - 1))
    network = Network(batch=batch)
    steps = -(-rows // batch_of(network, rows))
    fewest, most = _PASSES
    epochs = max(fewest, min(most, -(-_STEPS // steps)))
    named = isinstance(estimator.solver, str)
    rate = 0.0 if estimator.learning_rate_init == "auto" else float(estimator.learning_rate_init)
    coder = _coder(estimator)
    return Network(
        hidden=(*coder.hidden, coder.components, *reversed(coder.hidden)),
        # A step is given random numbers where there is dropout; the noise of the inputs is drawn by them.
        dropout=0.5 if estimator.noise > 0 else 0.0,
        ensemble=1,
        optimizer=estimator.solver,
        # A transformation of the user's has its rate within.
        rate=rate if named else 1.0,
        schedule=estimator.schedule,
        batch=batch,
        epochs=epochs if estimator.max_iter == "auto" else int(estimator.max_iter),
        decay=float(estimator.alpha),
    )


def _coder(estimator: Any) -> Coder:
    """Return what the network of an estimator looks like."""
    sizes = estimator.hidden_layer_sizes
    hidden = (sizes,) if np.ndim(sizes) == 0 else sizes
    name = {"auto": "mish", "logistic": "sigmoid"}.get(estimator.activation, estimator.activation)
    return Coder(int(estimator.n_components), tuple(int(neurons) for neurons in hidden), name)


def _learner(estimator: Any, network: Network) -> Learner:
    """Return who learns; MissingExtraError without jax."""
    if find_spec("jax") is None or find_spec("optax") is None:
        raise MissingExtraError(
            "an Autoencoder without jax and optax, which train networks",
            next_step="pip install 'justright[neural]'",
        )
    from justright.models.neural.learner import NeuralLearner

    coder, noise = _coder(estimator), float(estimator.noise)
    kind: Corruption = estimator.corruption
    return NeuralLearner(network, lambda layout, spec: AutoNet(coder, layout, noise, kind))
