"""Inside a network: units that say nothing, and gradients that do not reach the first layers."""

from __future__ import annotations

from typing import Final

from justright.diagnose.curves.moves import last_rate
from justright.diagnose.curves.reading import Reading
from justright.diagnose.curves.sign import Sign, Unknown
from justright.schema import Finding

__all__ = ["dead_units", "vanishing_gradients"]

_DEAD: Final = 0.5  # share of units
_WITHOUT: Final = 0.9  # of the trees' gain: a run that has it does without the units that are dead
_DEEP: Final = 4  # layers
_SQUASHING: Final = frozenset({"sigmoid", "tanh"})
_VANISHED: Final = 1e-2  # gradient of the first layer over that of the last


def dead_units(reading: Reading) -> Sign | Unknown | None:
    """Most hidden units give the same output for every row, and the model is the worse for it."""
    if not reading.evidence.network:
        return None
    shares = reading.norm("dead")
    if not len(shares):
        return Unknown("dead units: the history keeps no share of them")
    share = float(shares[-1])
    if share <= _DEAD or (reading.share is not None and reading.share >= _WITHOUT):
        return None
    sentence = f"{share:.0%} of the hidden units give the same output for every row."
    network = reading.evidence.recipe.network
    change: tuple[str, ...] = (f"network.rate={last_rate(reading) / 3.0:.2g}",)
    if network.activation in ("relu", "sigmoid", "tanh") or not network.factors:
        change = ("network.activation=selu", "network.factors=true")
    return Sign(Finding("dead-units", "warning", sentence, {"dead": share}), 0.96, change)


def vanishing_gradients(reading: Reading) -> Sign | Unknown | None:
    """Many layers that squash, hardly anything learned, and no gradient in the first one."""
    evidence = reading.evidence
    network = evidence.recipe.network
    if not evidence.network or len(network.hidden) < _DEEP:
        return None
    poor = reading.share is not None and reading.share < _WITHOUT
    first, last = reading.norm("gradient_first"), reading.norm("gradient_last")
    ratio = None
    if len(first) and len(last):
        ratio = float(first[0] / max(last[0], 1e-300))
        if ratio > _VANISHED and not (network.activation in _SQUASHING and poor):
            return None
    elif network.activation not in _SQUASHING:
        return Unknown("vanishing gradients: the history keeps no gradient by layer")
    if not poor:
        return None
    sentence = (
        f"{len(network.hidden)} layers of {network.activation} have"
        f" {max(reading.share or 0.0, 0.0):.0%} of the gain of boosted trees: gradients shrink from layer to"
        " layer, and the first ones hardly learn."
    )
    found = {"layers": len(network.hidden), "share": reading.share, "ratio": ratio}
    width = max(network.hidden)
    change = ("network.activation=selu", f"network.hidden=[{width}, {width}]", "network.factors=true")
    return Sign(Finding("gradients-vanish", "warning", sentence, found), 0.94, change)
