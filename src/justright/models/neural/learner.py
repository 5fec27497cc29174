"""The Learner of networks: passes of one compiled program, the rate found by a race; see `models.base`.

To follow a training: `front` (what a row becomes) -> `net` and `network` (what the network is) -> `course`
(rows, batches, judging) -> `race` (the rate) -> `program` (the compiled pass) -> `rollback`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from justright.errors import TrainingError
from justright.kernels.blas import one_blas_thread
from justright.models.base import Curve, Progress, Spec, State
from justright.models.neural.carried import carry_of, state_of_carry
from justright.models.neural.compiling import keep_compiled, seconds
from justright.models.neural.course import Course, trained_by
from justright.models.neural.defaults import design_for, rule_for
from justright.models.neural.front import Layout, fit_scales, inputs_of, layout_of
from justright.models.neural.judging import margins_of
from justright.models.neural.net import Net, TableNet, pack, unpack
from justright.models.neural.program import Carry, Program
from justright.models.neural.rollback import MOST, exploded, rolled_back
from justright.models.neural.rows import Rows, offsets, pack_rows
from justright.models.neural.wide import fit_wide, hidden_of
from justright.recipe import Crosses, Network
from justright.schema import Block, FloatArray, Member

__all__ = ["NeuralLearner"]

_SAMPLE: Final = 65_536  # rows that set scales and pieces
_STARTED: Final = 4_096  # rows that set the starting weights
_WIDE: Final = ("wide.edges", "wide.maps", "wide.tables", "wide.intercept")
_FIXED: Final = ("front.centre", "front.scale", "numbers.edges", *_WIDE, "layout")


class NeuralLearner:
    """Networks on tables.

    Every array of the state has the members as its last axis; a pass depends on nothing but the state,
    the rows and its number.

    Parameters
    ----------
    network : Network
        The settings.
    make : callable, optional
        Makes the network from the layout of its inputs and the Spec; default: the tables' own.
    wide : Crosses, optional
        A wide part with these crosses, or those that are found; default: none.
    metric : str
        Metric by which the best pass is chosen; `auto` = the validation loss.
    """

    resume: Literal["state", "replay"] = "state"
    early_stopping = True

    def __init__(
        self,
        network: Network,
        make: Callable[[Layout, Spec], Net] | None = None,
        *,
        wide: Crosses | None = None,
        metric: str = "auto",
    ) -> None:
        self.network = network
        self.wide = wide
        self.metric = metric
        self.make = make or (lambda layout, spec: TableNet(design_for(network, layout, spec)))
        self._cache: dict[str, Any] = {}
        keep_compiled()
        self._spent = seconds()

    @property
    def compile_seconds(self) -> float:
        """Seconds spent on compiling since this learner was made, for the summary alone."""
        return seconds() - self._spent

    def start(self, spec: Spec, blocks: Sequence[Block], members: Sequence[Member], seed: int) -> State:
        """Return the state before the first pass: scales, starting weights, and the rate of the race."""
        begin = time.perf_counter()
        arrays: dict[str, npt.NDArray[Any]]
        layout, arrays = self._inputs(spec, blocks, members)
        rows = pack_rows(layout, arrays, blocks, spec.scratch, hidden_of(members))
        net = self.make(layout, spec)
        some = _some_rows(rows, members)
        arrays |= net.fixed(some.x)
        first = net.initial(np.random.default_rng(seed), arrays, some.x, some.codes)
        if layout.wide:
            first |= {name: np.zeros_like(array) for name, array in first.items() if _begins_at_zero(name)}
        program = self._program(spec, net, arrays)
        course = Course(spec, self.network, net, program, rows, members, seed)
        self._cache = {"course": course, "net": net, "program": program}
        vector = np.repeat(pack(np, net.leaves, first)[None], len(members), axis=0)
        found = course.race(vector[:1])
        rates = np.asarray([member.rate or found.rate for member in members], np.float32)
        carry = program.start(vector, net.statistics(), rates, course.passes * course.groups * course.steps)
        passes = course.passes
        if self.network.seconds:
            passes = course.affordable(carry, self.network.seconds - (time.perf_counter() - begin))
        told: dict[str, Any] = {
            "rate": rates,
            "lowered": np.zeros(len(members), np.int32),
            "fallen": np.zeros(len(members), np.int32),
            "passes": np.full(len(members), passes, np.int32),
            "first": np.full(len(members), course.first_loss(carry)),
        }
        shared = {
            "race": found.table,
            "raced": np.int64(found.steps),
            "seed": np.int64(seed),
            "start": vector[0],
        }
        shared |= arrays
        shared |= {f"begun.{name}": array for name, array in net.statistics().items()}
        state = {name: _of_all(np.asarray(array), len(members)) for name, array in shared.items()}
        begun = {**state, **told, **state_of_carry(carry)}
        self._cache["vector"], self._cache["carry"] = begun["vector"], carry
        return begun

    def advance(
        self, spec: Spec, state: State, blocks: Sequence[Block], members: Sequence[Member], number: int
    ) -> tuple[State, Progress]:
        """Take all rows once, or one group of them where the table is large."""
        with one_blas_thread():
            return self._advanced(spec, state, blocks, members, number)

    def _advanced(
        self, spec: Spec, state: State, blocks: Sequence[Block], members: Sequence[Member], number: int
    ) -> tuple[State, Progress]:
        """Take a group of rows, look at the others, and begin the next group."""
        course = self._course(spec, state, blocks, members)
        passes = int(state["passes"][0])
        taken = course.train(self._carry(course.program, state), number, state["rate"], passes)
        carry, seen = taken.carry, course.validation.look(taken.carry)
        course.train_ahead(carry, number + 1, state["rate"], passes)
        said = course.said(taken)
        validation, criterion = course.validation.validated(seen, self.metric)
        new = self._kept(course, state, carry, said["loss"], validation)
        failed = np.asarray(new["lowered"] > MOST)
        norms = {name: values for name, values in said.items() if name != "loss"}
        norms |= {"rate": new["rate"].astype(np.float64), "dead": course.dead(carry, _fixed(state))}
        curve = Curve(1.0 / course.groups, said["loss"], validation)
        ended = "the passes that fit into the time are made" if self.network.seconds else ""
        rule = ended or f"all {passes} passes are used up"
        if failed.any():
            rule = f"the loss is no number even at a rate of {new['rate'].min():.2g}"
        done = np.full(len(members), number + 1 >= passes * course.groups)
        return new, Progress((curve,), done, norms, course.steps, rule, failed, criterion)

    def margins(self, spec: Spec, state: State, block: Block) -> FloatArray:
        """Return margins of a block, float64 (rows, outputs, members)."""
        program = self._program(spec, self._net(spec, state), _fixed(state))
        layout, fixed = _layout(state), _fixed(state)
        x, codes = inputs_of(layout, fixed, block)
        offset = offsets(layout, fixed, codes, np.zeros(block.rows, np.int64)) if layout.wide else None
        made = margins_of(program, self._carry(program, state), x, codes, offset)
        return np.ascontiguousarray(made.transpose(1, 2, 0), np.float64)

    def export(
        self, spec: Spec, state: State, member: int
    ) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return the front and the arrays of one member's model."""
        net = self._net(spec, state)
        program = self._program(spec, net, _fixed(state))
        vectors, statistics = program.judged(self._carry(program, state))
        arrays = {**_fixed(state), **unpack(net.leaves, np.asarray(vectors[member]))}
        arrays |= {name: np.asarray(array[member]) for name, array in statistics.items()}
        target = spec.plan.data.target
        centre, scale = (target.centre, target.scale) if target else (0.0, 1.0)
        front = {
            **net.front(),
            "layout": msgspec.to_builtins(_layout(state)),
            "link": spec.loss.link,
            "centre": centre,
            "scale": scale,
        }
        del arrays["layout"]
        if _layout(state).wide:
            arrays = _with_wide(arrays)
        return front, {name: np.ascontiguousarray(array) for name, array in arrays.items()}

    def _inputs(
        self, spec: Spec, blocks: Sequence[Block], members: Sequence[Member]
    ) -> tuple[Layout, dict[str, npt.NDArray[Any]]]:
        """Return what the network reads, and the arrays that decide it."""
        layout = layout_of(spec.plan)
        arrays: dict[str, npt.NDArray[Any]] = dict(fit_scales(layout, _sampled(blocks, members)))
        if self.wide is not None:
            wide = fit_wide(spec, self.wide, blocks, hidden_of(members))
            layout = msgspec.structs.replace(layout, wide=wide.front)
            arrays |= {f"wide.{name}": array for name, array in wide.arrays.items()}
        arrays["layout"] = np.frombuffer(msgspec.json.encode(layout), np.uint8)
        return layout, arrays

    def _course(self, spec: Spec, state: State, blocks: Sequence[Block], members: Sequence[Member]) -> Course:
        """Return what the training works with, made once: anew where it goes on from a state."""
        if "course" not in self._cache:
            net = self._net(spec, state)
            rows = pack_rows(_layout(state), _fixed(state), blocks, spec.scratch, hidden_of(members))
            program = self._program(spec, net, _fixed(state))
            seed = int(state["seed"][0])
            self._cache["course"] = Course(spec, self.network, net, program, rows, members, seed)
        made: Course = self._cache["course"]
        return made

    def _net(self, spec: Spec, state: State) -> Net:
        """Return the network, made once."""
        if "net" not in self._cache:
            self._cache["net"] = self.make(_layout(state), spec)
        made: Net = self._cache["net"]
        return made

    def _program(self, spec: Spec, net: Net, arrays: Mapping[str, npt.NDArray[Any]]) -> Program:
        """Return the compiled functions; those of a former start serve again where nothing else is fixed."""
        fixed = {name: array for name, array in arrays.items() if name == "numbers.edges"}
        known: Program | None = self._cache.get("program")
        if known is None or known.net is not net:
            smoothing = max(self.network.smoothing, 0.0)
            known = Program(net, fixed, spec.loss, rule_for(self.network), smoothing)
            self._cache["program"] = known
        return known

    def _carry(self, program: Program, state: State) -> Carry:
        """Return a state as the program has it."""
        if self._cache.get("vector") is state["vector"]:
            carry: Carry = self._cache["carry"]
            return carry
        return carry_of(program, state)

    def _kept(
        self, course: Course, state: State, carry: Carry, train: FloatArray, validation: FloatArray
    ) -> State:
        """Return the new state, members that diverged back at a good one."""
        new = {**state, **state_of_carry(carry), "fallen": np.zeros_like(state["fallen"])}
        bad = exploded(state, new, train, validation, course.validation.judged)
        if not bad.any():
            self._cache["vector"], self._cache["carry"] = new["vector"], carry
            return new
        empty = {
            name.removeprefix("begun."): array[..., 0]
            for name, array in state.items()
            if name.startswith("begun.")
        }
        begun = state_of_carry(course.program.start(state["start"].T.copy(), empty, state["rate"], 1))
        return rolled_back(state, new, begun, bad)


