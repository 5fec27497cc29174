"""A training that goes on from a fitted network: its weights, its inputs' scales, and a fresh optimizer."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from justright.errors import RecipeError
from justright.models.base import Progress, Spec, State
from justright.recipe import Network
from justright.schema import Block, FloatArray, Member

if TYPE_CHECKING:
    from justright.models.neural.design import Leaf
    from justright.models.neural.net import Net

__all__ = ["WarmLearner"]

Arrays = Mapping[str, npt.NDArray[Any]]

_SCALES = ("front.centre", "front.scale")


class WarmLearner:
    """The Learner of networks, from the weights of another training.

    Parameters
    ----------
    network : Network
        The settings, with a rate.
    arrays : mapping
        The exported arrays of the other training's model.
    """

    resume: Literal["state", "replay"] = "state"
    early_stopping = True

    def __init__(self, network: Network, arrays: Arrays) -> None:
        from justright.models.neural.defaults import design_for
        from justright.models.neural.learner import NeuralLearner
        from justright.models.neural.net import TableNet

        self.arrays = arrays
        self._learner = NeuralLearner(network)
        # Encodes rows by its own scales, so it only starts.
        self._starter = NeuralLearner(
            network, lambda layout, spec: _Warm(TableNet(design_for(network, layout, spec)), arrays)
        )

    def start(self, spec: Spec, blocks: Sequence[Block], members: Sequence[Member], seed: int) -> State:
        """Return the state before the first pass."""
        state = self._starter.start(spec, blocks, members, seed)
        for name in _SCALES:
            state[name] = np.repeat(self.arrays[name][..., None], len(members), axis=-1)
        return state

    def advance(
        self, spec: Spec, state: State, blocks: Sequence[Block], members: Sequence[Member], number: int
    ) -> tuple[State, Progress]:
        """See `Learner`."""
        return self._learner.advance(spec, state, blocks, members, number)

    def margins(self, spec: Spec, state: State, block: Block) -> FloatArray:
        """See `Learner`."""
        return self._learner.margins(spec, state, block)

    def export(
        self, spec: Spec, state: State, member: int
    ) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """See `Learner`."""
        return self._learner.export(spec, state, member)


class _Warm:
    """A network whose start is given."""

    def __init__(self, net: Net, arrays: Arrays) -> None:
        self.net, self.arrays = net, arrays
        wanted = {leaf.name: leaf.shape for leaf in net.leaves}
        wanted |= {name: array.shape for name, array in net.statistics().items()}
        for name, shape in wanted.items():
            if name not in arrays or arrays[name].shape != shape:
                had = arrays[name].shape if name in arrays else "nothing"
                raise RecipeError(
                    "warm_start of another network",
                    where=f"{name} was {had} and would be {shape}",
                    next_step="warm_start=False, or the settings of the first fit",
                )

    @property
    def key(self) -> Hashable:
        """See `Net`: the start is no part of the function."""
        return self.net.key

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """See `Net`."""
        return self.net.leaves

    @property
    def several(self) -> bool:
        """See `Net`."""
        return self.net.several

    @property
    def neurons(self) -> int:
        """See `Net`."""
        return self.net.neurons

    @property
    def drops(self) -> bool:
        """See `Net`."""
        return self.net.drops

    def fixed(self, x: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
        """See `Net`."""
        return {name: self.arrays[name] for name in self.net.fixed(x)}

    def initial(
        self, rng: np.random.Generator, fixed: Arrays, x: npt.NDArray[np.float32], codes: Any
    ) -> dict[str, npt.NDArray[np.float32]]:
        """See `Net`."""
        return {leaf.name: self.arrays[leaf.name] for leaf in self.net.leaves}

    def statistics(self) -> dict[str, npt.NDArray[np.float32]]:
        """See `Net`."""
        return {name: self.arrays[name] for name in self.net.statistics()}

    def margins(self, xp: ModuleType, arrays: Any, x: Any, codes: Any, mode: Any) -> Any:
        """See `Net`."""
        return self.net.margins(xp, arrays, x, codes, mode)

    def hidden(self, arrays: Any, x: Any, codes: Any) -> list[Any]:
        """See `Net`."""
        return self.net.hidden(arrays, x, codes)

    def front(self) -> dict[str, Any]:
        """See `Net`."""
        return self.net.front()
