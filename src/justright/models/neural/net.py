"""What a training needs of a network, whoever made it: parameters, a start, and margins.

`TableNet` is a network of `design`; `own.OwnNet` is a user's, made of two functions.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from types import ModuleType
from typing import Any, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from justright.models.neural import network
from justright.models.neural.design import BINS, Design, Leaf, leaves_of

__all__ = ["Net", "TableNet", "pack", "unpack"]

Arrays = Mapping[str, Any]
Floats = npt.NDArray[np.float32]


class Net(Protocol):
    """A network.

    Every function is pure; `xp` is numpy in service and jax.numpy in training.
    """

    @property
    def key(self) -> Hashable:
        """Equal for networks that are the same function of arrays and inputs."""

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """Its parameters, in the order in which they are packed."""

    @property
    def several(self) -> bool:
        """Whether `margins` are (networks, rows, outputs): an ensemble, trained by the mean of its losses."""

    @property
    def drops(self) -> bool:
        """Whether a training step needs random numbers."""

    def fixed(self, x: Floats) -> dict[str, Floats]:
        """Return arrays that some training rows decide and that do not learn."""

    @property
    def neurons(self) -> int:
        """About how many numbers a row becomes on its way: what a training step must hold of it."""

    def initial(self, rng: np.random.Generator, fixed: Arrays, x: Floats, codes: Any) -> dict[str, Floats]:
        """Return starting weights by name, from some training rows."""

    def statistics(self) -> dict[str, Floats]:
        """Return running statistics before the first batch."""

    def margins(self, xp: ModuleType, arrays: Arrays, x: Any, codes: Any, mode: network.Mode | None) -> Any:
        """Return the margins of a batch."""

    def hidden(self, arrays: Arrays, x: Any, codes: Any) -> list[Any]:
        """Return the outputs of the hidden layers in numpy, where they are known."""

    def front(self) -> dict[str, Any]:
        """Return what service must know of it, as JSON values."""


class TableNet:
    """A network of a Design.

    Parameters
    ----------
    design : Design
        What it looks like.
    """

    def __init__(self, design: Design) -> None:
        self.design = design
        self.key = ("table", design)
        self.leaves = leaves_of(design)
        self.several = design.ensemble > 1
        self.drops = bool(design.hidden)
        pieces = design.numbers_in * (BINS + design.number_width)
        self.neurons = pieces + design.ensemble * (design.inputs + 2 * sum(design.hidden) + design.outputs)

    def fixed(self, x: Floats) -> dict[str, Floats]:
        """See `Net`."""
        return network.edges_of(self.design, x)

    def initial(self, rng: np.random.Generator, fixed: Arrays, x: Floats, codes: Any) -> dict[str, Floats]:
        """See `Net`."""
        return network.initial_weights(self.design, rng, fixed, x, codes)

    def statistics(self) -> dict[str, Floats]:
        """See `Net`."""
        return network.statistics_of(self.design)

    def margins(self, xp: ModuleType, arrays: Arrays, x: Any, codes: Any, mode: network.Mode | None) -> Any:
        """See `Net`."""
        return network.margins(xp, self.design, arrays, x, codes, mode)

    def hidden(self, arrays: Arrays, x: Any, codes: Any) -> list[Any]:
        """See `Net`."""
        return network.layers(np, self.design, arrays, x, codes)

    def front(self) -> dict[str, Any]:
        """See `Net`."""
        return {"design": msgspec.to_builtins(self.design)}


def pack(xp: ModuleType, leaves: tuple[Leaf, ...], arrays: Arrays) -> Any:
    """Return all parameters as one vector, in the order of the leaves."""
    return xp.concatenate([arrays[leaf.name].reshape(-1) for leaf in leaves])


def unpack(leaves: tuple[Leaf, ...], vector: Any) -> dict[str, Any]:
    """Return the arrays of a packed vector, as views where the library has them."""
    found, begin = {}, 0
    for leaf in leaves:
        found[leaf.name] = vector[begin : begin + leaf.size].reshape(leaf.shape)
        begin += leaf.size
    return found
