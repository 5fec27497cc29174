"""The Learner of boosted trees; see `models.base`.

A member is a booster of its own; a pass is a few rounds of all of them. The rows are binned once, members
take their share of the bins. The state holds counters: a killed training is grown again to the same round,
in the same bits, and the model that leaves is cut at the kept round.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from justright.errors import TrainingError
from justright.models.base import Curve, Progress, Spec, State, training_rows
from justright.models.boosted.columns import commonest, matrix
from justright.models.boosted.forward import sums
from justright.models.boosted.growing import Grower, dataset_parameters, parameters, rows_of
from justright.models.boosted.library import lightgbm_for, silence, translated
from justright.models.boosted.objective import objective_for
from justright.models.boosted.trees import Trees
from justright.recipe import Boosting
from justright.schema import Block, FloatArray, IntArray, Member

__all__ = ["BoostedLearner", "rounds_a_pass"]

# Cells of a table from which one member alone takes all threads. LightGBM's threads wait for each other some
# fifty times a tree: on a busy machine that took 500 s instead of 20 (california, 6 x 1,420 rounds).
_LARGE: Final = 1 << 24
_USUAL: Final = Boosting()
_LEAST_PATIENCE: Final = 5  # as the Trainer's


def rounds_a_pass(cells: int) -> int:
    """Return the rounds of one pass over a table of so many numbers: more where a round is short.

    Judging every round of a small table would cost more than growing its tree.

    Examples
    --------
    >>> rounds_a_pass(10_000), rounds_a_pass(10_000_000), rounds_a_pass(500_000_000)
    (10, 5, 1)
    """
    return 10 if cells < 1 << 21 else 5 if cells < 1 << 25 else 1


class BoostedLearner:
    """Boosted trees.

    Parameters
    ----------
    boosting : Boosting or sequence of Boosting
        The settings; of several, `Member.setting` names the one.
    threads : int
        Most threads in all: members side by side with one each, or one member with all.

    Notes
    -----
    `Member.rate` above 0 is the learning rate instead of the settings' own; its penalty is not used. Members
    whose setting has not improved for as long as the Trainer waits stop growing.
    """

    resume: Literal["state", "replay"] = "replay"
    early_stopping = True

    def __init__(self, boosting: Boosting | Sequence[Boosting] = _USUAL, *, threads: int = 2) -> None:
        self.boosting = (boosting,) if isinstance(boosting, Boosting) else tuple(boosting)
        self.threads = threads
        self._told: _Told | None = None
        self._growers: dict[int, Grower] = {}

    def start(self, spec: Spec, blocks: Sequence[Block], members: Sequence[Member], seed: int) -> State:
        """Return the state before the first round: counters, the members as the last axis."""
        self._told, self._growers = _Told(self.boosting, self.threads, spec, blocks, members, seed), {}
        count = len(members)
        return {
            "rounds": np.zeros(count, np.int64),
            "train": np.full(count, np.nan),
            "held": np.full(count, np.nan),
            "best": np.full(count, np.inf),
            "best_pass": np.zeros(count, np.int64),
            "ended": np.zeros(count, bool),
            "seed": np.full(count, seed, np.int64),
        }

    def advance(
        self, spec: Spec, state: State, blocks: Sequence[Block], members: Sequence[Member], number: int
    ) -> tuple[State, Progress]:
        """Grow a few rounds of every member that still improves."""
        if self._told is None:
            seed = int(state["seed"][0])
            self._told = _Told(self.boosting, self.threads, spec, blocks, members, seed)
        told = self._told
        new = {name: array.copy() for name, array in state.items()}
        growing = np.flatnonzero(~state["ended"]).tolist()

        def grow(place: int) -> None:
            most = told.settings(place).rounds
            grower = self._grower(place, int(state["rounds"][place]))
            wanted = min(int(state["rounds"][place]) + told.step, most)
            goes_on = grower.grow(wanted)
            new["rounds"][place] = grower.rounds
            new["train"][place], new["held"][place] = grower.losses()
            new["ended"][place] = not goes_on or wanted == most

        _side_by_side(grow, growing, told.workers)
        stopped = _stop(new, members, number + 1, spec.descent.patience)
        failed = ~np.isfinite(new["train"])
        rule = "no better on validation rows" if stopped else "all rounds are used up, or no split is left"
        curve = Curve(1.0, new["train"].copy(), new["held"].copy())
        norms = {"rounds": new["rounds"].astype(np.float64)}
        steps = int((new["rounds"] - state["rounds"]).max(initial=0))
        return new, Progress((curve,), new["ended"].copy(), norms, steps, rule, failed)

    def margins(self, spec: Spec, state: State, block: Block) -> FloatArray:
        """Return margins of a block, float64 (rows, outputs, members); see `held_margins` for less work."""
        words = self._asked().words
        rows = matrix(block, words)
        made = [sums(self._trees(place, state), rows, spec.outputs) for place in range(len(state["rounds"]))]
        return np.stack(made, axis=2)

    def held_margins(self, spec: Spec, state: State, block: Block) -> FloatArray:
        """Return margins of each member's own held-out rows, NaN elsewhere, float64 (rows, outputs, members).

        A fold's share of the work of `margins`.
        """
        told = self._asked()
        out = np.full((block.rows, spec.outputs, len(told.members)), np.nan)
        for place, member in enumerate(told.members):
            own = np.flatnonzero(block.fold[:, member.repeat] == member.fold)
            if member.fold >= 0 and len(own):
                rows = matrix(block, told.words, own)
                out[own, :, place] = sums(self._trees(place, state), rows, spec.outputs)
        return out

    def export(
        self, spec: Spec, state: State, member: int
    ) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return the front and the arrays of one member, cut at its kept round."""
        told, target = self._asked(), spec.plan.data.target
        front = {
            "numeric": len(spec.plan.data.numeric),
            "codes": len(spec.plan.data.categorical),
            "tokens": sum(feature.slots for feature in spec.plan.data.text),
            "outputs": spec.outputs,
            "rounds": int(state["rounds"][member]),
            "centre": target.centre if target else 0.0,
            "scale": target.scale if target else 1.0,
        }
        return front, {**self._trees(member, state).to_arrays(), "words": told.words}

    def _asked(self) -> _Told:
        """Return what is trained."""
        if self._told is None:
            raise TrainingError(
                "boosted trees that have not been grown here: their state holds counters only",
                allowed="start or advance before margins and export",
            )
        return self._told

    def _grower(self, place: int, rounds: int) -> Grower:
        """Return the grower of a member with exactly so many rounds, grown again where it has others."""
        found = self._growers.get(place)
        if found is None or found.rounds > rounds:
            found = self._growers[place] = self._asked().grower(place)
        found.grow(rounds)
        return found

    def _trees(self, place: int, state: State) -> Trees:
        """Return the trees of a member up to the round of a state."""
        rounds = int(state["rounds"][place])
        found = self._growers.get(place)
        if found is None or found.rounds < rounds:
            found = self._grower(place, rounds)
        return found.trees(rounds)


