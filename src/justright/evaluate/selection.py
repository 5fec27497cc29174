"""The interval of a cross-validated metric after the best of several settings was chosen.

Out-of-fold predictions judge models that are not the one that is exported, and the chosen setting is
the luckiest of all. Three corrections, each with its size read off the losses:

    selection   the winner's luck: with mean losses drawn around the observed ones by their joint normal
                law, how much too low is the winner's loss on average (the parametric form of the
                bootstrap that chooses again, Tsamardinos 2018, at no cost in rows)
    size        K folds train on n (1 - 1/K) rows: the exported model, on all n, is better by half the
                gap between validation and training loss, divided by K
    dependence  rows share their models, and the exported model is one draw: the variance of a fresh
                test set is multiplied by 1 + 4 p / n, p = effective parameters read off that gap

The first two move the value, in the unit of the loss, carried to any other metric by the slope between
both over the rows. The factor 4 was chosen by simulation for ridge and logistic regression; measured
coverage stands in `benchmarks/evaluate/results/`. Nested cross-validation (Bates, Hastie and
Tibshirani 2023) answers the same question for K times the training; Nadeau and Bengio's (2003) factor
of 1 + K / (K - 1) is far too wide here when n is large against p.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.errors import TableError
from justright.evaluate.influence import Influence
from justright.evaluate.intervals import calibration_interval, influence_of, interval_of
from justright.evaluate.within_folds import area_within_folds
from justright.metrics.registry import metric
from justright.metrics.rows import class_rows
from justright.schema import FloatArray, IntArray, Value

__all__ = ["Choice", "luck", "parameters_per_row", "validation_interval", "validation_intervals"]

_DEPENDENCE: Final = 4.0
_MOST: Final = 0.5  # parameters a row above which the factor stays: the gap then says "memorised"
_DRAWS: Final = 2000
_FOLLOWED: Final = 2  # level and slope: what a model's probabilities take from all rows alike
_LIKELIHOODS: Final = frozenset({"logistic", "softmax", "poisson"})


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen among, and how.

    Parameters
    ----------
    losses : float (sampled rows, settings)
        Held-out loss of each row under every setting; one column where nothing was chosen.
    chosen : int
        Column that was chosen, by the smallest mean loss.
    sampled : int64 (sampled rows,) or None
        Which rows those are; None = all, in order. 200,000 rows are plenty.
    folds : int
        Folds of the cross-validation.
    loss : str
        Name of the loss: for `logistic`, `softmax` and `poisson` it is counted in nats.
    fold : integers (rows,) or None
        Fold of each row of the predictions. With it the ROC area compares rows of one fold only: rows
        of different folds were scored by different models (100 rows, AUC 0.75: coverage 85 % without).
    train_loss : float
        Mean loss of the exported model on its own training rows, in the unit of `losses`; NaN =
        unknown: then size and dependence stay uncorrected and the interval is too narrow for few rows.
    """

    losses: npt.NDArray[Any]
    chosen: int = 0
    sampled: IntArray | None = None
    folds: int = 5
    loss: str = "squared"
    fold: npt.NDArray[Any] | None = None
    train_loss: float = float("nan")


def validation_interval(
    name: str,
    target: npt.ArrayLike,
    prediction: npt.ArrayLike,
    choice: Choice,
    weight: npt.ArrayLike | None = None,
    *,
    level: float = 0.95,
    groups: npt.ArrayLike | None = None,
    threshold: float = 0.5,
    quantile: float = 0.5,
    seed: int = 0,
) -> Value:
    """Return the metric that the exported model is expected to have on new rows, after all choices.

    Parameters
    ----------
    name : str
        A metric of `justright.metrics.METRICS`.
    target : (rows,)
        Values, or class numbers.
    prediction : (rows,) or (rows, k)
        Out-of-fold predictions of the chosen setting.
    choice : Choice
        The alternatives and the training loss.
    weight : float (rows,), optional
        Weight of each row.
    level : float, default 0.95
        Probability that the interval holds the truth.
    groups : integers (rows,), optional
        Rows that depend on each other; the folds must keep them together.
    threshold, quantile : float, default 0.5
        As for `interval`.
    seed : int, default 0
        Of the 2,000 draws that measure the winner's luck.

    Returns
    -------
    Value
        `value` is the out-of-fold metric corrected for selection and size of the training parts.

    Raises
    ------
    RecipeError
        No such metric.
    TableError
        The rows or the losses do not fit.

    Notes
    -----
    As `interval`, plus O(sampled rows * settings^2); no copy of the losses but one in float64.

    References
    ----------
    I. Tsamardinos et al. (2018), doi:10.1007/s10994-018-5714-4; C. Nadeau and Y. Bengio (2003),
    doi:10.1023/A:1024068626366; S. Bates, T. Hastie and R. Tibshirani (2023),
    doi:10.1080/01621459.2023.2197686.

    Examples
    --------
    >>> import numpy as np
    >>> target = np.tile([0.0, 1.0, 2.0, 3.0], 25)
    >>> guess = target + np.tile([0.5, -0.4, 0.3], 34)[:100]
    >>> choice = Choice(((guess - target) ** 2)[:, None], train_loss=0.15)
    >>> validation_interval("rmse", target, guess, choice)
    Value(value=0.40..., low=0.3..., high=0.4...)
    """
    found = validation_intervals(
        (name,),
        target,
        prediction,
        choice,
        weight,
        level=level,
        groups=groups,
        threshold=threshold,
        quantile=quantile,
        seed=seed,
    )
    return found[name]


