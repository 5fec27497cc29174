"""Parts and folds that nothing moves, features that no test row has touched, tables of any size."""

from __future__ import annotations

import importlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from justright.datamodule.prepare import TEST, TRAIN
from justright.errors import ColumnError, RecipeError, TrainingError
from justright.split import farm_fingerprint, part_of

# The package offers the function of the same name.
module = importlib.import_module("justright.datamodule.prepare")


def table(rows=300, seed=0, **more):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    made = {
        "x": x,
        "c": [f"c{i}" for i in rng.integers(0, 6, rows)],
        "g": [f"g{i:03d}" for i in rng.integers(0, 40, rows)],
        "t": np.arange(rows) * 10,
        "y": x * 2 + rng.normal(size=rows),
    }
    return made | more


def first(columns, rows):
    return {name: values[:rows] for name, values in columns.items()}


def whole(data, name):
    return np.concatenate([getattr(block, name) for block in data.blocks])


# --- parts and folds


@pytest.mark.parametrize("split", [{"test": 25}, {"test": 25, "by": ["g"]}, {"repeats": 3, "salt": "s"}])
def test_rows_that_come_move_no_row_that_was_there(prepared, split):
    columns = table(400)
    few, many = prepared(first(columns, 300), split=split), prepared(columns, split=split)
    np.testing.assert_array_equal(few.facts.part, many.facts.part[:300])
    np.testing.assert_array_equal(few.facts.fold, many.facts.fold[:300])


def test_order_of_rows_and_columns_does_not_enter(prepared):
    columns = table()
    order = np.random.default_rng(1).permutation(300)
    mixed = {name: [values[i] for i in order] for name, values in reversed(columns.items())}
    one, other = prepared(columns, split={"test": 20}), prepared(mixed, split={"test": 20})
    np.testing.assert_array_equal(one.facts.part[order], other.facts.part)
    np.testing.assert_array_equal(one.facts.fold[order], other.facts.fold)
    np.testing.assert_array_equal(np.sort(one.facts.content), np.sort(other.facts.content))


def test_the_target_does_not_decide_the_fold(prepared):
    columns = table()
    one, other = prepared(columns), prepared(columns | {"y": columns["y"][::-1]})
    np.testing.assert_array_equal(one.facts.fold, other.facts.fold)


def test_duplicates_share_part_and_fold(prepared):
    columns = table(250)
    twice = {name: [*values, *values] for name, values in columns.items()}
    data = prepared(twice, split={"test": 20})
    np.testing.assert_array_equal(data.facts.part[:250], data.facts.part[250:])
    np.testing.assert_array_equal(data.facts.fold[:250], data.facts.fold[250:])


def test_groups_share_part_and_fold(prepared):
    columns = table(600)
    data = prepared(columns, split={"by": ["g"], "test": 20, "repeats": 2})
    for group in set(columns["g"]):
        rows = [i for i, g in enumerate(columns["g"]) if g == group]
        assert len(set(data.facts.part[rows])) == 1
        assert len({tuple(f) for f in data.facts.fold[rows].tolist()}) == 1


def test_a_split_by_key_is_that_of_the_split_command(prepared):
    columns = table(500)
    data = prepared(columns, split={"by": ["g"], "test": 20})
    wanted = part_of(farm_fingerprint(columns["g"]), (80.0, 20.0))
    np.testing.assert_array_equal(data.facts.part, wanted)


def test_another_salt_is_another_split(prepared):
    columns = table()
    one, other = (prepared(columns, split={"salt": s, "test": 20}) for s in ("", "b"))
    assert (one.facts.fold != other.facts.fold).any()
    assert (one.facts.part != other.facts.part).any()


def test_shares_and_folds_are_about_those_asked_for(prepared):
    data = prepared(table(4000), split={"test": 30, "folds": 4})
    assert (data.facts.part == TEST).mean() == pytest.approx(0.3, abs=0.03)
    assert data.rows + data.test_rows == 4000
    counts = np.bincount(whole(data, "fold")[:, 0], minlength=4) / data.rows
    np.testing.assert_allclose(counts, 0.25, atol=0.03)


