"""Columns that say the same, and columns that only nearly do."""

from __future__ import annotations

import numpy as np

from justright.diagnose.rows.copies import copies

ROWS = 400


def pairs(found):
    return {(finding.evidence["column"], finding.evidence["copies"]) for finding in found}


def table(seed=0):
    rng = np.random.default_rng(seed)
    level = rng.integers(0, 6, ROWS)
    return rng, level, {"x": rng.normal(size=ROWS), "y": rng.normal(size=ROWS)}


def test_number_that_stands_for_words_copies_them(made):
    _, level, rest = table()
    words = np.array(["ant", "bee", "cat", "dog", "eel", "fox"])[level]
    assert pairs(copies(made({"n": level * 3.0, "w": words, **rest}).sample)) == {("n", "w")}


def test_one_row_that_differs_makes_two_columns(made):
    _, level, rest = table()
    words = np.array(["ant", "bee", "cat", "dog", "eel", "fox"])[level]
    words[7] = "ant" if words[7] != "ant" else "bee"
    assert copies(made({"n": level * 3.0, "w": words, **rest}).sample) == []


def test_other_unit_with_rounding_is_a_copy(made):
    rng, _, rest = table()
    miles = rng.uniform(1.0, 500.0, ROWS)
    assert pairs(copies(made({"miles": miles, "km": np.round(miles * 1.609, 1), **rest}).sample)) == {
        ("km", "miles")
    }


def test_correlated_columns_are_none(made):
    rng, _, rest = table()
    a = rng.normal(size=ROWS)
    assert copies(made({"a": a, "b": a + 0.05 * rng.normal(size=ROWS), **rest}).sample) == []


def test_two_columns_of_their_own_values_each_say_nothing(made):
    rng, _, rest = table()
    a, b = rng.normal(size=(2, ROWS))
    assert copies(made({"a": a, "b": b, **rest}).sample) == []


def test_many_to_one_is_no_copy(made):
    _, level, rest = table()
    assert copies(made({"fine": level * 1.0, "coarse": (level // 2) * 1.0, **rest}).sample) == []