class _Told:
    """What a training was told, and its rows in bins."""

    def __init__(
        self,
        boosting: tuple[Boosting, ...],
        threads: int,
        spec: Spec,
        blocks: Sequence[Block],
        members: Sequence[Member],
        seed: int,
    ) -> None:
        self.boosting, self.spec, self.members, self.seed = boosting, spec, tuple(members), seed
        self.lightgbm = lightgbm_for("boosted trees", "--family crossed")
        self.words = commonest(blocks)
        rows = _matrix(blocks, self.words)
        target = np.concatenate([block.target for block in blocks])
        self.objective = objective_for(spec.loss, spec.outputs, target)
        weight = np.concatenate([block.weight for block in blocks])
        self.trains = np.concatenate([training_rows(block, members) > 0 for block in blocks])
        fold = np.concatenate([block.fold for block in blocks])
        own = np.asarray([member.fold if member.fold >= 0 else -9 for member in members])
        repeat = np.asarray([member.repeat for member in members])
        self.judges = (fold[:, repeat] == own) & (weight > 0)[:, None]
        self.step = rounds_a_pass(rows.size)
        alone = len(self.members) == 1
        self.workers = 1 if alone else threads
        self.each = 1 if not alone or rows.size < _LARGE else threads
        equal = bool((weight == weight[0]).all()) if len(weight) else True
        begin = blocks[0].numeric.shape[1]
        self._binned = self.lightgbm.Dataset(
            rows,
            label=np.asarray(target, np.float32).reshape(len(rows)),
            weight=None if equal else weight,
            categorical_feature=list(range(begin, begin + blocks[0].codes.shape[1])),
            params=dataset_parameters(self._parameters(0)),
        )
        with translated(self.lightgbm, "boosted trees"):
            self._binned.construct()

    def settings(self, place: int) -> Boosting:
        """Return the settings of a member."""
        return self.boosting[self.members[place].setting % len(self.boosting)]

    def grower(self, place: int) -> Grower:
        """Return a member's grower before its first round."""
        trains, judges = self.trains[:, place], self.judges[:, place]
        if not trains.any():
            raise TrainingError(
                f"no rows to train on outside fold {self.members[place].fold}", allowed="at least one"
            )
        train = self._part(trains)
        held_out = self._part(judges) if judges.any() else None
        params = self._parameters(place)
        return Grower(self.lightgbm, params, train, held_out, self.spec.loss, self.spec.outputs)

    def _part(self, chosen: npt.NDArray[np.bool_]) -> Any:
        """Return some of the rows in the bins of all."""
        return self._binned if chosen.all() else self._binned.subset(rows_of(chosen))

    def _parameters(self, place: int) -> dict[str, Any]:
        """Return LightGBM's parameters of a member."""
        return parameters(
            self.settings(place),
            self.objective,
            seed=self.seed,
            threads=self.each,
            rate=self.members[place].rate,
        )


