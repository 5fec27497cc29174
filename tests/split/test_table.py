"""Splitting whole tables into files: rows kept, parts by definition, growth, time, failure."""

import json
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from justright.errors import ColumnError, RecipeError, StorageError, TableError
from justright.kinds import infer_schema
from justright.schema import Column, Schema, Target
from justright.source import open_source
from justright.split import SplitAudit, part_files, split_table
from justright.split.table import _canonical, _column

NAMES = ("train", "validation", "test")
DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    n = 5000
    return pa.table(
        {
            "row": np.arange(n),
            "customer": rng.integers(0, 900, n),
            "town": pa.array(
                np.array(["Paris", "Lyon", "Nice"])[rng.integers(0, 3, n)], mask=rng.random(n) < 0.1
            ),
            "price": pa.array(rng.normal(size=n), mask=rng.random(n) < 0.1),
            "day": pa.array(np.datetime64("2024-01-01") + rng.integers(0, 300, n)),
        }
    )


def split(table, out, *args, **choices):
    return split_table(open_source(table), *args, out=out, **choices)


def read(out, names=NAMES):
    return {name: pq.read_table(out / f"{name}.parquet") for name in names}


@pytest.mark.parametrize("choices", [{}, {"by": "customer"}, {"by": ("town", "day")}, {"time": "day"}])
def test_every_row_is_in_one_part_unchanged(table, tmp_path, choices):
    seen = split(table, tmp_path, **choices)
    parts = read(tmp_path)
    assert pa.concat_tables(parts.values()).sort_by("row").equals(table)
    assert [p.rows for p in seen.parts] == [t.num_rows for t in parts.values()]
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "audit.json",
        *(f"{n}.parquet" for n in sorted(NAMES)),
    ]
    assert msgspec.json.decode((tmp_path / "audit.json").read_bytes(), type=SplitAudit) == seen


def test_groups_stay_together_and_the_audit_says_so(table, tmp_path):
    seen = split(table, tmp_path, "customer")
    groups = [set(part["customer"].to_pylist()) for part in read(tmp_path).values()]
    assert not (groups[0] & groups[1] or groups[0] & groups[2] or groups[1] & groups[2])
    assert seen.groups_on_both_sides == 0
    assert [p.groups for p in seen.parts] == [len(g) for g in groups]
    assert "split-groups-leak" not in [f.id for f in seen.findings]


def test_equal_rows_share_a_part_when_split_by_content(table, tmp_path):
    doubled = pa.concat_tables([table, table.slice(0, 1000)])
    seen = split(doubled, tmp_path)
    assert seen.repeated == 1000
    assert [p.duplicates for p in seen.parts] == [0, 0, 0]
    by_row = split(doubled.set_column(0, "row", pa.array(range(6000))).drop_columns(["day"]), tmp_path, "row")
    assert by_row.parts[0].rows > 0


def test_rows_never_move_when_the_table_grows_or_its_columns_are_shuffled(table, tmp_path):
    split(table.slice(0, 3000), tmp_path / "old", salt="s")
    split(table.select(["price", "day", "row", "town", "customer"]), tmp_path / "new", salt="s")
    for name, part in read(tmp_path / "old").items():
        grown = pq.read_table(tmp_path / "new" / f"{name}.parquet")["row"].to_pylist()
        assert set(part["row"].to_pylist()) == {r for r in grown if r < 3000}


def test_csv_and_parquet_give_the_same_parts(table, tmp_path):
    typed = table.drop_columns(["day"])
    pacsv.write_csv(typed, tmp_path / "rows.csv")
    pq.write_table(typed, tmp_path / "rows.parquet")
    schema = Schema(
        (
            Column("row", "identifier", "number"),
            Column("customer", "identifier", "number"),
            Column("town", "categorical", "text"),
            Column("price", "numeric", "number"),
        )
    )
    rows = []
    for name in ("rows.csv", "rows.parquet"):
        split(tmp_path / name, tmp_path / name[-3:], schema=schema)
        rows.append([list(map(int, t["row"].to_pylist())) for t in read(tmp_path / name[-3:]).values()])
    assert rows[0] == rows[1]


def test_by_time_later_rows_judge(table, tmp_path):
    seen = split(table, tmp_path, time="day", shares="70/20/10")
    days = [part["day"].to_pylist() for part in read(tmp_path).values()]
    assert max(days[0]) < min(days[1])
    assert max(days[1]) < min(days[2])
    assert [p.share for p in seen.parts] == pytest.approx([0.7, 0.2, 0.1], abs=0.01)
    assert [f.id for f in seen.findings] == []
    assert len(seen.definition["cutoffs"]) == 2


def test_time_as_text_with_holes_and_a_sample(tmp_path):
    days = [f"2024-01-{1 + i % 28:02d}" for i in range(2000)] + ["soon", None]
    seen = split({"day": days, "x": list(range(2002))}, tmp_path, time="day", shares="50/50", sample=0.5)
    assert seen.without_moment == 2
    assert "split-time-missing" in [f.id for f in seen.findings]
    assert abs(sum(p.rows for p in seen.parts) - 1000) < 120
    assert seen.unused == 2002 - sum(p.rows for p in seen.parts)


def test_target_balance(tmp_path):
    n = 3000
    label = ["yes" if i % 5 == 0 else "no" for i in range(n)]
    target = Target(Column("y", "categorical", "text"), "binary", ("no", "yes"))
    schema = Schema((Column("x", "numeric", "number"),), target)
    seen = split({"x": list(range(n)), "y": label}, tmp_path / "a", schema=schema)
    assert seen.parts[0].class_shares["yes"] == pytest.approx(0.2, abs=0.02)
    target = Target(Column("y", "numeric", "number"), "regression")
    seen = split(
        {"x": list(range(n)), "y": [i % 7 for i in range(n)]}, tmp_path / "b", schema=Schema((), target)
    )
    assert seen.parts[0].target_mean == pytest.approx(3.0, abs=0.2)


