"""Inside a network: units that say nothing."""

from __future__ import annotations

from typing import Final

from justright.diagnose.curves.moves import last_rate
from justright.diagnose.curves.reading import Reading
from justright.diagnose.curves.sign import Sign, Unknown
from justright.schema import Finding

__all__ = ["dead_units"]

_DEAD: Final = 0.5  # share of units
_WITHOUT: Final = 0.9  # of the trees' gain: a run that has it does without the units that are dead


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
