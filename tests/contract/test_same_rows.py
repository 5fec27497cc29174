"""The same rows in every form give the same schema, the same numbers, codes and moments."""

import csv
import datetime as dt
import json
import sqlite3

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from justright.kinds import infer_schema
from justright.source import open_source
from justright.values import to_codes, to_moments, to_numbers

ROWS = 400
FORMS = ["parquet", "arrow", "csv", "semicolon", "gzip", "utf-16", "jsonl", "dicts", "columns", "sqlite",
         "pandas", "pandas-objects", "polars", "query", "query-csv"]  # fmt: skip


def _rows():
    rng = np.random.default_rng(5)
    cities = ["Z\u00fcrich", "M\u00e1laga", "Oslo", "New York", "\u00c5rhus"]
    rows = []
    for i in range(ROWS):
        row = {
            "count": int(rng.integers(0, 40)),
            "big": int(rng.integers(2**60, 2**62)),
            "size": round(float(rng.normal()), 4),
            "whole": float(rng.integers(1, 300)),
            "city": cities[int(rng.integers(5))],
            "zip": f"{int(rng.integers(0, 60)) * 1234:05d}",
            "flag": bool(rng.integers(2)),
            "day": dt.date(2023, 1, 1) + dt.timedelta(days=int(rng.integers(0, 700))),
            "when": dt.datetime(2024, 1, 1, 8, 30) + dt.timedelta(seconds=int(rng.integers(0, 10**7))),
            "code": f"u{int(rng.integers(10**9))}x{i}",
            "same": 7,
            "price": round(float(rng.uniform(1, 9)), 2),
        }
        for name in ("count", "size", "city", "flag", "day", "when"):
            if rng.uniform() < 0.1:
                row[name] = None
        rows.append(row)
    return rows


def _columns(rows):
    return {name: [row[name] for row in rows] for name in rows[0]}


def _plain(value):
    if isinstance(value, bool):
        return "True" if value else "False"  # as pandas writes it
    return "" if value is None else str(value)


def _write_csv(path, rows, separator=",", encoding="utf-8"):
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerow(rows[0])
        for row in rows:
            cells = [_plain(value) for value in row.values()]
            if separator == ";":
                cells = [
                    cell.replace(".", ",") if isinstance(value, float) else cell
                    for cell, value in zip(cells, row.values(), strict=True)
                ]
            writer.writerow(cells)
    return path


