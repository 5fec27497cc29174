"""Gradients on their way from the last layer to the first: lost, or multiplied; and gradients that burst."""

from __future__ import annotations

from typing import Final

import numpy as np

from justright.diagnose.curves.moves import last_rate
from justright.diagnose.curves.reading import Reading, is_behind
from justright.diagnose.curves.sign import Sign, Unknown
from justright.schema import Finding, FloatArray
from justright.values import figure

__all__ = ["exploding_gradients", "vanishing_gradients"]

_WITHOUT: Final = 0.9  # of the trees' gain: a run that has it learned all the same
_DEEP: Final = 4  # layers
_SQUASHING: Final = frozenset({"sigmoid", "tanh"})
# Length of the gradient of the first hidden layer over that of the last layer: 0.2 to 1 in healthy networks
# of two layers; 0.001 and less where nothing arrives.
_VANISHED: Final = 0.01
_MULTIPLIED: Final = 30.0
# A start that explodes whatever the rate is: gradient and training loss of the first pass in base losses, and
# steps, over the weights, that are too short to have done it (rates too high begin with 0.01).
_LONG: Final = 1e3
_LOST: Final = 30.0
_SHORT: Final = 3e-3
_BURST: Final = 15.0  # of the late median, after the first passes; healthy runs reach 9
_START: Final = 2  # passes in which any gradient may be long
_HARMED: Final = 0.96  # of the trees' gain


def vanishing_gradients(reading: Reading) -> Sign | Unknown | None:
    """Behind trees, and no gradient in the first layer; or many layers that squash, where none is kept."""
    evidence = reading.evidence
    network = evidence.recipe.network
    if not evidence.network or len(network.hidden) < 2:
        return None
    ratio, deep = _ratio(reading), len(network.hidden) >= _DEEP
    if not np.isfinite(ratio):
        if not deep or network.activation not in _SQUASHING:
            return Unknown("vanishing gradients: the history keeps none by layer") if deep else None
    elif ratio > _VANISHED:
        return None
    if not is_behind(reading, _WITHOUT):
        return None
    arrives = f", of which {figure(ratio, 2)} arrives in the first one" if np.isfinite(ratio) else ""
    sentence = (
        f"{len(network.hidden)} layers of {network.activation} have"
        f" {max(reading.share or 0.0, 0.0):.0%} of the gain of boosted trees: the gradient shrinks from layer"
        f" to layer{arrives}, and the first ones hardly learn."
    )
    found = {"layers": len(network.hidden), "share": reading.share}
    found |= {"ratio": ratio} if np.isfinite(ratio) else {}
    width = max(network.hidden)
    change = ("network.activation=selu", f"network.hidden=[{width}, {width}]", "network.factors=true")
    return Sign(Finding("gradients-vanish", "warning", sentence, found), 0.94, change)


def exploding_gradients(reading: Reading) -> Sign | None:
    """The gradient is multiplied from layer to layer, or bursts in the midst of the training, to its harm."""
    evidence, gradient = reading.evidence, reading.norm("gradient")
    base = max(abs(reading.base), 1e-12)
    if not evidence.network or len(gradient) < 2 * _START:
        return None
    ratio, burst = _ratio(reading), _burst(gradient, reading.train)
    multiplied, started = np.isfinite(ratio) and ratio > _MULTIPLIED, _from_the_start(reading, gradient)
    harmed = is_behind(reading, _HARMED) or bool(evidence.failed) or not np.isfinite(reading.train).all()
    if not harmed or not (multiplied or started or burst > _BURST):
        return None
    network = evidence.recipe.network
    if multiplied:
        sentence = (
            f"The gradient of the first layer is {figure(ratio, 2)} times as long as that of the last: it"
            f" grows through the {len(network.hidden)} layers, and single steps undo what was learned."
        )
        change: tuple[str, ...] = ("network.normalise=layer", "network.clip=1")
    elif started:
        sentence = (
            f"The gradient of the first pass was {figure(float(gradient[0] / base), 2)} times the loss of the"
            " best constant, though the steps were short: the starting weights blow up what layers say."
        )
        change = ("network.normalise=layer", "network.factors=true", "network.activation=selu")
    else:
        times = f"{figure(burst, 2)} times as long as usual" if np.isfinite(burst) else "no number any more"
        sentence = f"In the midst of the training the gradient of a pass was {times}."
        change = ("network.clip=1", f"network.rate={last_rate(reading) / 3.0:.2g}")
    found = {"ratio": ratio if np.isfinite(ratio) else None, "burst": burst if np.isfinite(burst) else None}
    # A rate too high makes gradients burst as well, but not by layers, and not by short steps.
    weight = 0.955 if multiplied or started else 0.6
    return Sign(Finding("gradients-explode", "warning", sentence, found), weight, change)


def _from_the_start(reading: Reading, gradient: FloatArray) -> bool:
    """Say whether the first pass had an immense gradient and loss, though its steps were short."""
    update, base = reading.norm("update"), max(abs(reading.base), 1e-12)
    if not len(update) or not len(reading.train):
        return False
    immense = gradient[0] > _LONG * base and reading.train[0] > _LOST * base
    return bool(immense and update[0] < _SHORT)


def _ratio(reading: Reading) -> float:
    """Return the gradient of the first layer over that of the last, early on; NaN = not known."""
    first, last = reading.norm("gradient_first"), reading.norm("gradient_last")
    if not len(first) or not len(last):
        return float("nan")
    early = max(len(first) // 4, 1)
    with np.errstate(all="ignore"):
        return float(np.median(first[:early] / np.maximum(last[:early], 1e-300)))


def _burst(gradient: FloatArray, train: FloatArray) -> float:
    """Return the longest gradient after the first passes, of its late median, if the loss rose with it."""
    if not np.isfinite(gradient).all():
        return float("inf")
    place = _START + int(np.argmax(gradient[_START:]))
    rose = place < len(train) and train[place] > train[place - 1]
    middle = float(np.median(gradient[len(gradient) // 2 :]))
    return float(gradient[place]) / max(middle, 1e-300) if rose else 0.0
