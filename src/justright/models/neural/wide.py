"""The wide part of wide & deep: the functions and guarded crosses of an additive model, as tables of cells.

An additive model (family `crossed`) is fitted to the rows that train, by folds of its own; every row then has
one cell a term. The network and the tables go on together from there, so that the deep part learns what
the wide part leaves (Cheng et al. 2016, "Wide & Deep Learning"; there the crosses are given by hand).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from justright.kernels.hashing import mix64
from justright.models.base import Spec
from justright.models.crossed.forward import layout_of
from justright.models.crossed.learner import CrossedLearner
from justright.recipe import Crosses
from justright.schema import Block, Member

__all__ = ["Wide", "fit_wide"]

_FOLDS: Final = 5
_MOST: Final = 1_000  # sweeps: far more than an additive model needs
_SALT: Final = np.uint64(0x51ED_270B)


class Wide(NamedTuple):
    """What the additive model gives: its front, edges and maps, one table a term, and the intercept."""

    front: dict[str, Any]
    arrays: dict[str, npt.NDArray[Any]]
    tables: list[npt.NDArray[np.float32]]
    intercept: npt.NDArray[np.float32]


def fit_wide(spec: Spec, crosses: Crosses, blocks: Sequence[Block], members: Sequence[Member]) -> Wide:
    """Fit an additive model to the rows that some member trains on.

    Parameters
    ----------
    spec : Spec
        As the network is told.
    crosses : Crosses
        Crosses to look for, or given by hand.
    blocks, members
        As the network trains on; its single held-out part stays unseen.
    """
    alone = {member.fold for member in members}
    hidden = alone.pop() if len(alone) == 1 else -1
    own = [_refolded(block, hidden) for block in blocks]
    own = [block for block in own if block.rows]
    learner = CrossedLearner(crosses)
    told = replace(spec, rows=sum(block.rows for block in own))
    population = [Member(-1, 0, 1.0), *(Member(fold, 0, 1.0) for fold in range(_FOLDS))]
    state = learner.start(told, own, population, 0)
    for number in range(_MOST):
        state, progress = learner.advance(told, state, own, population, number)
        if progress.done.all():
            break
    front, arrays = learner.export(told, state, 0)
    sizes = layout_of(front).cells
    tables = np.split(np.asarray(arrays["tables"], np.float32), np.cumsum(sizes)[:-1])
    kept = {name: arrays[name] for name in ("edges", "maps")}
    return Wide(front, kept, tables, np.asarray(arrays["intercept"], np.float32))


def _refolded(block: Block, hidden: int) -> Block:
    """Return the rows of a block that train, in folds by fingerprint."""
    train = block.take(np.flatnonzero(block.fold[:, 0] != hidden)) if hidden >= 0 else block
    drawn = (mix64(train.key ^ _SALT) >> np.uint64(32)) * np.uint64(_FOLDS) >> np.uint64(32)
    return replace(train, fold=drawn.astype(np.int8)[:, None])
