"""What the rules read: the curves of a run as arrays, with their noise, and what held-out rows say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from justright.diagnose.curves.losses import base_losses, held_losses
from justright.diagnose.evidence import Evidence
from justright.optim.losses import Loss, loss_for
from justright.schema import FloatArray

__all__ = [
    "Reading",
    "blur_of",
    "is_annealed",
    "is_behind",
    "is_matched",
    "is_mended",
    "late_norm",
    "noise_of",
    "smooth_of",
]

_TO_DEVIATION: Final = 0.6745  # median absolute value of a standard normal number
_LATE: Final = 0.5  # of the passes: noise is that of the second half
# Part of the trees' gain that a run has, where both have found the same. Trees of default settings that stay
# behind a run over-fit: they do not say how much there is to gain.
_MATCHED: Final = (0.95, 1.05)
_MENDED: Final = 0.9


def noise_of(curve: FloatArray) -> float:
    """Return the standard deviation of a curve around its own course, from second differences.

    Parameters
    ----------
    curve : float64 (passes,)
        Losses; those that are no numbers are left out.

    Returns
    -------
    float
        0 for fewer than four passes.

    Examples
    --------
    >>> noise_of(np.linspace(1.0, 0.0, 20)) < 1e-12
    True
    >>> round(noise_of(np.random.default_rng(0).normal(size=4000)), 1)
    1.0
    """
    known = curve[np.isfinite(curve)]
    if len(known) < 4:
        return 0.0
    bends = known[:-2] - 2.0 * known[1:-1] + known[2:]
    return float(np.median(np.abs(bends)) / _TO_DEVIATION / np.sqrt(6.0))


@dataclass(frozen=True)
class Reading:
    """A run, read.

    Parameters
    ----------
    evidence : Evidence
        What is known of it.
    """

    evidence: Evidence

    @cached_property
    def loss(self) -> Loss:
        """What was minimised."""
        recipe = self.evidence.recipe
        return loss_for(recipe.loss, self.evidence.task, recipe.quantile)

    @cached_property
    def validation(self) -> FloatArray:
        """Mean validation loss of the judged members, float64 (passes,)."""
        return _curve(self.evidence, "validation")

    @cached_property
    def train(self) -> FloatArray:
        """Mean training loss of the same members, float64 (passes,)."""
        return _curve(self.evidence, "train")

    def norm(self, name: str) -> FloatArray:
        """Return a norm of the history by pass, the mean over judged members; empty where it is not kept."""
        sums: dict[int, list[float]] = {}
        for row in self.evidence.history:
            if row.fold >= 0 and name in row.norms:
                sums.setdefault(row.number, []).append(row.norms[name])
        return np.asarray([float(np.mean(sums[number])) for number in sorted(sums)])

    @cached_property
    def best(self) -> int:
        """Place of the smallest validation loss."""
        known = np.where(np.isfinite(self.validation), self.validation, np.inf)
        return int(np.argmin(known)) if len(known) else 0

    @cached_property
    def noise(self) -> float:
        """Pass-to-pass noise of the validation loss, late in the training."""
        return noise_of(self.validation[int(_LATE * len(self.validation)) :])

    @cached_property
    def train_noise(self) -> float:
        """Pass-to-pass noise of the training loss, late in the training."""
        return noise_of(self.train[int(_LATE * len(self.train)) :])

    @cached_property
    def base(self) -> float:
        """Loss of the best constant."""
        return self.evidence.base

    @property
    def lowest(self) -> float:
        """The smallest validation loss; infinite where there is none."""
        return float(self.validation[self.best]) if len(self.validation) else float("inf")

    @property
    def last(self) -> float:
        """The last validation loss that is a number; infinite where the training diverged at once."""
        known = self.validation[np.isfinite(self.validation)]
        return float(known[-1]) if len(known) else float("inf")

    @property
    def gain(self) -> float:
        """How far below the best constant the run came."""
        return self.base - self.lowest

    @cached_property
    def worth(self) -> float:
        """What there is to gain: by the run at its best or by boosted trees; at least 3 % of the base loss.

        Noise, rises and falls are measured in it: next to nothing gained makes any noise look large.
        """
        rival = self.evidence.rival
        trees = self.base - rival.loss if rival is not None and rival.loss is not None else 0.0
        known = [value for value in (self.gain, trees) if np.isfinite(value)]
        return float(max([*known, 0.03 * abs(self.base), 1e-12]))

    @cached_property
    def scale(self) -> float:
        """What the target was divided by in training, from the two units of the base loss."""
        held = self.evidence.held
        if held is None or self.loss.link != "identity" or self.loss.name != "squared":
            return 1.0
        return float(np.sqrt(base_losses(self.loss, held).mean() / max(self.base, 1e-300)))

    @cached_property
    def advantage(self) -> tuple[float, float]:
        """Paired difference of the base's and the run's loss over held-out rows: mean, standard error."""
        held = self.evidence.held
        if held is None or held.rows < 2:
            return float("nan"), float("nan")
        classes = max(self.evidence.classes, 1)
        gap = base_losses(self.loss, held, classes, self.scale) - held_losses(self.loss, held, self.scale)
        weight = held.weight / held.weight.sum()
        mean = float(weight @ gap)
        return mean, float(np.sqrt(np.square(weight) @ np.square(gap - mean)))

    @cached_property
    def share(self) -> float | None:
        """Part of the gain of boosted trees over the base rate that the run has; None = trees gain nothing.

        By the loss where that of the trees is known: ranks do not show that a model has hardly begun.
        """
        rival = self.evidence.rival
        if rival is None:
            return None
        ours = self.advantage[0]
        if rival.loss is not None and np.isfinite(ours):
            gain = self.base - rival.loss
            # Trees of default settings may be worse than the base rate in loss, and good in rank.
            if gain > 0:
                return float(ours / gain)
        return rival.share


def blur_of(reading: Reading) -> float:
    """What a validation loss may rise between two passes by the choice of its rows; 0 = not known.

    Passes share rows and most of a model: half a standard error of the gain over the best constant.
    """
    error = reading.advantage[1]
    return 0.5 * error if np.isfinite(error) else 0.0


def is_matched(reading: Reading, least: float = _MATCHED[0]) -> bool:
    """Whether the run has what boosted trees have, no less and hardly more: it misses nothing of weight."""
    return reading.share is not None and least <= reading.share <= _MATCHED[1]


def is_behind(reading: Reading, part: float) -> bool:
    """Whether the run has less than this part of the gain of boosted trees; no where it is not known."""
    return reading.share is not None and reading.share < part


def is_mended(reading: Reading) -> bool:
    """Whether late passes did no harm: the model is that of the best pass, and as good as trees."""
    return reading.evidence.kept and not is_behind(reading, _MENDED)


def late_norm(reading: Reading, name: str) -> float:
    """Return the median of a norm over the second half of the passes; NaN where it is not kept."""
    own = reading.norm(name)
    return float(np.median(own[len(own) // 2 :])) if len(own) else float("nan")


def smooth_of(curve: FloatArray) -> FloatArray:
    """Return a curve as the median of three passes each, its ends as they are.

    Examples
    --------
    >>> smooth_of(np.array([5.0, 1.0, 9.0, 2.0, 3.0])).tolist()
    [5.0, 5.0, 2.0, 3.0, 3.0]
    """
    if len(curve) < 3:
        return curve
    inner = np.median(np.stack([curve[:-2], curve[1:-1], curve[2:]]), axis=0)
    return np.concatenate([curve[:1], inner, curve[-1:]])


def is_annealed(reading: Reading) -> bool:
    """Whether the rate falls to nothing at the end: the losses then fall with it, and end flat."""
    recipe = reading.evidence.recipe
    name = recipe.network.schedule if reading.evidence.network else recipe.descent.schedule
    return name != "constant"


def _curve(evidence: Evidence, name: str) -> FloatArray:
    """Return a mean over judged members by pass; passes that saw a sample of the rows are left out."""
    sums: dict[int, list[float]] = {}
    largest = max((row.share for row in evidence.history), default=1.0)
    for row in evidence.history:
        if row.fold >= 0 and row.share == largest:
            value = getattr(row, name)
            sums.setdefault(row.number, []).append(np.nan if value is None else value)
    return np.asarray([float(np.mean(sums[number])) for number in sorted(sums)])
