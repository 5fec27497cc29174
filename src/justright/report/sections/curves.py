"""Loss curves: training and validation per pass, and per doubling of the rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from justright.report.drawing import ACCENT, WARM, data, draw, loss_axis
from justright.report.facts import Facts
from justright.report.parts import Figure, Key, Section, Table
from justright.report.sections.path import chosen_penalty
from justright.report.wording import count, number, percent
from justright.training.history import Row

__all__ = ["curves"]

_KEYS = (Key("accent", "training rows", "line"), Key("warm", "validation rows", "line"))

Point = tuple[float, float, float]


def curves(facts: Facts) -> Section:
    """Return the section of the loss curves."""
    rows = _chosen(facts)
    network = facts.summary.passes is not None
    by_rows, by_pass = [] if network else _by_rows(rows, facts), _by_pass(rows, network)
    figures = [_figure(by_rows, "rows", facts)] if len(by_rows) > 1 else []
    if len(by_pass) > 2:
        figures.append(_figure(by_pass, "pass", facts))
    title = "Loss curves"
    if len(figures) == 1:
        figures = [replace(figures[0], beside=True)]
    if not rows or not (by_rows or by_pass):
        return Section("curves", title, absent=facts.why_not("history.jsonl"))
    return Section("curves", title, tuple(_words(by_rows, by_pass, _means_of(facts))), figures=tuple(figures))


def _chosen(facts: Facts) -> list[Row]:
    """Rows of the held-out members of the setting that was chosen."""
    held = [
        row for row in facts.history if row.fold >= 0 and row.train is not None and row.validation is not None
    ]
    penalty = chosen_penalty(facts, sorted({row.penalty for row in held}))
    settings = {row.setting for row in held if penalty is None or row.penalty == penalty}
    return [row for row in held if row.setting in settings]


def _by_rows(rows: list[Row], facts: Facts) -> list[Point]:
    """Mean losses of the folds at the last pass of each share, against the number of training rows."""
    last: dict[tuple[float, int], Row] = {(row.share, row.member): row for row in rows}
    train = facts.summary.rows.train * (1 - 1 / max(facts.summary.folds, 2))
    grouped: dict[float, list[Row]] = defaultdict(list)
    for (share, _), row in last.items():
        grouped[share].append(row)
    return [(share * train, *_means(grouped[share])) for share in sorted(grouped)]


def _by_pass(rows: list[Row], network: bool) -> list[Point]:
    """Mean losses of the folds after each pass; a member that has ended keeps its last losses."""
    grouped: dict[float, list[Row]] = defaultdict(list)
    for row in rows:
        # A network takes a large table in groups: each is its share of a pass.
        grouped[row.number * row.share if network else row.number].append(row)
    latest: dict[int, Row] = {}
    points = []
    for at in sorted(grouped):
        latest.update({row.member: row for row in grouped[at]})
        points.append((float(at), *_means(latest.values())))
    return points


def _means(rows: Iterable[Row]) -> tuple[float, float]:
    """Mean training and validation loss."""
    found = [(row.train or 0.0, row.validation or 0.0) for row in rows]
    train, validation = np.mean(found, axis=0).tolist()
    return train, validation


def _means_of(facts: Facts) -> str:
    """Say what the losses are means of; nothing where a single part judges."""
    if facts.summary.passes is None:
        return " (means of the folds, chosen penalty)"
    return "" if facts.summary.rows.held_out else " (means of the folds)"


def _words(by_rows: list[Point], by_pass: list[Point], means: str) -> Iterable[str]:
    """Say how the curves end."""
    _, train, validation = (by_rows or by_pass)[-1]
    gap = (validation - train) / abs(train) if train else 0.0
    side = "above" if gap >= 0 else "below"
    away = (
        f"{percent(abs(gap))} {side} it" if abs(gap) < 2 else f"{number(round(validation / train))} times it"
    )
    yield (
        f"At the end the training loss is {number(train)} and the validation loss {number(validation)}, "
        f"{away}{means}."
    )
    if len(by_rows) > 1 and by_rows[-2][2]:
        change = (by_rows[-1][2] - by_rows[-2][2]) / abs(by_rows[-2][2])
        way = "lowered" if change < 0 else "raised"
        yield f"The last doubling of the rows {way} the validation loss by {percent(abs(change))}."


def _figure(points: list[Point], axis: str, facts: Facts) -> Figure:
    """Training and validation loss against rows or passes."""
    rows = axis == "rows"
    title = "Loss against the number of rows" if rows else "Loss after each pass"
    long: list[dict[str, Any]] = [
        {"x": x, "loss": value, "part": part}
        for x, train, validation in points
        for part, value in (("train", train), ("validation", validation))
    ]
    told = f"{title}: training ends at {number(points[-1][1])}, validation at {number(points[-1][2])}"
    head = ("training rows" if rows else "pass", "training loss", "validation loss")
    cells = tuple((count(x), number(train), number(validation)) for x, train, validation in _thinned(points))
    table = Table(title, head, cells, texts=())
    note = "" if rows else _note(facts)
    drawing = draw(_lines(long, rows), f"curve-{axis}", told, height=235)
    return Figure(title, drawing, told, table, _KEYS, note)


def _lines(long: list[dict[str, Any]], rows: bool) -> Any:
    """The declaration of the chart."""
    import altair as alt

    values = [point["loss"] for point in long]
    places = sorted({point["x"] for point in long})
    x = alt.X(
        "x:Q",
        scale=alt.Scale(type="log", base=2, nice=False, domain=[places[0], places[-1]])
        if rows
        else alt.Scale(nice=False, domain=[places[0], places[-1]]),
        axis=alt.Axis(values=places, format=",.0f" if places[-1] < 1e6 else ".3~s", grid=False)
        if rows
        else alt.Axis(tickMinStep=1, format="d", grid=False),
        title="training rows" if rows else "pass",
    )
    y = loss_axis(values, "loss")
    tone = alt.Color(
        "part:N", scale=alt.Scale(domain=["train", "validation"], range=[ACCENT, WARM]), legend=None
    )
    base = alt.Chart(data(long)).encode(x, y, tone)
    few = len(places) <= 20
    return base.mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=26, filled=True) if few else False)


def _thinned(points: list[Point], most: int = 16) -> list[Point]:
    """At most so many points, the last one kept."""
    step = -(-len(points) // most)
    kept = points[::step]
    return kept if kept[-1] is points[-1] else [*kept, points[-1]]


def _note(facts: Facts) -> str:
    """Why a curve may jump."""
    if facts.summary.passes is not None:
        return "The training loss is taken as the pass goes on, with dropout: it may lie above the other."
    if any(row.share < 1.0 for row in facts.history):
        return "Early passes use a part of the rows: a step comes where the part doubles."
    return ""
