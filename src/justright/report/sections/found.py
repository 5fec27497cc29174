"""Findings: what a user must know, with the numbers behind it and the next move."""

from __future__ import annotations

from typing import Any, Final

from justright.report.facts import Facts
from justright.report.parts import Card, Section
from justright.report.wording import listed, number, plain
from justright.schema import Finding

__all__ = ["every_finding", "found"]

_ORDER: Final = ("error", "warning", "info")
_MOST: Final = 60


def found(facts: Facts) -> Section:
    """Return the section of the findings."""
    title, findings = "Findings and next moves", every_finding(facts)
    if not findings:
        return Section("findings", title, ("Nothing was found that you must know or do.",))
    more = len(findings) - _MOST
    lede = (f"The {_MOST} gravest are shown; run.json has {more} more.",) if more > 0 else ()
    return Section("findings", title, lede, cards=tuple(_card(one) for one in findings[:_MOST]))


def every_finding(facts: Facts) -> list[Finding]:
    """Return the findings of the run, its evaluation and its split, the gravest first, each once."""
    every = list(facts.summary.findings)
    every += facts.evaluation.findings if facts.evaluation is not None else ()
    every += facts.split.findings if facts.split is not None else ()
    once = {(one.id, one.sentence): one for one in reversed(every)}
    kept = dict.fromkeys((one.id, one.sentence) for one in every)
    return sorted((once[key] for key in kept), key=lambda one: _ORDER.index(one.severity))


def _card(one: Finding) -> Card:
    """A finding as a card."""
    evidence = tuple((plain(name, 60), _shown(value)) for name, value in list(one.evidence.items())[:12])
    return Card(one.severity, plain(one.id, 60), plain(one.sentence, 600), evidence, plain(one.next, 300))


def _shown(value: Any) -> str:
    """A piece of evidence as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list | tuple):
        return listed([_shown(one) for one in value]) if value else "none"
    if isinstance(value, dict):
        return plain("; ".join(f"{key}: {_shown(one)}" for key, one in list(value.items())[:8]), 300)
    return plain(value, 200)
