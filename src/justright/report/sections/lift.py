"""Gains and lift: what is found by taking the rows with the highest probabilities first."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from justright.evaluate.lift import LiftPoint, lift_points
from justright.report.drawing import ACCENT, MUTED, data, draw
from justright.report.out_of_fold import OutOfFold
from justright.report.parts import Figure, Key, Table
from justright.report.wording import interval, number, percent
from justright.schema import Value

__all__ = ["lift"]

_DEPTHS: Final = tuple((np.arange(1, 51) / 50.0).tolist())


def lift(held: OutOfFold) -> tuple[Figure, ...]:
    """Gains against the share of rows taken, with lift in the table; nothing where no row is true."""
    if not (held.target == 1).any():
        return ()
    points = lift_points(held.target, held.prediction, held.weight)
    share = float(np.average(held.target == 1, weights=held.weight))
    tenth = next(point for point in points if point.depth == 0.1)
    told = (
        f"The tenth of the rows with the highest probabilities holds {percent(tenth.gain.value)} of the true "
        f"rows ({_range(tenth.gain)}): {number(round(tenth.lift.value, 2))} times as many as "
        "a tenth taken blindly"
    )
    cells = tuple(
        (
            percent(point.depth),
            number(point.threshold),
            percent(point.gain.value),
            _range(point.gain),
            number(round(point.lift.value, 2)),
            interval(point.lift, digits=3),
        )
        for point in points
    )
    head = ("rows taken", "probability from", "true rows found", "95 % interval", "lift", "95 % interval")
    keys = (
        Key("accent", "found, with 95 % interval", "line"),
        Key("muted", "rows taken blindly; all true rows first", "dash"),
    )
    curve = lift_points(held.target, held.prediction, held.weight, depths=_DEPTHS)
    drawing = draw(_gains(curve, share), "lift", told, height=270)
    return (Figure("Gains", drawing, told, Table("Gains and lift", head, cells, ()), keys, f"{told}."),)


def _range(share: Value) -> str:
    """The interval of a share."""
    return f"{percent(share.low)} to {percent(share.high)}"


def _gains(points: tuple[LiftPoint, ...], share: float) -> Any:
    """The declaration of the chart of gains."""
    import altair as alt

    scale = alt.Scale(domain=[0, 1], nice=False)
    rows: list[dict[str, Any]] = [{"x": 0.0, "y": 0.0, "low": 0.0, "high": 0.0}]
    rows += [{"x": p.depth, "y": p.gain.value, "low": p.gain.low, "high": p.gain.high} for p in points]
    x = alt.X("x:Q", scale=scale, axis=alt.Axis(format=".0%", grid=False, tickCount=5), title="rows taken")
    y = alt.Y("y:Q", scale=scale, axis=alt.Axis(format=".0%", tickCount=5), title="true rows found")
    base = alt.Chart(data(rows))
    band = base.mark_area(color=ACCENT, opacity=0.18).encode(
        x, alt.Y("low:Q", scale=scale, title="true rows found"), y2="high:Q"
    )
    line = base.mark_line(color=ACCENT).encode(x, y)
    ends = [{"x": 0.0, "y": 0.0, "kind": "0"}, {"x": 1.0, "y": 1.0, "kind": "0"}]
    ends += [{"x": 0.0, "y": 0.0, "kind": "1"}, {"x": share, "y": 1.0, "kind": "1"}]
    ends += [{"x": 1.0, "y": 1.0, "kind": "1"}]
    limits = (
        alt.Chart(data(ends))
        .mark_line(color=MUTED, strokeWidth=1, strokeDash=[4, 3])
        .encode(x, y, detail="kind:N")
    )
    return alt.layer(limits, band, line)
