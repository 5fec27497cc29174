"""Score an additive model with numpy alone: the one function that service uses.

    margin = intercept + sum over terms of table[cell of the row]

Arrays: `intercept` float64 (outputs,); `tables` float64 (cells of all terms, outputs); `edges` float32, of
all numbers in turn; `maps` int32, of both axes of every cross in turn. The front says how they are cut.
The margin is then mapped to the target's unit by `scale` and `centre` of the front.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from justright.errors import BundleError
from justright.schema import Block, FloatArray

__all__ = ["Layout", "cells_of", "check", "contributions", "layout_of", "margins"]

_AGAIN = "train the model again"


@dataclass(frozen=True)
class Layout:
    """How the arrays are cut.

    Parameters
    ----------
    kinds : tuple of str
        Of each field: number, category or product.
    sources : tuple of tuples of int
        Places in `Block.numeric` or `Block.codes`.
    sizes : tuple of int
        Codes of each field.
    terms : tuple of tuples of int
        Fields of each term, one or two.
    shapes : tuple of tuples of int
        Codes along each axis of each term.
    names : tuple of str
        Name of each term.
    """

    kinds: tuple[str, ...]
    sources: tuple[tuple[int, ...], ...]
    sizes: tuple[int, ...]
    terms: tuple[tuple[int, ...], ...]
    shapes: tuple[tuple[int, ...], ...]
    names: tuple[str, ...]

    @property
    def cells(self) -> list[int]:
        """Cells of each term."""
        return [int(np.prod(shape)) for shape in self.shapes]

    @property
    def edge_ends(self) -> list[int]:
        """Where the edges of each field end; a category has none."""
        counts = [0 if k == "category" else n - 2 for k, n in zip(self.kinds, self.sizes, strict=True)]
        return [int(end) for end in np.cumsum([0, *counts])]

    def to_front(self) -> dict[str, Any]:
        """Return the layout as JSON values."""
        return {
            "fields": [
                {"kind": kind, "source": list(source), "size": size}
                for kind, source, size in zip(self.kinds, self.sources, self.sizes, strict=True)
            ],
            "terms": [
                {"fields": list(fields), "shape": list(shape), "name": name}
                for fields, shape, name in zip(self.terms, self.shapes, self.names, strict=True)
            ],
        }


def layout_of(front: Mapping[str, Any]) -> Layout:
    """Read the layout from a bundle's front; BundleError when it is not one."""
    try:
        fields, terms = front["fields"], front["terms"]
        made = Layout(
            tuple(str(field["kind"]) for field in fields),
            tuple(tuple(int(place) for place in field["source"]) for field in fields),
            tuple(int(field["size"]) for field in fields),
            tuple(tuple(int(place) for place in term["fields"]) for term in terms),
            tuple(tuple(int(size) for size in term["shape"]) for term in terms),
            tuple(str(term["name"]) for term in terms),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"a front of crosses that does not fit: {error!r}", next_step=_AGAIN) from error
    _check_layout(made)
    return made


def _check_layout(made: Layout) -> None:
    """Refuse sizes that no model has."""
    sound = all(kind in ("number", "category", "product") for kind in made.kinds)
    sound &= all(
        len(source) == (2 if kind == "product" else 1) and min(source, default=-1) >= 0
        for kind, source in zip(made.kinds, made.sources, strict=True)
    )
    sound &= all(
        size >= (1 if kind == "category" else 2) for kind, size in zip(made.kinds, made.sizes, strict=True)
    )
    for fields, shape in zip(made.terms, made.shapes, strict=True):
        sound &= len(fields) == len(shape) and len(fields) in (1, 2) and min(shape, default=0) >= 1
        sound &= all(0 <= field < len(made.sizes) for field in fields)
        sound &= len(fields) == 2 or (bool(fields) and sound and shape[0] == made.sizes[fields[0]])
    if not sound or sum(made.cells) > 2**31 or sum(made.sizes) > 2**31:
        raise BundleError("a front of crosses with impossible sizes", next_step=_AGAIN)


