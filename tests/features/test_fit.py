"""One pass, in any batches and any order, gives one plan."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from justright.schema import Column

COLUMNS = (
    Column("x", "numeric", "number"),
    Column("c", "categorical", "text"),
    Column("b", "boolean", "boolean"),
    Column("t", "datetime", "datetime"),
    Column("n", "text", "text"),
)
ROW = st.tuples(
    st.none() | st.floats(-1e6, 1e6).map(lambda v: round(v, 4)),
    st.none() | st.sampled_from("abcdef"),
    st.none() | st.booleans(),
    st.none() | st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2040, 1, 1)),
    st.none() | st.text("ab ", max_size=5),
)


def table_of(rows):
    return {c.name: [row[i] for row in rows] for i, c in enumerate(COLUMNS)}


def same(plan, other):
    """Equal to the rounding of sums: what is counted is equal, what is averaged nearly so."""
    one, two = plan.data, other.data
    assert one.categorical == two.categorical
    assert one.text == two.text
    assert [f.name for f in one.numeric] == [f.name for f in two.numeric]
    for a, b in zip(one.numeric, two.numeric, strict=True):
        assert (a.low, a.high, a.missing) == (b.low, b.high, b.missing)
        size = max(abs(a.low), abs(a.high), 1e-9)
        assert a.centre == pytest.approx(b.centre, rel=1e-9, abs=1e-12 * size)
        assert a.scale == pytest.approx(b.scale, rel=1e-6)


@settings(max_examples=60)
@given(st.lists(ROW, min_size=2, max_size=25), st.randoms(use_true_random=False), st.integers(1, 10))
def test_borders_and_order_of_batches_do_not_enter(fitted, rows, random, size):
    table = table_of(rows)
    order = list(range(len(rows)))
    random.shuffle(order)
    batches = [order[i : i + size] for i in range(0, len(order), size)]
    whole = fitted(COLUMNS, table, rare=2)
    same(whole.plan(None), fitted(COLUMNS, table, batches=batches, rare=2).plan(None))
    first = fitted(COLUMNS, table, batches=batches[::2], rare=2)
    first.merge(fitted(COLUMNS, table, batches=batches[1::2] or [[]], rare=2))
    same(whole.plan(None), first.plan(None))
    assert (first.rows, first.weight) == (len(rows), len(rows))


@settings(max_examples=60)
@given(st.lists(st.tuples(ROW, st.integers(0, 4)), min_size=1, max_size=15))
def test_a_weight_is_a_repetition(fitted, weighted):
    weight = [w for _, w in weighted]
    once = fitted(COLUMNS, table_of([row for row, _ in weighted]), weight, rare=2)
    repeated = fitted(COLUMNS, table_of([row for row, w in weighted for _ in range(w)]), rare=2)
    assert once.weight == repeated.weight
    same(once.plan(None), repeated.plan(None))


def test_parts_of_a_date_that_do_not_vary_are_left_out(fitted):
    nights = {"t": [dt.datetime(2024, 1, 1, 3) + dt.timedelta(days=7 * i) for i in range(60)]}
    plan = fitted([COLUMNS[3]], nights).plan(None)
    assert [f.name for f in plan.data.numeric] == ["t[trend]", "t[year-sin]", "t[year-cos]"]
    assert [f.name for f in plan.data.categorical] == ["t[month]"]


def test_hours_of_one_day(fitted):
    day = {"t": [dt.datetime(2024, 1, 1, h) for h in range(24)] * 6}
    plan = fitted([COLUMNS[3]], day).plan(None)
    assert [f.part for f in plan.data.categorical] == ["hour"]
    assert len(plan.data.categorical[0].vocabulary) == 24


def test_missing_dates_are_a_category_and_an_indicator(fitted):
    plan = fitted([COLUMNS[3]], {"t": [dt.date(2024, m, 1) for m in range(1, 13)] * 6 + [None] * 9}).plan(
        None
    )
    assert all(f.missing for f in plan.data.numeric)
    assert {f.part: f.counts[1] for f in plan.data.categorical} == {"weekday": 9.0, "month": 9.0, "hour": 9.0}


def test_text_gets_the_slots_of_the_recipe(fitted):
    plan = fitted([COLUMNS[4]], {"n": ["a", "b"]}, text_slots=64).plan(None)
    assert [f.slots for f in plan.data.text] == [64]


def test_columns_that_say_nothing_are_not_in_the_plan(fitted):
    table = {"x": [1.0] * 9, "c": [None] * 9, "b": [True] * 9, "t": [dt.date(2024, 1, 1)] * 9, "n": [""] * 9}
    plan = fitted(COLUMNS, table).plan(None)
    assert list(plan.columns) == ["n"]