def validation_intervals(
    names: Iterable[str],
    target: npt.ArrayLike,
    prediction: npt.ArrayLike,
    choice: Choice,
    weight: npt.ArrayLike | None = None,
    *,
    level: float = 0.95,
    groups: npt.ArrayLike | None = None,
    threshold: float = 0.5,
    quantile: float = 0.5,
    seed: int = 0,
) -> dict[str, Value]:
    """Return `validation_interval` for several metrics; the losses are worked through once.

    Parameters
    ----------
    names : iterable of str
        Metrics.
    target, prediction, choice, weight, level, groups, threshold, quantile, seed
        As for `validation_interval`.

    Examples
    --------
    >>> target, guess = np.tile([0.0, 1.0], 50), np.tile([0.1, 0.8], 50)
    >>> found = validation_intervals(("mae", "r2"), target, guess, Choice(((guess - target) ** 2)[:, None]))
    >>> round(found["mae"].value, 2)
    0.15
    """
    correction = _correct(choice, np.asarray(target).shape[0], weight, seed)
    numbers = None if groups is None else np.asarray(groups)
    if numbers is not None and weight is not None:
        numbers = numbers[np.asarray(weight) > 0.0]
    found = {}
    for name in names:
        if name == "calibration_error":
            rows = class_rows(target, prediction, weight, probability=True)
            found[name] = calibration_interval(
                rows, numbers, level, widened=correction.widened, followed=_FOLLOWED
            )
            continue
        influence = _influence(name, target, prediction, weight, choice, threshold, quantile)
        shift = correction.amount * _slope(influence.pull[correction.places], correction.own)
        moved = _moved(name, influence, shift, correction.widened).of_groups(numbers)
        found[name] = interval_of(name, moved, level, binary=np.ndim(prediction) == 1)
    return found


@dataclass(frozen=True, slots=True)
class _Correction:
    """What the losses say: how far they are off, and how much wider the interval must be."""

    places: IntArray  # sampled rows among those with weight
    own: FloatArray  # pull of the chosen setting's loss in these rows
    amount: float  # luck less the gain by training on all rows, in the unit of the loss
    widened: float  # factor of the variance


def _correct(choice: Choice, n_rows: int, weight: npt.ArrayLike | None, seed: int) -> _Correction:
    """Read the three corrections off the losses."""
    places, losses, weights = _kept(choice, n_rows, weight)
    means = np.average(losses, axis=0, weights=weights[places])
    lost = float(means[choice.chosen])
    gap = 0.0 if np.isnan(choice.train_loss) else max(lost - choice.train_loss, 0.0)
    # In the sample the pull of a loss must have the scale it has among all rows.
    pulls = (losses - means) * (weights[places] / weights.sum())[:, None]
    share = float(weights[places].sum() / weights.sum())
    amount = luck(means, pulls.T @ pulls / share, choice.chosen, seed) - gap / 2.0 / choice.folds
    widened = 1.0 + _DEPENDENCE * min(parameters_per_row(choice.loss, choice.train_loss, lost), _MOST)
    return _Correction(places, pulls[:, choice.chosen].copy(), amount, widened)


def _influence(
    name: str,
    target: npt.ArrayLike,
    prediction: npt.ArrayLike,
    weight: npt.ArrayLike | None,
    choice: Choice,
    threshold: float,
    quantile: float,
) -> Influence:
    """Influence on the metric; the ROC area over pairs of one fold, where any fold holds both classes."""
    if name == "roc_auc" and choice.fold is not None:
        within = area_within_folds(target, prediction, weight, choice.fold)
        if not np.isnan(within.value):
            return within
    return influence_of(name, target, prediction, weight, threshold=threshold, quantile=quantile)


