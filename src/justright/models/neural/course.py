"""What a training of networks works with: rows, members, the compiled program, and who is judged by what."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from justright.models.base import Spec
from justright.models.neural.activity import dead_share
from justright.models.neural.defaults import batch_of, epochs_of, finds_its_rate, prior_of
from justright.models.neural.judging import (
    margins_of,
    mean_loss,
    row_losses_of,
)
from justright.models.neural.net import Net, unpack
from justright.models.neural.program import Batches, Carry, Program
from justright.models.neural.race import COLUMNS, FIRST_CYCLE, Found, Leg, race
from justright.models.neural.rows import GROUP, Rows, batches_of, groups_of
from justright.models.neural.validation import JUDGED, Validation
from justright.models.neural.waves import estimate, train_in_waves, width_of
from justright.recipe import Network
from justright.schema import FloatArray, Member

__all__ = ["Course"]

_WATCHED: Final = 64  # rows that show which neurons are dead
_NOBODY: Final = -100  # fold of a member that trains on all rows


class Taken(NamedTuple):
    """A carry after some steps, and sums over them; both may still be on their way."""

    carry: Carry
    sums: dict[str, Any]


class _Ahead(NamedTuple):
    """Steps that were begun before they were asked for: from which weights, which ones, and what comes."""

    carry: Any
    asked: tuple[int, bytes, int]
    taken: Taken


@dataclass
class Course:
    """One training: its rows and its program, made once.

    Parameters
    ----------
    spec, network
        What is minimised, and the settings.
    net, program
        The network, and its compiled functions.
    rows : Rows
        All rows.
    members : sequence of Member
        The population.
    seed : int
        Of the order of rows and of dropout.
    """

    spec: Spec
    network: Network
    net: Net
    program: Program
    rows: Rows
    members: Sequence[Member]
    seed: int
    _whole: Rows | None = None
    _ahead: _Ahead | None = None

    def __post_init__(self) -> None:
        self.validation = Validation(self.spec, self.program, self.rows, self.members)
        self.used = trained_by(self.rows, self.members)
        self.groups = len(groups_of(len(self.used), self.seed, 0))
        self.batch = batch_of(self.network, len(self.used))
        group = -(-len(self.used) // self.groups)
        self.steps = -(-group // self.batch)  # of one group
        chosen = np.linspace(0, self.rows.count - 1, min(self.rows.count, _WATCHED)).astype(np.int64)
        self._watched = self.rows.take(chosen)

    @property
    def passes(self) -> int:
        """Most passes over the rows."""
        return epochs_of(self.network, len(self.used))

    def batches(self, number: int) -> Batches:
        """Return the rows of the so many-th group since the start, in order."""
        number, place = divmod(number, self.groups)
        if self.groups == 1:
            self._whole = self._whole or self.rows.take(self.used).placed()
            return batches_of(self._whole, self.batch, self.seed, number, place, self.steps)
        own = self.used[groups_of(len(self.used), self.seed, number)[place]]
        return batches_of(self.rows.take(own).placed(), self.batch, self.seed, number, place, self.steps)

    def told(self, rates: npt.NDArray[Any], first: int, steps: int) -> dict[str, Any]:
        """Return what the program is told: of each member, and where in the training it is."""
        return {
            "rate": np.asarray(rates, np.float32),
            "fold": np.asarray([m.fold if m.fold >= 0 else _NOBODY for m in self.members], np.int32),
            "repeat": np.asarray([m.repeat for m in self.members], np.int32),
            "forward": np.asarray([m.forward and m.fold >= 0 for m in self.members], bool),
            "seed": np.uint32(self.seed % 2**32),
            "first": np.int32(first),
            "steps": np.float32(steps),
        }

    def train(self, carry: Carry, number: int, rates: npt.NDArray[Any], passes: int) -> Taken:
        """Take the steps of a group. Nothing waits: what comes back is still being computed."""
        known, self._ahead = self._ahead, None
        asked = (number, rates.tobytes(), passes)
        if known is not None and known.carry is carry["vector"] and known.asked == asked:
            return known.taken
        batches = self.batches(number)
        told = self.told(rates, number * self.steps, passes * self.groups * self.steps)
        each = estimate(int(carry["vector"].shape[1]), self.net.neurons, self.batch)
        return Taken(*train_in_waves(self.program, carry, batches, told, width_of(len(self.members), each)))

    def train_ahead(self, carry: Carry, number: int, rates: npt.NDArray[Any], passes: int) -> None:
        """Begin a group before it is asked for, so that its steps run while the last one is judged."""
        if number < passes * self.groups:
            taken = self.train(carry, number, rates, passes)
            self._ahead = _Ahead(carry["vector"], (number, rates.tobytes(), passes), taken)

    def said(self, taken: Taken) -> dict[str, FloatArray]:
        """Return what some steps said, means over them; waits for them."""
        totals = {name: np.asarray(value, np.float64) for name, value in taken.sums.items()}
        with np.errstate(invalid="ignore", over="ignore"):
            loss = totals["loss"] / np.maximum(totals["weight"], 1e-300)
            apart = totals["between"] / np.maximum(totals["within"], 1e-300)
            names = {"gradient": "gradient", "update": "update"}
            if totals["last"].any():  # of networks whose layers are known
                names |= {"first": "gradient_first", "last": "gradient_last"}
            norms = {name: totals[own] / totals["norms"] for own, name in names.items()}
        return {"loss": loss, "apart": apart} | norms

    def first_loss(self, carry: Carry) -> float:
        """Return the loss of the starting weights, or of no margin at all where that is larger."""
        some = self._watched
        margin = margins_of(self.program, carry, some.x, some.codes, some.offset, [0])[0]
        return max(mean_loss(self.spec, margin, some), mean_loss(self.spec, np.zeros_like(margin), some))

    def dead(self, carry: Carry, fixed: dict[str, npt.NDArray[Any]]) -> FloatArray:
        """Return the share of dead neurons of each member."""
        found = []
        for member, vector in enumerate(np.asarray(carry["vector"])):
            arrays = {**fixed, **unpack(self.net.leaves, vector)}
            arrays |= {name: np.asarray(a[member]) for name, a in carry["statistics"].items()}
            with np.errstate(all="ignore"):
                found.append(dead_share(self.net.hidden(arrays, self._watched.x, self._watched.codes)))
        return np.asarray(found)

    def race(self, vector: npt.NDArray[Any]) -> Found:
        """Find the rate on the held-out rows of the first member that has some."""
        given = self.network.rate or (self.members[0].rate if all(m.rate for m in self.members) else 0.0)
        if given or finds_its_rate(self.network):
            rate = given or prior_of(self.network, self.spec, self.batch)
            return Found(rate, np.zeros((0, len(COLUMNS))), 0)
        place = next((i for i, m in enumerate(self.members) if m.fold >= 0), 0)
        alone = Course(
            self.spec, self.network, self.net, self.program, self.rows, [self.members[place]], self.seed
        )
        one = alone.members[0]
        some = alone.rows.take(alone.used[: min(GROUP, JUDGED)])
        own = alone.validation.rows_of(one.fold, one.repeat) if alone.validation.judged[0] else some

        def losses(carry: Carry) -> FloatArray:
            return row_losses_of(
                self.spec, margins_of(self.program, carry, own.x, own.codes, own.offset)[0], own
            )

        total = alone.passes * alone.groups * alone.steps
        told = alone.told(np.zeros(1), 0, total)
        prior = prior_of(self.network, self.spec, self.batch)
        span = FIRST_CYCLE if self.program.rule.schedule == "coslog4" else 1.0
        leg = Leg(alone.batches, alone.steps, losses, span)
        return race(self.program, leg, vector, self.net.statistics(), told, prior, total)

    def affordable(self, carry: Carry, left: float) -> int:
        """Return how many passes fit into so many seconds: by one group on trial, compiled before."""
        taken = 0.0
        for _ in range(2):  # the first one compiles
            begin = time.perf_counter()
            moved = self.train(carry, 0, np.zeros(len(self.members)), 1).carry
            self.validation.validated(self.validation.look(moved))
            taken = time.perf_counter() - begin
            left -= taken
        return int(np.clip(left / max(taken * self.groups, 1e-6), 1, self.passes))


def trained_by(rows: Rows, members: Sequence[Member]) -> npt.NDArray[np.int64]:
    """Return the rows that some member trains on."""
    some = np.zeros(rows.count, bool)
    for fold, repeat, forward in {(m.fold, m.repeat, m.forward) for m in members}:
        own = rows.fold[:, repeat]
        some |= (own != fold) & ~(forward & (fold >= 0) & (own > fold)) if fold >= 0 else True
    return np.flatnonzero(some & (np.asarray(rows.weight) > 0))
