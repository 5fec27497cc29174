"""Training and service encode a row to the same bits; the plan is plain data."""

from __future__ import annotations

import datetime as dt
import json

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from justright.errors import BundleError, ColumnError
from justright.features.plan import FeaturePlan, Unreadable
from justright.features.target import TargetFeature
from justright.schema import Column, Target

COLUMNS = (
    Column("x", "numeric", "number"),
    Column("s", "numeric", "number", decimal=",", missing=("?",)),
    Column("c", "categorical", "text"),
    Column("z", "categorical", "number"),
    Column("b", "boolean", "boolean"),
    Column("t", "datetime", "datetime"),
    Column("p", "datetime", "datetime", zone="Europe/Paris"),
    Column("n", "text", "text"),
)
ROWS = 60


def train_table():
    start = dt.datetime(2023, 1, 1)
    return {
        "x": [None if i % 9 == 0 else i * 1.7 - 30 for i in range(ROWS)],
        "s": ["?" if i % 11 == 0 else f"{i},5" for i in range(ROWS)],
        "c": [None if i % 13 == 0 else "abcdefghij"[i % 10] for i in range(ROWS)],
        "z": [f"{i % 7:02d}" for i in range(ROWS)],
        "b": [None if i % 17 == 0 else i % 3 == 0 for i in range(ROWS)],
        "t": [start + dt.timedelta(hours=37 * i) for i in range(ROWS)],
        "p": [start + dt.timedelta(days=11 * i) for i in range(ROWS)],
        "n": [f"red dog {i % 4}" for i in range(ROWS)],
    }


@pytest.fixture(scope="module")
def plan(plan_of):
    return plan_of(COLUMNS, train_table(), rare=2, vocabulary=6, buckets=5, text_slots=32)


MOMENT = st.datetimes(dt.datetime(1950, 1, 1), dt.datetime(2050, 1, 1))
TYPES = {
    "x": (pa.float64(), st.floats(allow_nan=False, allow_infinity=False)),
    "s": (pa.string(), st.sampled_from(["1,5", " 2,0 ", "?", "", "x", "1.5", "1e3", "NA", "-0,0", "nan"])),
    "c": (pa.string(), st.sampled_from([*"abcdefghij", "never", " a ", "", "NA"])),
    "z": (pa.int64(), st.integers(0, 12)),
    "b": (pa.bool_(), st.booleans()),
    "t": (pa.timestamp("us"), MOMENT),
    "p": (pa.timestamp("us"), MOMENT),
    "n": (pa.string(), st.text("redog 1\u00e9,", max_size=10)),
}
BATCH = st.integers(0, 8).flatmap(
    lambda rows: st.fixed_dictionaries(
        {name: st.lists(st.none() | s, min_size=rows, max_size=rows) for name, (_, s) in TYPES.items()}
    )
)


@settings(max_examples=120)
@given(BATCH)
def test_arrow_and_python_values_give_the_same_bits(plan, same_bits, columns):
    rows = len(columns["x"])
    batch = pa.record_batch({name: pa.array(columns[name], kind) for name, (kind, _) in TYPES.items()})
    one, bad = plan.transform(batch)
    other, also_bad = plan.transform_rows(columns, rows)
    same_bits(one, other)
    assert sorted(bad) == sorted(also_bad)
    assert one.rows == rows
    for i in range(rows):
        alone, _ = plan.transform_rows({name: [values[i]] for name, values in columns.items()}, 1)
        same_bits(alone, one.slice(i, i + 1))


@settings(max_examples=60)
@given(BATCH)
def test_a_plan_read_back_encodes_the_same(plan, same_bits, columns):
    data = json.loads(json.dumps(plan.to_data()))
    again = FeaturePlan.from_data(data)
    assert again.data == plan.data
    assert again.to_data() == plan.to_data()
    same_bits(
        plan.transform_rows(columns, len(columns["x"]))[0],
        again.transform_rows(columns, len(columns["x"]))[0],
    )


def row(**values):
    return {name: [None] for name in TYPES} | {name: [value] for name, value in values.items()}


