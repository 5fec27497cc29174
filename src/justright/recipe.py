"""Every choice of a run as one validated, serialisable value; the defaults need no tuning.

A Recipe is read from TOML or JSON, changed by `key=value` (`--set penalty.kind=l1`), and written into
the run folder, so that a run can be repeated from it alone.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from justright.errors import RecipeError, StorageError, closest

__all__ = [
    "Crosses",
    "Descent",
    "Features",
    "Network",
    "Penalty",
    "Recipe",
    "Split",
    "change",
    "from_data",
    "read_recipe",
]

Optimizer: TypeAlias = Literal["exact", "sgd", "momentum", "ftrl", "rprop"]
Rule: TypeAlias = tuple[bool, str, object, str]
Schedule: TypeAlias = Literal["constant", "step", "exponential", "inverse-time", "cosine"]


class Split(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which rows train, validate and test.

    Parameters
    ----------
    by : tuple of str
        Key columns: rows with equal keys stay together. Empty = the row's own content.
    time : str
        A date or number column: earlier rows train, later rows judge. Excludes `by`.
    test : float
        Per cent of the rows kept for `justright evaluate`, 0..90; default 0 = none.
    folds : int
        Folds of the cross-validation, 2..20; default 5.
    repeats : int
        Repetitions of the folds with other salts, 1..10.
    salt : str
        Another salt gives another split; the same salt gives the same rows for ever.
    """

    by: tuple[str, ...] = ()
    time: str = ""
    test: float = 0.0
    folds: int = 5
    repeats: int = 1
    salt: str = ""


