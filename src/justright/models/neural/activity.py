"""Which neurons say nothing: the share of a network whose output is the same for all rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

__all__ = ["dead_share"]

_SAME: Final = 1e-6  # spread below which an output is the same, in units of its layer's


def dead_share(hidden: Sequence[Any]) -> float:
    """Return the share of hidden neurons whose output is the same for all of some rows, 0..1.

    Parameters
    ----------
    hidden : sequence of float32 (..., rows, neurons)
        Outputs of each layer.

    Examples
    --------
    >>> import numpy as np
    >>> dead_share([np.array([[1.0, 0.0], [2.0, 0.0]])])
    0.5
    """
    dead = total = 0
    for h in hidden:
        with np.errstate(over="ignore", invalid="ignore"):
            spread = np.std(h.reshape(-1, h.shape[-1]), axis=0, dtype=np.float64)
        # A neuron that overflowed has no spread that is a number: it is dead too.
        dead += int((~(spread > _SAME * max(float(spread.max(initial=0.0)), 1e-30))).sum())
        total += len(spread)
    return dead / total if total else 0.0
