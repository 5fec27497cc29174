"""Groups of choices of a recipe, each a frozen value with defaults that need no tuning."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

__all__ = ["Boosting", "Crosses", "Descent", "Features", "Ladder", "Network", "Penalty", "Schedule", "Split"]

Optimizer: TypeAlias = Literal["exact", "sgd", "momentum", "ftrl", "rprop"]
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
        Folds of the cross-validation, 2..20; default 5. Boosted trees on more than 500,000 rows are judged on
        one held-out tenth instead, unless another number is asked for.
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
    hold : bool
        In linear models a number beyond those of the training rows counts as the nearest of them; default
        True, but never where the split is by time. A line that goes on follows every broken value:
        diamonds, where a few sizes are typing errors, 1,000 rows: rmse on the others 1,266, held 1,150, and
        the stated interval holds in 98 of 100 samples instead of 77.
    """

    rare: int = 5
    vocabulary: int = 10_000
    buckets: int = 1_000
    text_slots: int = 4_096
    clip: float = 20.0
    hold: bool = True


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


class Boosting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How trees are grown in the family `boosted`.

    Parameters
    ----------
    rounds : int
        Most trees (a class each), 1..20,000; held-out rows stop it earlier. Default 2,000.
    rate : float
        Share of each tree's answer that is taken, above 0 to 1; default 0.05.
    leaves : int
        Most leaves of a tree, 2..4,096; default 31.
    depth : int
        Most splits from root to leaf; 0 = no limit.
    rows_a_leaf : int
        Fewest training rows of a leaf, >= 1; default 20.
    l2 : float
        Penalty on the values of leaves, >= 0; default 1.
    rows : float
        Share of the rows that each tree sees, above 0 to 1.
    columns : float
        Share of the columns among which each split is chosen, above 0 to 1; default 0.7.
    bins : int
        Most bins of a number, 2..65,535; default 255.
    cv : bool
        Grow trees for every fold of the split and for the model; False = for one held-out part, which then
        is not among the model's rows. The ladder does that where its time does not suffice for folds.
    """

    rounds: int = 2_000
    rate: float = 0.05
    leaves: int = 31
    depth: int = 0
    rows_a_leaf: int = 20
    l2: float = 1.0
    rows: float = 1.0
    columns: float = 0.7
    bins: int = 255
    cv: bool = True


class Ladder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the ladder from simple to complex is climbed, family `ladder`.

    Parameters
    ----------
    budget : float
        Seconds that all rungs may take together; 0 = by the size of the table, 60 to 600.
    choose : {"simplest", "best"}
        The simplest rung within one standard error of the best, or the best.
    rungs : tuple of str
        Families from simple to complex; `blend`, weights for the others together, comes last.
    """

    budget: float = 0.0
    choose: Literal["simplest", "best"] = "simplest"
    rungs: tuple[str, ...] = ("linear", "crossed", "boosted", "neural", "blend")
