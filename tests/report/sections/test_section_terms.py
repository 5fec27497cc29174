"""Terms of an additive model in bars, curves and tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from justright.models.reading import Curve
from justright.report.facts import Facts
from justright.report.sections.terms import _drawn, _groups, _ticks, functions, terms

BOTH = pytest.mark.parametrize("task", ["crossed", "crossed_classes"])


@BOTH
def test_every_term_is_ranked_with_its_interval(task: str, request: pytest.FixtureRequest) -> None:
    facts = request.getfixturevalue(task)
    (figure,) = terms(facts).figures
    assert figure.table is not None and figure.beside
    names = [row[0] for row in figure.table.rows]
    assert names[0] == "size" and "<script>alert('x')</script> x size" in names
    assert all(" to " in row[2] for row in figure.table.rows)


@BOTH
def test_every_column_has_a_figure(task: str, request: pytest.FixtureRequest) -> None:
    facts = request.getfixturevalue(task)
    section = functions(facts)
    columns = [term for term in facts.reading.terms if term.kind != "cross"]
    assert len(section.figures) == len(columns)
    for figure, term in zip(section.figures, columns, strict=True):
        assert figure.table is not None and figure.table.rows and "<svg" in figure.drawing
        assert all(len(row) == len(figure.table.head) for row in figure.table.rows)
        if term.missing is not None:
            assert figure.table.rows[-1][0] == "(missing)" and "Missing (" in figure.note
    assert len({figure.drawing[:400] for figure in section.figures}) > 1


def test_classes_have_a_legend(crossed_classes: Facts) -> None:
    keys = functions(crossed_classes).figures[0].keys
    assert len(keys) == 4 and {key.label for key in keys} >= {"low", "over"}


def test_dates_are_dates(crossed: Facts) -> None:
    (figure,) = [f for f in functions(crossed).figures if f.title.startswith("day[trend]")]
    assert figure.table is not None
    assert figure.table.rows[0][0].startswith("2024-01-01 to 2024-")
    assert ">Jan 2024<" in figure.drawing or ">Feb 2024<" in figure.drawing or "2024<" in figure.drawing


def curve(ends: list[float], share: list[float], spikes: tuple[int, ...] = ()) -> Curve:
    flat = [[0.0] * len(share)]
    return Curve("number", ends, flat, flat, flat, share, list(spikes))


def test_groups_hold_about_a_tenth_each() -> None:
    made = _groups(curve([float(i) for i in range(101)], [0.01] * 100))
    assert made == [(10 * i, 10 * i + 10) for i in range(10)]
    assert _groups(curve([0.0, 1.0], [1.0])) == [(0, 1)]
    heavy = _groups(curve([0.0, 1.0, 2.0, 3.0], [0.05, 0.9, 0.05]))
    assert heavy[0][0] == 0 and heavy[-1][1] == 3


def test_extreme_values_do_not_stretch_the_drawing() -> None:
    first, last, ends = _drawn(curve([*map(float, range(100)), 1e6], [0.01] * 100))
    assert (first, last) == (0, 100) and ends[last] == 99.0 + 10.0


def test_ticks_of_a_logarithmic_axis() -> None:
    import numpy as np

    assert _ticks(np.array([0.5, 700.0])) == [1.0, 3.0, 10.0, 30.0, 100.0, 300.0]


def test_without_a_reading(crossed: Facts) -> None:
    bare = replace(crossed, reading=None, absent={"terms.json": "it is gone"})
    for make in (terms, functions):
        assert make(bare).absent == "Left out: it is gone."
