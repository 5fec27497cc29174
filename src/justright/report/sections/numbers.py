"""Predicted against true, for numbers: where predictions lie, how errors spread, and where they grow."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from justright.report.drawing import ACCENT, INK, MUTED, WARM, axis, data, draw
from justright.report.facts import Facts
from justright.report.out_of_fold import OutOfFold
from justright.report.parts import Figure, Key, Section, Table
from justright.report.wording import number, percent, plain, short
from justright.schema import FloatArray

__all__ = ["numbers"]

_CELLS: Final = 30
_BARS: Final = 40
_GROUPS: Final = 10


def numbers(facts: Facts) -> Section:
    """Return the section of the predictions of a regression."""
    title, held = "Predicted against true", facts.out_of_fold
    if held is None:
        return Section("predictions", title, absent=facts.why_not("out_of_fold.parquet"))
    target = plain(facts.summary.target, 40)
    groups = _groups(held)
    lede = ["Each row was predicted by a model that has not seen it."]
    if held.every > 1:
        lede.append(f"Every {held.every}th row is drawn.")
    figures = (_density(held, target, groups), _errors(held, target), _spread(groups, target))
    return Section("predictions", title, (" ".join(lede),), figures=figures)


def _density(held: OutOfFold, target: str, groups: list[dict[str, float]]) -> Figure:
    """A map of how many rows lie at each pair of predicted and true value."""
    both = np.concatenate([held.target, held.prediction])
    low, high = (float(end) for end in np.quantile(both, [0.002, 0.998]))
    if not high > low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, _CELLS + 1)
    cells, _, _ = np.histogram2d(
        np.clip(held.prediction, low, high),
        np.clip(held.target, low, high),
        bins=[edges, edges],
        weights=held.weight,
    )
    x, y = np.nonzero(cells)
    # The root keeps sparse cells visible beside crowded ones.
    tint = np.sqrt(cells[x, y] / cells.max())
    rows = [
        {"x": a, "x2": b, "y": c, "y2": d, "tint": t}
        for a, b, c, d, t in zip(
            edges[x].tolist(),
            edges[x + 1].tolist(),
            edges[y].tolist(),
            edges[y + 1].tolist(),
            tint.tolist(),
            strict=True,
        )
    ]
    told = f"Map of predicted against true {target}; the nearer to the diagonal, the better"
    drawing = draw(_map(rows, low, high), "density", told, height=340)
    keys = (Key("accent", "rows; darker = more", "square"), Key("ink", "perfect", "dash"))
    cells_ = tuple((f"up to {short(g['high'])}", short(g["predicted"]), short(g["true"])) for g in groups)
    table = Table("Predicted against true", ("predicted", "mean predicted", "mean true"), cells_)
    note = "Values beyond the edge are drawn on it."
    return Figure("Predicted against true", drawing, told, table, keys, note)


def _map(rows: list[dict[str, Any]], low: float, high: float) -> Any:
    """The declaration of the map."""
    import altair as alt

    ends = [low, high]
    scale = alt.Scale(domain=ends, nice=False)
    cells = (
        alt.Chart(data(rows))
        .mark_rect(color=ACCENT)
        .encode(
            alt.X("x:Q", scale=scale, axis=axis(ends, tickCount=5), title="predicted"),
            alt.Y("y:Q", scale=scale, axis=axis(ends, tickCount=5), title="true"),
            x2="x2:Q",
            y2="y2:Q",
            opacity=alt.Opacity("tint:Q", scale=alt.Scale(domain=[0, 1], range=[0.08, 1]), legend=None),
        )
    )
    diagonal = data([{"a": end, "b": end} for end in ends])
    perfect = (
        alt.Chart(diagonal).mark_line(color=INK, strokeWidth=1, strokeDash=[4, 3]).encode(x="a:Q", y="b:Q")
    )
    return alt.layer(cells, perfect)


def _errors(held: OutOfFold, target: str) -> Figure:
    """How errors spread: a histogram of predicted minus true."""
    error = held.prediction - held.target
    low, high = (float(end) for end in np.quantile(error, [0.005, 0.995]))
    if not high > low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, _BARS + 1)
    counts, _ = np.histogram(np.clip(error, low, high), edges, weights=held.weight)
    share = counts / counts.sum()
    rows = [
        {"a": a, "b": b, "share": s}
        for a, b, s in zip(edges[:-1].tolist(), edges[1:].tolist(), share.tolist(), strict=True)
    ]
    above = float(held.weight[error > 0].sum() / held.weight.sum())
    told = f"Errors of {target}: {percent(above)} of the predictions are too high"
    wide = edges[:: _BARS // 10]
    sums = share.reshape(10, -1).sum(axis=1)
    cells = tuple(
        (f"{number(a)} to {number(b)}", percent(s))
        for a, b, s in zip(wide[:-1].tolist(), wide[1:].tolist(), sums.tolist(), strict=True)
    )
    table = Table("Errors", ("predicted minus true", "share of the rows"), cells)
    drawing = draw(_histogram(rows, low, high), "errors", told, height=235)
    note = f"{percent(above)} of the predictions are too high. The outer 0.5 % of each side is at the edge."
    return Figure("Size of the errors", drawing, told, table, (), note)


def _histogram(rows: list[dict[str, Any]], low: float, high: float) -> Any:
    """The declaration of the histogram."""
    import altair as alt

    x = alt.X(
        "a:Q",
        scale=alt.Scale(domain=[low, high], nice=False),
        axis=axis([low, high], grid=False),
        title="predicted minus true",
    )
    y = alt.Y("share:Q", axis=alt.Axis(format=".0%", tickCount=4), title="share of the rows")
    bars = alt.Chart(data(rows)).mark_rect(color=ACCENT, stroke=None).encode(x, y, x2="b:Q", y2=alt.datum(0))
    zero = alt.Chart(data([{"x": 0}])).mark_rule(color=INK, strokeWidth=1, strokeDash=[4, 3]).encode(x="x:Q")
    return alt.layer(bars, zero) if low < 0 < high else bars


def _groups(held: OutOfFold) -> list[dict[str, float]]:
    """Rows in ten groups by what was predicted: means and quantiles of the true values and the errors."""
    order = np.argsort(held.prediction, kind="stable")
    found = []
    for part in np.array_split(order, min(_GROUPS, len(order))):
        predicted, true = held.prediction[part], held.target[part]
        error = predicted - true
        q10, q50, q90 = _quantiles(error)
        mean = float(np.average(predicted, weights=held.weight[part]))
        found.append(
            {
                "high": float(predicted.max()),
                "predicted": mean,
                "true": float(np.average(true, weights=held.weight[part])),
                "q10": q10,
                "q50": q50,
                "q90": q90,
            }
        )
    return found


def _quantiles(values: FloatArray) -> tuple[float, float, float]:
    """The 10, 50 and 90 per cent quantiles."""
    a, b, c = np.quantile(values, [0.1, 0.5, 0.9]).tolist()
    return a, b, c


def _spread(groups: list[dict[str, float]], target: str) -> Figure:
    """How the errors grow with the prediction."""
    told = f"Errors by size of the predicted {target}, in {len(groups)} groups of equally many rows"
    cells = tuple(
        (
            f"up to {short(g['high'])}",
            short(g["true"]),
            short(g["q50"]),
            f"{short(g['q10'])} to {short(g['q90'])}",
        )
        for g in groups
    )
    head = ("predicted", "mean true", "median error", "80 % of the errors")
    drawing = draw(_bands(groups), "spread", told, height=235)
    keys = (Key("accent", "median error"), Key("muted", "80 % of the errors", "line"))
    return Figure(
        "Errors by size of the prediction", drawing, told, Table(told, head, cells), keys, beside=True
    )


def _bands(groups: list[dict[str, float]]) -> Any:
    """The declaration of the chart of groups."""
    import altair as alt

    predicted = [g["predicted"] for g in groups]
    x = alt.X(
        "predicted:Q",
        scale=alt.Scale(zero=False, nice=False, padding=8),
        axis=axis(predicted, grid=False),
        title="mean predicted value of the group",
    )
    errors = [g[name] for g in groups for name in ("q10", "q90")]
    y = alt.Y("q10:Q", axis=axis(errors), title="predicted minus true")
    base = alt.Chart(data(groups))
    band = base.mark_rule(color=MUTED, strokeWidth=2).encode(x, y, y2="q90:Q")
    dots = base.mark_point(color=ACCENT, filled=True, size=60, opacity=1).encode(x, alt.Y("q50:Q"))
    zero = alt.Chart(data([{"y": 0}])).mark_rule(color=WARM, strokeWidth=1, strokeDash=[4, 3]).encode(y="y:Q")
    return alt.layer(zero, band, dots)
