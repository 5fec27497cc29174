"""A member whose loss explodes goes back to its last good state and goes on with a third of its rate.

Twice running, it goes back to the start: the state before an explosion may already be one that leads to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from justright.models.base import State
from justright.schema import FloatArray

__all__ = ["MOST", "SLOWER", "exploded", "rolled_back"]

MOST: Final = 8
"""Times that a member goes back before it is out."""

SLOWER: Final = 3.0
"""What a member that diverged divides its rate by."""

_TIMES: Final = 10.0  # of the loss at the start


def exploded(
    state: State, new: State, train: FloatArray, validation: FloatArray, judged: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Say which members diverged in a pass: no number in loss or weights, or ten times the first loss.

    Parameters
    ----------
    state, new
        Before and after the pass; `first` (members,) is the loss of the starting weights.
    train, validation : float64 (members,)
        Losses of the pass.
    judged : bool (members,)
        Members that have validation rows.
    """
    limit = _TIMES * np.maximum(np.abs(state["first"]), 1e-3)
    # Losses of rates and of quantiles may be negative or small: what counts is that they explode.
    bad = ~(train <= limit) | (judged & ~(validation <= limit))
    return np.asarray(bad | ~np.isfinite(new["vector"]).all(axis=0))


def rolled_back(
    state: State, new: State, begun: Mapping[str, npt.NDArray[np.generic]], bad: npt.NDArray[np.bool_]
) -> State:
    """Return the new state with its bad members back at a good one, at a lower rate.

    `begun` holds every array that moves, as it was at the start; it is asked for a second fall.
    """
    again = bad & (state["fallen"] > 0)
    made = dict(new)
    for name, start in begun.items():
        array = new[name].copy()
        array[..., bad] = state[name][..., bad]
        array[..., again] = start[..., again]
        made[name] = array
    made["rate"] = np.where(bad, state["rate"] / np.float32(SLOWER), state["rate"]).astype(np.float32)
    made["lowered"] = state["lowered"] + bad.astype(np.int32)
    made["fallen"] = np.where(bad, 1, 0).astype(np.int32)
    return made