def _sampled(blocks: Sequence[Block], members: Sequence[Member]) -> list[Block]:
    """Return a sample of the rows that some member trains on, by fingerprint."""
    total = sum(block.rows for block in blocks)
    limit = np.uint64(min(_SAMPLE / max(total, 1), 1.0) * (2.0**64 - 2048))
    held = {member.fold for member in members}
    alone = held.pop() if len(held) == 1 else -1
    parts = []
    for block in blocks:
        chosen = (block.key <= limit) | (total <= _SAMPLE)
        chosen &= (block.fold[:, members[0].repeat] != alone) | (alone < 0)
        parts.append(block.take(np.flatnonzero(chosen)))
    return parts


def _some_rows(rows: Rows, members: Sequence[Member]) -> Rows:
    """Return the rows that set the starting weights."""
    used = trained_by(rows, members)
    if not len(used):
        raise TrainingError("no rows to train on", allowed="at least one row outside the held-out part")
    return rows.take(used[np.linspace(0, len(used) - 1, min(len(used), _STARTED)).astype(np.int64)])


def _begins_at_zero(name: str) -> bool:
    """Say whether an array of a wide network begins at 0: it begins as the additive model, its offset."""
    return name.startswith("wide.") or name in ("head.weight", "head.bias")


def _with_wide(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Return arrays for service: tables and bias with those of the additive model of all training rows."""
    made = {name: array for name, array in arrays.items() if name not in ("wide.tables", "wide.intercept")}
    place = begin = 0
    while (name := f"wide.{place}") in made:
        end = begin + len(made[name])
        made[name] = made[name] + arrays["wide.tables"][0, begin:end]
        place, begin = place + 1, end
    made["head.bias"] = made["head.bias"] + arrays["wide.intercept"][0]
    return made


def _layout(state: State) -> Layout:
    """Return what the network reads."""
    return msgspec.json.decode(state["layout"][..., 0].tobytes(), type=Layout)


def _fixed(state: State) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays that do not learn."""
    return {name: state[name][..., 0] for name in _FIXED if name in state}


def _of_all(array: npt.NDArray[Any], members: int) -> npt.NDArray[Any]:
    """Return an array that all members share with their axis."""
    return np.repeat(array[..., None], members, axis=-1)
