"""The Learner of additive models with guarded crosses; see `models.base` and `models.crossed.stage`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from justright.errors import RecipeError, closest
from justright.models.base import Curve, Progress, Spec, State
from justright.models.crossed import guard
from justright.models.crossed.describe import describe
from justright.models.crossed.export import export_model
from justright.models.crossed.fields import Field, fields_of, fit_fields, saved
from justright.models.crossed.forward import margins as margins_of
from justright.models.crossed.packed import Packed, columns_of, counts_of, pack
from justright.models.crossed.search import search
from justright.models.crossed.stage import (
    COLUMNS,
    CROSSES,
    FINISHED,
    ROUNDS,
    SETTLE,
    Stage,
    first_stage,
    read_stage,
)
from justright.models.crossed.state import LEFT, grown, moved_state, noted, tables_of, terms_of, without
from justright.models.crossed.strength import CANDIDATES
from justright.models.crossed.sweep import losses, restore, sweep
from justright.models.reading import Reading
from justright.recipe import Crosses
from justright.schema import Block, FloatArray, Member

__all__ = ["CrossedLearner"]

_STANDS: Final = 3e-4  # share by which the held-out loss must fall in a sweep
# Most crosses of a round: 16 instead of 8 takes california from 45,575 to 44,788 (out of fold).
_A_ROUND: Final = 16
_RULE: Final = "the held-out loss stands"


class CrossedLearner:
    """Additive models with guarded crosses at their convex optimum, penalties chosen by the folds."""

    resume: Literal["state", "replay"] = "state"
    early_stopping = False

    def __init__(self, crosses: Crosses, *, by_name: bool = True) -> None:
        self.crosses = crosses
        self.by_name = by_name
        self.search_seconds = 0.0
        """Wall time of the searches for crosses, for the summary alone."""
        self._cache: dict[str, Any] = {}

    def start(self, spec: Spec, blocks: Sequence[Block], members: Sequence[Member], seed: int) -> State:
        """Return the state before the first sweep; `seed` is not used, nothing is random."""
        _check(self.crosses, spec)
        fields = fit_fields(spec.plan, blocks, self.crosses.products, by_name=self.by_name)
        columns = columns_of(len(members), spec.outputs)
        cells = sum(field.size for field in fields)
        return {
            "stage": first_stage(sum(block.rows for block in blocks)).to_array(),
            "members": np.asarray(len(members)),
            "intercept": np.zeros(columns),
            "tables": np.zeros((cells, columns)),
            "bends": np.full((cells, columns), np.nan),
            "mass": np.zeros(cells),
            "strength": np.full((len(fields), 2), np.nan),
            "choice": np.full((len(fields), CANDIDATES, 4), np.nan),
            "own": np.full((len(fields), 2, columns), np.nan),
            "crosses": np.zeros((0, 4), np.int64),
            "maps": np.zeros(0, np.int32),
            "tried": np.zeros((0, 7)),
            "last": np.asarray(np.inf),
            "reached": np.asarray(np.inf),
            "alone": np.zeros((cells, columns)),
            "alone_reached": np.asarray(np.inf),
            **saved(fields),
        }

    def advance(
        self, spec: Spec, state: State, blocks: Sequence[Block], members: Sequence[Member], number: int
    ) -> tuple[State, Progress]:
        """Make one sweep over all terms."""
        fields, stage = self._fields(spec, state), read_stage(state)
        packed = self._packed(spec, blocks, members, fields, stage)
        terms = terms_of(state, fields)
        at = tables_of(state, terms)
        cells = [packed.cells(term) for term in terms]
        packed.forget(terms)
        restore(spec, packed, terms, cells, at)
        factor = np.ones(packed.rows.g.shape[1])
        factor[: len(members) * spec.outputs] = np.repeat([m.penalty for m in members], spec.outputs)
        judged = _judged(packed, members, spec.outputs)
        sweep(spec, packed, terms, cells, at, factor, judged, choosing=stage.choosing)
        train, held = losses(spec, packed, len(members))
        moved = float(
            np.sqrt(
                sum(
                    ((a - b) ** 2).sum()
                    for a, b in zip(at.tables, tables_of(state, terms).tables, strict=True)
                )
            )
        )
        new = moved_state(state, at, stage.next_sweep())
        reached = float(np.nanmean(held)) if np.isfinite(held).any() else float(np.mean(train))
        stands = float(state["last"]) - reached < _STANDS * abs(reached)
        new["last"] = new["reached"] = np.asarray(reached)
        if stands or stage.sweep + 1 >= stage.enough:
            new["last"] = np.asarray(np.inf)
            new = self._onward(spec, new, packed, fields, members, stage.next_sweep())
        done = np.full(len(members), read_stage(new).phase == FINISHED)
        failed = ~np.isfinite(train)
        curve = Curve(stage.share, train, held)
        return new, Progress((curve,), done, {"step": np.full(len(members), moved)}, 1, _RULE, failed)

    def margins(self, spec: Spec, state: State, block: Block) -> FloatArray:
        """Return margins of a block, float64 (rows, outputs, members)."""
        if self._cache.get("exported") is not state["tables"]:
            fields = self._fields(spec, state)
            used = int(state["members"]) * spec.outputs
            self._cache["model"] = export_model(
                fields, terms_of(state, fields), state, slice(0, used), 0.0, 1.0
            )
            self._cache["exported"] = state["tables"]
        front, arrays = self._cache["model"]
        made = margins_of(front, arrays, block)
        return np.ascontiguousarray(made.reshape(block.rows, -1, spec.outputs).transpose(0, 2, 1))

    def export(
        self, spec: Spec, state: State, member: int
    ) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return the front and the arrays of one member."""
        fields, target = self._fields(spec, state), spec.plan.data.target
        own = slice(member * spec.outputs, (member + 1) * spec.outputs)
        centre, scale = (target.centre, target.scale) if target else (0.0, 1.0)
        return export_model(fields, terms_of(state, fields), state, own, centre, scale)

    def describe(
        self, spec: Spec, state: State, blocks: Sequence[Block], members: Sequence[Member], member: int
    ) -> Reading:
        """Return what one member says as plain data, with intervals from the members of the folds."""
        fields = self._fields(spec, state)
        packed = self._packed(spec, blocks, members, fields, read_stage(state))
        return describe(spec, state, fields, terms_of(state, fields), packed, members, member)

    def _onward(
        self,
        spec: Spec,
        new: State,
        packed: Packed,
        fields: Sequence[Field],
        members: Sequence[Member],
        stage: Stage,
    ) -> State:
        """Go to the next stage: more rows, a search, or the end."""
        if stage.phase == COLUMNS and stage.level > stage.search_level:
            new["stage"] = stage.finer().to_array()
            return new
        if stage.phase == COLUMNS:
            new["alone"], new["alone_reached"] = new["tables"].copy(), new["reached"]
            return self._more(spec, new, packed, fields, members, stage)
        if stage.phase == CROSSES:
            return self._more(spec, new, packed, fields, members, stage)
        if stage.level == 0:
            sizes = [(packed.cells(term), term.cells) for term in terms_of(new, fields)]
            new["mass"] = np.concatenate(
                [np.bincount(cells, weights=packed.rows.weight, minlength=size) for cells, size in sizes]
            )
        new["stage"] = (stage.finer() if stage.level > 0 else stage.to(FINISHED)).to_array()
        return new

    def _more(
        self,
        spec: Spec,
        new: State,
        packed: Packed,
        fields: Sequence[Field],
        members: Sequence[Member],
        stage: Stage,
    ) -> State:
        """Search for crosses and take in those that pass; where none does, settle."""
        judges, counts = _judges(members, spec.outputs), counts_of(packed, fields)
        forced = [] if stage.round else self._forced(fields)
        known = {(int(i), int(j)) for i, j, *_ in new["crosses"]} | {(i, j) for i, j, *_ in forced}
        known |= {(int(row[0]), int(row[1])) for row in new["tried"] if row[5] == LEFT}
        found = []
        if self.crosses.search and stage.round < ROUNDS and len(judges):
            begin = time.perf_counter()
            found = search(packed, fields, counts, judges, _strongest(new, fields, counts), known)
            self.search_seconds += time.perf_counter() - begin
        taken = guard.accepted(found, _A_ROUND)
        new["tried"] = noted(new["tried"], found, taken, forced, stage.round)
        pairs = [*forced, *((each.first, each.second) for each in taken)]
        if not pairs:
            return self._settle(spec, new, packed, fields, members, stage)
        judged = _judged(packed, members, spec.outputs)
        for pair in pairs:
            new = grown(new, guard.best_grain(spec, packed, fields, counts, pair, judged))
        new["stage"] = stage.to(CROSSES, searched=True).to_array()
        return new

    def _settle(
        self,
        spec: Spec,
        new: State,
        packed: Packed,
        fields: Sequence[Field],
        members: Sequence[Member],
        stage: Stage,
    ) -> State:
        """Let crosses go that held-out rows do not miss; then on to all rows."""
        terms = terms_of(new, fields)
        judged = _judged(packed, members, spec.outputs)
        tables = tables_of(new, terms).tables
        forced = set(self._forced(fields))
        worse = len(judged) > 0 and float(new["reached"]) >= float(new["alone_reached"])
        kept = [
            len(term.fields) == 1
            or term.fields in forced
            or (not worse and guard.gain_of_keeping(packed, term, table, judged) > 0)
            for term, table in zip(terms, tables, strict=True)
        ]
        if not all(kept):
            new = without(new, terms, kept)
        if worse and not forced:
            new["tables"] = new["alone"].copy()
        after = stage.to(SETTLE)
        new["stage"] = (after.finer() if stage.level > 0 else after).to_array()
        return new

    def _forced(self, fields: Sequence[Field]) -> list[tuple[int, int]]:
        """Return the crosses that were asked for, as pairs of fields."""
        places = {field.name: place for place, field in enumerate(fields)}
        return [(min(places[a], places[b]), max(places[a], places[b])) for a, b in self.crosses.pairs]

    def _fields(self, spec: Spec, state: State) -> list[Field]:
        """Return the fields of a state, read once."""
        if self._cache.get("edges") is not state["edges"]:
            self._cache["fields"] = fields_of(spec.plan, state, self.crosses.products, by_name=self.by_name)
            self._cache["edges"] = state["edges"]
        made: list[Field] = self._cache["fields"]
        return made

    def _packed(
        self,
        spec: Spec,
        blocks: Sequence[Block],
        members: Sequence[Member],
        fields: Sequence[Field],
        stage: Stage,
    ) -> Packed:
        """Return the rows of this stage as codes, made once a level."""
        if self._cache.get("level") != stage.level:
            self._cache["packed"] = pack(spec, blocks, members, fields, stage.share)
            self._cache["level"] = stage.level
        made: Packed = self._cache["packed"]
        return made


