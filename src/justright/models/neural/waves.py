"""A population that would not fit into memory is trained in waves of members, one after the other.

Members are independent. All waves are equally wide, and the width is a function of the sizes alone, so that a
training that goes on elsewhere has the same waves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import jax
import jax.numpy as jnp

from justright.models.neural.program import Batches, Carry, Program

__all__ = ["LIMIT", "estimate", "train_in_waves", "width_of"]

LIMIT: Final = 2 << 30
"""Bytes that a wave may take."""

_COPIES: Final = 6  # weights, two moments, gradients, updates, and the result beside the argument
_HELD: Final = 4  # what a backward pass holds of each hidden output
_OF_MEMBERS: Final = ("rate", "fold", "repeat", "forward")


def estimate(parameters: int, neurons: int, batch: int) -> int:
    """Return about how many bytes one member takes in training, its share of the rows apart.

    Parameters
    ----------
    parameters : int
        Of one member.
    neurons : int
        Outputs of all layers of one row, all networks of an ensemble together.
    batch : int
        Rows a step.

    Examples
    --------
    >>> estimate(parameters=100_000, neurons=3_000, batch=256) // 1_000_000
    14
    """
    return 4 * (_COPIES * parameters + _HELD * neurons * batch)


def width_of(members: int, each: int, limit: int = LIMIT) -> int:
    """Return how many members a wave has: the largest divisor of all that fits, at least 1.

    Examples
    --------
    >>> width_of(6, each=100, limit=350), width_of(6, each=1000, limit=350), width_of(6, 1, 350)
    (3, 1, 6)
    """
    fitting = [width for width in range(1, members + 1) if members % width == 0 and width * each <= limit]
    return max(fitting, default=1)


def train_in_waves(
    program: Program, carry: Carry, batches: Batches, told: Mapping[str, Any], width: int
) -> tuple[Carry, dict[str, Any]]:
    """Take the steps of some batches, so many members at a time; see `Program.train`."""
    members = carry["vector"].shape[0]
    if width >= members:
        return program.train(carry, batches, told)
    made = []
    for begin in range(0, members, width):
        part = slice(begin, begin + width)
        own = {name: value[part] if name in _OF_MEMBERS else value for name, value in told.items()}
        made.append(program.train(jax.tree.map(lambda a, part=part: a[part], carry), batches, own))
    joined: tuple[Carry, dict[str, Any]] = jax.tree.map(lambda *parts: jnp.concatenate(parts), *made)
    return joined