def luck(means: FloatArray, covariance: FloatArray, chosen: int = 0, seed: int = 0) -> float:
    """Return how much too low the smallest of several noisy means is on average, >= 0.

    Parameters
    ----------
    means : float64 (settings,)
        Observed mean losses.
    covariance : float64 (settings, settings)
        Of these means.
    chosen : int, default 0
        The setting that won; one that is noisier is drawn with the noise of this one.
    seed : int, default 0
        Of the 2,000 normal draws.

    Examples
    --------
    >>> import numpy as np
    >>> round(luck(np.zeros(2), np.eye(2)), 1)   # the smaller of two: 1 / sqrt(pi) = 0.56
    0.6
    """
    if means.shape[0] < 2:
        return 0.0
    # Observed means are spread wider than the true ones, by the noise; that would hide luck.
    middle = means - means.mean()
    noise = (np.trace(covariance) - covariance.mean() * len(means)) / float(np.dot(middle, middle) or 1.0)
    means = middle * np.sqrt(max(1.0 - noise, 0.0))
    # A loser that owes its mean to one row would be drawn far below zero, and its wins would count as
    # luck of the chosen one (diamonds, 500 rows: rmse stated twice too high in one training of twenty).
    spread = np.sqrt(np.diagonal(covariance))
    calm = np.minimum(spread, spread[chosen]) / np.where(spread > 0.0, spread, 1.0)
    rng = np.random.default_rng(seed)
    values, vectors = np.linalg.eigh(covariance * calm[:, None] * calm)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    draws = rng.standard_normal((_DRAWS, means.shape[0])) @ root.T
    winner = np.argmin(means + draws, axis=1)
    return max(float(-draws[np.arange(_DRAWS), winner].mean()), 0.0)


def parameters_per_row(loss: str, train: float, validation: float) -> float:
    """Return effective parameters a row, read off the gap between validation and training loss.

    A fitted parameter lowers the training loss and raises the validation loss by half a nat / n for a
    likelihood, and by sigma^2 / n for squares; so the gap counts them, penalty and all.

    Parameters
    ----------
    loss : str
        Name of the loss.
    train, validation : float
        Mean losses; NaN = unknown.

    Returns
    -------
    float
        >= 0; 0 where unknown.

    Examples
    --------
    >>> parameters_per_row("squared", 0.9, 1.1)
    0.1...
    """
    if not (np.isfinite(train) and np.isfinite(validation)) or validation <= train:
        return 0.0
    if loss in _LIKELIHOODS:
        return validation - train
    return (validation - train) / (validation + train)


def _kept(
    choice: Choice, n_rows: int, weight: npt.ArrayLike | None
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Places of the sampled rows among those with weight, their losses (finite settings), all weights."""
    losses = np.asarray(choice.losses, dtype=np.float64)
    places = np.arange(n_rows) if choice.sampled is None else np.asarray(choice.sampled, dtype=np.int64)
    if losses.ndim != 2 or losses.shape[0] != places.shape[0] or not 0 <= choice.chosen < losses.shape[1]:
        raise TableError(
            f"losses of shape {losses.shape} for {places.shape[0]} rows, chosen={choice.chosen}",
            allowed="(rows, settings) with `chosen` one of the columns",
        )
    weights = np.ones(n_rows) if weight is None else np.asarray(weight, dtype=np.float64)
    keep = weights > 0.0
    if not keep.all():
        losses = losses[keep[places]]
        places = (np.cumsum(keep) - 1)[places[keep[places]]]
        weights = weights[keep]
    if not np.isfinite(losses[:, choice.chosen]).all() or not losses.shape[0]:
        raise TableError("losses of the chosen setting that are missing", allowed="finite numbers")
    # A setting that diverged was never a rival: it stands in as a copy of the chosen one.
    usable = np.isfinite(losses).all(axis=0)
    return places, np.where(usable, losses, losses[:, [choice.chosen]]), weights


def _slope(pull: FloatArray, own: FloatArray) -> float:
    """Change of the metric for a change of the loss, over the rows."""
    spread = float(np.dot(own, own))
    return float(np.dot(pull, own)) / spread if spread > 0.0 else 0.0


def _moved(name: str, influence: Influence, shift: float, widened: float) -> Influence:
    """The estimate moved by `shift` within its range, its variance multiplied by `widened`."""
    each = metric(name)
    squeezed = each.high == 1.0 and each.needs != "value"
    low, high = (each.low, each.high) if squeezed else (0.0, float("inf"))
    # A correction never crosses more than half of the way to an end of the range.
    room = (high - influence.value) if shift > 0.0 else (low - influence.value)
    step = math.copysign(min(abs(shift), abs(room) / 2.0), shift)
    return Influence(
        influence.value + step,
        influence.pull * np.sqrt(widened),
        influence.count / widened,
        influence.centre + step,
        influence.bend,
    )