class Features(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How columns become numbers and codes.

    Parameters
    ----------
    rare : int
        A category seen in fewer training rows than this is pooled with the never seen; default 5.
    vocabulary : int
        Most categories of a column that get a code of their own; the rest is hashed into `buckets`.
    buckets : int
        Codes for the hashed rest of a column above `vocabulary`.
    text_slots : int
        Slots into which the n-grams of one text column are hashed.
    clip : float
        In linear models a number counts as at most so many standard deviations from its mean, > 0;
        default 20 touches only values that would rule the fit alone (kdd99, `src_bytes` at 700
        standard deviations: the log loss halves).
    """

    rare: int = 5
    vocabulary: int = 10_000
    buckets: int = 1_000
    text_slots: int = 4_096
    clip: float = 20.0


class Penalty(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The penalty on the weights; its strength is always chosen by cross-validation on a path.

    Parameters
    ----------
    kind : {"l2", "l1", "elastic"}
        Ridge, lasso, or a mixture of both.
    mix : float
        Share of L1 for `elastic`, 0..1.
    path : tuple of float
        Strengths to try, for a loss that is the mean over rows; empty = a path made from the data.
    """

    kind: Literal["l2", "l1", "elastic"] = "l2"
    mix: float = 0.5
    path: tuple[float, ...] = ()


class Crosses(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Crosses of columns in the family `crossed`.

    Parameters
    ----------
    search : bool
        Look for crosses among all pairs of columns; each one must stand above its noise.
    pairs : tuple of pairs of str
        Crosses to take in whatever the search says.
    products : tuple of pairs of str
        Products of two numeric columns to take in as further columns.
    """

    search: bool = True
    pairs: tuple[tuple[str, str], ...] = ()
    products: tuple[tuple[str, str], ...] = ()


class Descent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the loss is minimised; `exact` needs none of the other settings.

    Parameters
    ----------
    optimizer : {"exact", "sgd", "momentum", "ftrl"}
        `exact` = Gram, Newton or L-BFGS, no learning rate.
    rate : float
        Learning rate of a gradient method, > 0.
    batch : int
        Rows a step; 1 = single row, 0 = full batch.
    epochs : int
        Most passes over the rows, default 100; a pass over a sample counts as its share of one.
    schedule : {"constant", "step", "exponential", "inverse-time", "cosine"}
        How the rate falls over the epochs.
    momentum : float
        Share of the last step kept, 0..1, for `momentum`.
    patience : float
        Early stopping: passes without improvement that are borne, as a share of the passes so far
        (never fewer than 5).
    tolerance : float
        A pass that changes the training loss by less than this share three times running ends it.
    """

    optimizer: Optimizer = "exact"
    rate: float = 0.1
    batch: int = 256
    epochs: int = 100
    schedule: Schedule = "constant"
    momentum: float = 0.9
    patience: float = 0.3
    tolerance: float = 1e-6


class Network(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A network of the families `neural` and `wide-deep`, and how it is trained.

    Parameters
    ----------
    hidden : tuple of int
        Neurons of each hidden layer, default two of 192; empty = a linear model.
    activation : str
        `auto` = selu for classes and mish for numbers; else a name of `models.neural.activations`.
    numbers : {"auto", "plain", "periodic", "piecewise"}
        How a number is read: as it is, by waves, or by pieces; `auto` = piecewise.
    normalise : {"none", "batch", "layer"}
        Normalisation before each activation.
    residual : bool
        Layers of equal width add to their input.
    dropout : float
        Share of neurons dropped in training, 0..1 without 1; default 0.15.
    factors : bool
        Each input, and the activation of each neuron, learns a factor of its own; false = a plain network.
    ensemble : int
        Networks in one that share all but a factor an input and their last layer, 1..64; default 8.
    optimizer : str
        A name of docs/reference/optimizers.md; default adam.
    options : dict
        Settings of the optimizer by optax's names, `{"b2": 0.95}`.
    rate : float
        Learning rate; 0 = found by a race on held-out rows.
    schedule : str
        How the rate moves, a name of docs/reference/optimizers.md; `auto` = coslog4, four cycles of doubling
        length, or constant where the optimizer wants that.
    batch : int
        Rows a step; 0 = 256, more where the table is large.
    epochs : int
        Passes over the rows; 0 = by the size of the table.
    seconds : float
        Wall time of the training; passes are planned to fit, the schedule with them. 0 = no limit.
    patience : float
        Passes without improvement that are borne, as a share of the passes so far; default 1.
    decay : float
        Decoupled weight decay of matrices, a multiple of the rate; default 0.02.
    clip : float
        Longest gradient; 0 = as it is.
    average : float
        Decay of a running average of the weights, below 1; 0 = none.
    smoothing : float
        Label smoothing 0..1; -1 = 0.1 where the metric looks at labels (accuracy, f1...), else 0, since it
        harms probabilities.
    cv : int
        Folds of a cross-validation, whose members train beside the model; 0 = one held-out part.
    """

    hidden: tuple[int, ...] = (192, 192)
    activation: str = "auto"
    numbers: Literal["auto", "plain", "periodic", "piecewise"] = "auto"
    normalise: Literal["none", "batch", "layer"] = "none"
    residual: bool = False
    dropout: float = 0.15
    factors: bool = True
    ensemble: int = 8
    optimizer: str = "adam"
    options: dict[str, float | bool | str] = {}
    rate: float = 0.0
    schedule: str = "auto"
    batch: int = 0
    epochs: int = 0
    seconds: float = 0.0
    patience: float = 1.0
    decay: float = 0.02
    clip: float = 0.0
    average: float = 0.0
    smoothing: float = -1.0
    cv: int = 0


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All choices of one run.

    Parameters
    ----------
    target : str
        Column to predict.
    table : str
        Path, glob or database of the rows; empty when they were given in memory.
    sql : str
        A query over `table`, run by DuckDB (or SQLite for a database file).
    task : {"auto", "regression", "binary", "multiclass"}
        `auto` reads it off the target.
    family : str
        auto, linear, crossed, neural, wide-deep, or one that `justright.register_network` made known.
        `auto` = crossed; linear where a column is text, where there are fewer than 500 rows, or where the
        optimizer, the kind or the path of the penalty is one of linear models.
    loss : {"auto", "squared", "logistic", "softmax", "poisson", "absolute", "huber", "quantile"}
        `auto` = the one that belongs to the task.
    quantile : float
        Which quantile for `quantile`, between 0 and 1.
    metric : str
        Headline metric, `auto` = rmse, roc_auc or log_loss by task.
    kinds : dict
        Corrections of column kinds, `{"zip": "categorical"}`.
    drop : tuple of str
        Columns to leave out.
    weight : str
        Column of row weights.
    cost_fp, cost_fn : float
        Cost of a false positive and of a false negative; they choose the decision threshold.
    baseline : bool
        Fit the boosted baseline beside the model.
    seed : int
        Seed of everything random, >= 0.
    """

    target: str = ""
    table: str = ""
    sql: str = ""
    task: Literal["auto", "regression", "binary", "multiclass"] = "auto"
    family: str = "auto"
    loss: Literal["auto", "squared", "logistic", "softmax", "poisson", "absolute", "huber", "quantile"] = (
        "auto"
    )
    quantile: float = 0.5
    metric: str = "auto"
    kinds: dict[str, str] = {}
    drop: tuple[str, ...] = ()
    weight: str = ""
    cost_fp: float = 1.0
    cost_fn: float = 1.0
    baseline: bool = True
    seed: int = 0
    split: Split = Split()
    features: Features = Features()
    penalty: Penalty = Penalty()
    crosses: Crosses = Crosses()
    descent: Descent = Descent()
    network: Network = Network()


def from_data(data: Mapping[str, Any]) -> Recipe:
    """Build a Recipe from plain data and check every value.

    Parameters
    ----------
    data : mapping
        As `tomllib` or a JSON reader gives it; missing keys take their defaults.

    Raises
    ------
    RecipeError
        An unknown key, a wrong type or a value out of range, with the key's path.

    Examples
    --------
    >>> from_data({"target": "price", "split": {"folds": 3}}).split.folds
    3
    """
    _check_keys(data, Recipe, "")
    try:
        recipe = msgspec.convert(data, Recipe)
    except msgspec.ValidationError as error:
        raise RecipeError(
            f"a recipe that does not fit: {error}", next_step="see docs/reference/recipe.md"
        ) from error
    _check_ranges(recipe)
    return recipe


def read_recipe(path: str | Path) -> Recipe:
    """Read a Recipe from a TOML or JSON file.

    Raises
    ------
    StorageError
        The file cannot be read.
    RecipeError
        It is not TOML or JSON, or a value does not fit.
    """
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise StorageError(
            f"recipe={str(path)!r}", where=str(error.strerror), allowed="a readable file"
        ) from error
    try:
        data = msgspec.json.decode(text) if str(path).endswith(".json") else tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecipeError(
            f"recipe={str(path)!r}", allowed="TOML, or JSON in a .json file", where=str(error)
        ) from error
    if not isinstance(data, dict):
        raise RecipeError(f"recipe={str(path)!r}", allowed="a table of keys and values")
    return from_data(data)


def change(recipe: Recipe, assignments: Sequence[str]) -> Recipe:
    """Apply `key=value` assignments; nested keys use a dot, values are read as TOML, else as text.

    Examples
    --------
    >>> change(Recipe(target="y"), ["penalty.kind=l1", "seed=3"]).penalty.kind
    'l1'
    """
    data = msgspec.to_builtins(recipe)
    for assignment in assignments:
        key, equals, raw = assignment.partition("=")
        if not equals:
            raise RecipeError(f"--set {assignment!r}", allowed="key=value", next_step="--set seed=3")
        *folders, last = key.strip().split(".")
        place = data
        for folder in folders:
            inner = place.setdefault(folder, {})
            if not isinstance(inner, dict):
                raise RecipeError(f"--set {assignment!r}", where=f"{folder} is a value, not a group")
            place = inner
        place[last] = _value(raw.strip())
    return from_data(data)


def _value(raw: str) -> Any:
    """Read one value as TOML; bare words are texts."""
    try:
        return tomllib.loads(f"v = {raw}")["v"]
    except tomllib.TOMLDecodeError:
        return raw


def _check_keys(data: Mapping[str, Any], kind: type[msgspec.Struct], prefix: str) -> None:
    """Name the first key that no field has, with the closest that exist."""
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in data.items():
        if key not in fields:
            raise RecipeError(f"key {prefix + str(key)!r}", allowed=closest(str(key), fields))
        inner = fields[key]
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct) and isinstance(value, Mapping):
            _check_keys(value, inner, f"{prefix}{key}.")


def _network_rules(network: Network) -> tuple[Rule, ...]:
    """Return what the settings of a network must fulfil: holds, key, received, allowed."""
    return (
        (len(network.hidden) <= 200, "network.hidden", len(network.hidden), "at most 200 layers"),
        (
            all(1 <= n <= 65_536 for n in network.hidden),
            "network.hidden",
            network.hidden,
            "1..65536 neurons a layer",
        ),
        (0 <= network.dropout < 1, "network.dropout", network.dropout, "0 <= dropout < 1"),
        (1 <= network.ensemble <= 64, "network.ensemble", network.ensemble, "1..64"),
        (0 <= network.rate < 1e6, "network.rate", network.rate, "0 (a race finds it) or a number above 0"),
        (network.batch >= 0, "network.batch", network.batch, ">= 0 (0 = by the table)"),
        (network.epochs >= 0, "network.epochs", network.epochs, ">= 0 (0 = by the table)"),
        (0 <= network.seconds < float("inf"), "network.seconds", network.seconds, ">= 0 (0 = no limit)"),
        (network.patience > 0, "network.patience", network.patience, "> 0"),
        (0 <= network.decay < float("inf"), "network.decay", network.decay, ">= 0"),
        (0 <= network.clip < float("inf"), "network.clip", network.clip, ">= 0 (0 = no clipping)"),
        (0 <= network.average < 1, "network.average", network.average, "0 <= average < 1"),
        (
            network.smoothing == -1 or 0 <= network.smoothing < 1,
            "network.smoothing",
            network.smoothing,
            "0 <= smoothing < 1, or -1 (by the metric)",
        ),
        (
            network.cv == 0 or 2 <= network.cv <= 20,
            "network.cv",
            network.cv,
            "0 (one held-out part), or 2..20",
        ),
    )


def _check_ranges(recipe: Recipe) -> None:
    """Refuse values that no run could use."""
    split, descent, penalty, features = recipe.split, recipe.descent, recipe.penalty, recipe.features
    rules: tuple[Rule, ...] = (
        (0 <= split.test <= 90, "split.test", split.test, "0..90 per cent"),
        (2 <= split.folds <= 20, "split.folds", split.folds, "2..20"),
        (1 <= split.repeats <= 10, "split.repeats", split.repeats, "1..10"),
        (not (split.by and split.time), "split.by and split.time", split.time, "one of them"),
        (
            not (split.time and split.repeats > 1),
            "split.repeats with split.time",
            split.repeats,
            "1: time runs only once",
        ),
        (0 <= penalty.mix <= 1, "penalty.mix", penalty.mix, "0..1"),
        (all(0 <= x < float("inf") for x in penalty.path), "penalty.path", penalty.path, "numbers >= 0"),
        (0 < descent.rate < float("inf"), "descent.rate", descent.rate, "a number above 0"),
        (descent.batch >= 0, "descent.batch", descent.batch, ">= 0 (0 = full batch)"),
        (descent.epochs >= 1, "descent.epochs", descent.epochs, ">= 1"),
        (0 <= descent.momentum < 1, "descent.momentum", descent.momentum, "0 <= momentum < 1"),
        (descent.tolerance >= 0, "descent.tolerance", descent.tolerance, ">= 0"),
        (descent.patience > 0, "descent.patience", descent.patience, "> 0"),
        (
            recipe.family != "crossed" or descent.optimizer == "exact",
            "descent.optimizer",
            descent.optimizer,
            "exact: the family crossed takes no gradient steps",
        ),
        (
            recipe.family != "crossed" or penalty.kind == "l2",
            "penalty.kind",
            penalty.kind,
            "l2: the family crossed has its own penalties",
        ),
        (
            all(a != b for a, b in (*recipe.crosses.pairs, *recipe.crosses.products)),
            "crosses.pairs",
            recipe.crosses.pairs,
            "two different columns each",
        ),
        *_network_rules(recipe.network),
        (
            not (recipe.family == "wide-deep" and recipe.network.cv),
            "network.cv",
            recipe.network.cv,
            "0 for the family wide-deep: its wide part is fitted once, for one held-out part",
        ),
        (features.rare >= 1, "features.rare", features.rare, ">= 1"),
        (features.vocabulary >= 2, "features.vocabulary", features.vocabulary, ">= 2"),
        (features.buckets >= 1, "features.buckets", features.buckets, ">= 1"),
        (features.text_slots >= 16, "features.text_slots", features.text_slots, ">= 16"),
        (features.clip > 0, "features.clip", features.clip, "> 0"),
        (0 < recipe.quantile < 1, "quantile", recipe.quantile, "between 0 and 1"),
        (0 <= recipe.cost_fp < float("inf"), "cost_fp", recipe.cost_fp, ">= 0"),
        (0 <= recipe.cost_fn < float("inf"), "cost_fn", recipe.cost_fn, ">= 0"),
        (recipe.cost_fp + recipe.cost_fn > 0, "cost_fp and cost_fn", 0, "one of them above 0"),
        (recipe.seed >= 0, "seed", recipe.seed, ">= 0"),
    )
    for holds, key, received, allowed in rules:
        if not holds:
            raise RecipeError(
                f"{key}={received!r}", allowed=allowed, next_step=f"--set {key.split(' ')[0]}=VALUE"
            )
