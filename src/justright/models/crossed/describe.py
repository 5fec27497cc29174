"""What an additive model says: the trained state as curves, tables, importances, penalties and pairs.

Effects stand as the exported model has them (see `export`), centred on the training rows and in the
target's unit. Bands and intervals are those of the models that left out one fold each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from justright.features.categorical import CategoricalFeature
from justright.features.plan import FeaturePlan
from justright.models.base import Spec, State
from justright.models.crossed.export import export_model
from justright.models.crossed.fields import Field
from justright.models.crossed.packed import Packed
from justright.models.crossed.terms import Term
from justright.models.reading import (
    Axis,
    Curve,
    Grid,
    Level,
    Pair,
    Reading,
    Strength,
    Tried,
    jackknife,
    plain,
)
from justright.models.reading import Term as Read
from justright.schema import FloatArray, Member, Value
from justright.values import figure

__all__ = ["REASONS", "describe", "pairs_tried"]

_LEVELS: Final = 500  # categories of a column that are listed
_CELLS: Final = 200_000  # values of a table that are listed
_PIECE: Final = 1 << 20

REASONS: Final = {
    0: ("refused", "its gain does not stand above its noise"),
    1: ("kept", "its gain stands above its noise"),
    2: ("refused", "taken in, and given up: held-out rows do as well without it"),
    3: ("refused", "above its noise when searched, but others explained more and took its place"),
    4: ("kept", "asked for"),
}
"""Verdict and reason by the number of a verdict in the state's notes."""


class _Effects(NamedTuple):
    """Values of a term by output: those of the model (k, cells), of the folds (F, k, cells), cell shares."""

    own: FloatArray
    folds: FloatArray
    share: FloatArray

    def band(self) -> tuple[FloatArray, FloatArray]:
        """Return the ends of the band, each (k, cells)."""
        return jackknife(self.own, self.folds)


def describe(
    spec: Spec,
    state: State,
    fields: Sequence[Field],
    terms: Sequence[Term],
    packed: Packed,
    members: Sequence[Member],
    member: int,
) -> Reading:
    """Return what one member says, with intervals from the members of its setting that left out a fold.

    Parameters
    ----------
    spec, state
        As trained.
    fields, terms
        What the state's tables are of.
    packed : Packed
        The rows over which effects are centred and importances are taken.
    members : sequence of Member
        The population.
    member : int
        Which of them is exported.

    Notes
    -----
    One count a row and term: 0.05 s for 20,000 rows of 14 columns.
    """
    target = spec.plan.data.target
    scale = target.scale if target else 1.0
    used = len(members) * spec.outputs
    _, arrays = export_model(fields, terms, state, slice(0, used), 0.0, 1.0)
    tables = np.split(arrays["tables"] * scale, np.cumsum([term.cells for term in terms])[:-1])
    setting = members[member].setting
    folds = [i for i, m in enumerate(members) if m.fold >= 0 and m.repeat == 0 and m.setting == setting]
    made, means = [], []
    for place, (term, table) in enumerate(zip(terms, tables, strict=True)):
        share = _shares(packed, term)
        mean = share @ table
        by_member = (table - mean).T.reshape(len(members), spec.outputs, -1)
        effects = _Effects(by_member[member], by_member[folds], share)
        means.append(mean[member * spec.outputs : (member + 1) * spec.outputs])
        made.append(_term(spec.plan, fields, term, effects, _strength(state, place)))
    order = sorted(range(len(made)), key=lambda i: -made[i].importance.value)
    return Reading(
        family="crossed",
        link=spec.loss.link,
        target=target.target.column.name if target else "",
        classes=target.target.classes if target and spec.outputs > 1 else (),
        rows=float(packed.rows.weight.sum(dtype=np.float64)),
        terms=tuple(made[i] for i in order),
        pairs=pairs_tried(state, fields),
        means=[each.tolist() for each in means],
    )


def pairs_tried(state: State, fields: Sequence[Field]) -> tuple[Pair, ...]:
    """Return every pair that was tried, those kept first, then by falling gain."""
    found = []
    for first, second, gain, z, p, verdict, number in state["tried"].tolist():
        word, reason = REASONS[int(verdict)]
        if int(verdict) == 0 and not gain > 0:
            reason = "held-out rows gain nothing by it"
        asked = int(verdict) == 4
        found.append(
            Pair(
                fields[int(first)].name,
                fields[int(second)].name,
                None if asked else _round(gain),
                None if asked else _round(z),
                None if asked else _round(p),
                word,
                reason,
                int(number) + 1,
            )
        )
    return tuple(sorted(found, key=lambda pair: (pair.verdict != "kept", -(pair.gain or np.inf))))


def _shares(packed: Packed, term: Term) -> FloatArray:
    """Return the share of the weight in each cell; by pieces, since rows may lie in mapped files."""
    total = np.zeros(term.cells)
    cells, weight = packed.cells(term), packed.rows.weight
    for begin in range(0, len(cells), _PIECE):
        part = slice(begin, begin + _PIECE)
        total += np.bincount(cells[part], weights=weight[part], minlength=term.cells)
    return np.asarray(total / max(float(total.sum()), 1e-300))


def _term(
    plan: FeaturePlan, fields: Sequence[Field], term: Term, effects: _Effects, strength: Strength | None
) -> Read:
    """Describe one term."""
    mine = [fields[i] for i in term.fields]
    parts: dict[str, Any] = {}
    if len(mine) == 2:
        kind = "cross"
        parts["grid"] = _grid(plan, mine, term, effects)
    elif mine[0].kind == "category":
        kind = "category"
        parts["levels"], parts["more"] = _levels(plan.data.categorical[mine[0].source[0]], effects)
    else:
        kind = mine[0].kind
        parts["curve"] = _curve(plan, mine[0], effects)
        if effects.share[-1] > 0:
            parts["missing"] = _level("(missing)", len(effects.share) - 1, effects)
    return Read(
        name=" x ".join(field.name for field in mine),
        fields=tuple(name for field in mine for name in field.names),
        kind=kind,
        importance=_importance(effects),
        strength=strength,
        **parts,
    )


