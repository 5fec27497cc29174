"""The Learner of networks: passes of one compiled program, the rate found by a race; see `models.base`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import jax
import msgspec
import numpy as np
import numpy.typing as npt

from justright.errors import TrainingError
from justright.models.base import Curve, Progress, Spec, State
from justright.models.neural.activity import dead_share
from justright.models.neural.carried import carry_of, state_of_carry
from justright.models.neural.defaults import batch_of, design_for, epochs_of, prior_of, rule_for
from justright.models.neural.front import Layout, fit_scales, inputs_of, layout_of
from justright.models.neural.net import Net, TableNet, pack, unpack
from justright.models.neural.objective import objective_for
from justright.models.neural.optimizer_table import row_of
from justright.models.neural.program import Carry, Program
from justright.models.neural.race import COLUMNS, Found, Leg, race
from justright.models.neural.rollback import MOST, exploded, rolled_back
from justright.models.neural.rows import Rows, batches_of, groups_of, pack_rows
from justright.models.neural.wide import Wide, fit_wide
from justright.optim.losses import row_losses
from justright.recipe import Crosses, Network
from justright.schema import Block, FloatArray, Member

__all__ = ["NeuralLearner"]

_SAMPLE: Final = 65_536  # rows that set scales and pieces
_STARTED: Final = 4_096  # rows that set the starting weights
_JUDGED: Final = 65_536  # validation rows looked at after each pass
_WATCHED: Final = 256  # rows that show which neurons are dead
_AT_ONCE: Final = 8_192  # rows of a look
_FIXED: Final = ("front.centre", "front.scale", "numbers.edges", "wide.edges", "wide.maps", "layout")


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
    """

    resume: Literal["state", "replay"] = "state"
    early_stopping = True

    def __init__(
        self,
        network: Network,
        make: Callable[[Layout, Spec], Net] | None = None,
        *,
        wide: Crosses | None = None,
    ) -> None:
        self.network = network
        self.wide = wide
        self.make = make or (lambda layout, spec: TableNet(design_for(network, layout, spec)))
        self._cache: dict[str, Any] = {}

    def start(self, spec: Spec, blocks: Sequence[Block], members: Sequence[Member], seed: int) -> State:
        """Return the state before the first pass: scales, starting weights, and the rate of the race."""
        layout = layout_of(spec.plan)
        arrays: dict[str, npt.NDArray[Any]] = dict(fit_scales(layout, _sampled(blocks, members)))
        wide = fit_wide(spec, self.wide, blocks, members) if self.wide else None
        if wide is not None:
            layout = msgspec.structs.replace(layout, wide=wide.front)
            arrays |= {f"wide.{name}": array for name, array in wide.arrays.items()}
        arrays["layout"] = np.frombuffer(msgspec.json.encode(layout), np.uint8)
        rows = pack_rows(layout, arrays, blocks, spec.scratch)
        net = self.make(layout, spec)
        used = _trained(rows, members)
        if not len(used):
            raise TrainingError("no rows to train on", allowed="at least one row outside the held-out part")
        some = rows.take(used[np.linspace(0, len(used) - 1, min(len(used), _STARTED)).astype(np.int64)])
        arrays |= net.fixed(some.x)
        first = net.initial(np.random.default_rng(seed), arrays, some.x, some.codes)
        if wide is not None:
            first |= _joined(first, wide)
        self._cache = {"rows": rows, "net": net}
        program = self._program(spec, net, arrays)
        vector = np.repeat(pack(np, net.leaves, first)[None], len(members), axis=0)
        found = self._race(spec, program, net, rows, members, vector[:1], seed)
        rates = np.asarray([member.rate or found.rate for member in members], np.float32)
        carry = program.start(vector, net.statistics(), rates, self._steps(used))
        told: dict[str, Any] = {
            "rate": rates,
            "lowered": np.zeros(len(members), np.int32),
            "fallen": np.zeros(len(members), np.int32),
            "first": np.full(len(members), self._begins(spec, program, carry, some)),
        }
        shared = {"race": found.table, "seed": np.int64(seed), "start": vector[0], **arrays}
        shared |= {f"begun.{name}": array for name, array in net.statistics().items()}
        state = {name: _of_all(np.asarray(array), len(members)) for name, array in shared.items()}
        return {**state, **told, **state_of_carry(carry)}

    def advance(
        self, spec: Spec, state: State, blocks: Sequence[Block], members: Sequence[Member], number: int
    ) -> tuple[State, Progress]:
        """Take all rows once, or one group of them where the table is large."""
        rows, net = self._rows(spec, state, blocks), self._net(spec, state)
        program, seed = self._program(spec, net, _fixed(state)), int(state["seed"][0])
        used = _trained(rows, members)
        count = len(groups_of(len(used), seed, 0))
        groups = groups_of(len(used), seed, number // count)
        own = rows.take(used[groups[number % count]])
        batches = batches_of(own, batch_of(self.network, len(used)), seed, number // count, number % count)
        told = _told(state, members, seed)
        told |= {"first": np.int32(number * batches.steps), "steps": np.float32(self._steps(used))}
        carry, sums = program.train(self._carry(program, state), batches, told)
        totals = {name: np.asarray(value, np.float64) for name, value in sums.items()}
        with np.errstate(invalid="ignore"):
            train = totals["loss"] / np.maximum(totals["weight"], 1e-300)
        validation = self._validated(spec, program, carry, rows, members)
        judged = np.asarray(
            [m.fold >= 0 and self._judging(rows, m.fold, m.repeat).count > 0 for m in members]
        )
        new = self._kept(program, state, carry, train, validation, judged)
        failed = np.asarray(new["lowered"] > MOST)
        norms = {name: totals[name] / batches.steps for name in ("gradient", "update")}
        norms["rate"] = new["rate"].astype(np.float64)
        norms["dead"] = self._dead(net, new, rows)
        curve = Curve(1.0 / count, train, validation)
        rule = f"the loss is no number even at a rate of {new['rate'].min():.2g}" if failed.any() else ""
        done = np.zeros(len(members), bool)
        return new, Progress((curve,), done, norms, batches.steps, rule, failed)

    def margins(self, spec: Spec, state: State, block: Block) -> FloatArray:
        """Return margins of a block, float64 (rows, outputs, members)."""
        program = self._program(spec, self._net(spec, state), _fixed(state))
        x, codes = inputs_of(_layout(state), _fixed(state), block)
        made = _margins(program, self._carry(program, state), x, codes)
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
        return front, {name: np.ascontiguousarray(array) for name, array in arrays.items()}

    def _steps(self, used: npt.NDArray[np.int64]) -> int:
        """Return the steps of a whole training."""
        return epochs_of(self.network, len(used)) * -(-len(used) // batch_of(self.network, len(used)))

    def _net(self, spec: Spec, state: State) -> Net:
        """Return the network."""
        if "net" not in self._cache:
            self._cache["net"] = self.make(_layout(state), spec)
        made: Net = self._cache["net"]
        return made

    def _program(self, spec: Spec, net: Net, arrays: dict[str, npt.NDArray[Any]]) -> Program:
        """Return the compiled functions, made once."""
        if "program" not in self._cache:
            fixed = {name: array for name, array in arrays.items() if name == "numbers.edges"}
            objective = objective_for(spec.loss, self.network.smoothing)
            self._cache["program"] = Program(net, fixed, objective, spec.loss, rule_for(self.network))
        made: Program = self._cache["program"]
        return made

    def _rows(self, spec: Spec, state: State, blocks: Sequence[Block]) -> Rows:
        """Return the encoded rows, made once."""
        if "rows" not in self._cache:
            self._cache["rows"] = pack_rows(_layout(state), _fixed(state), blocks, spec.scratch)
        made: Rows = self._cache["rows"]
        return made

    def _begins(self, spec: Spec, program: Program, carry: Carry, some: Rows) -> float:
        """Return the loss of the starting weights, or of no margin at all where that is larger."""
        margin = _margins(program, _some(carry, np.zeros(1, np.int64)), some.x, some.codes)[0]
        return max(_mean_loss(spec, margin, some), _mean_loss(spec, np.zeros_like(margin), some))

    def _carry(self, program: Program, state: State) -> Carry:
        """Return a state as the program has it."""
        if self._cache.get("vector") is state["vector"]:
            carry: Carry = self._cache["carry"]
            return carry
        return carry_of(program, state)

    def _kept(
        self,
        program: Program,
        state: State,
        carry: Carry,
        train: FloatArray,
        validation: FloatArray,
        judged: npt.NDArray[np.bool_],
    ) -> State:
        """Return the new state, members that diverged back at a good one."""
        moved = state_of_carry(carry)
        new = {**state, **moved, "fallen": np.zeros_like(state["fallen"])}
        bad = exploded(state, new, train, validation, judged)
        if not bad.any():
            self._cache["vector"], self._cache["carry"] = new["vector"], carry
            return new
        statistics = {n: a[..., 0] for n, a in state.items() if n.startswith("begun.")}
        empty = {name.removeprefix("begun."): array for name, array in statistics.items()}
        begun = state_of_carry(program.start(state["start"].T.copy(), empty, state["rate"], 1))
        return rolled_back(state, new, begun, bad)

    def _validated(
        self, spec: Spec, program: Program, carry: Carry, rows: Rows, members: Sequence[Member]
    ) -> FloatArray:
        """Return each member's loss on its own validation rows; NaN where it has none."""
        found = np.full(len(members), np.nan)
        for fold, repeat in sorted({(m.fold, m.repeat) for m in members if m.fold >= 0}):
            own = self._judging(rows, fold, repeat)
            places = [i for i, m in enumerate(members) if (m.fold, m.repeat) == (fold, repeat)]
            if not own.count:
                continue
            made = _margins(program, _some(carry, np.asarray(places)), own.x, own.codes)
            for place, margin in zip(places, made, strict=True):
                found[place] = _mean_loss(spec, margin, own)
        return found

    def _judging(self, rows: Rows, fold: int, repeat: int) -> Rows:
        """Return the validation rows of a fold, thinned where they are many."""
        key = f"judging {fold} {repeat}"
        if key not in self._cache:
            chosen = np.flatnonzero((rows.fold[:, repeat] == fold) & (rows.weight > 0))
            step = -(-len(chosen) // _JUDGED) if len(chosen) else 1
            self._cache[key] = rows.take(chosen[::step])
        made: Rows = self._cache[key]
        return made

    def _dead(self, net: Net, state: State, rows: Rows) -> FloatArray:
        """Return the share of dead neurons of each member."""
        if "watched" not in self._cache:
            chosen = np.linspace(0, rows.count - 1, min(rows.count, _WATCHED)).astype(np.int64)
            self._cache["watched"] = rows.take(chosen)
        some, statistics = self._cache["watched"], net.statistics()
        found = []
        for member in range(state["vector"].shape[-1]):
            arrays = {**_fixed(state), **unpack(net.leaves, state["vector"][:, member])}
            arrays |= {name: state[f"stat.{name}"][..., member] for name in statistics}
            found.append(dead_share(net.hidden(arrays, some.x, some.codes)))
        return np.asarray(found)

    def _race(
        self,
        spec: Spec,
        program: Program,
        net: Net,
        rows: Rows,
        members: Sequence[Member],
        vector: npt.NDArray[Any],
        seed: int,
    ) -> Found:
        """Find the rate on the held-out rows of the first member that has some."""
        free = row_of(self.network.optimizer).rate_free
        if self.network.rate or free or all(member.rate for member in members):
            rate = self.network.rate or prior_of(self.network, spec, 0)
            return Found(rate, np.zeros((0, len(COLUMNS))), 0)
        one = next((member for member in members if member.fold >= 0), members[0])
        used = _trained(rows, [one])
        judging = self._judging(rows, one.fold, one.repeat) if one.fold >= 0 else rows.take(used[:_JUDGED])
        size = batch_of(self.network, len(used))
        whole = batches_of(rows.take(used[: 1 << 18]), size, seed, 0, 0)

        def batches(steps: int) -> list[Any]:
            if steps >= whole.steps:
                return [whole] * round(steps / whole.steps)
            return [whole.first(steps)]

        def losses(carry: Carry) -> FloatArray:
            return _row_losses(spec, _margins(program, carry, judging.x, judging.codes)[0], judging)

        told = _told({"rate": np.zeros(1, np.float32)}, [one], seed)
        prior = prior_of(self.network, spec, size)
        return race(
            program,
            Leg(batches, losses),
            vector,
            net.statistics(),
            told,
            prior,
            self._steps(used),
        )


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


def _trained(rows: Rows, members: Sequence[Member]) -> npt.NDArray[np.int64]:
    """Return the rows that some member trains on."""
    some = np.zeros(rows.count, bool)
    for fold, repeat, forward in {(m.fold, m.repeat, m.forward) for m in members}:
        own = rows.fold[:, repeat]
        some |= (own != fold) & ~(forward & (fold >= 0) & (own > fold)) if fold >= 0 else True
    return np.flatnonzero(some & (np.asarray(rows.weight) > 0))


def _told(state: State, members: Sequence[Member], seed: int) -> dict[str, Any]:
    """Return what the program is told of each member."""
    return {
        "rate": np.asarray(state["rate"], np.float32),
        "fold": np.asarray([m.fold if m.fold >= 0 else -100 for m in members], np.int32),
        "repeat": np.asarray([m.repeat for m in members], np.int32),
        "forward": np.asarray([m.forward and m.fold >= 0 for m in members], bool),
        "seed": np.uint32(seed % 2**32),
    }


def _joined(first: Mapping[str, npt.NDArray[Any]], wide: Wide) -> dict[str, npt.NDArray[Any]]:
    """Return where a wide network begins: the additive model, to which the deep part adds nothing yet."""
    begun = {f"wide.{place}": table for place, table in enumerate(wide.tables)}
    begun["head.weight"] = np.zeros_like(first["head.weight"])
    begun["head.bias"] = np.broadcast_to(wide.intercept, first["head.bias"].shape).astype(np.float32)
    return begun


def _layout(state: State) -> Layout:
    """Return what the network reads."""
    return msgspec.json.decode(state["layout"][..., 0].tobytes(), type=Layout)


def _fixed(state: State) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays that do not learn."""
    return {name: state[name][..., 0] for name in _FIXED if name in state}


def _of_all(array: npt.NDArray[Any], members: int) -> npt.NDArray[Any]:
    """Return an array that all members share with their axis."""
    return np.repeat(array[..., None], members, axis=-1)


def _some(carry: Carry, places: npt.NDArray[np.int64]) -> Carry:
    """Return some members."""
    made: Carry = jax.tree.map(lambda a: a[places], carry)
    return made


def _margins(program: Program, carry: Carry, x: Any, codes: Any) -> npt.NDArray[np.float32]:
    """Return margins (members, rows, outputs) of any number of rows, by looks of one size."""
    vectors, statistics = program.judged(carry)
    n, found = len(x), []
    size = min(_AT_ONCE, 1 << max(int(np.ceil(np.log2(max(n, 1)))), 4))
    for begin in range(0, n, size):
        part = slice(begin, begin + size)
        short = size - len(x[part])
        own = [np.concatenate([a[part], np.zeros((short, a.shape[1]), a.dtype)]) for a in (x, codes)]
        found.append(np.asarray(program.margins(vectors, statistics, *own))[:, : size - short])
    return np.concatenate(found, axis=1)


def _row_losses(spec: Spec, margin: npt.NDArray[Any], rows: Rows) -> FloatArray:
    """Return the loss of each row."""
    with np.errstate(all="ignore"):
        return row_losses(spec.loss, margin.astype(np.float64), rows.target)


def _mean_loss(spec: Spec, margin: npt.NDArray[Any], rows: Rows) -> float:
    """Return the weighted mean loss of some rows."""
    weight = rows.weight.astype(np.float64)
    return float(weight @ _row_losses(spec, margin, rows) / weight.sum())
