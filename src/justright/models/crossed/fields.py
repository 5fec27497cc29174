"""Fields: what a row becomes for an additive model, one code a column.

A number becomes the number of a bin between edges made of its quantiles; a value that holds many rows (a
spike, such as 0) has a bin of its own, and so has a missing value. A category keeps its code. A product is a
number made of two others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.features.plan import FeaturePlan
from justright.schema import Block

__all__ = ["BINS", "Field", "fields_of", "fit_fields", "product", "saved"]

BINS: Final = 256
"""Most bins of a number, missing apart."""

_SPIKE: Final = 1 / 128  # share of the rows that makes a value a spike among many values
_HEAVY: Final = 1 / 20  # and among few, each with a bin of its own anyway
_SAMPLE: Final = 262_144  # rows that place the edges

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Field:
    """One field.

    Parameters
    ----------
    kind : {"number", "category", "product"}
        What it is.
    source : tuple of int
        Place in `Block.numeric` (two places for a product) or in `Block.codes`.
    names : tuple of str
        Names of its features.
    size : int
        Number of codes. Of a number the last one is missing, those before are bins in order.
    edges : float32 (size - 2,)
        Lower ends of all bins but the first; empty for a category.
    spikes : bool (size,)
        Codes that stand alone: spikes and missing. Empty for a category.
    """

    kind: str
    source: tuple[int, ...]
    names: tuple[str, ...]
    size: int
    edges: Floats
    spikes: npt.NDArray[np.bool_]

    @property
    def ordered(self) -> bool:
        """Whether neighbouring codes are neighbouring values."""
        return self.kind != "category"

    @property
    def name(self) -> str:
        """Name for people."""
        return " * ".join(self.names)


def fit_fields(
    plan: FeaturePlan,
    blocks: Sequence[Block],
    products: Sequence[tuple[str, str]],
    *,
    by_name: bool = True,
) -> list[Field]:
    """Make the fields of a plan: numbers, then categories, then products of numbers.

    Parameters
    ----------
    plan : FeaturePlan
        The features.
    blocks : sequence of Block
        Rows that place the edges: a sample by fingerprint of at most 262,144.
    products : sequence of pairs of str
        Numeric features to multiply, by name; both in standard units.
    by_name : bool
        Numbers and categories each in the order of their names, so that the order of columns in a table
        says nothing; False = as the plan has them, where that order says nothing already.
    """
    data = plan.data
    total = sum(block.rows for block in blocks)
    parts = [_sampled(block, min(1.0, _SAMPLE / max(total, 1))) for block in blocks]
    weight = np.concatenate([part.weight for part in parts]).astype(np.float64)
    numeric = np.concatenate([part.numeric for part in parts])
    fields = []
    for kind, source, own in _asked(plan, products, by_name=by_name):
        if kind == "category":
            size, empty = data.categorical[source[0]].size, np.zeros(0, np.float32)
            fields.append(Field(kind, source, own, size, empty, np.zeros(0, bool)))
        else:
            values = product(numeric, source) if kind == "product" else numeric[:, source[0]]
            fields.append(_number(values, weight, kind, source, own))
    return fields


def saved(fields: Sequence[Field]) -> dict[str, npt.NDArray[Any]]:
    """Return what the rows decided of fields, as named arrays for the state."""
    return {
        "edges": np.concatenate([np.zeros(0, np.float32), *(field.edges for field in fields)]),
        "sizes": np.asarray([field.size for field in fields], np.int64),
        "spikes": np.concatenate([np.zeros(0, bool), *(field.spikes for field in fields)]),
    }


def fields_of(
    plan: FeaturePlan,
    state: dict[str, npt.NDArray[Any]],
    products: Sequence[tuple[str, str]],
    *,
    by_name: bool = True,
) -> list[Field]:
    """Make the fields of a plan again from what `saved` put into a state."""
    fields, edge, spike = [], 0, 0
    asked = _asked(plan, products, by_name=by_name)
    for (kind, source, own), size in zip(asked, state["sizes"].tolist(), strict=True):
        edges, spikes = (size - 2, size) if kind != "category" else (0, 0)
        fields.append(
            Field(
                kind,
                source,
                own,
                size,
                state["edges"][edge : edge + edges],
                state["spikes"][spike : spike + spikes],
            )
        )
        edge, spike = edge + edges, spike + spikes
    return fields


def _asked(
    plan: FeaturePlan, products: Sequence[tuple[str, str]], *, by_name: bool
) -> list[tuple[str, tuple[int, ...], tuple[str, ...]]]:
    """Return kind, source and names of each field."""
    numbers = [feature.name for feature in plan.data.numeric]
    texts = [feature.name for feature in plan.data.categorical]
    asked: list[tuple[str, tuple[int, ...], tuple[str, ...]]]
    asked = [("number", (place,), (numbers[place],)) for place in _places(numbers, by_name=by_name)]
    asked += [("category", (place,), (texts[place],)) for place in _places(texts, by_name=by_name)]
    return asked + [("product", (numbers.index(a), numbers.index(b)), (a, b)) for a, b in products]


def _places(names: Sequence[str], *, by_name: bool) -> list[int]:
    """Return the places of names, in the order of the names or as they are."""
    return sorted(range(len(names)), key=lambda place: names[place] if by_name else "")


def product(numeric: Floats, source: tuple[int, ...]) -> Floats:
    """Return the product of two numeric columns of a block in standard units, float32 (rows,)."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(numeric[:, source[0]] * numeric[:, source[1]])


