"""A loss that stands still: long at the level of the best constant, or for good above what trees reach."""

from __future__ import annotations

from typing import Final

import numpy as np

from justright.diagnose.curves.moves import slower
from justright.diagnose.curves.reading import Reading, is_annealed, is_behind, smooth_of
from justright.diagnose.curves.sign import Sign
from justright.schema import Finding
from justright.values import figure

__all__ = ["plateau"]

_FEWEST: Final = 12  # passes
_LONG: Final = 0.25  # of the passes
_STILL: Final = 0.03  # of what there is to gain, within such a stretch
_NEAR: Final = (0.85, 1.15)  # base losses: the level of a model that says nothing
_FELL: Final = 0.3  # of what there is to gain, gained afterwards
_ENDED: Final = 0.5  # of the passes: a loss that stands still for the rest of them
_POOR: Final = 0.85  # of the trees' gain


def plateau(reading: Reading) -> Sign | None:
    """A network that stood still at the base rate, then learned; or stands still far above trees."""
    t, n = reading.train, len(reading.train)
    if not reading.evidence.network or n < _FEWEST or not np.isfinite(t).all() or reading.evidence.failed:
        return None
    window = max(int(_LONG * n), 4)
    smooth = smooth_of(t)
    still = np.abs(smooth[:-window] - smooth[window:]) < _STILL * reading.worth
    low, high = (level * reading.base for level in _NEAR)
    stood = still & (smooth[:-window] > low) & (smooth[:-window] < high)
    places = np.flatnonzero(stood & (smooth[window:] - smooth.min() > _FELL * reading.worth))
    change = slower(reading, 3.0)
    if len(places):
        first, last, level = int(places[0]) + 1, int(places[-1]) + window + 1, float(smooth[places[0]])
        sentence = (
            f"From pass {first} to {last} the training loss stood still at {figure(level)}, the level of the"
            " best constant, and fell only then."
        )
        found = {"from": first, "to": last, "level": level}
        return Sign(Finding("plateau", "warning", sentence, found), 0.7, change)
    half = int(_ENDED * n)
    moved = max(float(np.ptp(curve[half:-1])) for curve in (smooth, smooth_of(reading.validation)))
    if is_annealed(reading) or not is_behind(reading, _POOR) or not moved <= 2.0 * _STILL * reading.worth:
        return None
    sentence = (
        f"Both losses have stood still since pass {half + 1}, with"
        f" {max(reading.share or 0.0, 0.0):.0%} of the gain of boosted trees."
    )
    found = {"from": half + 1, "to": n, "level": float(t[-1])}
    return Sign(Finding("plateau", "warning", sentence, found), 0.42, change)
