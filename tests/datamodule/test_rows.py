"""Rows in their one meaning, and which columns are read for it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from justright.datamodule.rows import columns_to_read, read_batch, read_rows, read_times
from justright.recipe import Split
from justright.schema import Column, Schema, Target
from justright.source import open_source

SCHEMA = Schema(
    (
        Column("x", "numeric", "number"),
        Column("c", "categorical", "text"),
        Column("id", "identifier", "text"),
        Column("day", "datetime", "datetime"),
    ),
    Target(Column("y", "categorical", "text"), "binary", ("no", "yes")),
    Column("w", "numeric", "number"),
)
TABLE = {
    "x": ["1", "2,5", None],
    "c": ["a", " a ", ""],
    "id": ["1", "2", "3"],
    "day": ["2024-01-01", None, "1970-01-02"],
    "y": ["yes", "no", "perhaps"],
    "w": ["2", None, "1"],
    "extra": [0, 0, 0],
}


def read(split=None, schema=SCHEMA, table=TABLE):
    return read_batch(pa.record_batch(table), schema, split or Split())


def test_only_what_is_needed_is_read():
    assert columns_to_read(SCHEMA, Split()) == ["x", "c", "day", "y", "w"]
    assert columns_to_read(SCHEMA, Split(by=("extra", "c"))) == ["x", "c", "day", "y", "w", "extra"]
    assert columns_to_read(SCHEMA, Split(time="day")) == ["x", "c", "day", "y", "w"]
    assert columns_to_read(Schema(SCHEMA.columns), Split()) == ["x", "c", "day"]


def test_target_weight_and_what_is_known():
    rows = read()
    assert rows.rows == 3
    assert rows.target.tolist() == [1, 0, -1]
    assert rows.weight.tolist() == [2.0, 0.0, 1.0]
    assert rows.known.tolist() == [True, False, False]


def test_values_in_their_meaning():
    rows = read()
    np.testing.assert_array_equal(rows.values["x"].numbers, [1.0, np.nan, np.nan])
    assert rows.unreadable == {"x": 1}
    value = rows.values["c"]
    assert [value.texts[code] for code in value.codes] == ["a", "a", None]
    assert rows.values["day"].numbers[2] == 86_400.0
    assert "id" not in rows.values


def test_equal_contents_have_equal_fingerprints():
    same = TABLE | {"c": [" a", "a", None], "x": [1.0, 1, 1e0], "day": ["2024-01-01"] * 3}
    content = read(table=same).content
    assert content[0] == content[1]
    assert content[0] != content[2]
    assert (
        read(table=same | {"y": ["no"] * 3, "id": ["9"] * 3, "w": [1, 1, 1]}).content.tolist()
        == content.tolist()
    )


def test_the_key_is_the_content_unless_columns_are_named():
    rows = read()
    assert rows.part_key is None
    assert rows.key.tolist() == rows.content.tolist()
    by = read(Split(by=("extra",)))
    assert len(set(by.key.tolist())) == 1
    assert len(by.part_key) == 3


def test_the_salt_changes_the_part_key_alone():
    one, other = read(Split(by=("c",))), read(Split(by=("c",), salt="s"))
    assert one.key.tolist() == other.key.tolist()
    assert one.part_key.tolist() != other.part_key.tolist()


@pytest.mark.parametrize(
    ("name", "wanted"), [("day", [1704067200.0, np.nan, 86_400.0]), ("w", [2, np.nan, 1])]
)
def test_times_are_moments_or_plain_numbers(name, wanted):
    np.testing.assert_array_equal(read(Split(time=name)).time, wanted)
    np.testing.assert_array_equal(read_times(open_source(TABLE), SCHEMA, name), wanted)


def test_rows_come_in_batches_in_order():
    rows = list(read_rows(open_source(TABLE), SCHEMA, Split()))
    assert sum(r.rows for r in rows) == 3
    assert rows[0].target.tolist() == [1, 0, -1]


def test_a_table_without_target_is_all_known():
    rows = read(schema=Schema(SCHEMA.columns))
    assert rows.known.all()
    assert rows.weight.tolist() == [1.0] * 3


def test_numbers_as_target():
    schema = Schema(SCHEMA.columns, Target(Column("w", "numeric", "number"), "regression"))
    rows = read(schema=schema)
    assert rows.known.tolist() == [True, False, True]
    assert rows.target[0] == 2.0
