"""What a program carries as named arrays with the members last, and back: the state of a training."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from justright.models.base import State
from justright.models.neural.optimizer_state import flat_state, state_of
from justright.models.neural.program import Carry, Program

__all__ = ["carry_of", "state_of_carry"]


def state_of_carry(carry: Carry) -> State:
    """Return `vector` (P, members), the optimizer's arrays, and running statistics as `stat.NAME`."""
    last = jax.tree.map(_last, carry["optimizer"])
    found: State = {"vector": np.moveaxis(np.asarray(carry["vector"]), 0, -1)}
    found |= flat_state(last)
    return found | {
        f"stat.{name}": np.moveaxis(np.asarray(array), 0, -1) for name, array in carry["statistics"].items()
    }


def _last(leaf: Any) -> Any:
    """Return a leaf with the members last: by numpy where it can, since jax takes 50 us an operation."""
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jnp.moveaxis(leaf, 0, -1)
    return np.moveaxis(np.asarray(leaf), 0, -1)


def carry_of(program: Program, state: State) -> Carry:
    """Return named arrays as the program carries them, members first; equal to the bit."""
    vectors = np.ascontiguousarray(np.moveaxis(state["vector"], -1, 0))
    statistics = {
        name.removeprefix("stat."): np.moveaxis(array, -1, 0)
        for name, array in state.items()
        if name.startswith("stat.")
    }
    empty = {name: np.zeros(array.shape[1:], np.float32) for name, array in statistics.items()}
    template = program.start(vectors, empty, np.ones(len(vectors), np.float32), 1)["optimizer"]
    saved = state_of(jax.tree.map(lambda a: jnp.moveaxis(a, 0, -1), template), state)
    found: dict[str, Any] = {
        "vector": jnp.asarray(vectors),
        "optimizer": jax.tree.map(lambda a: jnp.moveaxis(a, -1, 0), saved),
        "statistics": {name: jnp.asarray(np.ascontiguousarray(a)) for name, a in statistics.items()},
    }
    return found
