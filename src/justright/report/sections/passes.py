"""How a network was trained: length of the gradient, size of a step, rate and dead neurons, pass by pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from justright.report.drawing import ACCENT, BAD, axis, data, draw, rungs
from justright.report.facts import Facts
from justright.report.parts import Figure, Key, Section, Table
from justright.report.wording import number, percent, short
from justright.training.history import Row

__all__ = ["passes"]

_TITLE: Final = "How the training went"
_LISTED: Final = 16
_LOG: Final = 3.0  # a panel is logarithmic where its largest value is so many times its smallest


@dataclass(frozen=True, slots=True)
class _Panel:
    """One small chart: which norm of the history, its title, and what it says."""

    norm: str
    title: str
    note: str
    share: bool = False


_PANELS: Final = (
    _Panel("gradient", "Length of the gradient", "Mean over the steps of a pass."),
    _Panel("update", "Size of a step", "Change of the weights over their own length, mean over the steps."),
    _Panel("rate", "Learning rate", "Before its schedule: it falls only where the training diverged."),
    _Panel("dead", "Dead neurons", "Share of the hidden neurons with one output for all rows.", share=True),
)


def passes(facts: Facts) -> Section:
    """Return the section of the norms of a network."""
    rows = _rows(facts.history)
    panels = [panel for panel in _PANELS if any(panel.norm in row.norms for row in rows)]
    if len(rows) < 2 or not panels:
        return Section("passes", _TITLE, absent=facts.why_not("history.jsonl"))
    kept = facts.summary.passes.kept if facts.summary.passes is not None else None
    figures = tuple(_figure(panel, rows, kept) for panel in panels)
    return Section("passes", _TITLE, tuple(_words(rows, kept)), figures=figures)


def _rows(history: tuple[Row, ...]) -> list[Row]:
    """Rows of the member that is the model: the one of all rows, or the only one."""
    members = {row.member: row.fold for row in history if row.norms}
    chosen = min(members, key=lambda member: (members[member], member), default=-1)
    return [row for row in history if row.member == chosen and row.norms]


def _at(row: Row) -> float:
    """Passes done; a large table is taken in groups, each its share of a pass."""
    return row.number * row.share


def _words(rows: list[Row], kept: float | None) -> list[str]:
    """Say which pass is the model and what its neurons do."""
    words = []
    last = _at(rows[-1])
    if kept is not None:
        at = "the last" if abs(kept - last) < 1e-3 else f"pass {short(kept)}"
        words.append(
            f"Of {short(last)} passes {at} was the best on held-out rows: its weights are the model."
        )
    model = min(rows, key=lambda row: abs(_at(row) - (last if kept is None else kept)))
    dead = model.norms.get("dead")
    if dead:
        words.append(f"{percent(dead)} of its hidden neurons give the same output for every row.")
    rates = [row.norms["rate"] for row in rows if "rate" in row.norms]
    falls = sum(after < before for before, after in zip(rates, rates[1:], strict=False))
    if falls:
        times = "once" if falls == 1 else f"{falls} times"
        words.append(f"After the first pass it diverged {times}, went back, and went on with a lower rate.")
    return [" ".join(words)] if words else []


def _figure(panel: _Panel, rows: list[Row], kept: float | None) -> Figure:
    """One norm against the pass."""
    write = percent if panel.share else number
    points = [{"x": _at(row), "y": row.norms[panel.norm]} for row in rows if panel.norm in row.norms]
    told = f"{panel.title} by pass: from {write(points[0]['y'])} to {write(points[-1]['y'])}"
    step = -(-len(points) // _LISTED)
    listed = points[::step] if points[::step][-1] is points[-1] else [*points[::step], points[-1]]
    cells = tuple((short(point["x"]), write(point["y"])) for point in listed)
    table = Table(panel.title, ("pass", panel.title.lower()), cells, texts=())
    drawing = draw(_lines(panel, points, kept), f"passes-{panel.norm}", told, height=165)
    keys = (Key("bad", "the pass that is the model", "dash"),) if kept is not None else ()
    return Figure(panel.title, drawing, told, table, keys, panel.note)


def _lines(panel: _Panel, points: list[dict[str, float]], kept: float | None) -> Any:
    """The declaration of the chart."""
    import altair as alt

    values, ends = [point["y"] for point in points], [points[0]["x"], points[-1]["x"]]
    x = alt.X(
        "x:Q",
        scale=alt.Scale(nice=False, domain=ends),
        axis=alt.Axis(tickMinStep=1, format="d", grid=False),
        title="pass",
    )
    base = alt.Chart(data(points)).encode(x, _height(panel, values))
    few = len(points) <= 20
    line: Any = base.mark_line(strokeWidth=2, color=ACCENT)
    if few:
        line = line + base.mark_point(size=26, filled=True, opacity=1, color=ACCENT)
    if kept is None:
        return line
    rule = alt.Chart(data([{"x": kept}])).mark_rule(color=BAD, strokeDash=[3, 3]).encode(x)
    return rule + line


def _height(panel: _Panel, values: list[float]) -> Any:
    """The y channel: from nothing on, logarithmic where the values spread."""
    import altair as alt

    if panel.share:
        top = min(max(1.25 * max(values), 0.1), 1.0)
        share = alt.Axis(format="%", tickCount=3)
        return alt.Y("y:Q", scale=alt.Scale(domain=[0.0, top]), axis=share, title=None)
    if min(values) > 0 and max(values) / min(values) > _LOG:
        scale = alt.Scale(type="log", nice=False, domain=[0.85 * min(values), 1.15 * max(values)])
        return alt.Y("y:Q", scale=scale, axis=axis(values, values=rungs(values)), title=None)
    top = 1.25 * max(0.0, *values) or 1.0
    return alt.Y("y:Q", scale=alt.Scale(domain=[0.0, top]), axis=axis(values, tickCount=4), title=None)