def _check(crosses: Crosses, spec: Spec) -> None:
    """Refuse crosses of columns that are not there, and products of what is no number."""
    data = spec.plan.data
    numbers = [feature.name for feature in data.numeric]
    names = [*numbers, *(feature.name for feature in data.categorical)]
    for pair in (*crosses.pairs, *crosses.products):
        allowed = numbers if pair in crosses.products else names
        for name in pair:
            if name not in allowed:
                kind = "a number" if name in names else "a feature of the model"
                raise RecipeError(
                    f"a cross of {pair[0]!r} and {pair[1]!r}",
                    where=f"{name!r} is not {kind}",
                    allowed=closest(name, allowed),
                    next_step="justright profile TABLE shows what each column is",
                )


def _base(members: Sequence[Member]) -> int:
    """Return the setting that chooses for all: the one whose multiple of the strengths is nearest to 1."""
    distance = {m.setting: abs(np.log(max(m.penalty, 1e-12))) for m in members}
    return min(distance, key=lambda setting: (distance[setting], setting))


def _judges(members: Sequence[Member], outputs: int) -> npt.NDArray[np.int64]:
    """Return the first column of the member that is held out of each fold; empty where nobody is."""
    base, first = _base(members), dict[int, int]()
    for place, member in enumerate(members):
        if member.fold >= 0 and member.repeat == 0 and member.setting == base:
            first.setdefault(member.fold, place * outputs)
    if not first or sorted(first) != list(range(len(first))):
        return np.zeros(0, np.int64)
    return np.asarray([first[fold] for fold in range(len(first))], np.int64)


def _judged(packed: Packed, members: Sequence[Member], outputs: int) -> npt.NDArray[np.int64]:
    """Return the columns whose held-out rows choose."""
    base = _base(members)
    plain = np.repeat([member.setting == base for member in members], outputs)
    return np.flatnonzero((packed.held_weight[: len(plain)] > 0) & plain)


def _strongest(state: State, fields: Sequence[Field], counts: Sequence[FloatArray]) -> list[int]:
    """Return the fields by falling spread of what they add to the margin of the first member."""
    spread, begin = [], 0
    for field, count in zip(fields, counts, strict=True):
        table = state["tables"][begin : begin + field.size, 0]
        begin += field.size
        spread.append(float((count * table**2).sum()))
    return [int(place) for place in np.argsort(-np.asarray(spread), kind="stable")]
