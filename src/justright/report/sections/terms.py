"""What moves the prediction of an additive model: size of each term, what each column adds."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from justright.models.reading import Curve, Level, Reading, Term
from justright.report.drawing import ACCENT, BAD, INK, MUTED, WARM, axis, data, draw, labels, wants_log
from justright.report.facts import Facts
from justright.report.parts import Figure, Key, Section, Table
from justright.report.wording import count, number, percent, plain, short
from justright.schema import FloatArray

__all__ = ["functions", "moment", "output_of", "terms", "unit_of"]

_BARS: Final = 20
_CURVES: Final = 18
_LEVELS: Final = 12
_ROW: Final = 22
_LISTED: Final = 40
_CLASSES: Final = 4
_TAIL: Final = 0.004  # share of the rows at either end that is not drawn
_TONES: Final = ((ACCENT, "accent"), (WARM, "warm"), (BAD, "bad"), (INK, "ink"))


def terms(facts: Facts) -> Section:
    """Return the section of the terms."""
    title, reading = "What moves the prediction", facts.reading
    if reading is None:
        return Section("weights", title, absent=facts.why_not("terms.json"))
    lede = (
        f"The prediction is a sum: one function a column and one table a cross. {unit_of(reading)} "
        "0 is the mean row. An effect says how this model moves, not what causes what.",
    )
    return Section("weights", title, lede, figures=(_importances(reading),))


def functions(facts: Facts) -> Section:
    """Return the section of the functions of the columns, the most important first."""
    title, reading = "What each column adds", facts.reading
    if reading is None:
        return Section("functions", title, absent=facts.why_not("terms.json"))
    columns = [term for term in reading.terms if term.kind != "cross"]
    lede: tuple[str, ...] = (
        "By the mean size of what it adds. Bands and intervals of 95 % come from the models that left out "
        "one fold each; ticks at the foot part the rows into tenths.",
    )
    if len(columns) > _CURVES:
        lede += (f"The {_CURVES} columns that matter most are drawn; terms.json has all {len(columns)}.",)
    made = [_figure(reading, term, place) for place, term in enumerate(columns[:_CURVES])]
    return Section("functions", title, lede, figures=tuple(figure for figure in made if figure))


def unit_of(reading: Reading) -> str:
    """Say what an effect is measured in."""
    target = plain(reading.target, 40)
    if reading.link == "identity":
        return f"Effects are in the unit of {target}."
    if reading.link == "log":
        return f"Effects are on the logarithm of {target}: 0.1 is about ten per cent more."
    return "Effects are on the logarithm of the odds: 0.7 doubles them, -0.7 halves them."


def moment(value: float) -> str:
    """Write seconds since 1970 as a date.

    Examples
    --------
    >>> moment(86_400.0)
    '1970-01-02'
    """
    return str(np.datetime64(int(value), "s")).removesuffix("T00:00:00").replace("T", " ")


def output_of(values: Any, share: Any) -> int:
    """Return the output that a term moves most: values (outputs, ...), share of the rows of each."""
    made = np.asarray(values, np.float64)
    return int((np.abs(made) * np.asarray(share)).reshape(len(made), -1).sum(axis=1).argmax())


def _importances(reading: Reading) -> Figure:
    """The mean size of what each term adds, with its interval."""
    import altair as alt

    title = "How much each term matters"
    shown = reading.terms[:_BARS]
    points = [
        {"place": i, "value": t.importance.value, "low": t.importance.low, "high": t.importance.high}
        | {"kind": "cross" if t.kind == "cross" else "column"}
        for i, t in enumerate(shown)
    ]
    names = [plain(term.name, 34) for term in shown]
    y = alt.Y(
        "place:O",
        title=None,
        axis=alt.Axis(labelExpr=labels(names), labelColor=INK, grid=False, labelLimit=165),
        scale=alt.Scale(paddingInner=0.35),
    )
    highs = [term.importance.high for term in shown]
    x = alt.X("value:Q", axis=axis(highs, tickCount=4), title="mean size of what it adds")
    tone = alt.Color("kind:N", scale=alt.Scale(domain=["column", "cross"], range=[ACCENT, WARM]), legend=None)
    base = alt.Chart(data(points))
    whiskers = base.mark_rule(color=INK, strokeWidth=1.5).encode(alt.X("low:Q"), y, x2="high:Q")
    chart = alt.layer(base.mark_bar(opacity=0.75).encode(x, y, tone), whiskers)
    told = f"{title}: {plain(reading.terms[0].name, 40)} first" if shown else title
    rows = tuple(
        (
            plain(term.name),
            number(term.importance.value),
            f"{number(term.importance.low)} to {number(term.importance.high)}",
        )
        for term in reading.terms[:_LISTED]
    )
    more = f"and {len(reading.terms) - _LISTED} weaker ones" if len(reading.terms) > _LISTED else ""
    table = Table(title, ("term", "adds", "95 % interval"), rows, (0,), more)
    keys: tuple[Key, ...] = (Key("accent", "column", "square"),)
    if any(term.kind == "cross" for term in shown):
        keys += (Key("warm", "cross of two columns", "square"),)
    drawing = draw(chart, "importance", told, height=52 + _ROW * len(points))
    return Figure(title, drawing, told, table, (*keys, Key("ink", "95 % interval", "line")), beside=True)


def _figure(reading: Reading, term: Term, place: int) -> Figure | None:
    """What one column adds."""
    if term.curve is not None:
        return _curve(reading, term, term.curve, place)
    return _levels(reading, term, place) if term.levels else None


def _curve(reading: Reading, term: Term, curve: Curve, place: int) -> Figure:
    """The function of a number."""
    name = plain(term.name, 40)
    outputs = _outputs(reading, curve.values, curve.share)
    told = f"What {name} adds by its value"
    drawing = draw(_curve_chart(curve, outputs, name), f"curve-{place}", told, height=225)
    write = moment if curve.form == "datetime" else short
    rows = []
    for begin, end in _groups(curve):
        weight = np.asarray(curve.share[begin:end])
        total = max(float(weight.sum()), 1e-300)
        cells = [f"{write(curve.ends[begin])} to {write(curve.ends[end])}", percent(float(weight.sum()))]
        for output in outputs:
            value, low, high = (
                float(weight @ np.asarray(part[output][begin:end])) / total
                for part in (curve.values, curve.low, curve.high)
            )
            cells.append(number(value))
            cells += [f"{short(low)} to {short(high)}"] if len(outputs) == 1 else []
        rows.append(tuple(cells))
    if term.missing is not None:
        rows.append(_level_row(term.missing, outputs))
    head = ("value", "rows", *_heads(reading, outputs))
    table = Table(told, head, tuple(rows), (0,))
    return Figure(
        f"{name} (mean size {short(term.importance.value)})",
        drawing,
        told,
        table,
        _keys(reading, outputs),
        _note(term),
    )


def _note(term: Term) -> str:
    """Say what the chart cannot show."""
    parts = []
    if term.curve is not None and term.curve.spikes and len(term.curve.spikes) < len(term.curve.share):
        parts.append("Dots are single values that many rows have.")
    if term.missing is not None and term.missing.share > 0:
        one = term.missing
        parts.append(f"Missing ({percent(one.share)} of the rows) adds {short(one.values[0])}.")
    return " ".join(parts)


def _outputs(reading: Reading, values: Any, share: Any) -> list[int]:
    """The outputs to draw: the only one, or the classes that the term moves most, in their order."""
    if len(values) == 1:
        return [0]
    size = (np.abs(np.asarray(values)) * np.asarray(share)).reshape(len(values), -1).sum(axis=1)
    return sorted(np.argsort(-size, kind="stable")[:_CLASSES].tolist())


def _keys(reading: Reading, outputs: list[int]) -> tuple[Key, ...]:
    """A legend where several classes are drawn."""
    if not reading.classes:
        return ()
    return tuple(
        Key(_TONES[i][1], plain(reading.classes[output], 24), "line") for i, output in enumerate(outputs)
    )


def _heads(reading: Reading, outputs: list[int]) -> tuple[str, ...]:
    """Heads of the columns of effects."""
    if len(outputs) == 1:
        return ("adds", "95 % interval")
    return tuple(plain(reading.classes[output], 20) for output in outputs)


def _groups(curve: Curve) -> list[tuple[int, int]]:
    """Bins taken together into about ten groups of equally many rows."""
    reached = np.cumsum(curve.share) / max(sum(curve.share), 1e-300)
    ends = np.unique(np.searchsorted(reached, np.arange(1, 11) / 10 - 1e-9) + 1)
    ends[-1] = len(curve.share)
    starts = [0, *ends[:-1].tolist()]
    return [(a, b) for a, b in zip(starts, ends.tolist(), strict=True) if b > a]


def _drawn(curve: Curve) -> tuple[int, int, FloatArray]:
    """The bins to draw, and the ends of all with those of the outer ones within sight."""
    reached = np.cumsum(curve.share)
    total = max(float(reached[-1]), 1e-300)
    first = int(np.searchsorted(reached, _TAIL * total, side="right"))
    last = int(np.searchsorted(reached, (1 - _TAIL) * total)) + 1
    last = min(max(last, first + 1), len(curve.share))
    ends = np.asarray(curve.ends, np.float64)
    if last - first > 3:
        # An outer bin reaches to the extreme value: no wider than ten of its neighbours in the drawing.
        inner = np.diff(ends[first + 1 : last])
        wide = 10 * float(np.median(inner)) if len(inner) else np.inf
        ends[first] = max(ends[first], ends[first + 1] - wide)
        ends[last] = min(ends[last], ends[last - 1] + wide)
    return first, last, ends


def _curve_chart(curve: Curve, outputs: list[int], name: str) -> Any:
    """The declaration of a curve: steps with their band, single values as dots, tenths of the rows below."""
    import altair as alt

    first, last, ends = _drawn(curve)
    spikes = {spike for spike in curve.spikes if first <= spike < last}
    steps, dots = [], []
    for number_, output in enumerate(outputs):
        run = 0
        for at in range(first, last):
            here = {"v": curve.values[output][at], "l": curve.low[output][at], "h": curve.high[output][at]}
            here |= {"o": number_}
            if at in spikes:
                dots.append(here | {"x": 0.5 * float(ends[at] + ends[at + 1])})
                run += 1
                continue
            steps.append(here | {"x": float(ends[at]), "run": run})
            if at + 1 == last or at + 1 in spikes:
                steps.append(here | {"x": float(ends[at + 1]), "run": run})
    seen = ends[first : last + 1]
    ticks = axis(seen.tolist(), grid=False, tickCount=5)
    scale = alt.Scale(domain=[float(seen[0]), float(seen[-1])], nice=False)
    if curve.form == "number" and wants_log(seen.tolist()):
        scale = alt.Scale(type="log", domain=[float(seen[0]), float(seen[-1])], nice=False)
        ticks = axis(seen.tolist(), grid=False, values=_ticks(seen), tickCount=12)
    if curve.form == "datetime":
        ticks = alt.Axis(labelExpr="utcFormat(datum.value * 1000, '%b %Y')", tickCount=4, grid=False)
    x = alt.X("x:Q", scale=scale, axis=ticks, title=name)
    drawn = [row[key] for row in (*steps, *dots) for key in (("v",) if len(outputs) > 1 else ("l", "h"))]
    y = alt.Y("v:Q", axis=axis(drawn, tickCount=4), title="adds")
    tones = alt.Color(
        "o:O", scale=alt.Scale(domain=[0, 1, 2, 3], range=[tone for tone, _ in _TONES]), legend=None
    )
    zero = (
        alt.Chart(data([{"y": 0}])).mark_rule(color=MUTED, strokeWidth=1, strokeDash=[4, 3]).encode(y="y:Q")
    )
    line, points = alt.Chart(data(steps)), alt.Chart(data(dots))
    layers = [zero]
    if len(outputs) == 1:
        band = line.mark_area(color=ACCENT, opacity=0.2, interpolate="step-after", clip=True)
        layers.append(band.encode(x, alt.Y("l:Q"), y2="h:Q", detail="run:N"))
        layers.append(points.mark_rule(color=ACCENT, opacity=0.45).encode(x, alt.Y("l:Q"), y2="h:Q"))
    layers.append(
        line.mark_line(strokeWidth=1.75, interpolate="step-after", clip=True).encode(
            x, y, tones, detail=["run:N", "o:O"]
        )
    )
    layers.append(points.mark_point(filled=True, size=26, opacity=1).encode(x, y, tones))
    reached = np.cumsum(curve.share[first:last])
    tenths = np.interp(np.arange(1, 10) / 10 * reached[-1], [0.0, *reached], seen)
    rug = alt.Chart(data([{"x": float(tenth)} for tenth in tenths]))
    layers.append(rug.mark_tick(color=MUTED, size=7, thickness=1).encode(x, y=alt.value("height")))
    return alt.layer(*layers)


def _ticks(seen: FloatArray) -> list[float]:
    """Places of ticks on a logarithmic axis: powers of ten, and thrice those where they are few."""
    tens = 10.0 ** np.arange(np.floor(np.log10(seen[0])), np.ceil(np.log10(seen[-1])) + 1)
    every = np.sort(np.concatenate([tens, 3.0 * tens])) if len(tens) < 6 else tens
    return [float(f"{tick:.1g}") for tick in every if seen[0] <= tick <= seen[-1]]


def _levels(reading: Reading, term: Term, place: int) -> Figure:
    """What each category adds."""
    name = plain(term.name, 40)
    share = [level.share for level in term.levels]
    by_output = np.asarray([level.values for level in term.levels]).T
    outputs = _outputs(reading, by_output, share)
    told = f"What each value of {name} adds"
    rows = tuple(_level_row(level, outputs) for level in term.levels[:_LISTED])
    left = len(term.levels) - len(rows) + term.more
    more = f"and {count(left)} rarer ones" if left else ""
    table = Table(told, (name, "rows", *_heads(reading, outputs)), rows, (0,), more)
    drawing = draw(_level_chart(term.levels[:_LEVELS], outputs), f"curve-{place}", told, height=_height(term))
    note = (
        f"The {_LEVELS} most frequent of {len(term.levels) + term.more} values."
        if len(term.levels) > _LEVELS
        else ""
    )
    title = f"{name} (mean size {short(term.importance.value)})"
    return Figure(title, drawing, told, table, _keys(reading, outputs), note)


def _height(term: Term) -> int:
    """Height of the chart of a column's categories."""
    return 56 + _ROW * max(min(len(term.levels), _LEVELS), 2)


