"""What a network looks like, as plain data: the part of the front that training and service share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec

from justright.errors import BundleError

__all__ = ["BINS", "EMBEDDED", "FREQUENCIES", "Design", "Leaf", "Numbers", "design_of", "leaves_of"]

Numbers: TypeAlias = Literal["plain", "periodic", "piecewise"]
Normalise: TypeAlias = Literal["none", "batch", "layer"]

FREQUENCIES: Final = 16
"""Waves a number is read by, where numbers are `periodic`."""

_WAVES: Final = 3  # outputs of the waves; with the number itself four inputs
_PIECES: Final = 8  # outputs a number, where numbers are `piecewise`
BINS: Final = 32
"""Pieces of a number, where numbers are `piecewise`."""

EMBEDDED: Final = 8
"""Inputs that a category of many values becomes."""

# How fast a group learns, as a multiple of the rate (RealMLP, arXiv 2407.04491, table A.1).
_FRONT, _SLOW = 6.0, 0.1
# The wide part begins at its optimum: at 0.01 its cells learn rows by heart (bike_sharing: rmse 46, not 41).
_WIDE: Final = 0.001


class Design(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A network for tables.

    Parameters
    ----------
    numbers_in : int
        Numeric inputs.
    others_in : int
        Inputs that are read as they are: indicators of missing values, categories of few values.
    embedded : tuple of int
        Codes of each embedded category.
    outputs : int
        Margins a row.
    hidden : tuple of int
        Neurons of each hidden layer; empty = a linear model.
    activation : str
        Of the hidden layers.
    parametric : bool
        Each neuron learns how much of its activation it takes.
    numbers : {"plain", "periodic", "piecewise"}
        How a number is read.
    normalise : {"none", "batch", "layer"}
        Normalisation before each activation.
    residual : bool
        Layers of equal width add to their input.
    ensemble : int
        Networks that share all but a factor an input and the last layer; 1 = one network.
    front : bool
        A learnable factor an input.
    wide : tuple of int
        Cells of each table of the wide part; empty = none.
    """

    numbers_in: int
    others_in: int
    embedded: tuple[int, ...]
    outputs: int
    hidden: tuple[int, ...] = (256, 256, 256)
    activation: str = "selu"
    parametric: bool = True
    numbers: Numbers = "periodic"
    normalise: Normalise = "none"
    residual: bool = False
    ensemble: int = 1
    front: bool = True
    wide: tuple[int, ...] = ()

    @property
    def number_width(self) -> int:
        """Inputs that a number becomes."""
        return {"plain": 1, "periodic": _WAVES + 1, "piecewise": _PIECES}[self.numbers]

    @property
    def inputs(self) -> int:
        """Inputs of the first layer."""
        return self.numbers_in * self.number_width + self.others_in + EMBEDDED * len(self.embedded)


class Leaf(NamedTuple):
    """One array of parameters: name, shape, rate as a multiple, whether weight decay shrinks it."""

    name: str
    shape: tuple[int, ...]
    rate: float
    decayed: bool

    @property
    def size(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)


def leaves_of(design: Design) -> tuple[Leaf, ...]:
    """Return the parameters of a design, in the order in which they are packed.

    Examples
    --------
    >>> tiny = Design(2, 0, (), 1, hidden=(3,), parametric=False, numbers="plain", front=False)
    >>> [(leaf.name, leaf.shape) for leaf in leaves_of(tiny)]
    [('body.0.weight', (2, 3)), ('body.0.bias', (3,)), ('head.weight', (3, 1)), ('head.bias', (1,))]
    """
    return (*_front(design), *_body(design), *_head(design))


def design_of(data: Mapping[str, Any]) -> Design:
    """Read a design from a bundle's front; BundleError when it is not one."""
    try:
        made = msgspec.convert(data, Design)
    except msgspec.ValidationError as error:
        raise BundleError(
            f"a network that does not fit: {error}", next_step="train the model again"
        ) from error
    sizes = (made.numbers_in, made.others_in, made.outputs, made.ensemble, *made.hidden, *made.embedded)
    if min(sizes) < 0 or max(sizes) > 2**24 or made.outputs < 1 or made.ensemble < 1:
        raise BundleError("a network of impossible sizes", next_step="train the model again")
    return made


def _front(design: Design) -> list[Leaf]:
    """Return the parameters that read the inputs."""
    p, made = design.numbers_in, list[Leaf]()
    if design.numbers == "periodic" and p:
        made += [
            Leaf("numbers.frequency", (p, FREQUENCIES), _SLOW, False),
            Leaf("numbers.phase", (p, FREQUENCIES), _SLOW, False),
            Leaf("numbers.weight", (p, FREQUENCIES, _WAVES), _SLOW, False),
            Leaf("numbers.bias", (p, _WAVES), _SLOW, False),
        ]
    if design.numbers == "piecewise" and p:
        made += [
            Leaf("numbers.weight", (p, BINS, _PIECES), 1.0, False),
            Leaf("numbers.bias", (p, _PIECES), _SLOW, False),
        ]
    made += [
        Leaf(f"embed.{place}", (size, EMBEDDED), 1.0, False) for place, size in enumerate(design.embedded)
    ]
    if design.front:
        made.append(Leaf("front.factor", (design.inputs,), _FRONT, False))
    if design.ensemble > 1:
        made.append(Leaf("ensemble.factor", (design.ensemble, 1, design.inputs), 1.0, False))
    return made


def _body(design: Design) -> list[Leaf]:
    """Return the parameters of the hidden layers."""
    made, width = list[Leaf](), design.inputs
    for number, neurons in enumerate(design.hidden):
        made += [
            Leaf(f"body.{number}.weight", (width, neurons), 1.0, True),
            Leaf(f"body.{number}.bias", (neurons,), _SLOW, False),
        ]
        if design.normalise != "none":
            made += [
                Leaf(f"body.{number}.scale", (neurons,), 1.0, False),
                Leaf(f"body.{number}.shift", (neurons,), 1.0, False),
            ]
        if design.parametric:
            made.append(Leaf(f"body.{number}.share", (neurons,), _SLOW, False))
        width = neurons
    return made


def _head(design: Design) -> list[Leaf]:
    """Return the parameters of the last layer, one a network of the ensemble, and of the wide part."""
    width = design.hidden[-1] if design.hidden else design.inputs
    several = (design.ensemble,) if design.ensemble > 1 else ()
    made = [
        Leaf("head.weight", (*several, width, design.outputs), 1.0, True),
        Leaf("head.bias", (*several, design.outputs), _SLOW, False),
    ]
    return made + [
        Leaf(f"wide.{place}", (size, design.outputs), _WIDE, False) for place, size in enumerate(design.wide)
    ]
