"""Findings: each once, the gravest first, evidence readable."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from justright.report.facts import Facts
from justright.report.sections.found import every_finding, found
from justright.schema import Finding


def with_findings(facts: Facts, run: list[Finding], split: tuple[Finding, ...] = ()) -> Facts:
    assert facts.split is not None
    assert facts.evaluation is not None
    return replace(
        facts,
        summary=msgspec.structs.replace(facts.summary, findings=run),
        split=msgspec.structs.replace(facts.split, findings=split),
        evaluation=msgspec.structs.replace(facts.evaluation, findings=()),
    )


A = Finding("a-info", "info", "Just so.")
B = Finding(
    "b-error", "error", "Very bad.", {"n": 12345, "share": 0.123456, "names": ["x", "y"], "on": True}, "do it"
)
C = Finding("c-warning", "warning", "Not good.")


def test_the_gravest_first_and_each_once(binary: Facts) -> None:
    facts = with_findings(binary, [A, C], (B, C))
    assert [one.id for one in every_finding(facts)] == ["b-error", "c-warning", "a-info"]


def test_evidence_is_written_for_people(binary: Facts) -> None:
    (card,) = found(with_findings(binary, [B])).cards
    assert card.evidence == (("n", "12,345"), ("share", "0.1235"), ("names", "x and y"), ("on", "yes"))
    assert card.next_move == "do it"


def test_many_findings_are_counted(binary: Facts) -> None:
    section = found(with_findings(binary, [msgspec.structs.replace(A, sentence=f"{i}") for i in range(100)]))
    assert len(section.cards) == 60
    assert "40 more" in section.lede[0]


def test_none_is_said(binary: Facts) -> None:
    assert found(with_findings(binary, [])).lede == ("Nothing was found that you must know or do.",)
