"""What a row becomes before a network reads it: the same lines in training and in service.

    numbers      less the median, over the interquartile range, gently cut to -3..3; missing = 0
    others       1 where a number is missing; categories of few values as columns of 0 and 1, a category
                 of two values as one column of -1 and 1; scaled and cut like numbers
    codes        categories of many values, to be embedded

Robust scaling with the smooth cut x / sqrt(1 + (x / 3)^2) is that of RealMLP (arXiv 2407.04491).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from justright.features.plan import FeaturePlan
from justright.models.crossed.forward import cells_of
from justright.schema import Block

__all__ = ["Layout", "fit_scales", "inputs_of", "layout_of"]

_FEW: Final = 8  # values of a category that become columns
_CUT: Final = 3.0
_LEAST: Final = 1e-37  # spread of an input that says something
_CODES: Final = 2  # codes before the first category: rare or never seen, missing

Floats = npt.NDArray[np.float32]


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which columns of a Block become which inputs.

    Parameters
    ----------
    numbers : int
        Numeric columns.
    missing : tuple of int
        Numeric columns with an indicator: training rows had no value there.
    columns : tuple of (place, categories)
        Categories that become columns; of two categories a single one.
    embedded : tuple of (place, codes)
        Categories that are embedded.
    wide : dict
        Front of the additive model of the wide part; empty = none. Its cells follow the embedded codes.
    """

    numbers: int
    missing: tuple[int, ...]
    columns: tuple[tuple[int, int], ...]
    embedded: tuple[tuple[int, int], ...]
    wide: dict[str, Any] = {}

    @property
    def others(self) -> int:
        """Inputs beside the numbers."""
        return len(self.missing) + sum(1 if size == 2 else size for _, size in self.columns)


def layout_of(plan: FeaturePlan) -> Layout:
    """Return the layout of a plan."""
    sizes = [feature.size for feature in plan.data.categorical]
    few = [size - _CODES <= _FEW for size in sizes]
    return Layout(
        len(plan.data.numeric),
        tuple(place for place, feature in enumerate(plan.data.numeric) if feature.missing),
        tuple((place, size - _CODES) for place, size in enumerate(sizes) if few[place] and size > _CODES),
        tuple((place, size) for place, size in enumerate(sizes) if not few[place]),
    )


def fit_scales(layout: Layout, blocks: Sequence[Block]) -> dict[str, Floats]:
    """Return `centre` and `factor` (inputs,) from some training rows: median and robust spread.

    A constant input has the factor 0. Half the range stands in where the quartiles are one.
    """
    x = np.concatenate([_raw(layout, block) for block in blocks])
    centre, factor = np.zeros(x.shape[1], np.float32), np.zeros(x.shape[1], np.float32)
    for place in range(x.shape[1]):
        known = x[:, place][np.isfinite(x[:, place])].astype(np.float64)
        if not len(known):
            continue
        low, first, middle, third, high = np.quantile(known, [0.0, 0.25, 0.5, 0.75, 1.0])
        spread = third - first if third > first else 0.5 * (high - low)
        centre[place] = middle
        # A spread whose inverse is no number in single precision is none.
        factor[place] = 1.0 / spread if spread > _LEAST else 0.0
    return {"front.centre": centre, "front.scale": factor}


def inputs_of(
    layout: Layout, arrays: Mapping[str, npt.NDArray[Any]], block: Block
) -> tuple[Floats, npt.NDArray[np.int32]]:
    """Return the inputs of a block: float32 (rows, numbers + others), codes int32 (rows, embedded + wide)."""
    x = _raw(layout, block)
    with np.errstate(over="ignore", invalid="ignore"):
        x -= arrays["front.centre"]
        x *= arrays["front.scale"]
        x = np.clip(x, -1e6, 1e6)
        x /= np.sqrt(1.0 + np.square(x * np.float32(1.0 / _CUT)))
    np.nan_to_num(x, copy=False, nan=0.0)
    codes = block.codes[:, [place for place, _ in layout.embedded]]
    if layout.wide:
        cells = cells_of(layout.wide, {name: arrays[f"wide.{name}"] for name in ("edges", "maps")}, block)
        codes = np.column_stack([codes, *cells])
    return x, np.ascontiguousarray(codes, np.int32)


def _raw(layout: Layout, block: Block) -> Floats:
    """Return numbers (NaN = missing), indicators and columns of 0 and 1, unscaled."""
    out = np.zeros((block.rows, layout.numbers + layout.others), np.float32)
    out[:, : layout.numbers] = block.numeric
    at = layout.numbers
    for place in layout.missing:
        out[:, at] = np.isnan(block.numeric[:, place])
        at += 1
    for place, size in layout.columns:
        code = block.codes[:, place] - _CODES
        if size == 2:
            out[:, at] = np.where(code < 0, 0.0, np.where(code == 0, -1.0, 1.0))
            at += 1
            continue
        rows = np.flatnonzero((code >= 0) & (code < size))
        out[rows, at + code[rows]] = 1.0
        at += size
    return out
