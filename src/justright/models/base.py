"""The Learner contract and what a training is told (Spec).

A Learner trains a population of members at once. Its state is a dict of named numpy arrays and nothing
else, so that checkpoints, best states and inspection need no code of the family.

    state = start(spec, blocks, members, seed)
    state, progress = advance(spec, state, blocks, members, number)      one pass over the rows
    margins(spec, state, block) -> float64 (rows, outputs, members)
    export(spec, state, member) -> named arrays of one model

Members are told apart by `schema.Member`: a member trains on the rows whose fold is not its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from justright.features.plan import FeaturePlan
from justright.optim.losses import Loss
from justright.optim.schedules import Schedule
from justright.recipe import Descent
from justright.schema import Block, FloatArray, Member

__all__ = ["Curve", "Learner", "Progress", "Spec", "State", "training_rows"]

State: TypeAlias = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Spec:
    """What a training is told.

    Parameters
    ----------
    loss : Loss
        What is minimised.
    outputs : int
        Margins a row: 1, or the number of classes.
    plan : FeaturePlan
        The features, with sizes of vocabularies and which columns had missing values.
    descent : Descent
        Settings of a gradient method.
    schedule : callable
        Factor of the rate by share of the work done.
    rows : int
        Rows of all blocks.
    clip : float
        Numbers count as at most so many standard deviations from their mean, for families that clip;
        default inf = as they are.
    hold : bool
        A number beyond those of the training rows counts in service as the nearest of them, for families
        whose line would go on; default False.
    scratch : Path or None
        Folder for files of this training alone, for families that keep more than fits into memory; None =
        none.
    """

    loss: Loss
    outputs: int
    plan: FeaturePlan
    descent: Descent
    schedule: Schedule
    rows: int
    clip: float = np.inf
    hold: bool = False
    scratch: Path | None = None


@dataclass(frozen=True)
class Curve:
    """Losses of all members at one point of the training.

    Parameters
    ----------
    share : float
        Share of the rows that were used, 1 = all.
    train : float64 (members,)
        Mean training loss on the rows used, without penalty.
    validation : float64 (members,)
        Mean loss on the member's own validation rows; NaN for a member without any.
    """

    share: float
    train: FloatArray
    validation: FloatArray


@dataclass(frozen=True)
class Progress:
    """What one pass brought.

    Parameters
    ----------
    curves : tuple of Curve
        In order; the last one belongs to the state before the pass's step, or after it: the family says.
    done : bool (members,)
        Members that have converged by the family's own rule, stated in `rule`.
    norms : dict of float64 (members,)
        Gradient and step norms.
    steps : int
        Iterations (updates) made in this pass.
    rule : str
        Why members are done, in words, or the failure.
    failed : bool (members,)
        Members that diverged.
    criterion : float64 (members,) or None
        By what the best pass is chosen, smaller is better: the user's metric on each member's own
        validation rows; None = its validation loss.
    """

    curves: tuple[Curve, ...]
    done: npt.NDArray[np.bool_]
    norms: Mapping[str, FloatArray] = field(default_factory=dict)
    steps: int = 1
    rule: str = ""
    failed: npt.NDArray[np.bool_] | None = None
    criterion: FloatArray | None = None


class Learner(Protocol):
    """A family of models.

    `resume` says how a killed training goes on: from saved `state`, or by deterministic `replay`.
    `early_stopping` says whether the Trainer keeps the best pass and stops members that no longer
    improve; families with one exact optimum run to it instead.
    """

    @property
    def resume(self) -> Literal["state", "replay"]:
        """How a killed training goes on."""

    @property
    def early_stopping(self) -> bool:
        """Whether the best pass is kept rather than the last."""

    def start(self, spec: Spec, blocks: Sequence[Block], members: Sequence[Member], seed: int) -> State:
        """Return the state before the first pass."""

    def advance(
        self, spec: Spec, state: State, blocks: Sequence[Block], members: Sequence[Member], number: int
    ) -> tuple[State, Progress]:
        """Make pass `number` (from 0) and return the new state; the old one stays whole."""

    def margins(self, spec: Spec, state: State, block: Block) -> FloatArray:
        """Return margins on the link scale, float64 (rows, outputs, members)."""

    def export(
        self, spec: Spec, state: State, member: int
    ) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return the front (JSON values) and the named arrays of one member's model."""


def training_rows(block: Block, members: Sequence[Member]) -> FloatArray:
    """Return the weight with which each row trains each member, float64 (rows, members).

    Zero on a member's own validation rows.
    """
    weight = block.weight.astype(np.float64)[:, None]
    own = np.asarray([member.fold for member in members])
    fold = block.fold[:, np.asarray([member.repeat for member in members])]
    later = np.asarray([member.forward and member.fold >= 0 for member in members])
    return np.asarray(weight * ((fold != own) & ~(later & (fold > own))))