def _importance(effects: _Effects) -> Value:
    """Return the mean size of the contribution, mean over outputs, with its interval."""
    own = float((np.abs(effects.own) @ effects.share).mean())
    folds = (np.abs(effects.folds) @ effects.share).mean(axis=1)
    low, high = jackknife(np.asarray(own), folds)
    value, bottom, top = plain([own, max(float(low), 0.0), float(high)])
    return Value(value, bottom, top)


def _curve(plan: FeaturePlan, field: Field, effects: _Effects) -> Curve:
    """Describe the function of a number; missing apart."""
    form, ends = _ends(plan, field, field.edges)
    low, high = effects.band()
    return Curve(
        form,
        plain(ends, 9),
        plain(effects.own[:, :-1]),
        plain(low[:, :-1]),
        plain(high[:, :-1]),
        plain(effects.share[:-1]),
        np.flatnonzero(field.spikes[:-1]).tolist(),
    )


def _ends(plan: FeaturePlan, field: Field, edges: npt.NDArray[Any]) -> tuple[str, FloatArray]:
    """Return the form of a number, and its edges in its own unit between its smallest and largest value."""
    inner = edges.astype(np.float64)
    if field.kind == "product":
        room = float(inner[-1] - inner[0]) / max(len(inner) - 1, 1) if len(inner) else 1.0
        ends = [inner[0] - room, *inner, inner[-1] + room] if len(inner) else [-1.0, 1.0]
        return "product", np.asarray(ends)
    feature = plan.data.numeric[field.source[0]]
    inner = inner * feature.scale + feature.centre
    low = min(feature.low, *inner.tolist()) if len(inner) else feature.low
    high = max(feature.high, *inner.tolist()) if len(inner) else feature.high
    form = "datetime" if feature.part == "trend" else "number"
    if feature.part and feature.part != "trend":
        low, high = -1.0, 1.0
    return form, np.asarray([low, *inner, high])


def _levels(feature: CategoricalFeature, effects: _Effects) -> tuple[tuple[Level, ...], int]:
    """Describe the categories that have rows, the most frequent first, and count those left out."""
    labels = feature.labels()
    order = np.argsort(-effects.share, kind="stable")
    seen = [int(code) for code in order if effects.share[code] > 0]
    return tuple(_level(labels[code], code, effects) for code in seen[:_LEVELS]), max(len(seen) - _LEVELS, 0)


def _level(label: str, code: int, effects: _Effects) -> Level:
    """Describe one code."""
    low, high = jackknife(effects.own[:, code], effects.folds[:, :, code])
    share = plain([effects.share[code]])[0]
    return Level(label, share, plain(effects.own[:, code]), plain(low), plain(high))


def _grid(plan: FeaturePlan, mine: Sequence[Field], term: Term, effects: _Effects) -> Grid | None:
    """Describe the table of a cross; None where several classes make it too large to write."""
    if effects.own.size > _CELLS:
        return None
    first, second = (_axis(plan, field, where) for field, where in zip(mine, term.maps, strict=True))
    shape = (len(effects.own), *term.shape)
    return Grid(first, second, plain(effects.own.reshape(shape)), plain(effects.share.reshape(term.shape)))


def _axis(plan: FeaturePlan, field: Field, where: npt.NDArray[np.int32]) -> Axis:
    """Describe an axis: labels of its groups, and the ends of those of a number."""
    groups = int(where.max()) + 1
    if field.kind == "category":
        labels = plan.data.categorical[field.source[0]].labels()
        names = []
        for group in range(groups):
            codes = np.flatnonzero(where == group)
            names.append(labels[codes[0]] if len(codes) == 1 else f"{len(codes)} others")
        return Axis(field.name, names)
    inner = where[:-1]
    starts = np.flatnonzero(np.diff(inner, prepend=inner[0] if len(inner) else 0))
    form, ends = _ends(plan, field, field.edges[starts - 1])
    names = [f"{_told(a, form)} to {_told(b, form)}" for a, b in zip(ends[:-1], ends[1:], strict=True)]
    return Axis(field.name, [*names, "(missing)"][:groups], plain(ends, 9), form)


def _told(value: float, form: str) -> str:
    """Write an end of a group."""
    if form != "datetime":
        return figure(value)
    return str(np.datetime64(int(value), "s")).removesuffix("T00:00:00").replace("T", " ")


def _round(value: float) -> float:
    """Return a number with six digits that count."""
    return float(f"{value:.6g}") if np.isfinite(value) else 0.0


def _strength(state: State, place: int) -> Strength | None:
    """Describe the penalties of a term; None where none were tried."""
    rows = state["choice"][place]
    rows = rows[np.isfinite(rows).all(axis=1)]
    if not len(rows):
        return None
    taken = state["strength"][place]
    near = rows[rows[:, 2] >= rows[:, 2].max() - rows[:, 3]]
    # Of two penalties the stronger is that with more steps up in both together.
    steps = sum(np.searchsorted(np.unique(rows[:, axis]), near[:, axis]) for axis in (0, 1))
    strong = near[int(np.argmax(steps))]
    # The state holds how much worse than now a strength would be, from no step: the best is the zero.
    best = rows[:, 2].max()
    tried = tuple(Tried(*plain([s, r, gain - best, error])) for s, r, gain, error in rows.tolist())
    one, two = plain(taken), plain(strong[:2])
    return Strength(tried, (one[0], one[1]), (two[0], two[1]))
