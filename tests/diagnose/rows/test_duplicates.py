"""Copies of rows are counted, look-alikes are not, and copies across folds are a warning."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.diagnose.rows.duplicates import duplicates, repeats

ROWS = 600


def table(seed=0, rows=ROWS):
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, rows))
    return {
        "x": x,
        "z": z,
        "c": np.array(["a", "b"])[rng.integers(0, 2, rows)],
        "y": x + rng.normal(size=rows),
    }


def copied(columns, share, seed=0):
    rng = np.random.default_rng(seed)
    rows = len(columns["y"])
    again = np.r_[np.arange(rows), rng.integers(0, rows, int(share * rows))]
    return {name: values[again] for name, values in columns.items()}


@given(st.lists(st.integers(0, 20)))
def test_repeats_are_rows_less_values(numbers):
    assert repeats(np.array(numbers, np.uint64)) == len(numbers) - len(Counter(numbers))


@pytest.mark.parametrize(("share", "severity"), [(0.25, "warning"), (0.04, "info")])
def test_copies_are_counted(made, share, severity):
    one = made(copied(table(), share))
    found = duplicates(one.data, one.sample)
    assert [(f.id, f.severity) for f in found] == [("rows-repeated", severity)]
    assert found[0].evidence["share"] == pytest.approx(share / (1 + share), abs=1e-4)
    assert found[0].evidence["distinct"] == ROWS


def test_rows_of_their_own_are_silent(made):
    one = made(table())
    assert duplicates(one.data, one.sample) == []


def test_columns_of_few_values_repeat_by_chance(made):
    rng = np.random.default_rng(0)
    columns = {name: np.array(["u", "v", "w"])[rng.integers(0, 3, ROWS)] for name in "abcd"}
    columns["y"] = np.array(["n", "p"])[rng.integers(0, 2, ROWS)]
    one = made(columns)
    assert duplicates(one.data, one.sample) == []


def test_equal_columns_with_other_targets_are_no_copies(made):
    columns = copied(table(), 0.3)
    columns["y"] = np.random.default_rng(3).normal(size=len(columns["y"]))
    one = made(columns)
    assert duplicates(one.data, one.sample) == []


def test_law_of_few_values_repeats_by_chance_too(made):
    rng = np.random.default_rng(0)
    columns = {name: np.array(["u", "v", "w"])[rng.integers(0, 3, ROWS)] for name in "abcd"}
    columns["y"] = np.where(columns["a"] == "u", "p", "n")
    one = made(columns)
    assert duplicates(one.data, one.sample) == []


def test_look_alikes_of_two_classes_are_no_copies(made):
    columns = copied(table(), 0.3)
    columns["y"] = np.array(["n", "p"])[np.random.default_rng(3).integers(0, 2, len(columns["y"]))]
    one = made(columns)
    assert duplicates(one.data, one.sample) == []


def test_copies_on_both_sides_of_a_fold_are_named(made):
    columns = copied(table(), 0.3)
    columns["t"] = np.random.default_rng(1).permutation(len(columns["y"])) * 10
    # The time itself is part of the content: it must be dropped to have copies at all.
    one = made(columns, split={"time": "t"}, drop=["t"])
    found = duplicates(one.data, one.sample)
    assert [f.id for f in found] == ["rows-shared-by-folds"]
