"""A user's own network: two functions train it, a third one serves it.

    init(rng, inputs, outputs) -> arrays by name            numpy; inputs say how wide a row is
    apply(arrays, x, codes, key) -> margins (rows, outputs)  jax.numpy; key is None when it judges
    forward(arrays, x, codes) -> margins                    numpy, for the serving process

x float32 (rows, inputs.width): numbers (robustly scaled, missing = 0), then indicators and categories of
few values as columns; codes int32 (rows, len(inputs.codes)): categories of many values. They are the same
in training and in service.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from justright.errors import BundleError, TrainingError
from justright.models.base import Spec
from justright.models.neural.design import Leaf
from justright.models.neural.front import Layout, inputs_of
from justright.models.neural.network import Mode
from justright.schema import Block, FloatArray

__all__ = ["Apply", "Forward", "Init", "Inputs", "OwnNet", "served"]

Arrays: TypeAlias = Mapping[str, Any]
Init: TypeAlias = Callable[[np.random.Generator, "Inputs", int], Mapping[str, Any]]
Apply: TypeAlias = Callable[[Arrays, Any, Any, Any], Any]
Forward: TypeAlias = Callable[[Arrays, Any, Any], Any]

_TRIED = 3  # rows of the trial before the first pass


class Inputs(NamedTuple):
    """What a network reads: columns of `x`, how many of them are numbers, and the codes of each category."""

    width: int
    numbers: int
    codes: tuple[int, ...]


class OwnNet:
    """A user's network; see `net.Net`.

    Parameters
    ----------
    name : str
        Name of the family.
    init, apply : callable
        See the module.
    layout : Layout
        What it reads.
    spec : Spec
        Loss and outputs.

    Raises
    ------
    TrainingError
        `init` gives no arrays, or `apply` margins of another shape: before the first pass, with the shapes.
    """

    several = False
    drops = True

    def __init__(self, name: str, init: Init, apply: Apply, layout: Layout, spec: Spec) -> None:
        self.name, self.outputs = name, spec.outputs
        self.inputs = inputs_of_layout(layout)
        self._init, self._apply = init, apply
        started = self._started(np.random.default_rng(0))
        self.leaves = tuple(Leaf(key, value.shape, 1.0, value.ndim > 1) for key, value in started.items())
        self.key = (name, apply, self.inputs, self.leaves)
        self._try(started)
        self.neurons = self.inputs.width + sum(leaf.shape[-1] for leaf in self.leaves if leaf.shape)

    def fixed(self, x: Any) -> dict[str, Any]:
        """See `Net`: nothing."""
        return {}

    def initial(self, rng: np.random.Generator, fixed: Arrays, x: Any, codes: Any) -> dict[str, Any]:
        """See `Net`."""
        return self._started(rng)

    def statistics(self) -> dict[str, Any]:
        """See `Net`: none."""
        return {}

    def margins(self, xp: ModuleType, arrays: Arrays, x: Any, codes: Any, mode: Mode | None) -> Any:
        """See `Net`."""
        return self._apply(arrays, x, codes, None if mode is None else mode.key)

    def hidden(self, arrays: Arrays, x: Any, codes: Any) -> list[Any]:
        """See `Net`: not known."""
        return []

    def front(self) -> dict[str, Any]:
        """See `Net`."""
        return {"network": self.name}

    def _started(self, rng: np.random.Generator) -> dict[str, npt.NDArray[np.float32]]:
        """Return the arrays of `init` in single precision."""
        made = self._init(rng, self.inputs, self.outputs)
        if not isinstance(made, Mapping) or not made:
            raise TrainingError(
                f"{type(made).__name__} from init of {self.name!r}",
                allowed="a dict of arrays by name, at least one",
                next_step='return {"weight": ..., "bias": ...}',
            )
        return {str(key): np.asarray(value, np.float32) for key, value in made.items()}

    def _try(self, arrays: Arrays) -> None:
        """Apply the network to shapes alone; TrainingError when it gives others than margins."""
        import jax

        x = np.zeros((_TRIED, self.inputs.width), np.float32)
        codes = np.zeros((_TRIED, len(self.inputs.codes)), np.int32)
        wanted = (_TRIED, self.outputs)
        where = f"apply of {self.name!r}"
        try:
            made = jax.eval_shape(lambda a, b, c: self._apply(a, b, c, None), dict(arrays), x, codes)
        except (TypeError, ValueError, IndexError, KeyError, AttributeError) as error:
            raise TrainingError(
                f"a network that does not run: {str(error).splitlines()[0][:200]}",
                where=f"{where} with x {x.shape}, codes {codes.shape}",
                next_step="try it on jnp.zeros of these shapes",
            ) from error
        if getattr(made, "shape", None) != wanted:
            raise TrainingError(
                f"margins of shape {getattr(made, 'shape', type(made).__name__)} for {_TRIED} rows",
                allowed=f"{wanted}: rows, outputs",
                where=where,
                next_step="end with a layer of `outputs` columns, as init is told",
            )


def inputs_of_layout(layout: Layout) -> Inputs:
    """Return what a network of this layout reads."""
    sizes = tuple(size for _, size in layout.embedded)
    return Inputs(layout.numbers + layout.others, layout.numbers, sizes)


def served(forward: Forward) -> Callable[[Mapping[str, Any], Arrays, Block], FloatArray]:
    """Return the forward of a bundle, for `families` of `justright.load` and of a plugin.

    Parameters
    ----------
    forward : callable
        `forward(arrays, x, codes) -> margins (rows, outputs)` in numpy.

    Examples
    --------
    In a module of yours, named by `justright serve MODEL --plugin your.module`:

    >>> families = {"my-net": served(lambda arrays, x, codes: x @ arrays["weight"])}
    """

    def whole(front: Mapping[str, Any], arrays: Arrays, block: Block) -> FloatArray:
        try:
            layout = msgspec.convert(front["layout"], Layout)
        except (KeyError, msgspec.ValidationError) as error:
            raise BundleError(
                f"inputs that do not fit: {error}", next_step="train the model again"
            ) from error
        made = np.asarray(forward(arrays, *inputs_of(layout, arrays, block)), np.float64)
        return np.asarray(made * float(front.get("scale", 1.0)) + float(front.get("centre", 0.0)))

    return whole