def test_folds_and_parts_are_independent(prepared):
    data = prepared(table(4000), split={"test": 30})
    fold = data.facts.fold[:, 0]
    inside = np.bincount(fold[data.facts.part == TEST], minlength=5) / data.test_rows
    np.testing.assert_allclose(inside, 0.2, atol=0.05)


def test_the_order_of_the_trainer_does_not_follow_the_fold(prepared):
    data = prepared(table(4000))
    low = whole(data, "key") < np.uint64(2**63)
    for fold in range(5):
        assert low[whole(data, "fold")[:, 0] == fold].mean() == pytest.approx(0.5, abs=0.08)


# --- time


def test_folds_by_time_go_forward(prepared):
    data = prepared(table(300), split={"time": "t", "folds": 4})
    fold, time = whole(data, "fold")[:, 0], data.facts.time
    assert data.forward
    ends = [(time[fold == f].min(), time[fold == f].max()) for f in (-2, 0, 1, 2, 3)]
    assert all(early[1] < late[0] for early, late in zip(ends, ends[1:], strict=False))
    assert [int((fold == f).sum()) for f in (-2, 0, 1, 2, 3)] == [60] * 5


def test_a_test_by_time_is_the_end(prepared):
    columns = table(300)
    order = np.random.default_rng(2).permutation(300)
    mixed = {name: [values[i] for i in order] for name, values in columns.items()}
    data = prepared(mixed, split={"time": "t", "test": 20})
    time, part = data.facts.time, data.facts.part
    assert time[part == TRAIN].max() < time[part == TEST].min()
    assert data.test_rows == 60


