"""The decision threshold: what each one would cost, and what it would find."""

from __future__ import annotations

from typing import Any

from justright.evaluate import Threshold, ThresholdPoint
from justright.report.drawing import ACCENT, BAD, FAINT, INK, WARM, axis, data, draw
from justright.report.parts import Figure, Key, Table
from justright.report.wording import number, percent

__all__ = ["cost", "trade"]


def cost(threshold: Threshold) -> Figure:
    """Cost of 1,000 rows against the threshold."""
    told = f"Cost of 1,000 rows by threshold: {number(threshold.cost)} at {number(threshold.value)}"
    rows: list[dict[str, Any]] = [
        {"x": p.threshold, "cost": p.cost} for p in threshold.curve if p.threshold <= 1
    ]
    cells = tuple((number(point.threshold), number(point.cost)) for point in _thinned(threshold))
    table = Table("Cost of every threshold", ("threshold", "cost of 1,000 rows"), cells, ())
    drawing = draw(_cost_line(rows, threshold), "cost", told, height=235)
    fp, fn = number(threshold.cost_fp), number(threshold.cost_fn)
    note = f"A wrongly flagged row costs {fp}, a missed one {fn}."
    keys = (Key("accent", "cost of 1,000 rows", "line"), Key("bad", "chosen"))
    return Figure("What each threshold would cost", drawing, told, table, keys, note)


def _thinned(threshold: Threshold) -> list[ThresholdPoint]:
    """The points of the curve nearest to every tenth, and the chosen one."""
    wanted = sorted({*(tenth / 10 for tenth in range(1, 10)), threshold.value})
    nearest = [min(threshold.curve, key=lambda point: abs(point.threshold - at)) for at in wanted]
    return [point for point in dict.fromkeys(nearest) if point.threshold <= 1]


def _cost_line(rows: list[dict[str, Any]], threshold: Threshold) -> Any:
    """The declaration of the cost curve."""
    import altair as alt

    scale = alt.Scale(domain=[0, 1], nice=False)
    x = alt.X("x:Q", scale=scale, axis=axis(grid=False, tickCount=5), title="threshold")
    y = alt.Y("cost:Q", axis=axis(row["cost"] for row in rows), title="cost of 1,000 rows")
    line = alt.Chart(data(rows)).mark_line(color=ACCENT).encode(x, y)
    mark = data([{"x": min(threshold.value, 1.0), "cost": threshold.cost}])
    rule = alt.Chart(mark).mark_rule(color=BAD, strokeDash=[3, 3]).encode(x)
    dot = alt.Chart(mark).mark_point(color=BAD, filled=True, size=110, opacity=1).encode(x, y)
    return alt.layer(rule, line, dot)


def trade(threshold: Threshold) -> Figure:
    """Precision and recall against the threshold."""
    import altair as alt

    curve = [point for point in threshold.curve if point.threshold <= 1]
    rows: list[dict[str, Any]] = [
        {"x": point.threshold, "y": value, "kind": kind}
        for point in curve
        for kind, value in (("precision", point.precision), ("recall", point.recall))
    ]
    scale = alt.Scale(domain=[0, 1], nice=False)
    x = alt.X("x:Q", scale=scale, axis=axis(grid=False, tickCount=5), title="threshold")
    y = alt.Y("y:Q", scale=scale, axis=alt.Axis(format=".0%"), title=None)
    tone = alt.Color(
        "kind:N", scale=alt.Scale(domain=["precision", "recall"], range=[INK, WARM]), legend=None
    )
    lines = alt.Chart(data(rows)).mark_line().encode(x, y, tone)
    rule = (
        alt.Chart(data([{"x": min(threshold.value, 1.0)}])).mark_rule(color=BAD, strokeDash=[3, 3]).encode(x)
    )
    ground = alt.Chart(data([{"y": 0.5}])).mark_rule(color=FAINT).encode(y="y:Q")
    told = "Precision and recall by threshold: raising it flags fewer rows, and those more surely"
    drawing = draw(alt.layer(ground, rule, lines), "trade", told, height=235)
    keys = (
        Key("ink", "precision: flagged rows that are right", "line"),
        Key("warm", "recall: true rows that are found", "line"),
        Key("bad", "chosen", "dash"),
    )
    cells = tuple(
        (number(point.threshold), percent(point.precision), percent(point.recall), percent(point.flagged))
        for point in _thinned(threshold)
    )
    table = Table(
        "What each threshold would find", ("threshold", "precision", "recall", "flagged"), cells, ()
    )
    return Figure("What each threshold would find", drawing, told, table, keys, beside=True)
