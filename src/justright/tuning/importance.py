"""Which keys mattered: how much of the order of the trials each one alone explains.

The losses become normal scores of their ranks, so that one trial that went wrong decides nothing. A range
explains them by a parabola, a list by the mean of each value; what counts is R2 adjusted for what was fitted
(Ezekiel 1930), a first-order sensitivity as in an analysis of variance. Beside it stands what chance gives:
the 95 % point of the same figure with the losses dealt out anew. Effects that only two keys together have do
not show, and keys that the sampler moved together share what they explain.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any, Final

import msgspec
import numpy as np

from justright.schema import FloatArray
from justright.tuning.records import Trial
from justright.tuning.space import Choice, Range, Space

__all__ = ["Importance", "importance"]

_FEWEST: Final = 6  # trials: below, a parabola explains anything
_DEALS: Final = 500


class Importance(msgspec.Struct, frozen=True):
    """How much a key mattered.

    Parameters
    ----------
    key : str
        Of the recipe.
    share : float
        Of the spread of the ranked losses that it explains alone, 0..1.
    chance : float
        The share that a key without any effect reaches in 5 of 100 studies like this one.
    """

    key: str
    share: float
    chance: float


def importance(space: Space, trials: Sequence[Trial], seed: int = 0) -> tuple[Importance, ...]:
    """Return how much each key mattered, the most first; nothing for fewer than 6 trials.

    Parameters
    ----------
    space : dict
        What was searched.
    trials : sequence of Trial
        The lines of a study: those of the first rung are compared, where all had the same effort.
    seed : int
        Of the deals.

    Examples
    --------
    >>> space = {"a": Range(0.0, 1.0), "b": Range(0.0, 1.0)}
    >>> rng = np.random.default_rng(0)
    >>> drawn = rng.random((20, 2)).tolist()
    >>> tried = [Trial(k, 0, 1.0, {"a": a, "b": b}, "ended", loss=a) for k, (a, b) in enumerate(drawn)]
    >>> [(one.key, one.share > one.chance) for one in importance(space, tried)]
    [('a', True), ('b', False)]
    """
    seen = [one for one in trials if one.rung == 0 and one.loss is not None]
    if len(seen) < _FEWEST:
        return ()
    score = _scores(np.asarray([one.loss for one in seen], np.float64))
    rng = np.random.default_rng(seed)
    deals = np.stack([score, *(rng.permutation(score) for _ in range(_DEALS))], axis=1)
    found = []
    for key, one in space.items():
        design = _design(one, [trial.params[key] for trial in seen])
        shares = _explained(design, deals)
        found.append(Importance(key, float(shares[0]), float(np.quantile(shares[1:], 0.95))))
    return tuple(sorted(found, key=lambda one: -one.share))


def _scores(losses: FloatArray) -> FloatArray:
    """Return normal scores of ranks; equal losses share theirs."""
    distinct, place, counts = np.unique(losses, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - 0.5 * counts
    normal = NormalDist()
    score = [normal.inv_cdf(share) for share in (middle / len(losses)).tolist()]
    return np.asarray(score)[place.ravel()]


def _design(one: Range | Choice, values: Sequence[Any]) -> FloatArray:
    """Return what explains the scores: a parabola in a range, an indicator for each value of a list."""
    if isinstance(one, Choice):
        names = [msgspec.json.encode(value) for value in values]
        columns = [[float(name == each) for name in names] for each in sorted(set(names))[1:]]
        return np.asarray([[1.0] * len(values), *columns]).T
    known = np.asarray(values, np.float64)
    inside = np.clip(known, one.low, one.high)
    x = np.log(inside) if one.log else inside
    x = (x - x.mean()) / (x.std() or 1.0)
    columns = [np.ones_like(x), x, x * x]
    # A default outside the range, such as a rate that is found by a race, is a case of its own.
    outside = (known != inside).astype(np.float64)
    return np.stack([*columns, outside] if outside.any() else columns, axis=1)


def _explained(design: FloatArray, scores: FloatArray) -> FloatArray:
    """Return the adjusted R2 of each column of scores, 0 at least."""
    rows = len(design)
    basis, size, _ = np.linalg.svd(design, full_matrices=False)
    basis = basis[:, size > 1e-9 * size.max()]
    free = rows - basis.shape[1]
    if free < 1:
        return np.zeros(scores.shape[1])
    centred = scores - scores.mean(axis=0)
    left = np.square(scores - basis @ (basis.T @ scores)).sum(axis=0)
    total = np.square(centred).sum(axis=0)
    ratio = np.divide(left, total, out=np.ones_like(left), where=total > 0)
    return np.asarray(np.maximum(1.0 - ratio * (rows - 1) / free, 0.0))
