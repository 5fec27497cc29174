"""Too simple, too complex, or nothing to learn."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from justright.diagnose.curves.moves import stronger, weaker, wider
from justright.diagnose.curves.reading import Reading, blur_of, is_matched, is_mended
from justright.diagnose.curves.sign import Sign, Unknown
from justright.schema import Finding
from justright.values import figure

__all__ = [
    "base_rate",
    "is_loose",
    "memorised",
    "no_signal",
    "nothing_learned",
    "trees_gain",
    "over_fit",
    "under_fit",
]

_ROSE: Final = 0.1  # of what was gained, lost again while the training loss fell
_POOR: Final = 0.85  # of the trees' gain
_FLAT: Final = 0.03  # of what was gained, in the last quarter
_ERRORS: Final = 2.0
_BOUND: Final = 0.05  # dropout and, times ten, decay of a network that is held by something
_BY_HEART: Final = 0.2  # training loss over validation loss: next to nothing is left to learn
_BY_HEART_BEHIND: Final = 0.3  # the same of a network that stays behind trees
_ALL: Final = 0.97  # of the trees' gain
_NOISE: Final = 1.5  # standard errors
_NARROW: Final = 2  # neurons of a layer that lets next to nothing through
_DONE: Final = 0.1  # of the base loss: what is left where nearly all is learned
_TIGHT: Final = 0.3  # penalty: weights of columns with unit variance are a quarter too small


def over_fit(reading: Reading) -> Sign | None:
    """The validation loss rose from its best pass, beyond noise, while the training loss went on falling."""
    v, t, n = reading.validation, reading.train, len(reading.validation)
    if (
        n < 6
        or is_mended(reading)
        or reading.best > n - 4
        or not np.isfinite(v[-1])
        or not np.isfinite(t).all()
    ):
        return None
    tail = max(2, n // 10)
    # The lowest of the medians of five passes: a single low pass is luck.
    rose = float(np.median(v[-tail:])) - float(np.median(sliding_window_view(v, 5), axis=1).min())
    loose = is_loose(reading)
    luck = (1.2 if loose else 2.5) * reading.noise / np.sqrt(min(tail, 5))
    fell, gain = float(t[reading.best] - t[-1]), reading.worth
    if rose <= max(luck, _ROSE * gain, blur_of(reading)) or fell <= 3.0 * reading.train_noise:
        return None
    sentence = (
        f"The validation loss rose from {figure(reading.lowest)} at pass {reading.best + 1} to"
        f" {figure(float(v[-1]))}, while the training loss fell from {figure(float(t[reading.best]))} to"
        f" {figure(float(t[-1]))}."
    )
    evidence = {"best_pass": reading.best + 1, "rose": rose, "fell": fell, "noise": reading.noise}
    weight = 0.91 if loose else 0.7 + 0.1 * min(rose / gain, 1.0)
    return Sign(Finding("over-fit", "warning", sentence, evidence), weight, stronger(reading))


def memorised(reading: Reading) -> Sign | None:
    """A network without dropout and decay knows its training rows by heart, and other rows no better for it.

    The validation loss need not rise: it ends flat, far above. A gap alone says nothing; a training loss that
    is next to nothing, of a network that nothing holds or that stays behind trees, does.
    """
    v, t, n = reading.validation, reading.train, len(reading.validation)
    if not reading.evidence.network or n < 6 or not np.isfinite(v[-1]) or not np.isfinite(t).all():
        return None
    behind = reading.share is not None and reading.share < _POOR and _behind(reading)
    if float(t[-1]) > (_BY_HEART_BEHIND if behind else _BY_HEART) * float(v[-1]):
        return None
    # A network that has all that trees have lost nothing by it.
    free = is_loose(reading) and not is_matched(reading, _ALL) and not is_mended(reading)
    if not (behind or free) or float(v[-1] - t[-1]) < max(_ROSE * reading.worth, blur_of(reading)):
        return None
    sentence = (
        f"The training loss ended at {figure(float(t[-1]))}, next to nothing, the validation loss at"
        f" {figure(float(v[-1]))}: the network knows its rows by heart."
    )
    evidence = {"train": float(t[-1]), "validation": float(v[-1]), "share": reading.share}
    return Sign(Finding("over-fit", "warning", sentence, evidence), 0.66, stronger(reading))


def is_loose(reading: Reading) -> bool:
    """Say whether nothing holds a network: neither dropout nor decay."""
    network = reading.evidence.recipe.network
    return reading.evidence.network and max(network.dropout, 10.0 * network.decay) < _BOUND


def no_signal(reading: Reading) -> Sign | Unknown | None:
    """Neither the run nor boosted trees are better than the best constant."""
    mean, error = reading.advantage
    if not np.isfinite(mean):
        return Unknown("no signal: no held-out predictions")
    if reading.evidence.rival is None:
        return Unknown("no signal: no boosted trees beside the run (baseline=true fits them)")
    if not nothing_learned(reading) or trees_gain(reading):
        return None
    rival = reading.evidence.rival
    sentence = (
        f"Neither this model nor boosted trees ({rival.metric} {figure(rival.boosted)} against"
        f" {figure(rival.base)}) can be told from the base rate."
    )
    found = {"boosted": rival.boosted, "base": rival.base, "advantage": mean, "error": error}
    # A network that knows its rows by heart says nothing of what there was to learn.
    knows = len(reading.train) and reading.train[-1] < 0.5 * reading.last
    return Sign(
        Finding("no-signal", "warning", sentence, found),
        0.6 if knows else 0.92,
        (),
        "look for columns that say more",
    )


def base_rate(reading: Reading) -> Sign | None:
    """The run is no better than the best constant, whatever the cause."""
    mean, error = reading.advantage
    if not np.isfinite(mean) or not len(reading.validation) or not nothing_learned(reading):
        return None
    sentence = (
        f"The model cannot be told from the best constant: its held-out loss is {figure(mean, 2)} below that"
        f" of the constant, give or take {figure(error, 2)}."
    )
    found = {"advantage": mean, "error": error}
    move = "look for columns that say more"
    return Sign(Finding("nothing-learned", "warning", sentence, found), 0.4, (), move)


def nothing_learned(reading: Reading) -> bool:
    """Say whether the run is no better than the best constant, at its best pass and on held-out rows."""
    mean, error = reading.advantage
    if reading.gain > max(1.5 * error, 0.03 * abs(reading.base)):
        return False
    return mean <= _ERRORS * error + 0.03 * abs(reading.base)


def trees_gain(reading: Reading) -> bool:
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
    if not n or not trees_gain(reading) or reading.evidence.failed:
        return None
    held, found = _held_tightly(reading), {"share": reading.share}
    flat = abs(float(reading.validation[-1]) - reading.lowest) < 0.1 * reading.worth
    change = weaker(reading) or wider(reading)
    done = is_matched(reading) and reading.lowest < _DONE * reading.base
    if held and not done:
        sentence = f"{held}: the model can say little" + (", and its losses no longer fall." if flat else ".")
        # Where the losses move, something else is wrong too.
        return Sign(Finding("under-fit", "warning", sentence, found), 0.84 if flat else 0.45, change)
    if reading.share is None or reading.share >= _POOR or not _behind(reading):
        return None
    sentence = (
        f"The model has {max(reading.share, 0.0):.0%} of the gain of boosted trees over the base rate: it is"
        " too simple, or held too tightly."
    )
    return Sign(Finding("under-fit", "warning", sentence, found), 0.5, change)


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
