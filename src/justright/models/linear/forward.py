"""Score a linear model with numpy alone: the one function that service uses.

    margin = bias + z . w  +  sum of w[indicator of missing]  +  sum of w[offset + code]  +  tokens . w

`weights` float64 (d, outputs) holds, in this order: numbers, missing indicators, categories field by
field, token slots. `bias` float64 (outputs,).
z is cut at `clip` standard deviations, and held to the range of the training rows where the front has one
(`low`, `high`, one each a column). The margin is then mapped to the target's unit by
`scale` and `centre` of the front.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.errors import BundleError
from justright.schema import Block, FloatArray

__all__ = ["Layout", "check", "layout_of", "margins", "prepared"]

_FEW: Final = 256  # rows up to which one look-up for all categories is quicker than one each


class Layout:
    """Where each feature's weights stand.

    Parameters
    ----------
    numeric : int
        Number of numeric columns p.
    indicators : sequence of int
        Numeric columns that have a missing indicator.
    sizes : sequence of int
        Number of codes of each categorical field.
    tokens : int
        Number of token slots.
    clip : float
        Numbers count as at most so many standard deviations from their mean; inf = as they are.
    held : float32 (2, p), optional
        Least and greatest value that counts, of each column.
    """

    def __init__(
        self,
        numeric: int,
        indicators: list[int],
        sizes: list[int],
        tokens: int,
        clip: float = np.inf,
        held: npt.NDArray[np.float32] | None = None,
    ) -> None:
        self.numeric = numeric
        self.indicators = indicators
        self.sizes = sizes
        self.tokens = tokens
        self.clip = clip
        self.held = held
        self.dense = numeric + len(indicators)
        ends = self.dense + np.cumsum([0, *sizes])
        self.offsets = [int(end) for end in ends[:-1]]
        self.token_offset = int(ends[-1])
        self.width = self.token_offset + tokens

    def cut(self, z: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return numbers (rows, p) as they count; missing ones stay as they are."""
        if np.isfinite(self.clip):
            z = np.clip(z, -self.clip, self.clip)
        return z if self.held is None else np.clip(z, self.held[0], self.held[1])

    def bounds(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | None:
        """Return least and greatest number that counts, float32 (p,) each; None where all do. As `cut`."""
        if self.held is None and not np.isfinite(self.clip):
            return None
        ends = self.cut(np.repeat(np.asarray([[-np.inf], [np.inf]], np.float32), self.numeric, axis=1))
        return ends[0], ends[1]

    def to_front(self) -> dict[str, Any]:
        """Return the layout as JSON values."""
        return {
            "numeric": self.numeric,
            "indicators": self.indicators,
            "sizes": self.sizes,
            "tokens": self.tokens,
            "clip": self.clip if np.isfinite(self.clip) else None,
        }


def layout_of(front: Mapping[str, Any]) -> Layout:
    """Read the layout from a bundle's front; BundleError when it is not one."""
    try:
        made = Layout(
            int(front["numeric"]),
            [int(place) for place in front["indicators"]],
            [int(size) for size in front["sizes"]],
            int(front["tokens"]),
            np.inf if front.get("clip") is None else float(front["clip"]),
            np.asarray([front["low"], front["high"]], np.float32) if "low" in front else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(
            f"a linear front that does not fit: {error!r}", next_step="train the model again"
        ) from error
    if (
        not made.clip > 0
        or made.numeric < 0
        or made.tokens < 0
        or min(made.sizes, default=1) < 1
        or made.width > 2**31
    ):
        raise BundleError("a linear front with impossible sizes", next_step="train the model again")
    if made.held is not None and (
        made.held.shape != (2, made.numeric) or not (made.held[0] <= made.held[1]).all()
    ):
        raise BundleError("a linear front whose ranges fit no columns", next_step="train the model again")
    if any(not 0 <= i < made.numeric for i in made.indicators):
        raise BundleError("a linear front whose indicators name no column", next_step="train the model again")
    return made


def check(front: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], outputs: int) -> None:
    """Raise BundleError unless the arrays have the shapes that the front promises."""
    layout = layout_of(front)
    wanted = {"weights": (layout.width, outputs), "bias": (outputs,)}
    for name, shape in wanted.items():
        if name not in arrays or arrays[name].shape != shape:
            got = arrays[name].shape if name in arrays else "nothing"
            raise BundleError(f"{name} of shape {got}", allowed=f"shape {shape}", where="weights.safetensors")


def margins(front: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], block: Block) -> FloatArray:
    """Return the margins of encoded rows, float64 (rows, outputs), in the target's unit for `identity`.

    Notes
    -----
    About 2 ns a number and 4 ns a category on one core for one output.
    """
    return _Scorer(front, arrays).margins(block)


