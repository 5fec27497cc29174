"""Sums and differences that make the target, beside those of chance."""

from __future__ import annotations

import numpy as np

from justright.diagnose.rows.identities import identities

ROWS = 800


def test_sum_and_difference_are_named(made):
    rng = np.random.default_rng(0)
    a, b, c = rng.integers(0, 900, (3, ROWS)).astype(float)
    for target, formula in ((a + b, "a + b"), (a - b, "a - b"), (b - a, "b - a")):
        found = identities(made({"a": a, "b": b, "c": c, "y": target}).sample, "y")
        made_of = found[0].evidence["formula"]
        assert (
            sorted(made_of.split(" + ")) == sorted(formula.split(" + "))
            if "+" in formula
            else made_of == formula
        )
        assert found[0].severity == "error"


def test_identity_in_half_of_the_rows_is_a_warning(made):
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 900, (2, ROWS)).astype(float)
    target = np.where(rng.random(ROWS) < 0.5, a - b, rng.normal(scale=300.0, size=ROWS))
    found = identities(made({"a": a, "b": b, "y": target}).sample, "y")
    assert [finding.severity for finding in found] == ["warning"]
    assert abs(found[0].evidence["share"] - 0.5) < 0.06


def test_column_that_is_the_target_is_named_alone(made):
    rng = np.random.default_rng(0)
    a = rng.normal(size=ROWS)
    found = identities(made({"a": a, "b": np.zeros(ROWS) + (a > 2), "y": a}).sample, "y")
    assert found[0].evidence["columns"] == ["a"]


def test_small_numbers_that_meet_by_chance_are_not(made):
    rng = np.random.default_rng(0)
    table = {name: rng.integers(0, 3, ROWS).astype(float) for name in "abc"}
    table["y"] = rng.integers(0, 6, ROWS).astype(float)
    assert identities(made(table, task="regression").sample, "y") == []


def test_chance_is_counted_with_the_values(made):
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, (2, ROWS)).astype(float)
    y = rng.permutation(a + b)
    assert (y == a + b).mean() > 0.3
    assert (
        identities(made({"a": a, "b": b, "c": rng.normal(size=ROWS), "y": y}, task="regression").sample, "y")
        == []
    )


def test_sum_with_noise_is_none(made):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, ROWS))
    assert identities(made({"a": a, "b": b, "y": a + b + 0.01 * rng.normal(size=ROWS)}).sample, "y") == []


def test_classes_are_not_looked_at(made):
    rng = np.random.default_rng(0)
    a = rng.integers(0, 2, ROWS)
    assert identities(made({"a": a, "b": rng.normal(size=ROWS), "y": a}).sample, "y") == []


def test_missing_values_do_not_hide_it(made):
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 900, (2, ROWS)).astype(float)
    target = a + b
    a[::10] = np.nan
    assert identities(made({"a": a, "b": b, "y": target}).sample, "y")[0].evidence["share"] == 1.0