def test_values_of_several_spellings_are_one(plan, same_bits):
    one = plan.transform_rows(row(z="01", s="2,50", t="2024-01-31", b="yes"), 1)[0]
    other = plan.transform_rows(row(z=1.0, s=2.5, t=dt.date(2024, 1, 31), b=1), 1)[0]
    same_bits(one, other)


def test_zones_move_the_moment(plan):
    trend = [f.name for f in plan.data.numeric].index("p[trend]")
    plain, utc = (
        plan.transform_rows(row(p=text), 1)[0].numeric[0, trend]
        for text in ("2024-06-01T14:00:00", "2024-06-01T12:00:00Z")
    )
    assert plain == utc  # Paris in summer is two hours ahead


def test_unreadable_values_are_named_and_missing(plan):
    block, bad = plan.transform_rows(row(x="old", s="1.5", t="soon"), 1)
    assert sorted(bad) == [Unreadable(0, "s"), Unreadable(0, "t"), Unreadable(0, "x")]
    empty, none = plan.transform_rows(row(), 1)
    assert none == ()
    np.testing.assert_array_equal(block.numeric, empty.numeric)


def test_order_of_columns_and_extra_columns_do_not_matter(plan, same_bits):
    table = {name: pa.array([None], kind) for name, (kind, _) in TYPES.items()} | {"x": pa.array([3.0])}
    turned = pa.record_batch(dict(reversed(table.items())) | {"more": pa.array([1])})
    same_bits(plan.transform(pa.record_batch(table))[0], plan.transform(turned)[0])


def test_a_missing_column_is_an_error_that_names_it(plan):
    table = {name: [None] for name in TYPES if name not in ("x", "n")} | {"xx": [1]}
    with pytest.raises(ColumnError, match=r"'x', 'n'.*extra columns: 'xx'"):
        plan.transform_rows(table, 1)


def test_shapes_and_types_are_those_of_a_block(plan):
    block, _ = plan.transform_rows({name: [None] * 3 for name in TYPES}, 3)
    assert block.numeric.dtype == np.float32
    assert block.codes.dtype == np.int32
    assert block.numeric.shape == (3, len(plan.data.numeric))
    assert block.codes.shape == (3, len(plan.data.categorical))
    assert block.tokens.width == 32
    assert block.fold.tolist() == [[-2]] * 3
    assert np.isnan(block.numeric).all()
    assert (block.codes == 1).all()


def test_one_row_and_no_rows(plan):
    block, bad = plan.transform_rows({name: [] for name in TYPES}, 0)
    assert (block.rows, bad) == (0, ())
    empty = pa.record_batch({name: pa.array([], kind) for name, (kind, _) in TYPES.items()})
    assert plan.transform(empty)[0].rows == 0


def test_a_whole_number_category_is_one_in_every_type(plan, same_bits):
    for kind in (pa.int8(), pa.uint64(), pa.float32(), pa.float64(), pa.string()):
        values = ["3"] if kind == pa.string() else [3]
        table = {name: pa.array([None], k) for name, (k, _) in TYPES.items()} | {"z": pa.array(values, kind)}
        same_bits(plan.transform(pa.record_batch(table))[0], plan.transform_rows(row(z="03"), 1)[0])


NICE = {"name": "c", "kind": "nice", "form": "text"}


@pytest.mark.parametrize(
    "change",
    [
        {"numeric": 3},
        {"more": 1},
        {"numeric": [{"column": 1}]},
        {"categorical": [{"column": NICE, "vocabulary": [], "counts": []}]},
    ],
)
def test_plain_data_that_is_no_plan_is_refused(plan, change):
    with pytest.raises(BundleError, match="feature plan that does not fit"):
        FeaturePlan.from_data(plan.to_data() | change)


def test_an_unknown_part_is_refused(plan):
    data = plan.to_data()
    data["numeric"][0]["part"] = "minute"
    with pytest.raises(BundleError, match=r"part 'minute' of column 'x'"):
        FeaturePlan.from_data(data)


def test_the_target_travels_with_the_plan(fitted):
    target = TargetFeature(Target(Column("y", "numeric", "number"), "regression"), 3.0, 2.0)
    plan = fitted(COLUMNS[:1], {"x": [1.0, 2.0]}).plan(target)
    assert FeaturePlan.from_data(plan.to_data()).data.target == target
    assert msgspec.json.encode(plan.data)
