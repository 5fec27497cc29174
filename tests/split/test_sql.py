"""The SQL of a split, run with DuckDB where FARM_FINGERPRINT is ours, gives the parts that Python gives."""

import datetime as dt
import re

import numpy as np
import pyarrow as pa
import pytest

from justright.errors import RecipeError
from justright.schema import Column
from justright.split import farm_fingerprint, key_fingerprints, part_of, split_sql
from justright.values import to_codes

duckdb = pytest.importorskip("duckdb")
NAMES = ("train", "validation", "test")
ROWS = 3000


def moment_text(form, moment):
    """FORMAT_DATETIME for the formats that are used."""
    return moment.strftime(form.replace("%E6S", "%S.%f"))


@pytest.fixture(scope="module")
def database():
    """DuckDB with the functions of BigQuery that differ."""
    with duckdb.connect() as connection:
        # Unsigned, so that >> fills with zeros as BigQuery's does on INT64.
        connection.create_function(
            "FARM_FINGERPRINT",
            lambda texts: pa.array(farm_fingerprint(texts).view(np.uint64)),
            ["VARCHAR"],
            "UBIGINT",
            type="arrow",
        )
        connection.create_function("FORMAT_DATETIME", moment_text, ["VARCHAR", "TIMESTAMP"], "VARCHAR")
        yield connection


def run(connection, table, sql):
    """Execute GoogleSQL after renaming what DuckDB calls otherwise."""
    sql = sql.replace("`", '"').replace("EXCEPT (", "EXCLUDE (").replace("AS DATETIME", "AS TIMESTAMP")
    sql = re.sub(r"EXTRACT\(TIME FROM (.+?\))\)", r"CAST(\1 AS TIME)", sql)
    sql = re.sub(r"EXTRACT\(MICROSECOND FROM (.+?\))\)", r"(EXTRACT(MICROSECOND FROM \1) % 1000000)", sql)
    sql = sql.replace("\\'", "''")
    connection.register("rows", table)
    return connection.sql(sql).to_arrow_table()


def wanted(table, by, columns, shares, salt, sample):
    coded = [to_codes(table.column(name), columns[name]) for name in by]
    part = part_of(key_fingerprints(coded, salt), shares, sample)
    keep = part >= 0
    names = np.array(NAMES)[part[keep]]
    return dict(zip(np.asarray(table.column("row"))[keep].tolist(), names.tolist(), strict=True))


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(5)
    towns = np.array(["Paris", " Lyon ", "N\u00eemes", "", "?", "a|b", "O'Hara"])[rng.integers(0, 7, ROWS)]
    seconds = rng.choice([0.0, 86400.0, 3600.5, 12.000001], ROWS) + 86400.0 * rng.integers(0, 400, ROWS)
    micro = np.round(seconds * 1e6).astype("datetime64[us]")
    return pa.table(
        {
            "row": np.arange(ROWS),
            "customer": pa.array(rng.integers(-50, 400, ROWS), mask=rng.random(ROWS) < 0.05),
            "town": pa.array(towns, mask=rng.random(ROWS) < 0.05),
            "member": pa.array(rng.random(ROWS) < 0.5, mask=rng.random(ROWS) < 0.05),
            "day": pa.array([dt.date(2020, 1, 1) + dt.timedelta(int(d)) for d in rng.integers(0, 999, ROWS)]),
            "at": pa.array(micro, mask=rng.random(ROWS) < 0.05),
            # Never whole: DuckDB writes 12.0 where BigQuery and we write 12.
            "price": pa.array((2 * rng.integers(0, 9999, ROWS) + 1) / 200, mask=rng.random(ROWS) < 0.05),
        }
    )


COLUMNS = {
    "row": Column("row", "identifier", "number"),
    "customer": Column("customer", "identifier", "number"),
    "town": Column("town", "categorical", "text"),
    "member": Column("member", "boolean", "boolean"),
    "day": Column("day", "datetime", "datetime"),
    "at": Column("at", "datetime", "datetime"),
    "price": Column("price", "numeric", "number"),
}


@pytest.mark.parametrize("shares", ["80/10/10", "60/40", "100"])
@pytest.mark.parametrize(("salt", "sample"), [("", 1.0), ("it's", 1.0), ("b", 0.3)])
@pytest.mark.parametrize("by", [("customer",), ("town", "member"), ("customer", "town", "day", "price")])
def test_parts_equal_those_of_python(database, table, by, shares, salt, sample):
    sql = split_sql("rows", by, shares, salt, sample)
    got = run(database, table, sql)
    assert dict(zip(got["row"].to_pylist(), got["part"].to_pylist(), strict=True)) == wanted(
        table, by, COLUMNS, shares, salt, sample
    )


@pytest.mark.parametrize("zone", ["", "UTC"])
def test_columns_say_how_moments_and_missing_marks_are_written(database, table, zone):
    columns = COLUMNS | {
        "at": Column("at", "datetime", "datetime", zone=zone),
        "town": Column("town", "categorical", "text", missing=("?", "O'Hara")),
    }
    by = ("at", "town", "price", "day")
    got = run(database, table, split_sql("rows", by, columns=columns))
    parts = dict(zip(got["row"].to_pylist(), got["part"].to_pylist(), strict=True))
    assert parts == wanted(table, by, columns, "80/10/10", "", 1.0)


def test_other_columns_are_kept(database, table):
    got = run(database, table, split_sql("rows", ["customer"]))
    assert got.column_names == [*table.column_names, "part"]


@pytest.mark.parametrize("name", ["", "a`b", "a\\b", "a\nb"])
def test_names_that_cannot_be_quoted(name):
    with pytest.raises(RecipeError, match="backtick"):
        split_sql(name, ["a"])
    with pytest.raises(RecipeError, match="backtick"):
        split_sql("t", [name])


def test_texts_are_escaped():
    assert r"CONCAT(IFNULL(TRIM(CAST(`a` AS STRING)), ''), '|it\'s\\\n')" in split_sql(
        "t", ["a"], salt="it's\\\n"
    )


def test_errors():
    with pytest.raises(RecipeError, match="no key column"):
        split_sql("t", [])
    with pytest.raises(RecipeError, match="4 parts"):
        split_sql("t", ["a"], "1/1/1/1")
