"""The worst slices with what they are compared with."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from justright.evaluate import Slice
from justright.report.facts import Facts
from justright.report.sections.worst import worst
from justright.schema import Value


def sliced(facts: Facts, *slices: Slice) -> Facts:
    assert facts.evaluation is not None
    return replace(facts, evaluation=msgspec.structs.replace(facts.evaluation, slices=slices))


BAD = Slice("city", "Ulm", 50, Value(2.0, 1.5, 2.5), 1.0, 7, True)
EVEN = Slice("city", "Bonn", 1500, Value(1.0, 0.5, 1.5), 1.0, 7, False)


def test_slices_beside_the_rest(regression: Facts) -> None:
    section = worst(sliced(regression, BAD, EVEN))
    table = section.figures[0].table
    assert table is not None
    assert table.rows == (
        ("city = Ulm", "50", "2", "1.5 to 2.5", "1", "yes"),
        ("city = Bonn", "1,500", "1", "0.5 to 1.5", "1", "no"),
    )
    assert "Of 7 groups of rows" in section.lede[0]
    assert "mean absolute error; one is worse" in section.lede[0]


def test_names_that_share_their_beginning_are_both_drawn(binary: Facts) -> None:
    twins = [msgspec.structs.replace(BAD, column="a" * 40 + end) for end in "xy"]
    assert worst(sliced(binary, *twins)).figures[0].drawing.count(f">{'a' * 15}\u2026 = Ulm<") == 2


def test_nothing_to_compare(binary: Facts) -> None:
    assert worst(sliced(binary)).absent.startswith("No group")
    assert worst(replace(binary, evaluation=None)).absent.startswith("Left out")
