"""Columns that hold the answer are named, columns that are merely good are not."""

from __future__ import annotations

import numpy as np
import pytest

from justright.diagnose.rows.leaks import leaks

ROWS = 1500


def honest(seed=0):
    rng = np.random.default_rng(seed)
    a, b, c = rng.normal(size=(3, ROWS))
    return rng, {"a": a, "b": b, "c": c, "mix": a + b + 0.3 * rng.normal(size=ROWS)}


def named(found):
    return {(finding.id, finding.evidence["column"]) for finding in found}


def test_column_as_good_as_the_model_is_named(made):
    rng, table = honest()
    table["y"] = 100.0 * (table["a"] + 0.5 * table["b"] + 0.5 * rng.normal(size=ROWS))
    table["after"] = table["y"] / 200.0 + 0.02 * rng.normal(size=ROWS)
    found = leaks(made(table).look)
    assert named(found) == {("leak-column", "after")}
    assert found[0].severity == "warning"


def test_strong_column_that_leaves_work_to_the_others_is_not(made):
    rng, table = honest()
    table["y"] = 100.0 * (table["mix"] + 0.6 * table["c"] + 0.1 * rng.normal(size=ROWS))
    assert leaks(made(table).look) == []


def test_part_of_the_target_in_its_own_unit_is_named(made):
    rng, table = honest()
    early = np.round(30.0 * rng.exponential(size=ROWS) + 8.0 * table["a"])
    table["early"] = early
    table["y"] = np.round(early + 10.0 * table["b"] + 12.0 * rng.normal(size=ROWS))
    assert ("leak-part-of-target", "early") in named(leaks(made(table).look))
    # The same column in another unit is a good column like any other: only its dominance is asked about.
    other = {**table, "early": early / 60.0}
    assert "leak-part-of-target" not in {finding.id for finding in leaks(made(other).look)}


def test_quantity_that_nothing_foretells_and_that_carries_most_is_asked_about(made):
    rng, table = honest()
    length = rng.exponential(size=ROWS)
    log_odds = 2.5 * length + 0.7 * table["a"] + 0.7 * table["b"] - 3.0
    table |= {"length": length, "y": np.where(rng.random(ROWS) < 1 / (1 + np.exp(-log_odds)), "yes", "no")}
    found = leaks(made(table).look)
    assert named(found) == {("leak-suspect", "length")}
    assert found[0].severity == "warning"
    assert found[0].evidence["foretold"] < 0.1


def test_the_same_column_foretold_by_another_one_is_not(made):
    rng, table = honest()
    length = rng.exponential(size=ROWS)
    log_odds = 2.5 * length + 0.7 * table["a"] + 0.7 * table["b"] - 3.0
    table |= {"length": length, "y": np.where(rng.random(ROWS) < 1 / (1 + np.exp(-log_odds)), "yes", "no")}
    table["alike"] = length + 0.3 * rng.normal(size=ROWS)
    assert leaks(made(table).look) == []


def test_quantity_that_others_foretell_by_half_is_not(made):
    rng, table = honest()
    length = rng.exponential(size=ROWS)
    log_odds = 3.0 * length + 0.5 * table["a"] + 0.5 * table["b"] - 3.0
    table |= {"length": length, "y": np.where(rng.random(ROWS) < 1 / (1 + np.exp(-log_odds)), "yes", "no")}
    table["alike"] = length + rng.normal(size=ROWS)
    one = made(table).look
    lost = one.gain(one.additive) - one.gain(one.design.out_of_fold(one.sample.outcome, (4,)))
    assert one.sample.features[4].name == "length"
    assert lost > 0.5 * one.gain(one.additive)
    assert leaks(one) == []


def test_few_valued_column_that_carries_most_is_only_told(made):
    rng, table = honest()
    smoker = rng.random(ROWS) < 0.2
    table["s"] = np.where(smoker, "yes", "no")
    table["y"] = 1000.0 * (3.0 * smoker + 0.3 * table["a"] + 0.3 * table["b"] + 0.3 * rng.normal(size=ROWS))
    assert ("leak-suspect", "info") in {(f.id, f.severity) for f in leaks(made(table).look)}


def test_in_a_table_of_free_columns_the_best_one_is_not_odd(made):
    rng = np.random.default_rng(0)
    table = {name: rng.normal(size=ROWS) for name in "abcdef"}
    table["y"] = 3.0 * table["a"] + table["b"] + 2.0 * rng.normal(size=ROWS)
    assert [f.id for f in leaks(made(table).look) if f.severity != "info"] == []


def test_made_numbers_of_one_spread_are_no_parts(made):
    rng, table = honest()
    del table["mix"]
    table["y"] = table["a"] + table["b"] + rng.normal(size=ROWS)
    assert [f for f in leaks(made(table).look) if f.severity != "info"] == []


@pytest.mark.parametrize("seed", range(5))
def test_tables_without_a_leak_are_silent(made, seed):
    rng, table = honest(seed)
    table["y"] = 50.0 * (table["a"] + table["b"] + table["c"] + rng.normal(size=ROWS))
    assert leaks(made(table).look) == []


def test_target_of_chance_has_no_leak(made):
    rng, table = honest()
    assert leaks(made({**table, "y": rng.normal(size=ROWS)}).look) == []


def test_columns_named_by_a_graver_finding_are_left_out(made):
    rng, table = honest()
    table["y"] = 100.0 * (table["a"] + 0.5 * rng.normal(size=ROWS))
    table["after"] = np.exp(table["y"] / 200.0 + 0.02 * rng.normal(size=ROWS))
    assert leaks(made(table).look, frozenset({"after"})) == []
