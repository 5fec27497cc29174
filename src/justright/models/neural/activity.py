"""Which neurons say nothing: the share of each network whose output is the same for all rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from justright.models.neural.design import Design
from justright.models.neural.network import layers

__all__ = ["dead_share"]

_SAME: Final = 1e-6  # spread below which an output is the same, in units of its layer's


def dead_share(design: Design, arrays: Mapping[str, Any], x: Any, codes: Any) -> float:
    """Return the share of hidden neurons whose output is the same for all of some rows, 0..1."""
    dead = total = 0
    with np.errstate(all="ignore"):
        for h in layers(np, design, arrays, x, codes):
            spread = h.reshape(-1, h.shape[-1]).std(axis=0)
            dead += int((spread <= _SAME * max(float(spread.max(initial=0.0)), 1e-30)).sum())
            total += len(spread)
    return dead / total if total else 0.0
