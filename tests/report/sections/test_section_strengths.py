"""Penalties of an additive model, term by term."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from justright.models.reading import Strength, Term, Tried
from justright.report.facts import Facts
from justright.report.sections.strengths import strengths
from justright.schema import Value


def term(name: str, *tried: Tried, taken: tuple[float, float], near: tuple[float, float]) -> Term:
    one = Strength(tried, taken, near)
    return Term(name=name, fields=(name,), kind="number", importance=Value(1, 0, 2), strength=one)


def test_what_is_taken_and_what_one_error_would_take(crossed: Facts) -> None:
    tried = (Tried(1.0, 0.0, -3.0, 1.0), Tried(10.0, 0.0, 0.0, 0.0), Tried(100.0, 0.0, -0.5, 0.8))
    made = term("size", *tried, taken=(10.0, 0.0), near=(100.0, 0.0))
    reading = msgspec.structs.replace(crossed.reading, terms=(made,))
    section = strengths(replace(crossed, reading=reading))
    (figure,) = section.figures
    assert figure.table is not None
    assert [row[4] for row in figure.table.rows] == ["", "taken", "one standard error"]
    assert [row[2] for row in figure.table.rows] == ["3", "0", "0.5"]
    assert "stronger penalty in 1 of 1 terms" in section.lede[1]
    assert section.folded[0].rows == (("size", "smoothness 10", "smoothness 100", "3"),)


def test_every_term_of_a_run_is_listed(crossed: Facts) -> None:
    section = strengths(crossed)
    assert crossed.reading is not None
    assert len(section.folded[0].rows) == len([t for t in crossed.reading.terms if t.strength])
    assert 1 <= len(section.figures) <= 6


def test_without_a_reading_or_a_choice(crossed: Facts) -> None:
    assert strengths(replace(crossed, reading=None)).absent.startswith("Left out")
    reading = msgspec.structs.replace(crossed.reading, terms=())
    assert strengths(replace(crossed, reading=reading)).figures == ()
