"""Pairs of columns: a map of each cross that was kept, and which pairs were tried, kept and refused."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from justright.models.reading import Axis, Grid, Reading, Term
from justright.report.drawing import ACCENT, WARM, axis, data, draw, labels
from justright.report.facts import Facts
from justright.report.parts import Figure, Key, Section, Table
from justright.report.sections.terms import moment, output_of
from justright.report.wording import count, number, percent, plain, short
from justright.schema import FloatArray

__all__ = ["crosses"]

_MAPS: Final = 9
_CELLS: Final = 32  # groups along an axis of a map
_LISTED: Final = 30
_STRONGEST: Final = 8
_FEW_ACROSS, _FEW_UP, _LEVEL = 16, 22, 3  # categories whose labels all fit; those that fit level
_ALL: Final = -1000  # pixels that labels may overlap: all are written
_EVEN: Final = 0.6  # median width of a group against the mean: below, groups are drawn equally wide


class _Side(NamedTuple):
    """An axis of a map: which groups go together, where each begins and ends, labels of the groups."""

    group: Any
    ends: FloatArray
    labels: list[str]
    real: bool
    axis: Axis


def crosses(facts: Facts) -> Section:
    """Return the section of the crosses."""
    title, reading = "Pairs of columns", facts.reading
    if reading is None:
        return Section("crosses", title, absent=facts.why_not("terms.json"))
    kept = [term for term in reading.terms if term.kind == "cross"]
    if not reading.pairs and not kept:
        return Section("crosses", title, ("No pair of columns was tried as a cross.",))
    figures = [_map(reading, term, place) for place, term in enumerate(kept[:_MAPS]) if term.grid]
    refused = [pair for pair in reading.pairs if pair.verdict != "kept"]
    text = (
        f"Of {count(len(reading.pairs))} pairs of columns that were tried, {len(kept)} "
        f"{'was' if len(kept) == 1 else 'were'} kept. A pair enters when its gain, fitted on "
        "four fifths of the rows and judged on the last, stands so far above its noise that a search of a "
        "table without any such pair takes one in less than one of a hundred times."
    )
    maps = (
        "A map shows what two columns do together beyond their own functions; where no row was, it is empty."
    )
    lede: tuple[str, ...] = (text, maps) if figures else (text,)
    if len(kept) > _MAPS:
        lede += (f"The {_MAPS} strongest are drawn; terms.json has all {len(kept)}.",)
    rows = tuple(
        (
            f"{plain(pair.first, 30)} x {plain(pair.second, 30)}",
            pair.verdict,
            number(pair.gain),
            "" if pair.p is None else f"{pair.p:.2g}",
            pair.reason,
        )
        for pair in reading.pairs[: len(reading.pairs) - len(refused) + _LISTED]
    )
    left = len(refused) - _LISTED
    more = f"and {count(left)} more that were refused" if left > 0 else ""
    head = ("pair", "", "gain", "chance", "because")
    table = Table("Pairs tried, by gain on held-out rows", head, rows, (0, 1, 4), more)
    tables, folded = ((table,), ()) if len(rows) <= 12 else ((), (table,))
    return Section("crosses", title, lede, figures=tuple(figures), tables=tables, folded=folded)


def _map(reading: Reading, term: Term, place: int) -> Figure:
    """The table of one cross."""
    grid = term.grid
    assert grid is not None
    output = output_of(grid.values, grid.share)
    values, share = np.asarray(grid.values[output], np.float64), np.asarray(grid.share, np.float64)
    across, up = _side(grid.first, share.sum(axis=1)), _side(grid.second, share.sum(axis=0))
    values, share = _pooled(values, share, across, up)
    rows = _cells(values, share, across, up)
    names = plain(grid.first.name, 30), plain(grid.second.name, 30)
    whose = f", to {plain(reading.classes[output], 24)}" if reading.classes else ""
    told = f"Map of what {names[0]} and {names[1]} add together{whose} beyond their own functions"
    most = max((abs(row["v"]) for row in rows), default=0.0)
    drawing = draw(_chart(rows, across, up, names), f"cross-{place}", told, height=330)
    keys = (
        Key("accent", f"adds, up to {short(most)}", "square"),
        Key("warm", "takes away", "square"),
    )
    title = f"{names[0]} x {names[1]} (mean size {short(term.importance.value)}{whose})"
    return Figure(title, drawing, told, _table(rows, grid), keys)


def _side(side: Axis, share: FloatArray) -> _Side:
    """Choose where the groups of an axis are drawn: at their values where these are spread evenly enough."""
    groups = len(side.labels)
    ends = np.asarray(side.ends, np.float64)
    if len(ends) > 2:
        known = len(ends) - 1  # a group more is that of missing values
        step = -(-known // _CELLS)
        group = np.append(np.arange(known) // step, np.full(groups - known, -1))
        starts = np.append(ends[:-1:step], ends[-1])
        inner = np.diff(starts)[1:-1]
        if len(inner) > 1:
            wide = 2 * float(inner.max())
            starts[0] = max(starts[0], starts[1] - wide)
            starts[-1] = min(starts[-1], starts[-2] + wide)
        widths = np.diff(starts)
        gone = float(share[known:].sum()) > 0.01 * float(share.sum())
        if not gone and float(np.median(widths)) > _EVEN * float(widths.mean()):
            return _Side(group, starts, [], True, side)
        count_ = len(starts) - 1
        write = moment if side.form == "datetime" else short
        names = [write(end) for end in starts]
        if gone:
            group[known:] = count_
            names[-1:] = ["", "missing"]
            return _Side(group, np.arange(count_ + 2.0), names[: count_ + 2], False, side)
        return _Side(group, np.arange(count_ + 1.0), names, False, side)
    order = np.argsort(-share, kind="stable")[: min(_CELLS, int((share > 0).sum()))]
    group = np.full(groups, -1)
    group[np.sort(order)] = np.arange(len(order))
    return _Side(
        group, np.arange(len(order) + 1.0), [plain(side.labels[i], 14) for i in np.sort(order)], False, side
    )


def _pooled(values: FloatArray, share: FloatArray, across: _Side, up: _Side) -> tuple[FloatArray, FloatArray]:
    """Mean values and sums of shares of the groups that go together."""
    shape = (len(across.ends) - 1, len(up.ends) - 1)
    weight, total = np.zeros((2, *shape))
    first, second = np.meshgrid(across.group, up.group, indexing="ij")
    known = (first >= 0) & (second >= 0)
    at = (first[known], second[known])
    np.add.at(weight, at, share[known])
    np.add.at(total, at, (share * values)[known])
    return np.divide(total, weight, out=np.zeros(shape), where=weight > 0), weight


def _cells(values: FloatArray, share: FloatArray, across: _Side, up: _Side) -> list[dict[str, Any]]:
    """The cells that have rows, tinted by what they add."""
    x, y = np.nonzero(share)
    if not len(x):
        return []
    size = np.abs(values[x, y])
    order = np.argsort(size)
    reached = np.cumsum(share[x, y][order])
    most = float(size[order][np.searchsorted(reached, 0.98 * reached[-1])]) or 1.0
    return [
        {
            "x": float(across.ends[a]),
            "x2": float(across.ends[a + 1]),
            "y": float(up.ends[b]),
            "y2": float(up.ends[b + 1]),
            "v": float(values[a, b]),
            "share": float(share[a, b]),
            "place": (int(a), int(b)),
            "kind": "up" if values[a, b] > 0 else "down",
            # Sixteen tints are as many as an eye tells apart, and make the drawing small.
            "tint": round(min(abs(float(values[a, b])) / most, 1.0) * 16) / 16,
        }
        for a, b in zip(x.tolist(), y.tolist(), strict=True)
    ]


def _channel(kind: Any, field: str, side: _Side, title: str) -> Any:
    """The channel of an axis of a map."""
    import altair as alt

    scale = alt.Scale(domain=[float(side.ends[0]), float(side.ends[-1])], nice=False, zero=False)
    if side.real and side.axis.form != "datetime":
        ticks = axis(side.ends.tolist(), tickCount=5, grid=False)
    elif side.real:
        expression = "utcFormat(datum.value * 1000, '%b %Y')"
        ticks = alt.Axis(labelExpr=expression, tickCount=4, grid=False)
    elif side.axis.form == "category":
        few = len(side.labels) <= (_FEW_ACROSS if field == "x" else _FEW_UP)
        middle = [place + 0.5 for place in range(len(side.labels))]
        expression = labels(side.labels).replace("datum.value", "datum.value - 0.5")
        turned = -90 if field == "x" and len(side.labels) > _LEVEL else 0
        ticks = alt.Axis(
            values=middle,
            labelExpr=expression,
            grid=False,
            labelLimit=90,
            labelSeparation=_ALL if few else 0,
            tickCount=len(middle),
            labelAngle=turned,
            labelAlign="right" if turned else alt.Undefined,
            labelBaseline="middle" if turned else alt.Undefined,
        )
    else:
        step = -(-len(side.labels) // (3 if side.axis.form == "datetime" else 6))
        places = list(range(0, len(side.labels), step))
        # The engine takes every other of the given values where they are more than the ticks asked for.
        ticks = alt.Axis(
            values=places,
            labelExpr=labels(side.labels),
            grid=False,
            labelSeparation=_ALL,
            tickCount=len(places),
        )
    return kind(f"{field}:Q", scale=scale, axis=ticks, title=title)


def _chart(rows: list[dict[str, Any]], across: _Side, up: _Side, names: tuple[str, str]) -> Any:
    """The declaration of a map."""
    import altair as alt

    drawn = [{key: row[key] for key in ("x", "x2", "y", "y2", "kind", "tint")} for row in rows]
    tone = alt.Color("kind:N", scale=alt.Scale(domain=["up", "down"], range=[ACCENT, WARM]), legend=None)
    return (
        alt.Chart(data(drawn))
        .mark_rect(stroke=None)
        .encode(
            _channel(alt.X, "x", across, names[0]),
            _channel(alt.Y, "y", up, names[1]),
            tone,
            alt.Opacity("tint:Q", scale=alt.Scale(domain=[0, 1], range=[0.06, 1]), legend=None),
            x2="x2:Q",
            y2="y2:Q",
        )
    )


def _table(rows: list[dict[str, Any]], grid: Grid) -> Table:
    """The cells that add or take away most, of those with enough rows."""
    enough = sum(row["share"] for row in rows) / max(len(rows), 1) / 4
    strong = sorted((row for row in rows if row["share"] >= enough), key=lambda row: -abs(row["v"]))
    across = _side(grid.first, np.asarray(grid.share).sum(axis=1))
    up = _side(grid.second, np.asarray(grid.share).sum(axis=0))
    cells = tuple(
        (
            _span(across, row["place"][0]),
            _span(up, row["place"][1]),
            number(row["v"]),
            percent(row["share"]),
        )
        for row in strong[:_STRONGEST]
    )
    head = (plain(grid.first.name, 30), plain(grid.second.name, 30), "adds", "rows")
    return Table("Where it matters most", head, cells, (0, 1))


def _span(side: _Side, place: int) -> str:
    """What a group of a map holds."""
    members = np.flatnonzero(np.asarray(side.group) == place)
    if side.axis.form == "category" or len(members) == 1:
        return plain(side.axis.labels[int(members[0])], 40)
    low = side.axis.labels[int(members[0])].partition(" to ")[0]
    high = side.axis.labels[int(members[-1])].rpartition(" to ")[2]
    return f"{low} to {high}"
