"""All rules asked, their signs ranked: what is wrong, what to change, and what was not checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from justright.diagnose.curves.fit import base_rate, memorised, no_signal, over_fit, under_fit
from justright.diagnose.curves.gradients import exploding_gradients, vanishing_gradients
from justright.diagnose.curves.judging import validation_small
from justright.diagnose.curves.labels import class_collapse, label_noise
from justright.diagnose.curves.order import batch_order
from justright.diagnose.curves.plateau import plateau
from justright.diagnose.curves.rates import rate_too_high, still_improving
from justright.diagnose.curves.reading import Reading
from justright.diagnose.curves.rounds import too_few_rounds
from justright.diagnose.curves.scales import unscaled_input, unscaled_target
from justright.diagnose.curves.sign import Rule, Sign, Unknown
from justright.diagnose.curves.units import dead_units
from justright.diagnose.evidence import Evidence
from justright.schema import Finding

__all__ = ["RULES", "Cause", "Verdict", "diagnose_curves"]

RULES: Final[tuple[Rule, ...]] = (
    rate_too_high,
    still_improving,
    too_few_rounds,
    unscaled_input,
    unscaled_target,
    class_collapse,
    batch_order,
    label_noise,
    dead_units,
    vanishing_gradients,
    exploding_gradients,
    plateau,
    validation_small,
    base_rate,
    no_signal,
    over_fit,
    memorised,
    under_fit,
)
"""Every rule; the order says nothing."""


@dataclass(frozen=True)
class Cause:
    """One cause: what a user reads, and the next move.

    Parameters
    ----------
    finding : Finding
        Sentence, numbers, and the move in words.
    change : tuple of str
        The move as `key=value` that `recipe.change` takes; empty where no choice of the recipe helps.
    weight : float
        How strongly the evidence speaks for it, 0..1.
    """

    finding: Finding
    change: tuple[str, ...]
    weight: float


@dataclass(frozen=True)
class Verdict:
    """What a run is: just right, or what is wrong with it, the likeliest cause first.

    Parameters
    ----------
    causes : tuple of Cause
        Ranked; a run that is just right has none.
    not_checked : tuple of str
        What could not be looked at, and why.
    """

    causes: tuple[Cause, ...]
    not_checked: tuple[str, ...]

    @property
    def just_right(self) -> bool:
        """Whether nothing is wrong."""
        return not self.causes

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings, ranked; of a run that is just right this one alone."""
        if self.causes:
            return tuple(cause.finding for cause in self.causes)
        sentence = "Just right: nothing in the curves asks for a change."
        return (Finding("just-right", "info", sentence, {}, ""),)


def diagnose_curves(evidence: Evidence) -> Verdict:
    """Say what is wrong with a run.

    Parameters
    ----------
    evidence : Evidence
        What is known of it.

    Notes
    -----
    Milliseconds, of numbers some hundredths of a second; nothing is trained.

    Examples
    --------
    >>> from justright.recipe import Recipe
    >>> from justright.training.history import Row
    >>> rows = tuple(Row(k, 0, 0, 0, 0.0, 0.1, train=9.0**k, validation=9.0**k) for k in range(1, 9))
    >>> run = Evidence(rows, "regression", "neural", Recipe(), 100, 8, base=0.5)
    >>> verdict = diagnose_curves(run)
    >>> verdict.causes[0].finding.id
    'rate-too-high'
    """
    reading = Reading(evidence)
    said = [rule(reading) for rule in RULES]
    signs = _each_once(sorted((s for s in said if isinstance(s, Sign)), key=lambda s: -s.weight))
    unknown = tuple(sorted({s.why for s in said if isinstance(s, Unknown)}))
    return Verdict(tuple(_cause(sign) for sign in signs), unknown)


def _each_once(signs: list[Sign]) -> list[Sign]:
    """Return ranked signs, of those with one name the first."""
    return list({sign.finding.id: sign for sign in reversed(signs)}.values())[::-1]


def _cause(sign: Sign) -> Cause:
    """Return a sign as a user reads it."""
    move = " ".join(f"--set {change}" for change in sign.change)
    move = "; or ".join(part for part in (move, sign.advice) if part)
    return Cause(msgspec.structs.replace(sign.finding, next=move), sign.change, sign.weight)
