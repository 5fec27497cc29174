"""What a training of networks works with: rows, members, the compiled program, and who is judged by what."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from justright.metrics import Metric, metric
from justright.models.base import Spec
from justright.models.neural.activity import dead_share
from justright.models.neural.defaults import batch_of, epochs_of, finds_its_rate, prior_of
from justright.models.neural.judging import (
    gathered,
    looked,
    looks_of,
    margins_of,
    mean_loss,
    row_losses_of,
)
from justright.models.neural.net import Net, unpack
from justright.models.neural.program import Batches, Carry, Program
from justright.models.neural.race import COLUMNS, FIRST_CYCLE, Found, Leg, race
from justright.models.neural.rows import GROUP, Rows, batches_of, groups_of
from justright.models.neural.waves import estimate, train_in_waves, width_of
from justright.optim.losses import margins_to_predictions
from justright.recipe import Network
from justright.schema import FloatArray, Member

__all__ = ["Course"]

_JUDGED: Final = 65_536  # validation rows looked at after each pass
_WATCHED: Final = 64  # rows that show which neurons are dead
_NOBODY: Final = -100  # fold of a member that trains on all rows


class Taken(NamedTuple):
    """A carry after some steps, and sums over them; both may still be on their way."""

    carry: Carry
    sums: dict[str, Any]


class Seen(NamedTuple):
    """The margins (members, rows, outputs) of validation rows by the members at some places."""

    rows: Rows
    places: list[int]
    margins: npt.NDArray[np.float32]


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
    _kept: dict[tuple[int, int], Rows] = field(default_factory=dict)
    _shown: dict[tuple[int, int], list[Any]] = field(default_factory=dict)
    _whole: Rows | None = None
    _ahead: _Ahead | None = None

    def __post_init__(self) -> None:
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

    @property
    def judged(self) -> npt.NDArray[np.bool_]:
        """Which members have validation rows, bool (members,)."""
        counts = [m.fold >= 0 and self.judging(m.fold, m.repeat).count for m in self.members]
        return np.asarray(counts) > 0

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
        return {"loss": loss} | {name: totals[name] / totals["norms"] for name in ("gradient", "update")}

    def look(self, carry: Carry) -> list[Seen]:
        """Look at all validation rows.

        It waits: beside the steps of the next group, looks keep their threads waiting, and a pass of 256^3
        takes 107 ms instead of 60.
        """
        seen = []
        for fold, repeat in sorted({(m.fold, m.repeat) for m in self.members if m.fold >= 0}):
            places = [i for i, m in enumerate(self.members) if (m.fold, m.repeat) == (fold, repeat)]
            if self.judging(fold, repeat).count:
                some = None if len(places) == len(self.members) else places
                made = looked(self.program, carry, self._looks(fold, repeat), some)
                seen.append((self.judging(fold, repeat), places, made))
        return [Seen(own, places, gathered(made, own.count)) for own, places, made in seen]

    def validated(self, seen: Sequence[Seen], name: str = "auto") -> tuple[FloatArray, FloatArray | None]:
        """Return each member's loss on its own validation rows, and a metric of that name; NaN without any.

        The metric is turned so that smaller is better; `auto` has none beside the loss.
        """
        losses, turned = np.full((2, len(self.members)), np.nan)
        for own, places, margins in seen:
            losses[places] = [mean_loss(self.spec, margin, own) for margin in margins]
            if name != "auto":
                turned[places] = [self._criterion(metric(name), margin, own) for margin in margins]
        return losses, turned if name != "auto" else None

    def _criterion(self, chosen: Metric, margin: npt.NDArray[np.float32], own: Rows) -> float:
        """Return a metric of rows, turned so that smaller is better."""
        prediction = margins_to_predictions(margin.astype(np.float64), self.spec.loss.link)
        value = chosen.function(self._unit(own.target), self._unit(prediction), own.weight)
        return -value if chosen.greater_is_better else value

    def _unit(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return targets and predictions in the target's own unit."""
        target = self.spec.plan.data.target
        return target.unscaled(values) if target and self.spec.loss.link == "identity" else values

    def judging(self, fold: int, repeat: int) -> Rows:
        """Return the validation rows of a fold, thinned where they are many."""
        key = (fold, repeat)
        if key not in self._kept:
            chosen = np.flatnonzero((self.rows.fold[:, repeat] == fold) & (self.rows.weight > 0))
            step = -(-len(chosen) // _JUDGED) if len(chosen) else 1
            self._kept[key] = self.rows.take(chosen[::step])
        return self._kept[key]

    def _looks(self, fold: int, repeat: int) -> list[Any]:
        """Return the validation rows of a fold as they are looked at after every pass."""
        key = (fold, repeat)
        if key not in self._shown:
            own = self.judging(fold, repeat)
            self._shown[key] = looks_of(own.x, own.codes, own.offset)
        return self._shown[key]

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
        some = alone.rows.take(alone.used[: min(GROUP, _JUDGED)])
        own = alone.judging(one.fold, one.repeat) if alone.judged[0] else some

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
            self.validated(self.look(moved))
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
