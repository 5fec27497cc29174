"""The race for the learning rate of a network: held-out loss against rate, and the rate that was taken."""

from __future__ import annotations

from typing import Any, Final

from justright.models.neural.optimizer_table import row_of
from justright.report.drawing import (
    ACCENT,
    BAD,
    INK,
    MUTED,
    WARM,
    axis,
    data,
    decades,
    draw,
    loss_axis,
    rungs,
)
from justright.report.facts import Facts
from justright.report.parts import Figure, Key, Section, Table
from justright.report.wording import count, number, percent, plain, short
from justright.workflow.race import Candidate, Race

__all__ = ["race"]

_TITLE: Final = "The learning rate"
_LOG: Final = 5.0  # losses are logarithmic where the largest is so many times the smallest
_BEYOND: Final = 20.0  # times the smallest loss: above, a rate is ringed at the edge and the rest can be seen


def race(facts: Facts) -> Section:
    """Return the section of the race."""
    if facts.race is not None and facts.race.candidates:
        return Section("race", _TITLE, tuple(_words(facts.race)), figures=(_figure(facts.race),))
    if "race.json" in facts.absent:
        return Section("race", _TITLE, absent=facts.why_not("race.json"))
    return Section("race", _TITLE, (_without(facts),))


def _without(facts: Facts) -> str:
    """Say where the rate comes from where there was no race."""
    passes, recipe = facts.summary.passes, facts.recipe
    taken = short(passes.rate) if passes is not None else "one that is not known"
    if recipe is not None and recipe.network.rate:
        return f"No race was run: the rate {short(recipe.network.rate)} was given."
    if recipe is not None and row_of(recipe.network.optimizer).rate_free:
        name = plain(recipe.network.optimizer, 40)
        return f"No race was run: {name} finds the size of its steps itself; it is multiplied by {taken}."
    made = f" of {count(passes.steps)} steps" if passes is not None else ""
    why = f"No race was run: a training{made} is too short for one."
    return f"{why} It took the usual rate and ended with {taken}."


def _words(race: Race) -> list[str]:
    """Say what was tried, what was taken and what it cost."""
    ended = [one for one in race.candidates if one.end is not None]
    best = min(ended, key=lambda one: one.end or 0.0) if ended else None
    taken = next((one for one in race.candidates if one.rate == race.chosen), None)
    first = (
        f"{count(len(race.candidates))} rates, the usual one first and then towards the better side, began"
        " from the same weights, took the same batches and were judged on the same held-out rows."
    )
    second = f"The rate {short(race.chosen)} was taken"
    if taken is not None and taken.end is not None:
        second += f": held-out loss {number(taken.end)} at the end of the race"
    if best is not None and best is not taken:
        near = (
            "the usual one" if race.chosen == race.prior else f"nearer to the usual one, {short(race.prior)}"
        )
        second += (
            f". That of {short(best.rate)} is smaller ({number(best.end)}), but not by so much that it would"
            f" last, and the rate taken is {near}"
        )
    third = ""
    diverged = sum(one.diverged for one in race.candidates)
    if diverged:
        third += f" {count(diverged)} diverged."
    if race.steps is not None and race.share is not None:
        third += f" All this took {count(race.steps)} steps, {percent(race.share)} of those of the training."
    return [first, f"{second}.{third}"]


def _figure(race: Race) -> Figure:
    """Held-out loss against rate, half way and at the end, the rate taken and the usual one marked."""
    looks = [
        _points([(one.rate, one.half) for one in race.candidates]),
        _points([(one.rate, one.end) for one in race.candidates]),
    ]
    beyond = {one.rate for one in race.candidates if one.diverged}
    least = min((row["loss"] for look in looks for row in look), default=0.0)
    if least > 0:
        beyond |= {row["rate"] for look in looks for row in look if row["loss"] > _BEYOND * least}
        looks = [[row for row in look if row["loss"] <= _BEYOND * least] for look in looks]
    lost = [{"rate": rate} for rate in sorted(beyond)]
    taken = [row for row in looks[1] if row["rate"] == race.chosen]
    title = "Held-out loss against learning rate"
    told = f"{title}: {len(race.candidates)} rates, {short(race.chosen)} was taken"
    drawing = draw(_layers(race, looks, taken, lost), "race", told, height=280)
    rows = tuple((short(one.rate), *_losses(one), _mark(one, race)) for one in race.candidates)
    table = Table("Every rate of the race", ("rate", "half way", "at the end", ""), rows, texts=(3,))
    keys = [
        Key("muted", "half way", "line"),
        Key("accent", "at the end", "line"),
        Key("bad", "taken"),
        Key("ink", "usual rate", "dash"),
    ]
    if lost:
        keys.append(Key("warm", "diverged, or far above", "ring"))
    note = "Too small a rate does not get far, too large a one does not settle."
    return Figure(title, drawing, told, table, tuple(keys), note, beside=True)


def _points(losses: list[tuple[float, float | None]]) -> list[dict[str, Any]]:
    """The points of one look at the race."""
    return [{"rate": rate, "loss": loss} for rate, loss in losses if loss is not None]


def _losses(one: Candidate) -> tuple[str, str]:
    """Write the losses half way and at the end; once it has diverged a candidate has none."""
    if one.half is None:
        return "diverged", ""
    return number(one.half), number(one.end) if one.end is not None else "diverged"


def _mark(one: Candidate, race: Race) -> str:
    """Say what a rate is."""
    words = ["taken"] if one.rate == race.chosen else []
    words += ["usual"] if one.rate == race.prior else []
    return ", ".join(words)


def _layers(
    race: Race, looks: list[list[dict[str, Any]]], taken: list[dict[str, Any]], lost: list[dict[str, Any]]
) -> Any:
    """The declaration of the chart."""
    import altair as alt

    rates = [one.rate for one in race.candidates]
    x = alt.X(
        "rate:Q",
        scale=alt.Scale(type="log", nice=False, domain=[rates[0], rates[-1]]),
        axis=axis(values=decades(rates), grid=False),
        title="learning rate",
    )
    y = _height([row["loss"] for look in looks for row in look])
    usual = alt.Chart(data([{"rate": race.prior}])).mark_rule(color=INK, strokeDash=[3, 3]).encode(x)
    layers = [usual]
    for look, tone, width in zip(looks, (MUTED, ACCENT), (1.4, 2.5), strict=True):
        base = alt.Chart(data(look)).encode(x, y)
        layers.append(base.mark_line(color=tone, strokeWidth=width))
        layers.append(base.mark_point(color=tone, filled=True, size=26, opacity=1))
    # A loss that is no number, or leaves the others no room, has no height: its rate is ringed at the edge.
    top = alt.Chart(data(lost)).mark_point(color=WARM, filled=False, size=60, opacity=1, strokeWidth=1.5)
    layers.append(top.encode(x, y=alt.value(4)))
    mark = alt.Chart(data(taken)).mark_point(color=BAD, filled=True, size=120, opacity=1)
    return alt.layer(*layers, mark.encode(x, y))


def _height(losses: list[float]) -> Any:
    """The y channel: a rate that is too large has a loss beside which the others look alike."""
    import altair as alt

    if not losses or min(losses) <= 0 or max(losses) / min(losses) <= _LOG:
        return loss_axis(losses, "held-out loss")
    scale = alt.Scale(type="log", nice=False, domain=[0.85 * min(losses), 1.15 * max(losses)])
    return alt.Y("loss:Q", scale=scale, axis=axis(losses, values=rungs(losses)), title="held-out loss")
