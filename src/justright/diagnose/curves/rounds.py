"""Boosted trees that were not grown to their end."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from justright.diagnose.curves.reading import Reading
from justright.diagnose.curves.sign import Sign
from justright.schema import Finding

__all__ = ["too_few_rounds"]

_LEFT: Final = 0.05  # of what first trees leave to later ones: with less, a training is near its end
_FELL: Final = 0.02  # of what there is to gain, gained in the last quarter of the rounds
_ENDED: Final = 3.0  # rounds times rate at which 5 % are left


def too_few_rounds(reading: Reading) -> Sign | None:
    """All rounds are used up, and the trees together took only a part of what there was, or still gain."""
    rounds, v = reading.norm("rounds"), reading.validation
    boosting = reading.evidence.recipe.boosting
    if reading.evidence.family != "boosted" or not len(rounds) or not len(v) or not np.isfinite(v).all():
        return None
    grown = int(rounds[-1])
    if grown < boosting.rounds:  # held-out rows, or a lack of splits, ended it
        return None
    left = (1.0 - boosting.rate) ** grown
    late = max(1, len(v) // 4)
    fell = float(v[-1 - late] - v[-1]) / reading.worth if len(v) > late else 0.0
    still = reading.best == len(v) - 1 and fell > max(_FELL, 2.0 * reading.noise / reading.worth)
    if left < _LEFT and not still:
        return None
    if left < _LEFT:
        sentence = (
            f"All {grown:,} rounds are used up, and the held-out loss was still falling: by {fell:.0%} of all"
            " there is to gain in the last quarter of them."
        )
    else:
        sentence = (
            f"All {grown:,} rounds at a rate of {boosting.rate:g} are used up: each tree takes a share of"
            f" what is left, and these leave {left:.0%} of what there is to learn."
        )
    more = max(4 * grown, math.ceil(_ENDED / boosting.rate))
    found = {"rounds": grown, "left": left, "fell": fell}
    return Sign(
        Finding("too-few-passes", "warning", sentence, found), 0.85, (f"boosting.rounds={min(more, 20_000)}",)
    )
