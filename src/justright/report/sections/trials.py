"""How the settings were found: loss of each trial with the best so far, and which settings mattered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from justright.report.drawing import ACCENT, BAD, INK, MUTED, WARM, axis, data, decades, draw, labels, rungs
from justright.report.parts import Figure, Key, Section, Table
from justright.report.wording import count, number, percent, plain, sentence, short
from justright.tuning.halving import DEFAULT
from justright.tuning.records import Trial
from justright.tuning.space import Choice, Range
from justright.workflow.tune import Tuning

__all__ = ["trials"]

_TITLE: Final = "How the settings were found"
_PANELS: Final = 4  # keys that get a picture of their own
_BEYOND: Final = 3.0  # times the spread of the better half: above, a trial is ringed at the edge
_TONES: Final = ((MUTED, "muted"), (WARM, "warm"), (ACCENT, "accent"))


def trials(found: Tuning, lines: Sequence[Trial]) -> Section:
    """Return the section of a tuning.

    Parameters
    ----------
    found : Tuning
        What it found.
    lines : sequence of Trial
        A line for each trial and rung.
    """
    last = {one.number: one for one in lines}
    judged = [one for one in last.values() if one.loss is not None]
    if len(judged) < 2:
        return Section("trials", _TITLE, absent=f"Left out: {found.ended}, so there is nothing to compare.")
    judged.sort(key=lambda one: one.number)
    mattered = (_mattered(found),) if found.importance else ()
    keys = [one.key for one in found.importance[:_PANELS]]
    panels = tuple(_panel(found, key, lines, place) for place, key in enumerate(keys))
    return Section(
        "trials",
        _TITLE,
        tuple(_words(found, judged, last)),
        figures=(_course(found, judged), *mattered, *panels),
    )


def _words(found: Tuning, judged: Sequence[Trial], last: dict[int, Trial]) -> list[str]:
    """Say what was tried, how it was cut short, and what came of it."""
    paused = sum(one.state == "paused" for one in judged)
    failed = len(last) - len(judged)
    first = (
        f"{count(len(last))} settings of the family {plain(found.family, 40)} were tried on the same rows and"
        " folds, the default first."
    )
    if paused:
        first += (
            f" {count(paused)} of them were stopped early, since others were better after as much effort."
        )
    if failed:
        first += f" {count(failed)} could not be trained."
    return [sentence(found.sentence, 900), first]


def _course(found: Tuning, judged: Sequence[Trial]) -> Figure:
    """Loss by number of the trial, coloured by the effort that it had, with the best so far."""
    efforts = sorted({one.effort for one in judged if one.state == "paused"} | {1.0})
    tones = dict(zip(reversed(efforts), reversed(_TONES), strict=False))
    top = _edge([one.loss for one in judged if one.loss is not None])
    best, so_far = float("inf"), []
    for one in judged:
        whole = one.state != "paused"
        best = min(best, one.loss) if whole and one.loss is not None else best
        if best < float("inf"):
            so_far.append({"x": one.number, "loss": best})
    told = f"Held-out loss of {len(judged)} trials, {number(best)} at best"
    drawing = draw(_course_layers(found, judged, so_far, tones, top), "trials", told, height=280)
    keys = [Key(tones[effort][1], _effort(effort)) for effort in reversed(efforts)]
    keys += [Key("ink", "best so far", "line"), Key("ink", "default", "dash")]
    if found.chosen == "best":
        keys.append(Key("bad", "taken", "ring"))
    names = tuple(found.space)
    rows = tuple(
        (
            "default" if one.number == DEFAULT else str(one.number),
            number(one.loss),
            _effort(1.0 if one.state != "paused" else one.effort),
            *(plain(_value(one.params.get(name)), 30) for name in names),
        )
        for one in sorted(judged, key=lambda one: (one.loss or 0.0, one.number))
    )
    table = Table(
        "Every trial, the best first", ("trial", "held-out loss", "effort", *names), rows, texts=(0, 2)
    )
    beyond = sum((one.loss or 0.0) > top for one in judged)
    note = f"At the upper edge: {count(beyond)} with a loss far above the others." if beyond else ""
    return Figure("Held-out loss, trial by trial", drawing, told, table, tuple(keys), note)


def _course_layers(
    found: Tuning,
    judged: Sequence[Trial],
    so_far: list[dict[str, float]],
    tones: dict[float, tuple[str, str]],
    top: float,
) -> Any:
    """The declaration of the chart."""
    import altair as alt

    losses = [min(one.loss, top) for one in judged if one.loss is not None]
    x = alt.X(
        "x:Q",
        scale=alt.Scale(nice=False, domain=[-0.5, judged[-1].number + 0.5]),
        axis=alt.Axis(tickMinStep=1, format="d", grid=False),
        title="trial",
    )
    y = _height(losses)
    layers = []
    if found.default_loss is not None:
        rule = alt.Chart(data([{"loss": found.default_loss}])).mark_rule(color=INK, strokeDash=[3, 3])
        layers.append(rule.encode(y))
    line = alt.Chart(data(so_far)).mark_line(color=INK, strokeWidth=1.5, interpolate="step-after")
    layers.append(line.encode(x, y))
    for effort, (tone, _) in tones.items():
        own = [
            {"x": one.number, "loss": min(one.loss, top)}
            for one in judged
            if one.loss is not None and (1.0 if one.state != "paused" else one.effort) == effort
        ]
        dots = alt.Chart(data(own)).mark_point(color=tone, filled=True, size=48, opacity=1)
        layers.append(dots.encode(x, y))
    if found.chosen == "best" and found.best_loss is not None:
        mark = alt.Chart(data([{"x": found.best, "loss": found.best_loss}]))
        layers.append(
            mark.mark_point(color=BAD, filled=False, size=170, strokeWidth=2, opacity=1).encode(x, y)
        )
    return alt.layer(*layers)


def _mattered(found: Tuning) -> Figure:
    """How much of the order of the trials each key explains, with what chance gives."""
    import altair as alt

    names = [one.key for one in found.importance]
    most = percent(found.importance[0].share)
    told = f"{plain(names[0], 60)} explains most of the order of the trials, {most}"
    points = [
        {
            "y": place,
            "share": one.share,
            "chance": one.chance,
            "tone": ACCENT if one.share > one.chance else MUTED,
        }
        for place, one in enumerate(found.importance)
    ]
    y = alt.Y(
        "y:Q",
        scale=alt.Scale(nice=False, domain=[len(names) - 0.5, -0.5]),
        axis=alt.Axis(
            values=list(range(len(names))), labelExpr=labels([plain(each, 40) for each in names]), grid=False,
            labelLimit=150,
        ),
        title=None,
    )  # fmt: skip
    end = min(1.0, 1.1 * max(max(one.share, one.chance) for one in found.importance))
    x = alt.X(
        "share:Q", scale=alt.Scale(nice=False, domain=[0.0, end]), axis=alt.Axis(format="%", tickCount=4),
        title="share of the order explained by this key alone",
    )  # fmt: skip
    base = alt.Chart(data(points))
    # Rules, since bars between two axes of numbers would be stacked.
    bars = base.mark_rule(strokeWidth=14).encode(
        x, y, x2=alt.datum(0.0), color=alt.Color("tone:N", scale=None, legend=None)
    )
    ticks = base.mark_tick(color=INK, thickness=2, size=24, orient="vertical")
    height = 70 + 28 * len(names)
    drawing = draw(alt.layer(bars, ticks.encode(alt.X("chance:Q"), y)), "mattered", told, height=height)
    rows = tuple((plain(one.key, 60), percent(one.share), percent(one.chance)) for one in found.importance)
    table = Table("What mattered", ("key", "explains", "chance gives"), rows)
    keys = (Key("accent", "above chance"), Key("muted", "within chance"), Key("ink", "chance", "line"))
    note = (
        "Adjusted R2 of the ranked losses after the first rung, by a parabola in a range and by the mean of"
        " each value of a list; the mark is what a key without effect reaches in 5 of 100 studies."
    )
    return Figure("What mattered", drawing, told, table, keys, note)


def _panel(found: Tuning, key: str, lines: Sequence[Trial], place: int) -> Figure:
    """Loss after the first rung against the values of a key."""
    part = found.space[key]
    first = [one for one in lines if one.rung == 0 and one.loss is not None]
    top = _edge([one.loss for one in first if one.loss is not None])
    points, names = [], []
    if isinstance(part, Choice):
        names = [_value(value) for value in part.values]
    for one in first:
        value = one.params.get(key)
        at = names.index(_value(value)) if names and _value(value) in names else value
        inside = isinstance(part, Choice) or part.holds(value)
        if isinstance(at, int | float) and inside:
            points.append({"x": at, "loss": min(one.loss or 0.0, top), "trial": one.number})
    told = f"Held-out loss of {len(points)} trials against {plain(key, 60)}"
    drawing = draw(_panel_layers(found, part, points, names), f"trials-{place}", told, height=190)
    keys = (Key("accent", "a trial"), Key("ink", "default", "ring"), Key("bad", "taken"))
    return Figure(plain(key, 60), drawing, told, None, keys if found.chosen == "best" else keys[:2])


def _panel_layers(found: Tuning, part: Range | Choice, points: list[dict[str, Any]], names: list[str]) -> Any:
    """The declaration of the chart."""
    import altair as alt

    if isinstance(part, Choice):
        x = alt.X(
            "x:Q",
            scale=alt.Scale(nice=False, domain=[-0.5, len(names) - 0.5]),
            axis=alt.Axis(
                values=list(range(len(names))),
                labelExpr=labels([plain(name, 20) for name in names]),
                grid=False,
            ),
            title=None,
        )
    else:
        ticks = rungs([part.low, part.high]) or decades([part.low, part.high]) if part.log else None
        options: dict[str, Any] = {"values": ticks} if ticks else {}
        scale = alt.Scale(type="log" if part.log else "linear", nice=False, domain=[part.low, part.high])
        x = alt.X("x:Q", scale=scale, axis=axis([part.high], grid=False, **options), title=None)
    y = _height([point["loss"] for point in points])
    base = alt.Chart(data(points)).mark_point(color=ACCENT, filled=True, size=40, opacity=0.75)
    layers = [base.encode(x, y)]
    own = [point for point in points if point["trial"] == DEFAULT]
    mark = alt.Chart(data(own)).mark_point(color=INK, filled=False, size=120, strokeWidth=1.5, opacity=1)
    layers.append(mark.encode(x, y))
    if found.chosen == "best":
        taken = [point for point in points if point["trial"] == found.best]
        dot = alt.Chart(data(taken)).mark_point(color=BAD, filled=True, size=90, opacity=1)
        layers.append(dot.encode(x, y))
    return alt.layer(*layers)


def _height(losses: Sequence[float]) -> Any:
    """The y channel."""
    import altair as alt

    low, high = min(losses), max(losses)
    room = 0.06 * (high - low) or 0.01 * abs(high) or 1.0
    scale = alt.Scale(nice=False, zero=False, domain=[low - room, high + room])
    return alt.Y("loss:Q", scale=scale, axis=axis(losses, tickCount=4), title="held-out loss")


def _edge(losses: Sequence[float]) -> float:
    """Return the loss above which a trial would leave the others no room."""
    ordered = sorted(losses)
    half = ordered[len(ordered) // 2]
    edge = half + _BEYOND * (half - ordered[0])
    return edge if edge > half else ordered[-1]


def _effort(effort: float) -> str:
    """Name an effort."""
    return "all effort" if effort == 1.0 else f"stopped after {percent(effort)}"


def _value(value: object) -> str:
    """Write a value of the recipe."""
    return short(value) if isinstance(value, float) else str(value)