def check(front: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], outputs: int) -> None:
    """Raise BundleError unless the arrays have the shapes and ranges that the front promises."""
    layout = layout_of(front)
    pairs = [
        (fields, shape) for fields, shape in zip(layout.terms, layout.shapes, strict=True) if len(fields) == 2
    ]
    wanted = {
        "intercept": (outputs,),
        "tables": (sum(layout.cells), outputs),
        "edges": (layout.edge_ends[-1],),
        "maps": (sum(layout.sizes[field] for fields, _ in pairs for field in fields),),
    }
    for name, shape in wanted.items():
        if name not in arrays or arrays[name].shape != shape:
            got = arrays[name].shape if name in arrays else "nothing"
            raise BundleError(f"{name} of shape {got}", allowed=f"shape {shape}", where="weights.safetensors")
    finite = all(np.isfinite(arrays[name]).all() for name in ("intercept", "tables", "edges"))
    ends = layout.edge_ends
    rising = all((np.diff(arrays["edges"][a:b]) > 0).all() for a, b in zip(ends[:-1], ends[1:], strict=True))
    if not finite or not rising:
        raise BundleError(
            "tables or edges that are no finite numbers in order",
            where="weights.safetensors",
            next_step=_AGAIN,
        )
    begin = 0
    for fields, axes in pairs:
        for field, size in zip(fields, axes, strict=True):
            part = arrays["maps"][begin : begin + layout.sizes[field]]
            begin += layout.sizes[field]
            if part.dtype.kind != "i" or part.min(initial=0) < 0 or part.max(initial=0) >= size:
                raise BundleError(
                    "maps that lead out of a table", where="weights.safetensors", next_step=_AGAIN
                )


def margins(front: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], block: Block) -> FloatArray:
    """Return the margins of encoded rows, float64 (rows, outputs), in the target's unit for `identity`.

    Notes
    -----
    One search among the edges a number and one look-up a term: about 60 ns a number and row.
    """
    layout = layout_of(front)
    tables = np.asarray(arrays["tables"], np.float64)
    total = np.repeat(np.asarray(arrays["intercept"], np.float64)[None], block.rows, axis=0)
    begin = 0
    for cells, size in zip(_cells(layout, arrays, block), layout.cells, strict=True):
        total += tables[begin : begin + size].take(cells, axis=0)
        begin += size
    return np.asarray(total * float(front.get("scale", 1.0)) + float(front.get("centre", 0.0)))


def contributions(
    front: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], block: Block
) -> tuple[FloatArray, FloatArray]:
    """Return what each term adds to each row's margin, and the intercept: together exactly the margin.

    Returns
    -------
    float64 (rows, terms, outputs)
    float64 (outputs,)
        In the target's unit for `identity`.
    """
    layout = layout_of(front)
    tables = np.asarray(arrays["tables"], np.float64)
    scale = float(front.get("scale", 1.0))
    out = np.empty((block.rows, len(layout.terms), tables.shape[1]))
    begin = 0
    for place, (cells, size) in enumerate(zip(_cells(layout, arrays, block), layout.cells, strict=True)):
        out[:, place] = tables[begin : begin + size].take(cells, axis=0) * scale
        begin += size
    return out, np.asarray(arrays["intercept"], np.float64) * scale + float(front.get("centre", 0.0))


def cells_of(
    front: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], block: Block
) -> list[npt.NDArray[Any]]:
    """Return the cell of each row in every term, integers (rows,) each; `arrays` with `edges` and `maps`."""
    return _cells(layout_of(front), arrays, block)


def _cells(layout: Layout, arrays: Mapping[str, npt.NDArray[Any]], block: Block) -> list[npt.NDArray[Any]]:
    """Return the cell of each row in every term."""
    codes = _codes(layout, arrays["edges"], block)
    found: list[npt.NDArray[Any]] = []
    begin = 0
    for fields, shape in zip(layout.terms, layout.shapes, strict=True):
        if len(fields) == 1:
            found.append(codes[fields[0]])
            continue
        axes = []
        for field in fields:
            size = layout.sizes[field]
            axes.append(arrays["maps"][begin : begin + size].take(codes[field]))
            begin += size
        found.append(axes[0].astype(np.int64) * shape[1] + axes[1])
    return found


def _codes(layout: Layout, edges: npt.NDArray[Any], block: Block) -> list[npt.NDArray[Any]]:
    """Return the code of each row in every field."""
    ends = layout.edge_ends
    found: list[npt.NDArray[Any]] = []
    for place, (kind, source) in enumerate(zip(layout.kinds, layout.sources, strict=True)):
        if kind == "category":
            found.append(block.codes[:, source[0]])
            continue
        values = block.numeric[:, source[0]]
        if kind == "product":
            with np.errstate(over="ignore", invalid="ignore"):
                values = values * block.numeric[:, source[1]]
        own = edges[ends[place] : ends[place + 1]]
        code: npt.NDArray[Any] = np.searchsorted(own, values, side="right")
        code[np.isnan(values)] = len(own) + 1
        found.append(code)
    return found
