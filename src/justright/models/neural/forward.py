"""Score a network with numpy alone: the one function that service uses, made of the layers of training."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from justright.errors import BundleError
from justright.models.crossed import forward as crossed
from justright.models.neural.activations import ACTIVATIONS
from justright.models.neural.design import BINS, Design, design_of, leaves_of
from justright.models.neural.front import Layout, inputs_of
from justright.models.neural.network import combined, statistics_of
from justright.models.neural.network import margins as network_margins
from justright.schema import Block, FloatArray

__all__ = ["check", "margins"]


def margins(front: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], block: Block) -> FloatArray:
    """Return the margins of encoded rows, float64 (rows, outputs), in the target's unit for `identity`.

    Notes
    -----
    Single precision, like training: within 1e-5 of it. Three layers of 256: about 5 us a row in bulk.
    """
    design, layout = _read(msgspec.json.encode([front.get("design"), front.get("layout")]))
    if not block.rows:
        return np.zeros((0, design.outputs))
    x, codes = inputs_of(layout, arrays, block)
    with np.errstate(over="ignore", under="ignore"):
        made = network_margins(np, design, arrays, x, codes)
        if design.ensemble > 1:
            made = combined(np, made, str(front.get("link", "identity")))
    made = made.astype(np.float64)
    return np.asarray(made * float(front.get("scale", 1.0)) + float(front.get("centre", 0.0)))


def check(front: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], outputs: int) -> None:
    """Raise BundleError unless the arrays have the shapes that the front promises and are finite."""
    design, layout = _read(msgspec.json.encode([front.get("design"), front.get("layout")]))
    fits = (layout.numbers, layout.others) == (design.numbers_in, design.others_in)
    fits &= tuple(size for _, size in layout.embedded) == design.embedded and design.outputs == outputs
    places = (*layout.missing, *(place for place, _ in (*layout.columns, *layout.embedded)), 0)
    if not fits or min(places) < 0 or design.activation not in ACTIVATIONS:
        raise BundleError("a network that does not fit its inputs", next_step="train the model again")
    width = layout.numbers + layout.others
    wanted = {leaf.name: leaf.shape for leaf in leaves_of(design)}
    wanted |= {name: array.shape for name, array in statistics_of(design).items()}
    wanted |= {"front.centre": (width,), "front.scale": (width,)}
    if design.numbers == "piecewise" and design.numbers_in:
        wanted["numbers.edges"] = (design.numbers_in, BINS + 1)
    if layout.wide:
        _check_wide(layout, design, arrays)
    for name, shape in wanted.items():
        if name not in arrays or arrays[name].shape != shape:
            got = arrays[name].shape if name in arrays else "nothing"
            raise BundleError(f"{name} of shape {got}", allowed=f"shape {shape}", where="weights.safetensors")
        if not np.isfinite(arrays[name]).all():
            raise BundleError(f"{name} with values that are no numbers", where="weights.safetensors")


def _check_wide(layout: Layout, design: Design, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Raise BundleError unless the cells of the wide part lie within its tables."""
    cells = sum(crossed.layout_of(layout.wide).cells)
    own = {name: arrays.get(f"wide.{name}", np.zeros(0, np.float32)) for name in ("edges", "maps")}
    empty = {"intercept": np.zeros(design.outputs), "tables": np.zeros((cells, design.outputs))}
    crossed.check(layout.wide, {**own, **empty}, design.outputs)
    if tuple(crossed.layout_of(layout.wide).cells) != design.wide:
        raise BundleError("a wide part that does not fit its tables", next_step="train the model again")


@lru_cache(maxsize=64)
def _read(text: bytes) -> tuple[Design, Layout]:
    """Read design and layout from the front, once a model."""
    design, layout = msgspec.json.decode(text)
    try:
        return design_of(design), msgspec.convert(layout, Layout)
    except msgspec.ValidationError as error:
        raise BundleError(f"inputs that do not fit: {error}", next_step="train the model again") from error