def test_the_definition_makes_the_same_split_again(table, tmp_path):
    split(table, tmp_path / "a", ("customer", "town"), shares="3/1", salt="z", sample=0.5)
    made = json.loads((tmp_path / "a" / "audit.json").read_bytes())["definition"]
    again = {key: made[key] for key in ("by", "time", "shares", "salt", "sample")}
    split(table, tmp_path / "b", **again)
    assert read(tmp_path / "a", NAMES[:2]) == read(tmp_path / "b", NAMES[:2])


def test_batches_and_row_groups_do_not_change_the_files(table, tmp_path, monkeypatch):
    split(table, tmp_path / "a")
    monkeypatch.setattr(part_files, "_GROUP_ROWS", 100)
    chunked = pa.Table.from_batches(table.to_batches(max_chunksize=37))
    assert split(chunked, tmp_path / "b") == split(table, tmp_path / "c")
    assert read(tmp_path / "a") == read(tmp_path / "b")


def test_an_empty_part_is_a_readable_file(tmp_path):
    split({"x": [1, 1, 1]}, tmp_path)
    assert sorted(t.num_rows for t in read(tmp_path).values()) == [0, 0, 3]


def test_a_second_split_replaces_the_first(table, tmp_path):
    split(table, tmp_path)
    seen = split(table, tmp_path, "customer", salt="b")
    assert json.loads((tmp_path / "audit.json").read_bytes())["definition"]["salt"] == "b"
    assert [p.rows for p in seen.parts] == [t.num_rows for t in read(tmp_path).values()]


class Broken:
    """A source that fails after its first batch."""

    names = ("x",)

    def batches(self, columns=None):
        yield pa.record_batch({"x": list(range(100))})
        raise TableError("a broken line", where="rows.csv line 101")


def test_a_failure_leaves_the_earlier_split_whole(table, tmp_path):
    split(table, tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(TableError, match="broken line"):
        split_table(Broken(), out=tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_full_disk_is_one_clear_error(table, tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(part_files.os, "fsync", full)
    with pytest.raises(StorageError, match="No space left on device"):
        split(table, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_in_the_way(table, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(StorageError, match="out="):
        split(table, tmp_path / "out")


@pytest.mark.parametrize(
    ("choices", "error", "message"),
    [
        ({"by": "custmer"}, ColumnError, "customer"),
        ({"time": "dy"}, ColumnError, "day"),
        ({"by": "customer", "time": "day"}, RecipeError, "one of them"),
        ({"shares": "1/1/1/1"}, RecipeError, "4 shares"),
        ({"shares": "80/0"}, RecipeError, "positive"),
        ({"sample": 2}, RecipeError, "sample"),
        ({"names": ("a", "a", "b")}, RecipeError, "distinct"),
        ({"names": ("a", "../b", "c")}, RecipeError, "letters"),
        ({"time": "town"}, ColumnError, "none is a date or number"),
    ],
)
def test_errors(table, tmp_path, choices, error, message):
    with pytest.raises(error, match=message):
        split(table, tmp_path / "out", **choices)
    assert not (tmp_path / "out").exists()


def test_no_rows(table, tmp_path):
    with pytest.raises(TableError, match="without rows"):
        split(table.slice(0, 0), tmp_path)


@pytest.mark.parametrize(
    ("array", "form"),
    [
        (pa.array([True]), "boolean"),
        (pa.array([1.5]), "number"),
        (pa.array(["a"]).dictionary_encode(), "text"),
        (pa.array([0], pa.timestamp("s", "Europe/Paris")), "datetime"),
        (pa.array([0], pa.date32()), "datetime"),
        (pa.nulls(1), "text"),
    ],
)
def test_forms_by_type(array, form):
    batch = pa.record_batch({"x": array})
    column = _column(batch, "x", None)
    assert column.form == form
    assert len(_canonical(array, column)[0:1]) == 1


def open_real(name):
    path = DATA / f"{name}.parquet"
    if not path.exists():
        pytest.skip("the folder of real tables is not here")
    return open_source(path)


@pytest.mark.parametrize(
    ("name", "target", "by", "time"),
    [("diabetes130", "readmitted", "patient_nbr", ""), ("bike_sharing", "cnt", "", "dteday")],
)
def test_real_tables_by_group_and_by_time(name, target, by, time, tmp_path):
    source = open_real(name)
    schema, _ = infer_schema(source, target=target)
    seen = split_table(source, by, time, out=tmp_path, schema=schema)
    assert [p.share for p in seen.parts] == pytest.approx([0.8, 0.1, 0.1], abs=0.01)
    assert sum(p.duplicates for p in seen.parts) == 0
    assert seen.groups_on_both_sides == (0 if by else None)
    assert sum(p.early or 0 for p in seen.parts) == 0


@pytest.mark.parametrize(
    ("name", "repeated"), [("adult", 52), ("wine_quality", 1177), ("letter", 1332), ("bank_marketing", 12)]
)
def test_repeated_rows_of_real_tables_are_those_known(name, repeated, tmp_path):
    seen = split_table(open_real(name), out=tmp_path)
    assert seen.repeated == repeated
    assert sum(p.duplicates for p in seen.parts) == 0
    assert "split-lumpy" not in [f.id for f in seen.findings]