def _level_row(level: Level, outputs: list[int]) -> tuple[str, ...]:
    """A category in a table."""
    ends = [f"{short(level.low[0])} to {short(level.high[0])}"] if len(outputs) == 1 else []
    return (plain(level.label, 60), percent(level.share), *(number(level.values[o]) for o in outputs), *ends)


def _level_chart(levels: tuple[Level, ...], outputs: list[int]) -> Any:
    """The declaration of a chart of categories: a dot with its interval each."""
    import altair as alt

    points = [
        {"place": i, "v": level.values[o], "l": level.low[o], "h": level.high[o], "o": number_}
        for i, level in enumerate(levels)
        for number_, o in enumerate(outputs)
    ]
    names = [plain(level.label, 22) for level in levels]
    y = alt.Y(
        "place:O",
        title=None,
        axis=alt.Axis(labelExpr=labels(names), labelColor=INK, grid=True, labelLimit=130),
    )
    seen = [point[key] for point in points for key in ("l", "h")]
    x = alt.X("v:Q", axis=axis(seen, tickCount=4, grid=False), title="adds", scale=alt.Scale(zero=True))
    tones = alt.Color(
        "o:O", scale=alt.Scale(domain=[0, 1, 2, 3], range=[tone for tone, _ in _TONES]), legend=None
    )
    base = alt.Chart(data(points))
    zero = (
        alt.Chart(data([{"x": 0}])).mark_rule(color=MUTED, strokeWidth=1, strokeDash=[4, 3]).encode(x="x:Q")
    )
    whiskers = base.mark_rule(strokeWidth=2, opacity=0.5).encode(alt.X("l:Q"), y, tones, x2="h:Q")
    dots = base.mark_point(filled=True, size=46, opacity=1).encode(x, y, tones)
    return alt.layer(zero, *([whiskers] if len(outputs) == 1 else []), dots)
