"""What a run is by its outcome, what each side says of it, and how often that is right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from making import MILD, STRONG
from planting import HEALTHY, Case
from tables import FRESH, LEFT_OUT

from justright.diagnose.curves.reading import Reading
from justright.diagnose.curves.verdict import diagnose_curves

_ADEQUATE = 0.9
ALWAYS = ("validation-small",)
"""Faults whose harm is not in the loss: the rows that judge are too few, whatever the model is."""

Side = Callable[[Case], tuple[str, ...]]


@dataclass(frozen=True)
class Marked:
    """A case with what it counts as: a fault with an effect, a healthy control, or a fault without one."""

    case: Case
    counts: str  # "fault", "healthy" or "no effect"


def marked(cases: Sequence[Case]) -> list[Marked]:
    """Mark the cases of one table; a control that is clearly worse than the best one is left out.

    The healthy twin of a run is the run of the same seed and family at the best rate. Noise is that of the
    controls: two standard deviations of their distance to it, never below 8 % of what the twin gained.
    """
    made, gains = [], {}
    for family in ("neural", "linear"):
        own = [case for case in cases if case.family == family]
        twins = {c.seed: c for c in own if (c.fault, c.strength, c.variant) == (HEALTHY, "", "")}
        base = float(np.mean([_constant(c) for c in twins.values()]))
        gain = gains[family] = base - float(np.mean([c.outcome for c in twins.values()]))
        if gain < _ADEQUATE * gains["neural"]:
            continue  # a linear model is the fault there: it can be no healthy twin
        spread = float(np.std([c.outcome for c in twins.values()]))
        noise = max(2.0 * spread, 0.08 * gain)
        for case in own:
            # Of controls and twins alike: two draws of the same noise.
            worse = case.outcome - twins[case.seed].outcome > noise
            if case.fault == HEALTHY:
                if not worse:
                    made.append(Marked(case, "healthy"))
            elif worse or case.fault in ALWAYS:
                made.append(Marked(case, "fault"))
            else:
                made.append(Marked(case, "no effect"))
    return made


def _constant(case: Case) -> float:
    """Return what the best constant loses on clean rows: half a variance, or about the held-out base loss."""
    return 0.5 if case.evidence.task == "regression" else case.evidence.base


_SAID: dict[int, tuple[Case, tuple[str, ...]]] = {}


def ours(case: Case) -> tuple[str, ...]:
    """Return the causes that the verdict names, ranked; each case is asked once."""
    if id(case) not in _SAID:
        _SAID[id(case)] = case, tuple(cause.finding.id for cause in diagnose_curves(case.evidence).causes)
    return _SAID[id(case)][1]


def constant(case: Case) -> tuple[str, ...]:
    """Return the same answer for every run: the two causes that are the commonest among the faults."""
    return ("rate-too-high", "rate-too-low")


def gap_rule(case: Case) -> tuple[str, ...]:
    """Return over-fit where validation is 10 % above training, under-fit where the loss is near the base."""
    read = Reading(case.evidence)
    if not len(read.train) or not np.isfinite(read.train[-1]):
        return ("rate-too-high",)
    if read.last > 1.1 * read.train[-1]:
        return ("over-fit",)
    return ("under-fit",) if read.last > 0.9 * read.base else ()


def lower(case: Case) -> tuple[str, ...]:
    """Return: lower the rate."""
    return ("rate-too-high",)


SIDES: dict[str, Side] = {
    "justright": ours,
    "constant answer": constant,
    "10 % gap": gap_rule,
    "lower the rate": lower,
}


@dataclass(frozen=True)
class Score:
    """Of faults, with an effect and without: named first, in the first two; and how many were alarmed."""

    faults: int
    first: int
    two: int
    healthy: int
    alarms: int
    harmless: int
    harmless_first: int
    harmless_two: int
    harmless_alarms: int


def score(cases: Sequence[Marked], side: Side) -> Score:
    """Score one side."""
    said = [(each, side(each.case)) for each in cases]
    faults = [(m, s) for m, s in said if m.counts == "fault"]
    healthy = [s for m, s in said if m.counts == "healthy"]
    harmless = [(m, s) for m, s in said if m.counts == "no effect"]
    return Score(
        len(faults),
        sum(m.case.fault in s[:1] for m, s in faults),
        sum(m.case.fault in s[:2] for m, s in faults),
        len(healthy),
        sum(bool(s) for s in healthy),
        len(harmless),
        sum(m.case.fault in s[:1] for m, s in harmless),
        sum(m.case.fault in s[:2] for m, s in harmless),
        sum(bool(s) for _, s in harmless),
    )


def part_of(case: Case) -> str:
    """Return which part of the benchmark a case is in: seen while the rules were written, or left out."""
    if case.table in (*LEFT_OUT, *FRESH):
        return "other tables"
    return "other strength" if case.strength == STRONG else "seen"


__all__ = ["MILD", "SIDES", "Marked", "Score", "marked", "ours", "part_of", "score"]