def test_rows_of_one_moment_stay_together(prepared):
    data = prepared(table(300, t=[i // 7 for i in range(300)]), split={"time": "t", "test": 20})
    for moment in set(data.facts.time):
        rows = data.facts.time == moment
        assert len(set(data.facts.part[rows])) == 1
        assert len(set(data.facts.fold[rows, 0])) == 1


def test_dates_order_like_their_moments(prepared):
    days = [f"2024-{1 + i // 28:02d}-{1 + i % 28:02d}" for i in range(300)]
    data = prepared(table(300, t=days), split={"time": "t", "test": 20})
    assert (data.facts.part == TEST).nonzero()[0].tolist() == list(range(240, 300))


def test_too_few_moments_are_refused(prepared):
    with pytest.raises(RecipeError, match="parts by time"):
        prepared(table(300, t=[i // 150 for i in range(300)]), split={"time": "t"})


# --- no test row enters


@pytest.mark.parametrize("split", [{"test": 30}, {"test": 30, "by": ["g"]}, {"test": 30, "time": "t"}])
def test_test_rows_touch_neither_plan_nor_blocks(prepared, split):
    columns = table(300)
    part = prepared(columns, split=split).facts.part
    wild = {name: list(values) for name, values in columns.items()}
    for row in np.flatnonzero(part == TEST):
        wild["y"][row] = 1e6
    one, other = prepared(columns, split=split), prepared(wild, split=split)
    # The reasons of the kinds speak of all rows: they are for people.
    assert [(f.centre, f.scale) for f in one.plan.data.numeric] == [
        (f.centre, f.scale) for f in other.plan.data.numeric
    ]
    assert [f.counts for f in one.plan.data.categorical] == [f.counts for f in other.plan.data.categorical]
    assert one.plan.data.target.scale == other.plan.data.target.scale
    assert whole(other, "target").max() < 10
    assert sum(b.rows for b in other.blocks) == other.rows == (part == TRAIN).sum()


def test_categories_of_test_rows_alone_are_never_seen(prepared):
    columns = table(400)
    split = {"test": 30, "by": ["g"]}
    part = prepared(columns, split=split).facts.part
    marked = columns | {
        "c": ["only-test" if p == TEST else c for p, c in zip(part, columns["c"], strict=True)]
    }
    data = prepared(marked, split=split)
    (category,) = [f for f in data.plan.data.categorical if f.column.name == "c"]
    assert "only-test" not in category.vocabulary
    assert sum(category.counts) == data.rows


# --- what is left out


def test_rows_without_target_or_weight_are_left_out(prepared):
    columns = table(200)
    columns["y"] = [None if i % 10 == 0 else y for i, y in enumerate(columns["y"])]
    columns["w"] = [0 if i % 10 == 1 else 1 + i % 2 for i in range(200)]
    data = prepared(columns, weight="w")
    assert ((data.facts.part < 0) == [i % 10 < 2 for i in range(200)]).all()
    assert data.rows == 160 == sum(block.rows for block in data.blocks)
    assert sorted(set(whole(data, "weight"))) == [1.0, 2.0]


def test_a_weight_is_a_repetition_in_the_plan(prepared):
    columns = table(200)
    times = [1 + i % 3 for i in range(200)]
    heavy = prepared(columns | {"w": times}, weight="w")
    repeated = prepared(
        {
            n: [v for v, k in zip(values, times, strict=True) for _ in range(k)]
            for n, values in columns.items()
        }
    )
    for one, other in zip(heavy.plan.data.numeric, repeated.plan.data.numeric, strict=True):
        assert one.centre == pytest.approx(other.centre, rel=1e-12)
        assert one.scale == pytest.approx(other.scale, rel=1e-12)
    assert [f.counts for f in heavy.plan.data.categorical] == [
        f.counts for f in repeated.plan.data.categorical
    ]
    one, other = heavy.plan.data.target, repeated.plan.data.target
    assert (one.centre, one.scale) == pytest.approx((other.centre, other.scale), rel=1e-12)
    np.testing.assert_array_equal(np.repeat(heavy.facts.fold, times, axis=0), repeated.facts.fold)


def test_unreadable_values_are_counted(prepared):
    data = prepared(table(200, x=["old" if i == 7 else str(i) for i in range(200)]), kinds={"x": "numeric"})
    assert data.facts.unreadable == {"x": 1}


def test_the_target_is_scaled_for_numbers_and_plain_for_counts(prepared):
    columns = table(200, y=[float(i % 9) for i in range(200)])
    scaled = whole(prepared(columns, task="regression"), "target")
    assert (scaled.mean(), scaled.std()) == pytest.approx((0, 1), abs=1e-5)
    counts = whole(prepared(columns, task="regression", loss="poisson"), "target")
    assert sorted(set(counts.tolist())) == list(range(9))


def test_classes_are_numbers_by_their_order(prepared):
    columns = table(120, y=["no", "yes", "maybe"] * 40)
    data = prepared(columns)
    classes = data.plan.data.target.target.classes
    assert whole(data, "target").tolist() == [classes.index(y) for y in columns["y"]]


# --- tiny tables and few contents


@pytest.mark.parametrize("rows", range(2, 11))
def test_tiny_tables_are_dealt_to_the_folds(prepared, rows):
    x = np.arange(rows) * 1.5
    data = prepared({"x": x, "y": x**2 + 1}, task="regression")
    counts = np.bincount(whole(data, "fold")[:, 0], minlength=5)
    assert counts.sum() == rows
    assert (counts > 0).sum() == min(rows, 5)


def test_few_contents_are_spread_and_said(prepared):
    columns = {"c": ["a", "b", "c"] * 100, "y": np.random.default_rng(0).normal(size=300)}
    data = prepared(columns)
    assert [f.id for f in data.findings] == ["split-few-contents"]
    assert data.findings[0].evidence == {"distinct": 3, "rows": 300}
    for content in range(3):
        counts = np.bincount(data.facts.fold[content::3, 0], minlength=5)
        assert counts.min() >= 8
    longer = prepared({"c": [*columns["c"], "a"], "y": [*columns["y"], 0.0]})
    np.testing.assert_array_equal(data.facts.fold, longer.facts.fold[:300])


def test_copies_of_few_rows_share_a_fold(prepared):
    data = prepared({name: list(values) * 5 for name, values in table(60).items()})
    assert "copies of a row share a fold" in data.findings[0].sentence
    for row in range(60):
        assert len(set(data.facts.fold[row::60, 0].tolist())) == 1


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=2, max_size=60))
def test_occurrences_are_numbered_in_order(keys):
    keys = farm_fingerprint([str(key) for key in keys]).view(np.uint64)
    found = module._numbered(keys)
    assert len(set(found.tolist())) == len(keys)
    np.testing.assert_array_equal(module._numbered(keys[:-1]), found[:-1])


def test_fewer_groups_than_folds_are_refused(prepared):
    with pytest.raises(TrainingError, match=r"2 different keys in g; allowed: at least 5.*split.folds=2"):
        prepared(table(100, g=["a", "b"] * 50), split={"by": ["g"]})


# --- errors


def test_a_split_column_that_is_not_there(prepared):
    with pytest.raises(ColumnError, match=r"split column 'gg'.*one of: g"):
        prepared(table(), split={"by": ["gg"]})


def test_one_row_is_no_training(prepared):
    with pytest.raises(TrainingError, match="1 rows to train on"):
        prepared(table(100, w=[1] + [0] * 99), weight="w")


def test_a_target_that_does_not_vary_among_the_training_rows(prepared):
    columns = table(200)
    part = prepared(columns, split={"test": 30}).facts.part
    same = columns | {"y": np.where(part == TEST, 1.0, 5.0)}
    with pytest.raises(TrainingError, match="single value 5"):
        prepared(same, split={"test": 30}, task="regression")


def test_counts_below_zero_are_refused(prepared):
    with pytest.raises(TrainingError, match="poisson.*least value"):
        prepared(table(), loss="poisson")


def test_targets_too_large_for_float32(prepared):
    columns = table(200)
    data = prepared(columns | {"y": columns["y"] * 1e60})
    assert np.isfinite(data.facts.target).all()
    np.testing.assert_allclose(
        whole(data, "target"), whole(prepared(columns), "target"), rtol=1e-5, atol=1e-6
    )


# --- memory


def test_mapped_blocks_are_those_in_memory(prepared, monkeypatch, tmp_path):
    columns = table(500, n=[f"some words {i % 50} and more {i * 7 % 13} of them here" for i in range(500)])
    kept = prepared(columns, kinds={"n": "text"}, split={"test": 10})
    monkeypatch.setattr(module, "_MEMORY_CELLS", 100)
    mapped = prepared(columns, kinds={"n": "text"}, split={"test": 10}, folder=tmp_path / "blocks")
    assert isinstance(mapped.blocks[0].numeric.base, np.memmap) or isinstance(
        mapped.blocks[0].numeric, np.memmap
    )
    assert (tmp_path / "blocks" / "numeric.bin").exists()
    assert kept.plan.data == mapped.plan.data
    for name in ("numeric", "codes", "target", "weight", "fold", "key"):
        np.testing.assert_array_equal(whole(kept, name), whole(mapped, name))
    for one, other in zip(kept.blocks, mapped.blocks, strict=True):
        np.testing.assert_array_equal(one.tokens.indices, other.tokens.indices)
        np.testing.assert_array_equal(one.tokens.indptr, other.tokens.indptr)


def test_borders_of_batches_do_not_enter(prepared):
    import pyarrow as pa

    columns = table(300)
    arrow = pa.table(columns)
    cut = pa.concat_tables([arrow.slice(0, 1), arrow.slice(1, 150), arrow.slice(151)])
    one, other = prepared(arrow, split={"test": 20}), prepared(cut, split={"test": 20})
    np.testing.assert_array_equal(one.facts.fold, other.facts.fold)
    np.testing.assert_array_equal(one.facts.part, other.facts.part)
    np.testing.assert_allclose(whole(one, "numeric"), whole(other, "numeric"), rtol=1e-6, atol=1e-7)


def test_a_data_module_is_frozen(prepared):
    data = prepared(table())
    with pytest.raises(AttributeError):
        data.forward = True
    assert replace(data, forward=True).forward
