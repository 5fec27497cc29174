"""What a user must know of the training of a network: its rate, explosions, dead neurons, an early end."""

from __future__ import annotations

from typing import Final

from justright.recipe import Recipe
from justright.schema import Finding
from justright.training.loop import Trained
from justright.values import figure
from justright.workflow.race import Candidate, Race, last_rate, race_of, times_lowered

__all__ = ["network_findings"]

_DEAD: Final = 0.5  # share of neurons from which their death is worth a warning
_LATE: Final = 10  # the last tenth of the passes shows whether the loss is still falling
_FALLING: Final = 0.01  # by so much of itself: less is no news


def network_findings(trained: Trained, recipe: Recipe, member: int) -> list[Finding]:
    """Return the findings of a network, `member` being the exported one.

    Parameters
    ----------
    trained : Trained
        Any family: a state without a race, a rate and dead neurons has none of these findings.
    recipe : Recipe
        What was asked for.
    member : int
        Place of the member that leaves as the model.
    """
    return [
        *_found(race_of(trained)),
        *_lowered(trained),
        *_dead(trained, recipe, member),
        *_improving(trained, recipe, member),
    ]


def _found(race: Race | None) -> list[Finding]:
    """Say which rate the race found, among which, and what it cost."""
    if race is None:
        return []
    rates = [candidate.rate for candidate in race.candidates]
    diverged = sum(candidate.diverged for candidate in race.candidates)
    ends = f"{figure(rates[0], 2)} to {figure(rates[-1], 2)}"
    sentence = (
        f"A race of {len(rates)} learning rates from {ends} on held-out rows found {_rate(race.chosen)}"
    )
    evidence = {"rate": race.chosen, "rates": rates, "diverged": diverged}
    if race.steps is not None and race.share is not None:
        sentence += f"; it took {race.steps:,} steps, {race.share:.0%} of those of the training"
        evidence |= {"steps": race.steps, "share": race.share}
    move = f"--rate {race.chosen:.2g} trains again without a race"
    beyond = _beyond(race)
    if beyond:
        word = "lowest" if beyond < race.chosen else "highest"
        sentence += f". It is the {word} that was tried: the best may lie beyond"
        move = f"--rate {beyond:.2g}"
    return [Finding("rate-found", "info", f"{sentence}.", evidence, move)]


def _beyond(race: Race) -> float:
    """Return a rate beyond those tried where the end that was taken is clearly better than its neighbour."""
    if len(race.candidates) == 1:
        return 0.0
    for end, near, factor in ((0, 1, 0.1), (-1, -2, 10.0)):
        ours, theirs = race.candidates[end], race.candidates[near]
        if ours.rate == race.chosen and _clearly_better(ours, theirs):
            return factor * ours.rate
    return 0.0


def _clearly_better(ours: Candidate, theirs: Candidate) -> bool:
    """Compare the losses at the end; one that diverged is worse."""
    if ours.end is None or theirs.end is None:
        return theirs.end is None
    return theirs.end - ours.end > _FALLING * abs(ours.end)


def _lowered(trained: Trained) -> list[Finding]:
    """Say that a training exploded and went on with a lower rate."""
    count = len(trained.kept) if trained.kept else 1
    times = {place: times_lowered(trained, place) for place in range(count)}
    worst = max(times, key=lambda place: times[place])
    if not times[worst]:
        return []
    fell, rate = sum(number > 0 for number in times.values()), last_rate(trained, worst)
    who = "The training" if count == 1 else f"{fell} of {count} members of the training"
    often = "once" if times[worst] == 1 else f"{times[worst]} times"
    sentence = (
        f"{who} diverged and went back {often}, each time to go on with a third of the learning rate;"
        f" {'it' if count == 1 else 'the lowest'} ended with {_rate(rate)}."
    )
    evidence = {"members": fell, "times": times[worst], "rate": rate}
    return [Finding("rate-lowered", "warning", sentence, evidence, f"--rate {rate:.2g} from the start")]


def _dead(trained: Trained, recipe: Recipe, member: int) -> list[Finding]:
    """Say that most neurons of the model say nothing."""
    kept = trained.kept[member] if trained.kept else trained.history.passes
    shares = [
        (row.norms["dead"], row.number * row.share)
        for row in trained.history.rows
        if (row.member, row.number) == (member, kept) and "dead" in row.norms
    ]
    if not shares or shares[-1][0] <= _DEAD:
        return []
    share, at = shares[-1]
    rate = last_rate(trained, member)
    sentence = (
        f"{share:.0%} of the hidden neurons give the same output for every row: they say nothing to the"
        f" model (activation {recipe.network.activation}, learning rate {_rate(rate)})."
    )
    move = f"--rate {rate / 3.0:.2g}"
    if recipe.network.activation == "relu":
        move = "--set network.activation=selu, whose neurons do not die"
    return [Finding("units-dead", "warning", sentence, {"share": share, "pass": at, "rate": rate}, move)]


def _improving(trained: Trained, recipe: Recipe, member: int) -> list[Finding]:
    """Say that the best pass was the last, and the loss still falling before it."""
    rows, number = trained.history.rows, trained.history.passes
    if trained.interrupted or not trained.kept or trained.kept[member] != number:
        return []
    judged = min((row.member for row in rows if row.validation is not None), default=-1)
    losses = [row.validation for row in rows if row.member == judged and row.validation is not None]
    late = max(2, number // _LATE)
    if len(losses) <= late or losses[-1 - late] - losses[-1] < _FALLING * abs(losses[-1 - late]):
        return []
    before, last = losses[-1 - late], losses[-1]
    # Of a table that is taken in groups, a row of history is a part of a pass.
    passes, lately = (figure(part * rows[-1].share, 3) for part in (number, late))
    sentence = (
        f"The best pass was the last of {passes}: over the last {lately} the validation loss still fell from"
        f" {figure(before)} to {figure(last)}."
    )
    seconds = recipe.network.seconds
    more = f"--set network.seconds={2 * seconds:g}" if seconds else ""
    move = more or f"--epochs {2 * max(round(number * rows[-1].share), 1)}"
    evidence = {"passes": number * rows[-1].share, "before": before, "loss": last}
    return [Finding("training-still-improving", "info", sentence, evidence, move)]


def _rate(rate: float) -> str:
    """Write a rate."""
    return figure(rate, 2)
