"""Where the model is worst: the slices of single columns with the highest loss."""

from __future__ import annotations

from typing import Any

from justright.evaluate import Slice
from justright.report.drawing import ACCENT, INK, WARM, axis, data, draw, labels
from justright.report.facts import Facts
from justright.report.parts import Figure, Key, Section, Table
from justright.report.wording import count, interval, number, plain

__all__ = ["worst"]


def worst(facts: Facts) -> Section:
    """Return the section of the worst slices."""
    title, found = "Where it is worst", facts.evaluation
    if found is None or not found.slices:
        return Section("slices", title, absent=facts.why_not("evaluation.json") if found is None else _none())
    slices = found.slices
    unit = "mean absolute error" if found.task == "regression" else "mean log loss"
    clear = sum(part.clear for part in slices)
    looked = slices[0].looked
    word = "none is" if clear == 0 else "one is" if clear == 1 else f"{clear} are"
    lede = (
        f"Of {looked} groups of rows with one value of one column, "
        f"these {len(slices)} have the highest {unit}; "
        f"{word} worse than the other rows beyond chance. "
        "Intervals are widened for the number of groups looked at."
    )
    return Section("slices", title, (lede,), figures=(_figure(slices, unit),))


def _none() -> str:
    """Nothing was found."""
    return "No group of rows was large enough to be judged apart."


def _figure(slices: tuple[Slice, ...], unit: str) -> Figure:
    """Loss of the slices beside that of the other rows."""
    rows = tuple(
        (
            plain(f"{part.column} = {part.value}", 100),
            count(part.rows),
            number(part.loss.value),
            interval(part.loss),
            number(part.rest),
            "yes" if part.clear else "no",
        )
        for part in slices
    )
    head = ("rows where", "rows", unit, "interval", "other rows", "beyond chance")
    points: list[dict[str, Any]] = [
        {"place": i, "x": s.loss.value, "low": s.loss.low, "high": s.loss.high, "rest": s.rest}
        for i, s in enumerate(slices)
    ]
    told = "; ".join(f"{row[0]}: {row[2]} against {row[4]}" for row in rows)
    names = [f"{plain(part.column, 16)} = {plain(part.value, 20)}" for part in slices]
    drawing = draw(_whiskers(points, names, unit), "slices", told, height=62 + 34 * len(points))
    keys = (Key("accent", "these rows"), Key("warm", "all other rows", "tick"))
    table = Table("The worst groups", head, rows, (0, 5))
    return Figure("The worst groups of rows", drawing, told, table, keys, beside=True)


def _whiskers(points: list[dict[str, Any]], names: list[str], unit: str) -> Any:
    """The declaration of the chart."""
    import altair as alt

    ends = [point[key] for point in points for key in ("low", "high", "rest")]
    rows = alt.Axis(labelExpr=labels(names), labelColor=INK, grid=False, labelLimit=170)
    base = alt.Chart(data(points)).encode(y=alt.Y("place:O", title=None, axis=rows))
    scale = alt.Scale(zero=False, padding=10)
    x = alt.X("x:Q", scale=scale, axis=axis(ends, tickCount=4), title=unit)
    whisker = base.mark_rule(color=ACCENT, strokeWidth=2.5).encode(
        alt.X("low:Q", scale=scale, title=unit), x2="high:Q"
    )
    dots = base.mark_point(color=ACCENT, filled=True, size=70, opacity=1).encode(x)
    ticks = base.mark_tick(color=WARM, thickness=2.5, size=16).encode(alt.X("rest:Q", scale=scale))
    return alt.layer(whisker, ticks, dots)
