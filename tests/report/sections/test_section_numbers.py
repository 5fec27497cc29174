"""Predicted against true, on numbers whose groups are known."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from justright.report.facts import Facts
from justright.report.out_of_fold import OutOfFold
from justright.report.sections.numbers import numbers
from justright.schema import FloatArray


def held(facts: Facts, target: FloatArray, prediction: FloatArray, weight: FloatArray | None = None) -> Facts:
    weights = np.ones(len(target)) if weight is None else weight
    return replace(facts, out_of_fold=OutOfFold(target, prediction, weights, 1))


def test_groups_of_equally_many_rows(regression: Facts) -> None:
    predicted = np.arange(1.0, 101.0)
    section = numbers(held(regression, predicted - 5.0, predicted))
    density, errors, spread = section.figures
    assert density.table is not None
    assert density.table.rows[0] == ("up to 10", "5.5", "0.5")
    assert density.table.rows[-1] == ("up to 100", "95.5", "90.5")
    assert spread.table is not None
    assert spread.table.rows[0] == ("up to 10", "0.5", "5", "5 to 5")
    assert errors.note.startswith("100 % of the predictions are too high")


def test_shares_of_the_errors_count_weights(regression: Facts) -> None:
    target = np.zeros(1000)
    prediction = np.where(np.arange(1000) % 2 == 0, -1.0, 1.0)
    weight = np.where(prediction > 0, 3.0, 1.0)
    errors = numbers(held(regression, target, prediction, weight)).figures[1]
    assert errors.note.startswith("75 %")
    assert errors.table is not None
    assert errors.table.rows[0][1] == "25 %"
    assert errors.table.rows[-1][1] == "75 %"


def test_the_map_holds_at_most_its_cells(regression: Facts) -> None:
    random = np.random.default_rng(0)
    target = random.normal(0.0, 1.0, 20_000)
    drawing = numbers(held(regression, target, random.normal(0.0, 1.0, 20_000))).figures[0].drawing
    assert 300 < drawing.count("<path") <= 31 * 31
    opacity = [float(one) for one in re.findall(r'(?<!-)opacity="([\d.]+)"', drawing)]
    assert max(opacity) <= 1.0


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e12])
@pytest.mark.parametrize("rows", [1, 2, 5, 30])
def test_few_rows_of_any_size_are_drawn(regression: Facts, rows: int, scale: float) -> None:
    target = scale * np.arange(rows, dtype=np.float64)
    assert len(numbers(held(regression, target, target + scale)).figures) == 3
    assert len(numbers(held(regression, np.full(rows, scale), np.full(rows, scale))).figures) == 3
