"""The learning rate: diverged or too high, too low; and too few passes at a rate that is right."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from justright.diagnose.curves.fit import is_loose, over_fit
from justright.diagnose.curves.moves import last_rate, more_passes, slower
from justright.diagnose.curves.reading import Reading, blur_of, is_annealed, is_behind, is_matched, is_mended
from justright.diagnose.curves.sign import Sign
from justright.schema import Finding, FloatArray
from justright.values import figure

__all__ = ["rate_too_high", "still_improving"]

# Pass-to-pass noise of the training loss, in units of what there is to gain: of linear models, of networks,
# and of networks whose rate moves within the training.
_UNSTEADY: Final = {"linear": 0.08, "constant": 0.06, "annealed": 0.25}
_WILD: Final = 1.3  # base losses, of a run that jumps about above them
_RESTLESS: Final = 0.2  # the same of the validation loss
_CLIMBED: Final = 0.15  # of what there is to gain, lost again by the training loss
_FEW: Final = 9  # passes below which a run that is still improving wants more of them, not a higher rate
_FALLS: Final = 0.11  # of what there is to gain, gained in the last quarter of many passes
_FALLS_POOR: Final = 0.06  # the same of a run that stays behind trees
_FALLS_STILL: Final = 0.03  # the same of a linear model without any noise, far below the rate that makes some
_FALLS_STILL_POOR: Final = 0.004
_STILL: Final = 0.002
_POOR: Final = 0.93  # of the trees' gain
_FAR: Final = 0.3  # of the trees' gain: a run that has less is far from its end
_STEEP: Final = 0.012  # of what there is to gain, gained in the second half of a handful of passes
_BURST: Final = 300.0  # base losses in the first pass; healthy networks of high rates lose up to 190
_NEARLY: Final = 0.96  # of the trees' gain
_SHAKEN: Final = 0.08  # noise of the validation loss, of what there is to gain
_JUMPED: Final = 0.015  # noise of the validation loss of a network that learns too fast


def rate_too_high(reading: Reading) -> Sign | None:
    """A loss that is no number, explodes, climbs in training, or jumps from pass to pass."""
    if not reading.evidence.steps or not len(reading.train):
        return None
    rate, change = last_rate(reading), slower(reading, 1.0 / 3.0)
    diverged = reading.evidence.failed or not np.isfinite(reading.train).all()
    settled, base = float(np.median(reading.train[-3:])), max(abs(reading.base), 1e-12)
    rose = settled > max(3.0 * base, float(reading.train[0])) or settled > 100.0 * base
    if diverged or rose:
        sentence = f"The training diverged at a learning rate of {figure(rate, 2)}."
        return Sign(Finding("rate-too-high", "warning", sentence, {"rate": rate}), 0.95, slower(reading, 0.1))
    unsteady, restless = reading.train_noise / reading.worth, reading.noise / reading.worth
    wild = unsteady > 1.0 and settled > _WILD * base
    climbed = (float(reading.train[-1]) - float(np.min(reading.train))) / reading.worth
    evidence = {"rate": rate, "noise": restless, "train_noise": unsteady, "climbed": climbed}
    if (climbed > _CLIMBED and climbed > 4.0 * unsteady) or (
        unsteady > _unsteady(reading) and (reading.gain > 0 or wild)
    ):
        sentence = (
            f"The training loss does not settle at a learning rate of {figure(rate, 2)}: from pass to pass it"
            f" moves by {unsteady:.0%} of all there is to gain, and it lost {max(climbed, 0.0):.0%} of it."
        )
        return Sign(Finding("rate-too-high", "warning", sentence, evidence), 0.9, change)
    went_back = _fall(reading.norm("rate"))
    if went_back > 2.0 and is_behind(reading, _POOR):
        sentence = (
            f"The training exploded, went back to a rate {went_back:.0f} times lower, and stays behind trees."
        )
        return Sign(
            Finding("rate-too-high", "warning", sentence, evidence | {"lowered": went_back}), 0.8, change
        )
    burst = float(reading.train[0]) / base
    if burst > _BURST and (is_behind(reading, _POOR) or restless > _SHAKEN):
        sentence = (
            f"The first pass at a learning rate of {figure(rate, 2)} cost {burst:,.0f} times the loss of the"
            " best constant, and what it broke did not mend."
        )
        return Sign(Finding("rate-too-high", "warning", sentence, evidence | {"burst": burst}), 0.81, change)
    if is_mended(reading):
        return None
    jumps = restless > _RESTLESS and not is_annealed(reading)
    if reading.gain > 0 and (jumps or (restless > _JUMPED and _too_fast(reading))):
        sentence = (
            f"The validation loss moves from pass to pass by {restless:.0%} of all there is to gain, at a"
            f" learning rate of {figure(rate, 2)}."
        )
        return Sign(Finding("rate-too-high", "warning", sentence, evidence), 0.82, change)
    if not reading.evidence.network or is_loose(reading) or over_fit(reading) is None:
        return None
    sentence = (
        f"Dropout and decay hold this network, and it over-fits all the same at a learning rate of"
        f" {figure(rate, 2)}: at a lower one it may not."
    )
    return Sign(Finding("rate-too-high", "warning", sentence, evidence), 0.6, change)


def _unsteady(reading: Reading) -> float:
    """Return the noise of a training loss that is still healthy."""
    if not reading.evidence.network:
        return _UNSTEADY["linear"]
    return _UNSTEADY["annealed" if is_annealed(reading) else "constant"]


def _fall(rates: FloatArray) -> float:
    """Return by what factor the rate fell; 1 where it did not, or none is kept."""
    return float(rates[0] / max(rates[-1], 1e-300)) if len(rates) else 1.0


def _too_fast(reading: Reading) -> bool:
    """Say whether a network that is held by dropout and decay over-fits all the same, and early."""
    n = len(reading.validation)
    if not reading.evidence.network or is_loose(reading):
        return False
    rose = float(np.median(reading.validation[-3:])) - reading.lowest
    return reading.best < 0.6 * n and rose > max(
        2.5 * reading.noise, 0.1 * reading.worth, 2.0 * blur_of(reading)
    )


def still_improving(reading: Reading) -> Sign | None:
    """Both losses still fall at the end: a rate far too low, or too few passes."""
    v, t, n = reading.validation, reading.train, len(reading.validation)
    if not reading.evidence.steps or n < 2 or not np.isfinite(v).all() or not np.isfinite(t).all():
        return None
    rate = last_rate(reading)
    if n <= _FEW:
        late = max(1, n // 2)
        steep = float(t[-1 - late] - t[-1]) / reading.worth
        if steep < _STEEP * min(1.0, n / 4) or is_matched(reading):
            return None
        sentence = (
            f"The training loss was still falling after {n} passes: the last {late} brought {steep:.0%} of"
            " all there is to gain."
        )
        seen = {"passes": n, "fell": steep, "rate": rate}
        return Sign(Finding("too-few-passes", "warning", sentence, seen), 0.85, more_passes(reading, 4.0))
    if is_annealed(reading) or reading.best < 0.9 * n - 1:
        return None
    fell, noise = _late_fall(v) / reading.worth, reading.noise / reading.worth
    poor = is_behind(reading, _NEARLY if reading.evidence.network else _POOR)
    least = _FALLS_POOR if poor else _FALLS
    if not reading.evidence.network and reading.train_noise < _STILL * reading.worth:
        least = _FALLS_STILL_POOR if poor else _FALLS_STILL
    if fell <= max(2.0 * noise, least) or t[-1] > t[-1 - max(1, n // 4)]:
        return None
    sentence = (
        f"Both losses were still falling after {n} passes at a learning rate of {figure(rate, 2)}: the last"
        f" quarter of them brought {fell:.0%} of all there is to gain."
    )
    found: dict[str, Any] = {"passes": n, "fell": fell, "share": reading.share, "rate": rate}
    change = slower(reading, 100.0 if is_behind(reading, _FAR) else 10.0)
    return Sign(Finding("rate-too-low", "warning", sentence, found), 0.8, change)


def _late_fall(curve: FloatArray) -> float:
    """Return how much a curve, smoothed over three passes, fell in its last quarter."""
    smooth = np.median(np.stack([curve[:-2], curve[1:-1], curve[2:]]), axis=0)
    return float(smooth[-1 - max(1, len(smooth) // 4)] - smooth[-1])
