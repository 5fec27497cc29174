"""What a customer must hear: whole rows, colours that count to a thousand, sentences as told."""

from __future__ import annotations

import re
from dataclasses import replace

import msgspec
import pytest

from justright.evaluate import Customer
from justright.report.facts import Facts
from justright.report.sections.opening import opening
from justright.schema import Value


def told(facts: Facts, **figures: float) -> Facts:
    values = {name: Value(value, value * 0.9, value * 1.1) for name, value in figures.items()}
    customer = Customer(("A sentence of 1.2e+05.",), values)
    assert facts.evaluation is not None
    return replace(facts, evaluation=msgspec.structs.replace(facts.evaluation, customer=customer))


@pytest.mark.parametrize(
    ("flagged", "false", "missed"),
    [(200.0, 55.8, 91.4), (0.0, 0.0, 0.0), (0.4, 0.4, 999.6), (1000.0, 999.5, 0.5)],
)
def test_squares_count_to_a_thousand(binary: Facts, flagged: float, false: float, missed: float) -> None:
    section = opening(told(binary, flagged=flagged, wrongly_flagged=false, missed=missed))
    (figure,) = section.figures
    assert figure.drawing.count("M") == 1000
    sizes = [int(key.label.split()[0]) for key in figure.keys]
    assert sum(sizes) == 1000
    assert min(sizes) >= 0


def test_rows_are_whole_and_costs_are_not(binary: Facts) -> None:
    section = opening(told(binary, flagged=204.2, wrongly_flagged=55.8, missed=9.13, cost=12.34))
    assert [one.value for one in section.headlines] == ["56", "9.13", "12.3"]
    assert section.headlines[0].detail == "50 to 61"


def test_a_regression_is_told_its_errors(regression: Facts) -> None:
    section = opening(told(regression, typical_error=37_712.0, bad_error_90=103_234.0))
    assert [one.value for one in section.headlines] == ["37,700", "103,000"]
    assert section.figures == ()
    assert section.lede == ("A sentence of 120,000.",)
    assert section.folded[0].rows[0][1] == "37,712"


def test_classes_are_told_how_many_are_wrong(multiclass: Facts) -> None:
    section = opening(told(multiclass, wrong=123.4))
    assert [key.label for key in section.figures[0].keys] == [
        "123 given a wrong class",
        "877 given the right class",
    ]


def test_real_figures_come_from_the_evaluation(binary: Facts) -> None:
    assert binary.evaluation is not None
    section = opening(binary)
    missed = binary.evaluation.customer.figures["missed"].value
    # Below ten a tenth of a row is told too.
    assert section.headlines[1].value == (
        f"{missed:.0f}" if missed >= 9.95 else f"{missed:.1f}".removesuffix(".0")
    )
    assert re.search(r"^Of 1,000 new rows", section.lede[0])


def test_without_an_evaluation_it_says_so(binary: Facts) -> None:
    section = opening(replace(binary, evaluation=None, absent={"evaluation.json": "it is gone"}))
    assert section.absent == "Left out: it is gone."
