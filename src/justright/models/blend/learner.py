"""Greedy weights of models that are trained already (Caruana et al. 2004, "Ensemble selection").

A blend is trained on a table of its own: a row is what each part says of it, out of fold (`stacked`). A pass
adds the part that lowers the mean loss most, a part may be added again, and its weight is the share of the
passes that it won. Members are folds here as everywhere: what a fold of rows says of a blend is said of
weights that its rows did not choose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from justright.models.base import Curve, Learner, Progress, Spec, State, training_rows
from justright.optim.losses import row_losses
from justright.schema import Block, FloatArray, Member

__all__ = ["Blend", "Part", "stacked"]

_STEPS: Final = 25  # weights are multiples of 4 %: with some thousand rows finer ones are noise


@dataclass(frozen=True)
class Part:
    """A trained model that may take part.

    Parameters
    ----------
    family : str
        Its name.
    learner, spec, state
        How it was trained, and what came of it.
    member : int
        The one that would be exported.
    """

    family: str
    learner: Learner
    spec: Spec
    state: State
    member: int


def stacked(block: Block, margins: Sequence[npt.NDArray[Any]]) -> Block:
    """Return a block whose numbers are what each part says of its rows.

    Parameters
    ----------
    block : Block
        Rows with their targets, weights and folds.
    margins : sequence of float (rows, outputs)
        Of each part, out of fold.
    """
    numeric = np.concatenate([np.asarray(one, np.float32) for one in margins], axis=1)
    return replace(block, numeric=numeric, codes=block.codes[:, :0], tokens=None)


class Blend:
    """The Learner of blends.

    Parameters
    ----------
    parts : sequence of Part
        In the order of their columns in the stacked blocks.

    Notes
    -----
    A pass costs as many looks at the losses of all rows as there are parts and members.
    """

    resume: Literal["state", "replay"] = "state"
    early_stopping = True

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = tuple(parts)

    def start(self, spec: Spec, blocks: Sequence[Block], members: Sequence[Member], seed: int) -> State:
        """Return the state before the first pass: no part won anything yet."""
        return {"won": np.zeros((len(self.parts), len(members)), np.int64)}

    def advance(
        self, spec: Spec, state: State, blocks: Sequence[Block], members: Sequence[Member], number: int
    ) -> tuple[State, Progress]:
        """Add to each member the part that lowers its training loss most."""
        won = state["won"].copy()
        train, held = np.zeros((2, len(members)))
        rows = [training_rows(block, members) for block in blocks]
        for place, member in enumerate(members):
            weights = [weight[:, place] for weight in rows]
            tried = []
            for part in range(len(self.parts)):
                counts = won[:, place].copy()
                counts[part] += 1
                tried.append(self._loss(spec, blocks, counts, weights))
            won[int(np.argmin(tried)), place] += 1
            train[place] = min(tried)
            own = [block.weight * (block.fold[:, member.repeat] == member.fold) for block in blocks]
            judged = member.fold >= 0
            held[place] = self._loss(spec, blocks, won[:, place], own) if judged else np.nan
        done = np.full(len(members), number + 1 >= _STEPS)
        return {"won": won}, Progress((Curve(1.0, train, held),), done, rule=f"{_STEPS} parts are added")

    def margins(self, spec: Spec, state: State, block: Block) -> FloatArray:
        """Return the margins of stacked rows, float64 (rows, outputs, members)."""
        made = [_mean(block, counts, spec.outputs) for counts in state["won"].T]
        return np.stack(made, axis=2)

    def export(
        self, spec: Spec, state: State, member: int
    ) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return the fronts and arrays of the parts that won something, with their weights."""
        told: list[dict[str, Any]] = []
        arrays: dict[str, npt.NDArray[Any]] = {}
        for part, weight in zip(self.parts, self.weights(state, member), strict=True):
            if weight <= 0:
                continue
            front, own = part.learner.export(part.spec, part.state, part.member)
            arrays |= {f"part{len(told)}.{name}": array for name, array in own.items()}
            told.append({"family": part.family, "weight": weight, "front": front})
        return {"outputs": spec.outputs, "parts": told}, arrays

    def weights(self, state: State, member: int) -> list[float]:
        """Return the weight of each part in a member, together 1."""
        won = state["won"][:, member]
        return [float(count) / float(max(won.sum(), 1)) for count in won]

    def _loss(
        self,
        spec: Spec,
        blocks: Sequence[Block],
        counts: npt.NDArray[np.int64],
        weights: Sequence[npt.NDArray[Any]],
    ) -> float:
        """Return the mean loss of a blend on rows by their weights."""
        total = sum(float(weight.sum()) for weight in weights)
        loss = 0.0
        for block, weight in zip(blocks, weights, strict=True):
            chosen = np.flatnonzero(weight)
            part = block.take(chosen)
            loss += float(
                weight[chosen] @ row_losses(spec.loss, _mean(part, counts, spec.outputs), part.target)
            )
        return loss / max(total, 1e-300)


def _mean(block: Block, counts: npt.NDArray[np.int64], outputs: int) -> FloatArray:
    """Return the mean margin of stacked rows, each part by its count."""
    parts = block.numeric.astype(np.float64).reshape(block.rows, len(counts), outputs)
    return np.asarray(np.einsum("rpo,p->ro", parts, counts / max(int(counts.sum()), 1)))
