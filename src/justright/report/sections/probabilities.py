"""Probabilities of classes: whether they can be believed, and how far the classes lie apart."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from justright.evaluate import Evaluation
from justright.report.drawing import ACCENT, BAD, MUTED, data, draw
from justright.report.facts import Facts
from justright.report.out_of_fold import OutOfFold
from justright.report.parts import Figure, Key, Table
from justright.report.wording import count, percent, plain

__all__ = ["calibration", "spread"]

_BINS: Final = 20


def calibration(found: Evaluation) -> Figure:
    """Stated against observed probability."""
    rows: list[dict[str, Any]] = [
        {"x": b.stated, "y": b.observed.value, "low": b.observed.low, "high": b.observed.high}
        for b in found.calibration
    ]
    several = len(found.classes) > 2
    what = "of the likeliest class" if several else f"of {plain(found.classes[1], 30)}"
    told = f"Stated probability {what} against the share that came true; on the diagonal it can be believed"
    cells = tuple(
        (
            f"{percent(b.low)} to {percent(b.high)}",
            count(b.rows),
            percent(b.stated),
            percent(b.observed.value),
            f"{percent(b.observed.low)} to {percent(b.observed.high)}",
        )
        for b in found.calibration
    )
    head = ("stated between", "rows", "stated, mean", "came true", "95 % interval")
    drawing = draw(_diagonal(rows, f"stated probability {what}"), "calibration", told, height=300)
    keys = (Key("accent", "rows of one tenth, with 95 % interval"), Key("muted", "perfect", "dash"))
    return Figure("Calibration", drawing, told, Table("Calibration", head, cells), keys)


def _diagonal(rows: list[dict[str, Any]], title: str) -> Any:
    """The declaration of the calibration chart."""
    import altair as alt

    scale = alt.Scale(domain=[0, 1], nice=False)
    axis = alt.Axis(format=".0%", tickCount=5)
    x = alt.X("x:Q", scale=scale, axis=axis, title=title)
    ends = data([{"a": 0, "b": 0}, {"a": 1, "b": 1}])
    perfect = (
        alt.Chart(ends).mark_line(color=MUTED, strokeWidth=1, strokeDash=[4, 3]).encode(x="a:Q", y="b:Q")
    )
    base = alt.Chart(data(rows))
    y = alt.Y("low:Q", scale=scale, axis=axis, title="share that came true")
    whisker = base.mark_rule(color=ACCENT, strokeWidth=2).encode(x, y, y2="high:Q")
    dots = base.mark_point(color=ACCENT, filled=True, size=60, opacity=1).encode(x, alt.Y("y:Q", scale=scale))
    return alt.layer(perfect, whisker, dots)


def spread(held: OutOfFold, facts: Facts) -> Figure:
    """How well the probabilities of the two classes lie apart."""
    edges = np.linspace(0.0, 1.0, _BINS + 1)
    target = facts.schema.target if facts.schema is not None else None
    names = [plain(name, 30) for name in (target.classes if target is not None else ("0", "1"))]
    shares = []
    for number_ in (0, 1):
        own = held.target == number_
        counts, _ = np.histogram(held.prediction[own], edges, weights=held.weight[own])
        shares.append((counts / max(float(counts.sum()), 1e-300)).tolist())
    rows = [
        {"a": a, "b": b, "share": s, "kind": f"{number_}"}
        for number_ in (0, 1)
        for a, b, s in zip(edges[:-1].tolist(), edges[1:].tolist(), shares[number_], strict=True)
    ]
    told = f"Probabilities of {names[1]} for the rows of each class: the less they overlap, the better"
    cells = tuple(
        (f"{percent(a)} to {percent(b)}", percent(x), percent(y))
        for a, b, x, y in zip(edges[:-1].tolist(), edges[1:].tolist(), *shares, strict=True)
    )
    table = Table("Probabilities", ("probability", f"rows truly {names[0]}", f"rows truly {names[1]}"), cells)
    found = facts.evaluation.threshold if facts.evaluation is not None else None
    at = found.value if found is not None else facts.summary.threshold
    drawing = draw(_two_histograms(rows, at, names[1]), "spread", told, height=235)
    keys = (Key("muted", f"truly {names[0]}", "square"), Key("accent", f"truly {names[1]}", "square"))
    threshold = (Key("bad", "threshold", "dash"),) if at is not None and at <= 1 else ()
    return Figure("Probabilities of the two classes", drawing, told, table, (*keys, *threshold))


def _two_histograms(rows: list[dict[str, Any]], at: float | None, name: str) -> Any:
    """The declaration of the two histograms."""
    import altair as alt

    x = alt.X(
        "a:Q",
        scale=alt.Scale(domain=[0, 1], nice=False),
        axis=alt.Axis(format=".0%", grid=False),
        title=f"probability of {name}",
    )
    y = alt.Y("share:Q", stack=None, axis=alt.Axis(format=".0%", tickCount=4), title="share of its class")
    tone = alt.Color("kind:N", scale=alt.Scale(domain=["0", "1"], range=[MUTED, ACCENT]), legend=None)
    bars = alt.Chart(data(rows)).mark_rect(opacity=0.55).encode(x, y, tone, x2="b:Q", y2=alt.datum(0))
    if at is None or at > 1:
        return bars
    rule = (
        alt.Chart(data([{"x": at}])).mark_rule(color=BAD, strokeDash=[3, 3], strokeWidth=1.5).encode(x="x:Q")
    )
    return alt.layer(bars, rule)
