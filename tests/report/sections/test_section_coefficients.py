"""Weights in words, bars and tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from justright.report.facts import Facts
from justright.report.sections.coefficients import coefficients


@pytest.mark.parametrize(
    ("task", "unit"),
    [
        ("regression", "in the unit of price <b>&"),
        ("binary", "logarithm of the odds of"),
        ("multiclass", "odds of a class"),
    ],
)
def test_the_unit_is_said(task: str, unit: str, request: pytest.FixtureRequest) -> None:
    assert unit in coefficients(request.getfixturevalue(f"linear_{task}")).lede[0]


def test_columns_and_categories_of_one_output(linear_regression: Facts) -> None:
    columns, categories = coefficients(linear_regression).figures
    assert columns.table is not None
    assert columns.table.rows[0][0] == "size"
    assert float(columns.table.rows[0][3].replace(",", "")) > 0
    assert categories.table is not None
    assert 'place = "><img src=x onerror=alert(1)>' in [row[0] for row in categories.table.rows]


def test_every_class_has_its_strongest_pushes(linear_multiclass: Facts) -> None:
    section = coefficients(linear_multiclass)
    assert [row[0] for row in section.tables[0].rows] == list(
        linear_multiclass.evaluation.classes if linear_multiclass.evaluation else ()
    )
    high, low = (next(row[1] for row in section.tables[0].rows if row[0] == name) for name in ("over", "low"))
    assert "size +" in high
    assert "size -" in low


def test_without_a_model(linear_binary: Facts) -> None:
    assert coefficients(replace(linear_binary, bundle=None)).absent.startswith("Left out")
