"""Too simple, too complex, or nothing to learn."""

from __future__ import annotations

from typing import Final

import numpy as np

from justright.diagnose.curves.moves import stronger, weaker, wider
from justright.diagnose.curves.reading import Reading
from justright.diagnose.curves.sign import Sign, Unknown
from justright.values import figure

__all__ = ["no_signal", "over_fit", "under_fit"]

_ROSE: Final = 0.1  # of what was gained, lost again while the training loss fell
_POOR: Final = 0.85  # of the trees' gain
_FLAT: Final = 0.03  # of what was gained, in the last quarter
_ERRORS: Final = 2.0
_BOUND: Final = 0.05  # dropout and, times ten, decay of a network that is held by something
_NOISE: Final = 1.5  # standard errors
_NARROW: Final = 2  # neurons of a layer that lets next to nothing through
_TIGHT: Final = 0.3  # penalty: weights of columns with unit variance are a quarter too small


def over_fit(reading: Reading) -> Sign | None:
    """The validation loss rose from its best pass, beyond noise, while the training loss went on falling."""
    v, t, n = reading.validation, reading.train, len(reading.validation)
    if n < 6 or reading.best > n - 4 or not np.isfinite(v[-1]) or not np.isfinite(t).all():
        return None
    tail = max(2, n // 10)
    around = v[max(reading.best - 2, 0) : reading.best + 3]
    rose = float(np.median(v[-tail:])) - float(np.median(around))
    network = reading.evidence.recipe.network
    loose = reading.evidence.network and max(network.dropout, 10.0 * network.decay) < _BOUND
    luck = (1.2 if loose else 2.5) * reading.noise / np.sqrt(min(tail, 5))
    fell, gain = float(t[reading.best] - t[-1]), reading.worth
    if rose <= max(luck, _ROSE * gain, reading.blur) or fell <= 3.0 * reading.train_noise:
        return None
    sentence = (
        f"The validation loss rose from {figure(reading.lowest)} at pass {reading.best + 1} to"
        f" {figure(float(v[-1]))}, while the training loss fell from {figure(float(t[reading.best]))} to"
        f" {figure(float(t[-1]))}."
    )
    evidence = {"best_pass": reading.best + 1, "rose": rose, "fell": fell, "noise": reading.noise}
    weight = 0.91 if loose else 0.7 + 0.1 * min(rose / gain, 1.0)
    return Sign("over-fit", weight, sentence, evidence, stronger(reading))


def no_signal(reading: Reading) -> Sign | Unknown | None:
    """Neither the run nor boosted trees are better than the best constant."""
    mean, error = reading.advantage
    if not np.isfinite(mean):
        return Unknown("no signal: no held-out predictions")
    if reading.evidence.rival is None:
        return Unknown("no signal: no boosted trees beside the run (baseline=true fits them)")
    if _trees_gain(reading) or mean > _ERRORS * error + 0.03 * abs(reading.base):
        return None
    if reading.gain > max(1.5 * error, 0.03 * abs(reading.base)):
        return None  # there was something at the best pass
    rival = reading.evidence.rival
    sentence = (
        f"Neither this model nor boosted trees ({rival.metric} {figure(rival.boosted)} against"
        f" {figure(rival.base)}) can be told from the base rate."
    )
    found = {"boosted": rival.boosted, "base": rival.base, "advantage": mean, "error": error}
    return Sign("no-signal", 0.92, sentence, found, (), "look for columns that say more")


def _trees_gain(reading: Reading) -> bool:
    """Say whether boosted trees are better than the base rate beyond noise."""
    rival, held = reading.evidence.rival, reading.evidence.held
    if rival is None or held is None:
        return True
    if rival.metric == "roc_auc":
        ones = max(float((held.target == 1).sum()), 1.0)
        zeros = max(held.rows - ones, 1.0)
        return rival.gain > 2.5 * float(np.sqrt((1.0 / ones + 1.0 / zeros) / 12.0))
    return bool(rival.gain > 1.5 / np.sqrt(held.rows) * 0.5 * abs(rival.base))


def under_fit(reading: Reading) -> Sign | Unknown | None:
    """A model held tightly, or a flat curve far from what boosted trees reach."""
    n = len(reading.validation)
    if reading.evidence.rival is None:
        return Unknown("under-fit: no boosted trees beside the run (baseline=true fits them)")
    if not n or not _trees_gain(reading) or reading.evidence.failed:
        return None
    held, found = _held_tightly(reading), {"share": reading.share}
    flat = abs(float(reading.validation[-1]) - reading.lowest) < 0.1 * reading.worth
    if held and flat:
        sentence = f"{held}: the model can say little, and its losses no longer fall."
        return Sign("under-fit", 0.84, sentence, found, weaker(reading) or wider(reading))
    if reading.share is None or reading.share >= _POOR or not _behind(reading):
        return None
    sentence = (
        f"The model has {max(reading.share, 0.0):.0%} of the gain of boosted trees over the base rate: it is"
        " too simple, or held too tightly."
    )
    return Sign("under-fit", 0.5, sentence, found, weaker(reading) or wider(reading))


def _held_tightly(reading: Reading) -> str:
    """Say what holds a model: a layer of one or two neurons, or a penalty that shrinks all weights."""
    recipe = reading.evidence.recipe
    if reading.evidence.network:
        hidden = recipe.network.hidden
        return f"A layer has {min(hidden)} neurons" if hidden and min(hidden) <= _NARROW else ""
    penalty = max((row.penalty for row in reading.evidence.history), default=0.0)
    linear = reading.evidence.family == "linear"
    return f"The penalty is {figure(penalty, 2)}" if linear and penalty > _TIGHT else ""


def _behind(reading: Reading) -> bool:
    """Say whether trees are ahead by more than the noise of the held-out loss."""
    rival, (mean, error) = reading.evidence.rival, reading.advantage
    if rival is None or rival.loss is None or not np.isfinite(error):
        return True
    return (reading.base - rival.loss) - mean > _NOISE * error
