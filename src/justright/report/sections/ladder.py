"""The first picture of a ladder: held-out and training loss from simple to complex, and why this rung.

    under-fit     simpler than the chosen rung, loses more than one standard error, no simpler one loses less
    just right    the chosen rung
    over-fit      more complex, fits the training rows better, and new rows no better (Mitchell 1997, 3.6)
    no gain       more complex, and new rows are predicted no better
                  (both beside the chosen rung, or beside a simpler one that is no worse)
    cut short     under-fit or no gain, of a rung that the budget ended: what it can do is not known

All differences are paired, row by row, as those that the choice was made by: nothing is chosen here.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from justright.models.registry import is_network
from justright.optim.losses import loss_for
from justright.report.drawing import ACCENT, GOOD, INK, MUTED, WARM, axis, data, draw, labels, rungs
from justright.report.facts import Facts
from justright.report.parts import Figure, Key, Section, Table
from justright.report.wording import count, listed, number, plain, sentence
from justright.schema import Finding
from justright.values import figure
from justright.workflow.summary import Rung

__all__ = ["ladder"]

_TITLE: Final = "Why this model"
_LOG: Final = 5.0  # losses are logarithmic where the largest is so many times the smallest
_WIDE: Final = 5  # rungs from which their names are written smaller
_UNITS: Final = {
    "logistic": "log loss",
    "softmax": "log loss",
    "squared": "half the squared error",
    "poisson": "Poisson loss",
    "absolute": "half the absolute error",
    "huber": "Huber loss",
    "quantile": "pinball loss",
}
_SCALED: Final = ("squared", "absolute", "huber", "quantile")
_WORDS: Final = {
    "under-fit": "Too simple (under-fit)",
    "as good": "As good within one standard error, and simpler",
    "just right": "Just right",
    "over-fit": "Over-fit, better on training rows only",
    "no gain": "More than the rows support, no better on new ones",
    "too close": "Better by less than the noise",
    "cut short": "Ended by the budget before its training was",
}


@dataclass(frozen=True, slots=True)
class _Step:
    """A rung on the picture: what it is, and where its losses are drawn."""

    rung: Rung
    kind: str
    loss: float
    train: float | None
    gap: float
    error: float

    @property
    def name(self) -> str:
        """The family."""
        return plain(self.rung.family, 20)


def ladder(facts: Facts) -> Section | None:
    """Return the section that opens the report of a ladder; None where no rungs were compared."""
    told = facts.summary.findings
    cut = {str(one.evidence.get("rung")) for one in told if one.id == "rung-cut"}
    steps, left = _steps(facts.summary.ladder, cut), _left(told)
    if not steps or (len(steps) == 1 and not left):
        return None
    if len(steps) == 1:
        said = f"{steps[0].name} is the only rung of the ladder that was trained: it is compared with none."
        return Section("ladder", _TITLE, (said, " ".join(left)))
    return Section("ladder", _TITLE, (_words(steps),), figures=(_figure(steps, left, facts),))


def _steps(every: Sequence[Rung], cut: Set[str]) -> list[_Step]:
    """Rungs that were compared, from simple to complex.

    Each is drawn where its paired difference puts it beside the chosen one: judged on other rows, easy or
    hard ones, its own mean loss says less.
    """
    found = [
        (rung, rung.loss, rung.gap, rung.error or 0.0)
        for rung in every
        if rung.loss is not None and rung.gap is not None
    ]
    place = next((at for at, each in enumerate(found) if each[0].chosen), None)
    if place is None:
        return []
    own, level, zero, _ = found[place]
    steps = []
    for at, (rung, loss, gap, error) in enumerate(found):
        drawn = level + gap - zero
        train = rung.train
        if train is not None:
            train = train * drawn / loss if min(loss, drawn) > 0 else train + drawn - loss
        kind = "just right" if rung is own else _kind(rung, own, gap - zero, error, simpler=at < place)
        below = min(found[:at], key=lambda each: each[2], default=None)
        if kind == "under-fit" and below is not None and below[2] <= gap:
            # Not too simple: a simpler rung is no worse. It stands beside that one as beside a chosen one.
            kind = _kind(rung, below[0], gap - below[2], error, simpler=False)
        if rung.family in cut and kind in ("under-fit", "no gain"):
            kind = "cut short"
        steps.append(_Step(rung, kind, drawn, train, gap, error))
    return steps


def _kind(rung: Rung, own: Rung, lost: float, error: float, *, simpler: bool) -> str:
    """Say what a rung is beside the chosen one, to which it loses so much a row."""
    if simpler:
        return "under-fit" if rung.gap is not None and rung.gap > error else "as good"
    if lost < 0:
        return "too close"
    # Further above its training loss than the chosen rung is above its own, beyond the noise.
    further = _above(rung) - _above(own) > max(error, own.error or 0.0)
    return "over-fit" if further else "no gain"


def _above(rung: Rung) -> float:
    """How far the held-out loss of a rung is above its training loss; NaN where one is not known."""
    return float("nan") if rung.loss is None or rung.train is None else rung.loss - rung.train


def _left(findings: Sequence[Finding]) -> list[str]:
    """Say which rungs were left out or ended early, and why."""
    return [sentence(one.sentence, 300) for one in findings if one.id in ("rung-skipped", "rung-cut")]


def _against(steps: Sequence[_Step]) -> _Step:
    """The rung that all are compared with."""
    return min(steps, key=lambda step: (abs(step.gap), step.error))


def _words(steps: Sequence[_Step]) -> str:
    """Say why this rung, and what the others are."""
    own = next(step for step in steps if step.kind == "just right")
    if own is min(steps, key=lambda step: step.gap):
        why = f"Of {len(steps)} rungs {own.name} loses least on rows that it has not seen"
        if steps[0] is not own and all(step.kind != "as good" for step in steps):
            why += ", and every simpler one loses more than one standard error"
    else:
        why = (
            f"Of {len(steps)} rungs {own.name} is the simplest whose loss, on rows that it has not seen, is"
            f" within one standard error of that of {_against(steps).name}, the best"
        )
    kinds = [(kind, [step.name for step in steps if step.kind == kind]) for kind in _WORDS]
    told = [f"{_WORDS[kind]}: {listed(names)}." for kind, names in kinds if names and kind != "just right"]
    return " ".join([f"{why}.", *told])


def _figure(steps: Sequence[_Step], left: Sequence[str], facts: Facts) -> Figure:
    """The picture with its numbers beside it."""
    against = _against(steps)
    title = "Loss from simple to complex"
    told = f"{title}: " + "; ".join(f"{step.name} {number(step.loss)}, {step.kind}" for step in steps)
    rows = tuple(
        (
            step.name,
            number(step.rung.loss),
            _difference(step, against),
            number(step.rung.train),
            step.kind,
        )
        for step in steps
    )
    head = ("rung", "held-out loss", f"difference to {against.name}", "training loss", "")
    keys = (
        Key("warm", "held-out rows", "line"),
        Key("accent", "training rows", "line"),
        Key("good", "chosen"),
        Key("ink", f"loss of {against.name}", "dash"),
    )
    note = " ".join([*_notes(steps, against, facts), *left])
    drawing = draw(_layers(steps, against), "rungs", told, height=290)
    return Figure(title, drawing, told, Table("Every rung", head, rows), keys, note, beside=True)


def _difference(step: _Step, against: _Step) -> str:
    """Write a paired difference with its standard error."""
    return "" if step is against else f"{figure(step.gap, 3)} \u00b1 {figure(step.error, 2)}"


def _notes(steps: Sequence[_Step], against: _Step, facts: Facts) -> list[str]:
    """Say how the picture is read."""
    recipe, summary = facts.recipe, facts.summary
    named = (recipe.loss, recipe.quantile) if recipe is not None else ("auto", 0.5)
    loss = loss_for(named[0], summary.task, named[1]).name
    unit = f"Loss: {_UNITS.get(loss, loss)} a row"
    if loss in _SCALED:
        unit += f", {plain(summary.target, 40)} in standard deviations"
    said = [
        f"{unit}. A bar is one standard error of the difference to {against.name} on the same rows: a rung"
        " whose bar reaches the dashed line is as good."
    ]
    if any(abs(step.loss - (step.rung.loss or 0.0)) > 1e-9 * abs(step.loss) for step in steps):
        fewest = min(step.rung.judged for step in steps)
        said.append(
            "Not all were judged on the same rows: each is drawn at its difference to"
            f" {against.name} on the rows of both, {count(fewest)} or more."
        )
    if any(is_network(step.rung.family) for step in steps):
        said.append(
            "The training loss of a network is taken with dropout, as its pass goes on;"
            " above the other it says nothing and is not drawn."
        )
    return said


def _layers(steps: Sequence[_Step], against: _Step) -> Any:
    """The declaration of the chart."""
    import altair as alt

    x = _across(steps, "x")
    points: list[dict[str, Any]] = [
        {"x": place, "loss": step.loss, "low": step.loss - step.error, "high": step.loss + step.error}
        for place, step in enumerate(steps)
    ]
    trained: list[dict[str, Any]] = [
        {"x": place, "loss": step.train}
        for place, step in enumerate(steps)
        if step.train is not None and (step.train <= step.loss or not is_network(step.rung.family))
    ]
    seen = [value for point in points for value in (point["low"], point["high"])]
    height = _Height.over([*seen, *(point["loss"] for point in trained)])
    y, low = height.of("loss"), height.of("low")
    held, learned = alt.Chart(data(points)), alt.Chart(data(trained))
    chosen = [point for point, step in zip(points, steps, strict=True) if step.kind == "just right"]
    line = alt.Chart(data([{"loss": against.loss}])).mark_rule(color=INK, strokeDash=[3, 3], strokeWidth=1)
    return alt.layer(
        *_bands(steps),
        line.encode(y),
        learned.mark_line(color=ACCENT, strokeWidth=2).encode(x, y),
        learned.mark_point(color=ACCENT, filled=True, size=30, opacity=1).encode(x, y),
        held.mark_line(color=WARM, strokeWidth=2).encode(x, y),
        held.mark_rule(color=WARM, strokeWidth=2.5).encode(x, low, y2="high:Q"),
        held.mark_point(color=WARM, filled=True, size=45, opacity=1).encode(x, y),
        alt.Chart(data(chosen)).mark_point(color=GOOD, filled=True, size=150, opacity=1).encode(x, y),
    )


def _across(steps: Sequence[_Step], field: str) -> Any:
    """The x channel: the rungs in their order."""
    import altair as alt

    return alt.X(
        f"{field}:Q",
        scale=alt.Scale(domain=[-0.5, len(steps) - 0.5], nice=False),
        axis=alt.Axis(
            values=list(range(len(steps))),
            labelExpr=labels([step.name for step in steps]),
            labelColor=INK,
            labelFontSize=11 if len(steps) <= _WIDE else 9,
            labelOverlap=False,
            grid=False,
            ticks=False,
        ),
        title="from simple to complex",
    )


def _bands(steps: Sequence[_Step]) -> list[Any]:
    """Rungs of one kind side by side as a band with its name on top."""
    import altair as alt

    bands, begin = list[dict[str, Any]](), 0
    for kind, group in groupby(step.kind for step in steps):
        end = begin + len(list(group))
        middle = (begin + end - 1) / 2
        bands.append({"x": begin - 0.5, "to": end - 0.5, "middle": middle, "kind": kind})
        begin = end
    layers = []
    for right in (False, True):
        own = [band for band in bands if (band["kind"] == "just right") == right]
        base = alt.Chart(data(own)).encode(_across(steps, "x"))
        tone = GOOD if right else MUTED
        layers.append(
            base.mark_rect(color=tone, opacity=0.14 if right else 0.07).encode(
                x2="to:Q", y=alt.value(0), y2=alt.value("height")
            )
        )
        words = alt.Chart(data(own)).mark_text(
            color=tone, fontSize=11 if len(steps) <= _WIDE else 9, fontWeight="bold" if right else "normal"
        )
        layers.append(words.encode(_across(steps, "middle"), y=alt.value(11), text="kind:N"))
    return layers


@dataclass(frozen=True, slots=True)
class _Height:
    """The y channel: losses with room above them for the names of the bands."""

    low: float
    high: float
    logarithmic: bool

    @classmethod
    def over(cls, losses: Sequence[float]) -> _Height:
        """Return the channel that shows all of these."""
        low, high = min(losses), max(losses)
        if low > 0 and high / low > _LOG:
            room = high / low
            return cls(low / room**0.06, high * room**0.2, True)
        room = (high - low) or abs(high) or 1.0
        return cls(low - 0.06 * room, high + 0.2 * room, False)

    def of(self, field: str) -> Any:
        """Return the channel of a field."""
        import altair as alt

        ends = [self.low, self.high]
        if self.logarithmic:
            scale = alt.Scale(type="log", nice=False, domain=ends)
            ticks = axis(ends, values=rungs(ends))
        else:
            scale, ticks = alt.Scale(nice=False, domain=ends), axis(ends)
        return alt.Y(f"{field}:Q", scale=scale, axis=ticks, title="loss")
