"""The wide part of wide & deep: the functions and guarded crosses of an additive model, as tables of cells.

An additive model (family `crossed`) is fitted to the rows that train, by folds of its own; every row then has
one cell a term. The network and the tables go on together from there (Cheng et al. 2016, "Wide & Deep
Learning"; there the crosses are given by hand). While they train, each row begins with what the model of
the other folds says of it: what tables know of their own rows by heart the deep part would never learn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

__all__ = ["Wide", "fit_wide", "hidden_of", "models_of", "offsets_of"]

_FOLDS: Final = 5
_MOST: Final = 1_000  # sweeps: far more than an additive model needs
_LEARNT: Final = ("tables", "intercept")
_SALT: Final = np.uint64(0x51ED_270B)


class Wide(NamedTuple):
    """What the additive model gives: its front, and arrays by name.

    `edges` and `maps` lead to cells; `tables` float32 (1 + folds, cells, outputs) and `intercept`
    (1 + folds, outputs) are those of the model of all training rows, then of the models without a fold each.
    """

    front: dict[str, Any]
    arrays: dict[str, npt.NDArray[Any]]


def fit_wide(spec: Spec, crosses: Crosses, blocks: Sequence[Block], hidden: int) -> Wide:
    """Fit an additive model to the rows that train.

    Parameters
    ----------
    spec : Spec
        As the network is told.
    crosses : Crosses
        Crosses to look for, or given by hand.
    blocks : sequence of Block
        As the network trains on.
    hidden : int
        The held-out fold, whose rows stay unseen; -1 = none.
    """
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
    every = [learner.export(told, state, place)[1] for place in range(len(population))]
    kept = {name: arrays[name] for name in ("edges", "maps")}
    kept |= {name: np.stack([one[name] for one in every]).astype(np.float32) for name in _LEARNT}
    return Wide(front, kept)


def hidden_of(members: Sequence[Member]) -> int:
    """Return the only held-out fold of a population, -1 where there is none."""
    alone = {member.fold for member in members}
    return alone.pop() if len(alone) == 1 else -1


def models_of(block: Block, hidden: int) -> npt.NDArray[np.int64]:
    """Return which of the additive models may speak of each row: one that was not fitted to it, (rows,)."""
    own = 1 + _folds(block)
    return np.where(block.fold[:, 0] == hidden, 0, own) if hidden >= 0 else own


def offsets_of(
    front: Mapping[str, Any],
    tables: npt.NDArray[np.float32],
    intercept: npt.NDArray[np.float32],
    cells: npt.NDArray[np.int32],
    models: npt.NDArray[np.int64],
) -> npt.NDArray[np.float32]:
    """Return what the additive models say of rows, float32 (rows, outputs).

    Parameters
    ----------
    front
        Of the additive model.
    tables, intercept
        See `Wide`.
    cells : int32 (rows, terms)
        Of each row.
    models : int (rows,)
        Which model speaks of it.
    """
    made, begin = intercept[models], 0
    for place, size in enumerate(layout_of(front).cells):
        made += tables[models, begin + cells[:, place]]
        begin += size
    return made


def _refolded(block: Block, hidden: int) -> Block:
    """Return the rows of a block that train, in folds by fingerprint."""
    train = block.take(np.flatnonzero(block.fold[:, 0] != hidden)) if hidden >= 0 else block
    return replace(train, fold=_folds(train).astype(np.int8)[:, None])


def _folds(block: Block) -> npt.NDArray[np.int64]:
    """Return the fold of each row, by fingerprint."""
    drawn = (mix64(block.key ^ _SALT) >> np.uint64(32)) * np.uint64(_FOLDS) >> np.uint64(32)
    return drawn.astype(np.int64)