def _matrix(blocks: Sequence[Block], words: IntArray) -> npt.NDArray[np.float32]:
    """Return the columns of all rows, written once."""
    ends = np.cumsum([0, *(block.rows for block in blocks)])
    width = blocks[0].numeric.shape[1] + blocks[0].codes.shape[1] + len(words)
    rows = np.zeros((int(ends[-1]), width), np.float32)
    for block, begin, end in zip(blocks, ends[:-1], ends[1:], strict=True):
        matrix(block, words, out=rows[begin:end])
    return rows


def _side_by_side(work: Callable[[int], None], places: Sequence[int], workers: int) -> None:
    """Do the work of several members, a thread each."""
    if workers < 2 or len(places) < 2:
        for place in places:
            work(place)
        return

    with ThreadPoolExecutor(workers, initializer=silence) as pool:
        for done in [pool.submit(work, place) for place in places]:
            done.result()


def _stop(state: State, members: Sequence[Member], passes: int, patience: float) -> bool:
    """End members whose setting no longer improves, by the rule of the Trainer; sets `best` and `ended`."""
    setting = np.asarray([member.setting for member in members])
    judged = np.asarray([member.fold >= 0 for member in members])
    waits = max(_LEAST_PATIENCE, patience * passes)
    stopped = False
    for each in np.unique(setting):
        of = setting == each
        seen = state["held"][of & judged] if (of & judged).any() else state["train"][of]
        reached = float(np.mean(seen))
        if reached < float(state["best"][of][0]):
            state["best"][of], state["best_pass"][of] = reached, passes
        elif passes - int(state["best_pass"][of][0]) > waits or math.isnan(reached):
            stopped = stopped or not state["ended"][of].all()
            state["ended"][of] = True
    return stopped
