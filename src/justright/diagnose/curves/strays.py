"""Numbers that are not of their row: a mixture of residuals, some narrow, some as wide as the whole target.

Target and prediction are mapped to normal scores, z and x, by their ranks. Where every value belongs to its
row,

    z = m(x) + s(x) t,   m a polynomial, s a step function, t of Student's law, whose tails may be heavy.

Where a share e of the values came from other rows, these follow the law of all rows, N(0, 1), whatever the
prediction is. Both are fitted by EM (Dempster, Laird and Rubin 1977; Student's law as in Lange, Little and
Taylor 1989); twice the gain in log-likelihood by e says how much speaks for a mixture. Tails that are merely
heavy lie about the prediction, and are taken by t.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.schema import FloatArray, IntArray

__all__ = ["Strays", "normal_scores", "strays_of"]

_MOST: Final = 2_000  # rows: more of them say the same
_TAILS: Final = (2.0, 3.0, 5.0, 10.0, 50.0)  # degrees of freedom
_ROUNDS: Final = 50
_STEPS: Final = 5  # widths, from the lowest to the highest predictions
_DEGREE: Final = 3
_NARROWEST: Final = 0.02
_STARTS: Final = (0.15, 0.4)


@dataclass(frozen=True)
class Strays:
    """What speaks for values of other rows.

    Parameters
    ----------
    share : float
        Share of such values, 0..1.
    evidence : float
        Twice the gain in log-likelihood by that share; 10 and less is chance, or a law of another shape.
    odd : float
        How far these values are from the law of all rows, by their mean and the logarithm of their variance
        in normal scores, and by their correlation with the prediction; 0.3 and less is chance.
    """

    share: float
    evidence: float
    odd: float


@dataclass(frozen=True)
class _Fit:
    """Log-likelihood, share of strays, and for each row the probability that it is one, (rows,)."""

    likelihood: float
    share: float
    stray: FloatArray


def strays_of(target: npt.NDArray[Any], prediction: FloatArray) -> Strays:
    """Fit both laws to held-out rows.

    Parameters
    ----------
    target, prediction : (rows,)
        In any unit: only their ranks count.

    Notes
    -----
    Some hundredths of a second; at most 2,000 rows are read, evenly spread.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> said, own = rng.normal(size=(2, 1000))
    >>> target = said + 0.5 * own
    >>> strays_of(target, said).evidence < 10
    True
    >>> target[:300] = rng.permutation(target)[:300]
    >>> found = strays_of(target, said)
    >>> round(found.share, 1), found.evidence > 50
    (0.3, True)
    """
    every = max(1, -(-len(target) // _MOST))
    z, x = normal_scores(np.asarray(target)[::every]), normal_scores(np.asarray(prediction)[::every])
    starts = np.repeat((0.0, *_STARTS), len(_TAILS))
    fits = _fits(z, x, np.tile(_TAILS, len(_STARTS) + 1), starts)
    alone = max(fit.likelihood for fit in fits[: len(_TAILS)])
    mixed = max(fits[len(_TAILS) :], key=lambda fit: fit.likelihood)
    return Strays(mixed.share, 2.0 * (mixed.likelihood - alone), _odd(z, x, mixed.stray))


def _odd(z: FloatArray, x: FloatArray, stray: FloatArray) -> float:
    """Return how unlike N(0, 1), or how dependent on x, the strays are; the largest of three departures."""
    weight = stray / max(float(stray.sum()), 1e-300)
    middle, center = float(weight @ z), float(weight @ x)
    spread = float(weight @ np.square(z - middle))
    reach = float(weight @ np.square(x - center))
    both = float(weight @ ((z - middle) * (x - center)))
    bound = both / math.sqrt(max(spread * reach, 1e-300))
    return max(abs(middle), abs(math.log(max(spread, 1e-12))), abs(bound))


def normal_scores(values: npt.NDArray[Any]) -> FloatArray:
    """Return the normal quantiles of the ranks of values; equal ones share their middle rank.

    Examples
    --------
    >>> normal_scores(np.array([30.0, 10.0, 20.0, 20.0])).round(2).tolist()
    [1.15, -1.15, 0.0, 0.0]
    """
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    middle = (np.cumsum(count) - 0.5 * count) / len(values)
    normal = NormalDist()
    return np.asarray([normal.inv_cdf(float(rank)) for rank in middle])[place]


def _fits(z: FloatArray, x: FloatArray, tails: FloatArray, starts: FloatArray) -> list[_Fit]:
    """Return the best fit of each law and starting share, all at once; a share of 0 stays 0."""
    powers, step = np.vander(x / 2.0, _DEGREE + 1), _steps(x)
    wide = np.exp(-0.5 * np.square(z)) / math.sqrt(2.0 * math.pi)
    tails, share = tails[:, None], starts[:, None]
    level = np.asarray([math.lgamma(0.5 * (v + 1.0)) - math.lgamma(0.5 * v) for v in tails[:, 0]])[:, None]
    level -= 0.5 * np.log(tails * math.pi)
    members = np.eye(_STEPS)[step]
    gap = np.tile(z - powers @ np.linalg.lstsq(powers, z, rcond=None)[0], (len(tails), 1))
    width = np.full((len(tails), len(z)), max(float(gap[0].std()), _NARROWEST))
    for _ in range(_ROUNDS):
        far = np.square(gap / width)
        # Density of Student's law.
        narrow = (1.0 - share) * np.exp(level - 0.5 * (tails + 1.0) * np.log1p(far / tails)) / width
        own = narrow / (narrow + share * wide)
        share = np.where(share > 0.0, 1.0 - own.mean(axis=1, keepdims=True), 0.0)
        # Rows far out weigh less, as Student's law has it.
        count = own * (tails + 1.0) / (tails + far)
        pull = (count / np.square(width))[:, :, None] * powers
        square = np.swapaxes(pull, 1, 2) @ powers + 1e-6 * np.eye(_DEGREE + 1)
        weights = np.linalg.solve(square, np.swapaxes(pull, 1, 2) @ z[:, None])
        gap = z - (powers @ weights)[:, :, 0]
        squares, rows = (count * np.square(gap)) @ members, np.maximum(own @ members, 1e-9)
        width = np.maximum(np.sqrt(squares / rows), _NARROWEST)[:, step]
    far = np.square(gap / width)
    narrow = (1.0 - share) * np.exp(level - 0.5 * (tails + 1.0) * np.log1p(far / tails)) / width
    density = np.maximum(narrow + share * wide, 1e-300)
    likelihood, stray = np.log(density).sum(axis=1), share * wide / density
    return [_Fit(float(a), float(b), c) for a, b, c in zip(likelihood, share[:, 0], stray, strict=True)]


def _steps(x: FloatArray) -> IntArray:
    """Return of each row which fifth of the predictions it is in."""
    place = np.empty(len(x), np.int64)
    place[np.argsort(x, kind="stable")] = np.arange(len(x)) * _STEPS // max(len(x), 1)
    return place