def _json_lines(path, rows):
    def flat(value):
        return value.isoformat() if isinstance(value, dt.date) else value

    lines = [
        json.dumps({k: flat(v) for k, v in row.items()}, ensure_ascii=i % 2 == 0)
        for i, row in enumerate(rows)
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _sqlite(path, rows):
    with sqlite3.connect(path) as connection:
        names = ", ".join(f'"{name}"' for name in rows[0])
        connection.execute(f"CREATE TABLE t ({names})")
        marks = ", ".join("?" * len(rows[0]))
        # SQLite has no truth values: true is 1, and 1 is a number.
        flat = [
            [
                v.isoformat(" ") if isinstance(v, dt.datetime)
                else str(v).lower() if isinstance(v, dt.date | bool) else v
                for v in row.values()
            ]
            for row in rows
        ]  # fmt: skip
        connection.executemany(f"INSERT INTO t VALUES ({marks})", flat)
    connection.close()
    return path


def _table(form, rows, folder):
    """Return the rows in one form."""
    table = pa.table(_columns(rows))
    if form == "parquet":
        pq.write_table(table, folder / "t.parquet")
        return folder / "t.parquet"
    if form == "arrow":
        feather.write_feather(table, folder / "t.arrow")
        return folder / "t.arrow"
    if form == "gzip":
        import gzip

        path = folder / "t.csv.gz"
        path.write_bytes(gzip.compress(_write_csv(folder / "u.csv", rows).read_bytes()))
        return path
    if form == "pandas":
        return pytest.importorskip("pandas").DataFrame(_columns(rows))
    if form == "pandas-objects":
        return pytest.importorskip("pandas").DataFrame(_columns(rows), dtype=object)
    return {
        "csv": lambda: _write_csv(folder / "t.csv", rows),
        "semicolon": lambda: _write_csv(folder / "s.csv", rows, ";"),
        "utf-16": lambda: _write_csv(folder / "w.csv", rows, "\t", "utf-16"),
        "jsonl": lambda: _json_lines(folder / "t.jsonl", rows),
        "dicts": lambda: rows,
        "columns": lambda: _columns(rows),
        "sqlite": lambda: _sqlite(folder / "t.sqlite", rows),
        "polars": lambda: pytest.importorskip("polars").DataFrame(_columns(rows)),
        "query": lambda: open_source(table, sql="SELECT * FROM rows"),
        "query-csv": lambda: open_source(_write_csv(folder / "q.csv", rows), sql="SELECT * FROM rows"),
    }[form]()


@pytest.fixture(scope="module")
def expected():
    return _seen(open_source(_rows()))


def _seen(source):
    """Return what the schema says and what each value means in its column."""
    schema, profile = infer_schema(source, target="price")
    (batch,) = source.batches()
    found = {}
    for column in schema.columns:
        array = batch.column(column.name)
        codes, texts = to_codes(array, column)
        numbers = to_moments(array, column) if column.form == "datetime" else to_numbers(array, column)
        found[column.name] = (column.kind, column.form, [texts[code] for code in codes], texts, numbers)
    missing = {c.name: (c.missing, c.unreadable, c.distinct, c.minimum, c.maximum) for c in profile.columns}
    return found, missing, schema.target.task


def test_the_rows_are_what_they_should_be(expected):
    found, _, task = expected
    assert task == "regression"
    assert {name: (kind, form) for name, (kind, form, *_) in found.items()} == {
        "count": ("numeric", "number"),
        "big": ("numeric", "number"),
        "size": ("numeric", "number"),
        "whole": ("numeric", "number"),
        "city": ("categorical", "text"),
        "zip": ("categorical", "text"),
        "flag": ("boolean", "boolean"),
        "day": ("datetime", "datetime"),
        "when": ("datetime", "datetime"),
        "code": ("identifier", "text"),
        "same": ("constant", "number"),
    }


@pytest.mark.parametrize("form", FORMS)
def test_every_form_means_the_same(form, expected, tmp_path):
    found, missing, task = _seen(open_source(_table(form, _rows(), tmp_path)))
    wanted, wanted_missing, wanted_task = expected
    assert task == wanted_task
    assert list(found) == list(wanted)
    for name, (kind, kind_form, texts, order, numbers) in wanted.items():
        assert found[name][:2] == (kind, kind_form), name
        assert found[name][2] == texts, name
        assert found[name][3] == order, name
        np.testing.assert_array_equal(found[name][4][0], numbers[0], err_msg=name)
        assert (found[name][4][1] is None) == (numbers[1] is None), name
    assert missing == wanted_missing


@pytest.mark.parametrize("form", ["csv", "parquet", "pandas", "polars", "jsonl"])
def test_one_row_at_a_time_means_the_same_as_all_rows(form, tmp_path):
    """The serving path: Python values of one row, as JSON brings them."""
    rows = _rows()[:50]
    source = open_source(_table(form, rows, tmp_path))
    schema, _ = infer_schema(open_source(_rows()), target="price")
    (batch,) = source.batches()
    for column in schema.columns:
        whole = to_codes(batch.column(column.name), column)
        values = [
            value.isoformat() if isinstance(value := row[column.name], dt.date) else value for row in rows
        ]
        alone = to_codes(values, column)
        assert whole[1] == alone[1]
        np.testing.assert_array_equal(whole[0], alone[0])
        np.testing.assert_array_equal(
            to_numbers(batch.column(column.name), column)[0], to_numbers(values, column)[0]
        )
