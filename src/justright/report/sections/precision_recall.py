"""Precision against recall: what each threshold costs of the one for the other, with its band."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from justright.evaluate import Threshold
from justright.evaluate.lift import CurvePoint, precision_recall_points
from justright.evaluate.presets import Operating, precision_first, recall_first
from justright.report.drawing import ACCENT, BAD, MUTED, data, draw
from justright.report.out_of_fold import OutOfFold
from justright.report.parts import Figure, Key, Table
from justright.report.wording import number, percent
from justright.schema import Value

__all__ = ["precision_recall"]

_FLOORS: Final = (0.8, 0.9, 0.95)
_KNOWN: Final = 0.4


def precision_recall(held: OutOfFold, threshold: Threshold | None) -> tuple[Figure, ...]:
    """The curve, the chosen threshold on it, thresholds that keep a floor; nothing where no row is true."""
    if not (held.target == 1).any():
        return ()
    every = precision_recall_points(held.target, held.prediction, held.weight)
    # The first rows alone say nothing of a precision: one right or wrong is all or nothing.
    points = tuple(p for p in every if p.precision.high - p.precision.low < _KNOWN) or every
    share = float(np.average(held.target == 1, weights=held.weight))
    kept = [
        preset(held.target, held.prediction, held.weight, floor=floor)
        for preset in (recall_first, precision_first)
        for floor in _FLOORS
    ]
    told = f"Precision by recall: taken blindly {percent(share)} of the flagged rows would be right"
    table = Table(
        "Thresholds that keep a floor on new rows, with confidence 95 %",
        ("floor", "threshold", "precision", "recall", "flagged"),
        tuple(_row(each) for each in kept),
    )
    here = _nearest(points, threshold)
    keys = (
        Key("accent", "precision, with 95 % interval", "line"),
        *((Key("bad", "chosen threshold"),) if here is not None else ()),
        Key("muted", "rows flagged blindly", "dash"),
    )
    drawing = draw(_curve(points, here, share), "precision-recall", told, height=270)
    return (Figure("Precision and recall", drawing, told, table, keys, beside=True),)


def _row(found: Operating) -> tuple[str, ...]:
    """One line of the table of floors."""
    what = "recall" if found.preset == "recall-first" else "precision"
    name = f"{what} {percent(found.floor)}"
    if not found.reached:
        return (name, "too few rows", "", "", "")
    return (
        name,
        number(found.threshold),
        _share(found.precision),
        _share(found.recall),
        percent(found.flagged),
    )


def _share(value: Value) -> str:
    """A share with its interval."""
    return f"{percent(value.value)} ({percent(value.low)} to {percent(value.high)})"


def _nearest(points: tuple[CurvePoint, ...], threshold: Threshold | None) -> CurvePoint | None:
    """The point of the curve at the chosen threshold; None where it flags no row."""
    if threshold is None or threshold.value > points[0].threshold:
        return None
    return min(points, key=lambda point: abs(point.threshold - threshold.value))


def _curve(points: tuple[CurvePoint, ...], here: CurvePoint | None, share: float) -> Any:
    """The declaration of the curve."""
    import altair as alt

    scale = alt.Scale(domain=[0, 1], nice=False)
    rows = [
        {"x": p.recall.value, "y": p.precision.value, "low": p.precision.low, "high": p.precision.high}
        for p in points
    ]
    percent_axis = alt.Axis(format=".0%", tickCount=5)
    x = alt.X("x:Q", scale=scale, axis=alt.Axis(format=".0%", grid=False, tickCount=5), title="recall")
    y = alt.Y("y:Q", scale=scale, axis=percent_axis, title="precision")
    base = alt.Chart(data(rows))
    band = base.mark_area(color=ACCENT, opacity=0.18).encode(
        x, alt.Y("low:Q", scale=scale, axis=percent_axis, title="precision"), y2="high:Q"
    )
    line = base.mark_line(color=ACCENT).encode(x, y)
    blind = (
        alt.Chart(data([{"y": share}]))
        .mark_rule(color=MUTED, strokeWidth=1, strokeDash=[4, 3])
        .encode(y="y:Q")
    )
    if here is None:
        return alt.layer(blind, band, line)
    mark = data([{"x": here.recall.value, "y": here.precision.value}])
    dot = alt.Chart(mark).mark_point(color=BAD, filled=True, size=110, opacity=1).encode(x, y)
    return alt.layer(blind, band, line, dot)
