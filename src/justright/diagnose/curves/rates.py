"""The learning rate: diverged or too high, too low; and too few passes at a rate that is right."""

from __future__ import annotations

from typing import Final

import numpy as np

from justright.diagnose.curves.moves import last_rate, more_passes, slower
from justright.diagnose.curves.reading import Reading
from justright.diagnose.curves.sign import Sign
from justright.schema import FloatArray
from justright.values import figure

__all__ = ["rate_too_high", "still_improving"]

_UNSTEADY: Final = 0.06  # pass-to-pass noise of the training loss, in units of what there is to gain
_RESTLESS: Final = 0.12  # the same of the validation loss
_CLIMBED: Final = 0.15  # of what there is to gain, lost again by the training loss
_FEW: Final = 9  # passes below which a run that is still improving wants more of them, not a higher rate
_TO_COME: Final = 0.06  # of what there is to gain, still to come at the pace of the last passes
_POOR: Final = 0.93  # of the trees' gain
_STEEP: Final = 0.02  # of what there is to gain, gained in the last quarter of a handful of passes
_JUMPED: Final = 0.03  # noise of the validation loss of a network that learns too fast
_BOUND: Final = 0.05  # dropout and, times ten, decay of a network that is held by something


def rate_too_high(reading: Reading) -> Sign | None:
    """A loss that is no number, explodes, climbs in training, or jumps from pass to pass."""
    if not reading.evidence.steps or not len(reading.train):
        return None
    rate, change = last_rate(reading), slower(reading, 1.0 / 3.0)
    diverged = reading.evidence.failed or not np.isfinite(reading.train).all()
    settled = float(np.median(reading.train[-3:]))
    if diverged or not settled < 3.0 * max(abs(reading.base), 1e-12):
        sentence = f"The training diverged at a learning rate of {figure(rate, 2)}."
        return Sign("rate-too-high", 0.95, sentence, {"rate": rate}, slower(reading, 0.1))
    unsteady, restless = reading.train_noise / reading.worth, reading.noise / reading.worth
    climbed = (float(reading.train[-1]) - float(np.min(reading.train))) / reading.worth
    evidence = {"rate": rate, "noise": restless, "train_noise": unsteady, "climbed": climbed}
    if (climbed > _CLIMBED and climbed > 4.0 * unsteady) or unsteady > _UNSTEADY:
        sentence = (
            f"The training loss does not settle at a learning rate of {figure(rate, 2)}: from pass to pass it"
            f" moves by {unsteady:.0%} of all there is to gain, and it lost {max(climbed, 0.0):.0%} of it again."
        )
        return Sign("rate-too-high", 0.9, sentence, evidence, change)
    went_back = _fall(reading.norm("rate"))
    poor = reading.share is not None and reading.share < _POOR
    if went_back > 2.0 and poor:
        sentence = f"The training exploded and went back to a rate {went_back:.0f} times lower, and stays behind trees."
        return Sign("rate-too-high", 0.8, sentence, evidence | {"lowered": went_back}, change)
    if restless > _RESTLESS or (restless > _JUMPED and _too_fast(reading)):
        sentence = (
            f"The validation loss moves from pass to pass by {restless:.0%} of all there is to gain, at a"
            f" learning rate of {figure(rate, 2)}."
        )
        return Sign("rate-too-high", 0.82, sentence, evidence, change)
    return None


def _fall(rates: FloatArray) -> float:
    """Return by what factor the rate fell; 1 where it did not, or none is kept."""
    return float(rates[0] / max(rates[-1], 1e-300)) if len(rates) else 1.0


def _too_fast(reading: Reading) -> bool:
    """Say whether a network that is held by dropout and decay over-fits all the same, and early."""
    network, n = reading.evidence.recipe.network, len(reading.validation)
    if not reading.evidence.network or max(network.dropout, 10.0 * network.decay) < _BOUND:
        return False
    rose = float(np.median(reading.validation[-3:])) - reading.lowest
    return reading.best < 0.6 * n and rose > max(2.5 * reading.noise, 0.05 * reading.worth)


def still_improving(reading: Reading) -> Sign | None:
    """Both losses still fall at the end: a rate far too low, or too few passes."""
    v, t, n = reading.validation, reading.train, len(reading.validation)
    if not reading.evidence.steps or n < 2 or not np.isfinite(v).all() or not np.isfinite(t).all():
        return None
    if reading.best < 0.9 * n - 1 or reading.lowest > reading.base + reading.worth:
        return None
    rate = last_rate(reading)
    if n <= _FEW:
        late = max(1, n // 4)
        steep = min(float(t[-1 - late] - t[-1]), 10.0 * abs(float(v[-1 - late] - v[-1]))) / reading.worth
        if steep < _STEEP:
            return None
        sentence = (
            f"The training loss was still falling after {n} passes: the last {late} brought {steep:.0%} of all"
            " there is to gain."
        )
        found = {"passes": n, "fell": steep, "rate": rate}
        return Sign("too-few-passes", 0.85, sentence, found, more_passes(reading, 4.0))
    to_come = _to_come(v) / reading.worth
    noise = reading.noise / reading.worth
    poor = reading.share is not None and reading.share < _POOR
    if reading.annealed or to_come <= max(2.0 * noise, _TO_COME * (0.5 if poor else 1.0)):
        return None
    sentence = (
        f"Both losses were still falling after {n} passes at a learning rate of {figure(rate, 2)}: at the pace of"
        f" the last ones {to_come:.0%} of all there is to gain is still to come."
    )
    found = {"passes": n, "to_come": to_come, "share": reading.share, "rate": rate}
    return Sign("rate-too-low", 0.8, sentence, found, slower(reading, 10.0))


def _to_come(curve: FloatArray) -> float:
    """Return how much a curve would still fall, if it goes on as from the third to the last quarter."""
    smooth = np.median(np.stack([curve[:-2], curve[1:-1], curve[2:]]), axis=0)
    quarter = max(1, len(smooth) // 4)
    before = float(smooth[-1 - 2 * quarter] - smooth[-1 - quarter])
    last = float(smooth[-1 - quarter] - smooth[-1])
    if before <= 0 or last <= 0:
        return 0.0
    ratio = min(last / before, 0.9)
    return last * ratio / (1.0 - ratio)
