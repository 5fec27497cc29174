"""Infinities in a column of numbers: the column stays one, and a target is refused."""

import math

import pyarrow as pa
import pytest

from justright.errors import ColumnError
from justright.kinds import infer_schema
from justright.kinds.infinite import refuse_infinite
from justright.schema import Column
from justright.source import open_source

WORDS = ["inf", "-inf", "Infinity", "1e400", "-INF", "+infinity"]
NUMBERS = [0.5 + 1.25 * i for i in range(60)]


def _table(folder, column, target=None):
    """Write a CSV of x and y."""
    target = target or [str(i % 7 + 0.5) for i in range(len(column))]
    lines = [f"{x},{y}\n" for x, y in zip(column, target, strict=True)]
    (folder / "t.csv").write_text("x,y\n" + "".join(lines))
    return open_source(folder / "t.csv")


@pytest.mark.parametrize("every", [2, 3, 20])
def test_a_column_stays_numeric_however_many_there_are(tmp_path, every):
    texts = [WORDS[i // every % 6] if i % every == 0 else str(x) for i, x in enumerate(NUMBERS)]
    count = len(range(0, 60, every))
    schema, profile = infer_schema(_table(tmp_path, texts), target="y")
    seen = profile.column("x")
    assert (schema.columns[0].kind, schema.columns[0].form) == ("numeric", "number")
    assert (seen.infinite, seen.unreadable, seen.missing, seen.distinct) == (count, 0, 0, 60 - count)
    assert seen.maximum == 0.5 + 1.25 * 59
    assert any(f"{count} infinite values" in note for note in seen.notes)


def test_words_beside_infinities_are_still_words(tmp_path):
    texts = [("inf", "sup", "max", "1.5", "2.5")[i % 5] for i in range(60)]
    schema, profile = infer_schema(_table(tmp_path, texts), target="y")
    assert (schema.columns[0].kind, profile.column("x").infinite) == ("categorical", 0)
    assert profile.column("x").distinct == 5


def test_a_column_of_nothing_else_has_nothing_to_say(tmp_path):
    texts = [WORDS[i % 6] for i in range(60)]
    for source in (
        open_source(pa.table({"x": [float(t) for t in texts], "z": NUMBERS, "y": NUMBERS})),
        open_source(pa.table({"x": texts, "z": NUMBERS, "y": NUMBERS})),
    ):
        schema, _ = infer_schema(source, target="y")
        column = schema.columns[0]
        assert (column.kind, column.reason) == ("constant", "no finite number in any row")


def test_one_number_beside_infinities_is_no_constant(tmp_path):
    schema, _ = infer_schema(_table(tmp_path, ["5", "inf"] * 30), target=None)
    assert schema.columns[0].kind == "numeric"


@pytest.mark.parametrize("name", ["day", "x"])
def test_days_as_integers_with_an_infinity(name):
    days = [20240101.0 + i for i in range(20)] + [math.inf, 20240101.0]
    schema, _ = infer_schema(open_source({name: days, "y": list(range(22))}), target="y")
    assert schema.columns[0].kind == ("datetime" if name == "day" else "numeric")


def test_a_target_is_refused_with_its_row(tmp_path):
    target = [str(x) for x in NUMBERS]
    target[17], target[40] = "-Infinity", "1e400"
    source = _table(tmp_path, NUMBERS, target)
    with pytest.raises(ColumnError, match="'y' with -Infinity, the first of 2 infinities in 60 rows") as told:
        infer_schema(source, target="y")
    assert str(told.value.where).endswith("t.csv line 19")
    # As a feature the same column is no obstacle.
    assert infer_schema(source, target="x")[0].columns[0].kind == "numeric"


def test_a_weight_is_refused_with_its_row():
    rows = {"x": NUMBERS, "y": NUMBERS[::-1], "w": [1.0] * 30 + [math.inf] + [1.0] * 29}
    with pytest.raises(ColumnError, match=r"weight='w' with inf \(in row 31\)"):
        infer_schema(open_source(rows), target="y", weight="w")


def test_the_row_is_found_in_a_later_batch(tmp_path):
    texts = ["1.5"] * 70_000 + ["inf"]
    source = _table(tmp_path, texts, texts)
    with pytest.raises(ColumnError, match="line 70002"):
        refuse_infinite(source, Column("x", "numeric", "number"), "target")
