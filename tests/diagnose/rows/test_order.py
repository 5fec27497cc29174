"""The order of the file: time, stretches that cost, sorted files, and shuffled ones that are silent."""

from __future__ import annotations

import numpy as np
import pytest

from justright.diagnose.rows.order import order_of, ordered

ROWS = 1500


def plain(seed=0):
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, ROWS))
    return rng, {"x": x, "z": z, "c": np.array(["a", "b", "c"])[rng.integers(0, 3, ROWS)]}


def seen(one):
    return ordered(one.look, order_of(one.data, one.sample))


def walk(rng, pull=0.97):
    steps, at = rng.normal(size=ROWS), np.zeros(ROWS)
    for i in range(1, ROWS):
        at[i] = pull * at[i - 1] + steps[i]
    return at / at.std()


@pytest.mark.parametrize("seed", range(6))
def test_shuffled_files_are_silent(made, seed):
    rng, table = plain(seed)
    table["y"] = table["x"] + rng.normal(size=ROWS)
    assert seen(made(table)) == []


def test_rows_like_their_neighbours_are_told_without_a_warning(made):
    rng, table = plain()
    table["x"] = walk(rng, 0.9)
    table["y"] = table["x"] + rng.normal(size=ROWS)
    found = seen(made(table))
    assert [(f.id, f.severity) for f in found] == [("rows-ordered", "info")]
    assert found[0].evidence["columns_alike"]["x"] == pytest.approx(0.9, abs=0.04)


@pytest.mark.parametrize("seed", range(6))
def test_loss_within_the_noise_is_no_warning(made, seed):
    rng, table = plain(seed)
    table |= {"x": walk(rng, 0.99), "y": 0.05 * table["z"] + rng.normal(size=ROWS)}
    assert [f.severity for f in seen(made(table))] == ["info"]


def test_level_that_columns_only_know_inside_a_stretch_is_a_warning(made):
    rng, table = plain()
    # A slow column names the stretch; the level of the stretch is free of it.
    stretch = np.arange(ROWS) * 30 // ROWS
    table["slow"] = stretch + 0.1 * rng.normal(size=ROWS)
    table["y"] = rng.normal(size=30)[stretch] * 2.0 + table["x"] + rng.normal(size=ROWS)
    found = seen(made(table))
    assert [(f.id, f.severity) for f in found] == [("rows-ordered", "warning")]
    assert found[0].evidence["stretches"] < found[0].evidence["random_folds"] - 0.1


def test_the_same_rows_shuffled_are_silent(made):
    rng, table = plain()
    stretch = np.arange(ROWS) * 30 // ROWS
    table["slow"] = stretch + 0.1 * rng.normal(size=ROWS)
    table["y"] = rng.normal(size=30)[stretch] * 2.0 + table["x"] + rng.normal(size=ROWS)
    order = rng.permutation(ROWS)
    assert seen(made({name: np.asarray(values)[order] for name, values in table.items()})) == []


def test_dates_that_run_along_the_file_are_the_time(made):
    rng, table = plain()
    table["day"] = [str(day) for day in np.datetime64("2020-01-01") + np.arange(ROWS)]
    table["y"] = table["x"] + np.linspace(0.0, 3.0, ROWS) + rng.normal(size=ROWS)
    found = seen(made(table))
    assert found[0].evidence["times"] == ["day[trend]"]
    assert found[0].next.endswith("--time day")


@pytest.mark.parametrize("classes", [False, True])
def test_file_sorted_by_the_target_says_nothing_of_time(made, classes):
    rng, table = plain()
    y = table["x"] + rng.normal(size=ROWS)
    table["y"] = np.where(y > 0, "p", "n") if classes else y
    order = np.argsort(table["y"], kind="stable")
    found = seen(made({name: np.asarray(values)[order] for name, values in table.items()}))
    assert [f.id for f in found] == ["rows-sorted"]


def test_alike_is_the_correlation_with_the_next_row(made):
    rng, table = plain()
    table["y"] = walk(rng, 0.8)
    one = made(table)
    ranks = np.argsort(np.argsort(table["y"])).astype(float)
    away = ranks - ranks.mean()
    expected = (away[1:] * away[:-1]).mean() / np.square(away).mean()
    assert order_of(one.data, one.sample).alike == pytest.approx(expected, abs=1e-6)