def _sampled(block: Block, share: float) -> Block:
    """Return the rows of a block whose fingerprint falls below the share."""
    return block if share >= 1 else block.take(np.flatnonzero(block.key < np.uint64(share * 2.0**64)))


def _number(
    values: Floats, weight: npt.NDArray[Any], kind: str, source: tuple[int, ...], names: tuple[str, ...]
) -> Field:
    """Place the edges of a number."""
    known = ~np.isnan(values) & (weight > 0)
    distinct, place = np.unique(values[known], return_inverse=True)
    rows = np.bincount(place, weights=weight[known], minlength=len(distinct))
    if len(distinct) <= BINS:
        begins = np.arange(1, len(distinct))
        spike = rows > _HEAVY * rows.sum()
    else:
        begins, spike = _quantiles(rows)
    edges = _between(distinct[begins - 1], distinct[begins]) if len(begins) else np.zeros(0, np.float32)
    size = len(edges) + 2
    spikes = np.zeros(size, bool)
    spikes[np.searchsorted(edges, distinct[spike], side="right")] = True
    spikes[-1] = True
    return Field(kind, source, names, size, edges, spikes)


def _quantiles(rows: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return where bins of about equal weight begin among the distinct values, and which are spikes."""
    spike = rows > _SPIKE * rows.sum()
    rest = np.flatnonzero(~spike)
    room = max(BINS - 2 * int(spike.sum()), 16)
    reached = np.cumsum(rows[rest])
    cuts = np.searchsorted(reached, np.arange(1, room) * reached[-1] / room)
    starts = np.zeros(len(rows), bool)
    starts[rest[np.minimum(cuts + 1, len(rest) - 1)]] = True
    starts |= spike
    starts[1:] |= spike[:-1]
    starts[0] = False
    return np.flatnonzero(starts), spike


def _between(low: Floats, high: Floats) -> Floats:
    """Return a finite float32 above each `low` and at most `high`: half way where there is room."""
    with np.errstate(over="ignore", invalid="ignore"):
        middle = (0.5 * low.astype(np.float64) + 0.5 * high.astype(np.float64)).astype(np.float32)
    return np.minimum(np.where((middle > low) & (middle <= high), middle, high), np.finfo(np.float32).max)
