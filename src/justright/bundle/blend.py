"""Score a blend with numpy alone: the weighted mean of what its parts say, each scored by its own family.

margin = sum over parts of weight x margin of the part

Arrays of part k bear the prefix `partK.`; fronts and weights stand in the front, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import numpy as np

from justright.bundle.tensors import AnyArray
from justright.errors import BundleError
from justright.schema import Block, FloatArray

__all__ = ["check", "margins", "prepared"]

_BLEND: Final = "blend"
_AGAIN: Final = "train the model again"


class _Part(NamedTuple):
    """A part of a blend."""

    family: str
    weight: float
    front: Mapping[str, Any]
    arrays: Mapping[str, AnyArray]


def margins(front: Mapping[str, Any], arrays: Mapping[str, AnyArray], block: Block) -> FloatArray:
    """Return the margins of encoded rows, float64 (rows, outputs), in the target's unit for `identity`."""
    return prepared(front, arrays)(block)


def prepared(front: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> Callable[[Block], FloatArray]:
    """Return `margins` of one blend, its parts prepared."""
    from justright.bundle.families import FAMILIES

    outputs = int(front["outputs"])
    parts = [
        (part.weight, FAMILIES[part.family]().scorer(part.front, part.arrays))
        for part in _parts(front, arrays)
    ]

    def score(block: Block) -> FloatArray:
        """Return the weighted mean of what the parts say."""
        total = np.zeros((block.rows, outputs))
        for weight, scorer in parts:
            total += weight * scorer(block)
        return total

    return score


def check(front: Mapping[str, Any], arrays: Mapping[str, AnyArray], outputs: int) -> None:
    """Raise BundleError unless every part is a family that is known, and weights are shares of 1."""
    from justright.bundle.families import FAMILIES

    told = front.get("parts")
    if not isinstance(told, list) or not told or front.get("outputs") != outputs:
        raise BundleError("a blend without parts", where="model.json", next_step=_AGAIN)
    total = 0.0
    for place, part in enumerate(_parts(front, arrays)):
        if part.family == _BLEND or part.family not in FAMILIES:
            raise BundleError(
                f"part {place} of family {part.family!r:.60}", where="model.json", next_step=_AGAIN
            )
        if not 0.0 < part.weight <= 1.0:
            raise BundleError(
                f"part {place} of weight {part.weight!r:.60}", allowed="above 0 to 1", where="model.json"
            )
        total += part.weight
        own = FAMILIES[part.family]().check
        if own is not None:
            own(part.front, part.arrays, outputs)
    if abs(total - 1.0) > 1e-9:
        raise BundleError(f"weights of a blend that sum to {total:.6g}", allowed="1", where="model.json")


def _parts(front: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> Iterator[_Part]:
    """Give the parts; BundleError where one is not told whole."""
    for place, told in enumerate(front["parts"]):
        prefix = f"part{place}."
        own = {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
        try:
            yield _Part(str(told["family"]), float(told["weight"]), dict(told["front"]), own)
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(f"part {place} of a blend: {error!r:.80}", where="model.json") from error
