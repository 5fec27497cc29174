"""The target as numbers: class numbers by canonical text, or values centred and scaled.

A regression target is centred and scaled by its training moments so that every solver works on the
same scale; margins are mapped back by `unscale`. A count (Poisson) keeps its own unit.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from justright.schema import FloatArray, Target

__all__ = ["TargetFeature", "encode_classes"]


class TargetFeature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The target with the scale on which it is trained.

    Parameters
    ----------
    target : Target
        Column, task and classes.
    centre, scale : float
        A trained value is (y - centre) / scale; 0 and 1 for classes and counts.
    """

    target: Target
    centre: float = 0.0
    scale: float = 1.0

    def scaled(self, values: FloatArray) -> npt.NDArray[Any]:
        """Return values on the scale of training, float32 (rows,)."""
        return ((values - self.centre) / self.scale).astype(np.float32)

    def unscaled(self, values: FloatArray) -> FloatArray:
        """Return values in the target's own unit, float64 of the same shape."""
        return np.asarray(values, np.float64) * self.scale + self.centre


def encode_classes(
    codes: npt.NDArray[np.int32], texts: list[str | None], classes: tuple[str, ...]
) -> npt.NDArray[np.int32]:
    """Return the class number of each row, int32 (rows,); -1 where missing or not one of `classes`."""
    numbers = {text: number for number, text in enumerate(classes)}
    table = np.asarray([-1 if text is None else numbers.get(text, -1) for text in texts] or [-1], np.int32)
    return table[codes]
