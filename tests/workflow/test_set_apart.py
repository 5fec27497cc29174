"""Which new rows judge: rows that neither saw, the latest where there is a time, keys as a whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.errors import ColumnError, RecipeError, TableError
from justright.kinds import infer_schema
from justright.recipe import Recipe, change
from justright.source import open_source
from justright.workflow.set_apart import Known, fresh_of, known_rows, set_apart

RECIPE = Recipe(target="y")


def words(*numbers: int) -> np.ndarray:
    return np.asarray(numbers, np.uint64)


def known(rows: np.ndarray, *, key: np.ndarray | None = None, time: np.ndarray | None = None) -> Known:
    rows = np.asarray(rows, np.uint64)
    return Known(
        rows,
        rows if key is None else np.asarray(key, np.uint64),
        np.zeros(0) if time is None else np.asarray(time, np.float64),
        np.ones(len(rows), bool),
    )


def mixed(begin: int, end: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 2**63, 10_000).astype(np.uint64)[begin:end]


@given(st.lists(st.integers(0, 8)), st.lists(st.integers(100, 108), min_size=1))
def test_rows_of_another_law_are_all_fresh(old, new):
    assert fresh_of(words(*old), words(*new)).all()


def test_a_dump_that_holds_the_old_rows():
    old = mixed(0, 1000)
    new = mixed(200, 1500)
    assert fresh_of(old, new).tolist() == [False] * 800 + [True] * 500


def test_copies_are_counted():
    old = np.r_[mixed(0, 500), words(7, 7)]
    new = np.r_[words(7, 7, 7), mixed(500, 600)]
    assert fresh_of(old, new).tolist() == [False, False] + [True] * 101


def test_twins_by_chance_are_fresh():
    dice = np.random.default_rng(3)
    old, new = (dice.integers(0, 50, 400).astype(np.uint64) for _ in range(2))
    assert fresh_of(old, new).all()


def test_a_share_by_content_that_no_order_moves():
    old, rows = known(mixed(0, 100)), mixed(1000, 3000)
    found = set_apart([old], known(rows), RECIPE, 30.0)
    assert found.group is None and found.already == 0
    assert 500 < found.judges.sum() < 700
    assert (found.judges ^ found.trains).all()
    order = np.random.default_rng(1).permutation(len(rows))
    again = set_apart([old], known(rows[order]), RECIPE, 30.0)
    assert (again.judges == found.judges[order]).all()
    assert found.sentence.endswith("new rows that neither saw, drawn by the content of the rows")


def test_equal_rows_are_on_one_side():
    rows = np.repeat(mixed(1000, 1400), 3)
    found = set_apart([known(mixed(0, 100))], known(rows), RECIPE, 30.0)
    assert (found.judges.reshape(-1, 3).sum(axis=1) % 3 == 0).all()


def test_the_latest_rows_judge_and_a_moment_stays_together():
    recipe = change(RECIPE, ["split.time=t"])
    time = np.random.default_rng(2).permutation(np.repeat(np.arange(50.0), 20))
    time[3] = np.nan
    found = set_apart([known(mixed(0, 100))], known(mixed(1000, 2000), time=time), recipe, 30.0)
    first = time[found.judges].min()
    assert first == 35.0
    assert found.judges.tolist() == (time >= 35.0).tolist()
    assert found.trains[3] and not found.judges[3]
    group = found.group[found.judges]
    assert len(np.unique(group)) == 15
    assert all(len(set(group[time[found.judges] == moment])) == 1 for moment in np.arange(35.0, 50.0))
    assert found.sentence.endswith("the latest by t")


def test_new_keys_judge_before_old_ones():
    recipe = change(RECIPE, ["split.by=['who']"])
    old = known(mixed(0, 300), key=np.repeat(mixed(5000, 5100), 3))
    keys = np.repeat(np.r_[mixed(5000, 5100), mixed(6000, 6100)], 5)
    found = set_apart([old], known(mixed(1000, 2000), key=keys), recipe, 30.0)
    assert not np.isin(keys[found.judges], old.key).any()
    assert 200 < found.judges.sum() < 400
    per_key = {key: found.judges[keys == key].mean() for key in np.unique(keys)}
    assert set(per_key.values()) == {0.0, 1.0}
    assert "new values of it" in found.sentence


def test_where_all_keys_are_old_it_is_said():
    recipe = change(RECIPE, ["split.by=['who']"])
    old = known(mixed(0, 300), key=np.repeat(mixed(5000, 5100), 3))
    found = set_apart([old], known(mixed(1000, 2000), key=np.repeat(mixed(5000, 5100), 10)), recipe, 30.0)
    assert "the champion has seen other rows of 100 % of its values" in found.sentence
    assert len(np.unique(found.group[found.judges])) > 15


def test_too_few():
    old = known(mixed(0, 1000))
    for new, said in (
        (mixed(0, 1000), "0 new rows to judge on, of 1,000 of which the old table has 1,000"),
        (mixed(1000, 1020), "20 new rows to judge on"),
    ):
        with pytest.raises(TableError, match=said):
            set_apart([old], known(new), RECIPE, 30.0)
    with pytest.raises(RecipeError, match="--judge 100"):
        set_apart([old], known(mixed(1000, 2000)), RECIPE, 100.0)
    with pytest.raises(TableError, match="a single moment"):
        set_apart([old], known(mixed(1000, 1100), time=np.ones(100)), change(RECIPE, ["split.time=t"]), 30.0)


def table(count: int, begin: int = 0, classes: tuple[str, ...] = ("no", "yes")) -> dict[str, list[object]]:
    places = range(begin, begin + count)
    return {"x": [i * 0.5 for i in places], "y": [classes[i % len(classes)] for i in places]}


def test_rows_are_read_in_the_meaning_of_the_champion(tmp_path):
    schema, _ = infer_schema(open_source(table(60)), target="y")
    same = known_rows(open_source(table(60)), schema, RECIPE)
    lines = [f"{x},{y}" for y, x in zip(table(60)["x"], table(60)["y"], strict=True)]
    (tmp_path / "t.csv").write_text("\n".join(["y,x", *lines]) + "\n")
    texts = known_rows(open_source(tmp_path / "t.csv"), schema, RECIPE)
    assert (same.row == texts.row).all() and same.known.all()
    assert len(np.unique(same.row)) == 60
    other = table(60)
    other["y"] = other["y"][::-1]
    assert (known_rows(open_source(other), schema, RECIPE).row != same.row).all()


def test_a_class_that_the_champion_does_not_know():
    schema, _ = infer_schema(open_source(table(60)), target="y")
    with pytest.raises(
        ColumnError, match="the new class 'maybe' of 'y'; allowed: the classes of the champion: no"
    ):
        known_rows(open_source(table(60, classes=("no", "yes", "maybe"))), schema, RECIPE)
    with pytest.raises(ColumnError, match="without the column 'y' of the training"):
        known_rows(open_source({"x": [1.0, 2.0]}), schema, RECIPE)