def prepared(
    front: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
) -> Callable[[Block], FloatArray]:
    """Return `margins` of one model, with all made beforehand that does not depend on the rows.

    Only for blocks whose codes fit their fields, which `margins` finds out and this may not.
    """
    return _Scorer(front, arrays, few=_FEW).margins


class _Scorer:
    """Weights as they are used: cut by feature, with the bounds of numbers as one pair."""

    def __init__(
        self, front: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], few: int = 0
    ) -> None:
        layout = layout_of(front)
        self._few = few
        weights = np.asarray(arrays["weights"], np.float64)
        self._layout = layout
        self._bias = np.asarray(arrays["bias"], np.float64)
        self._numeric = weights[: layout.numeric]
        self._gone = weights[layout.numeric : layout.dense]
        self._coded = [
            weights[offset : offset + size] for offset, size in zip(layout.offsets, layout.sizes, strict=True)
        ]
        self._categories = weights[layout.dense : layout.token_offset]
        self._offsets = np.asarray(layout.offsets, np.int64) - layout.dense
        self._tokens = weights[layout.token_offset :]
        self._bounds = layout.bounds()
        self._scale, self._centre = float(front.get("scale", 1.0)), float(front.get("centre", 0.0))
        self._plain = (self._scale, self._centre) == (1.0, 0.0)

    def margins(self, block: Block) -> FloatArray:
        """Return the margins of encoded rows."""
        z = block.numeric
        if self._bounds is not None:
            z = np.minimum(np.maximum(z, self._bounds[0]), self._bounds[1])
        total = z.astype(np.float64) @ self._numeric + self._bias
        finite = math.isfinite(total.item()) if total.size == 1 else np.isfinite(total).all()
        if not finite:  # some number is missing (or weighs without end)
            total = self._with_missing(z)
        codes = block.codes
        if len(self._coded) > 1 and len(codes) <= self._few:
            every = np.empty((len(codes), len(self._coded) + 1, total.shape[1]))
            every[:, 0] = total
            self._categories.take(codes + self._offsets, axis=0, out=every[:, 1:])
            total = np.add.accumulate(every, axis=1)[:, -1]  # one after the other, as below
        else:
            for place, weights in enumerate(self._coded):
                total += weights.take(codes[:, place], axis=0)
        if block.tokens is not None:
            tokens = block.tokens
            parts = self._tokens.take(tokens.indices, axis=0) * tokens.values[:, None].astype(np.float64)
            sums = np.concatenate([np.zeros((1, parts.shape[1])), np.cumsum(parts, axis=0)])
            total = total + (sums[tokens.indptr[1:]] - sums[tokens.indptr[:-1]])
        return total if self._plain else np.asarray(total * self._scale + self._centre)

    def _with_missing(self, z: npt.NDArray[np.float32]) -> FloatArray:
        """Return what numbers add where some are missing: these count as their mean, and by an indicator."""
        gone = np.isnan(z)
        filled = np.where(gone, np.float32(0), z)
        total = filled.astype(np.float64) @ self._numeric + self._bias
        indicators = self._layout.indicators
        if indicators:
            total += gone[:, indicators].astype(np.float64) @ self._gone
        return np.asarray(total)
