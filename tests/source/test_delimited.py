import csv
import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from justright.errors import TableError
from justright.schema import BLOCK_ROWS
from justright.source import dialect, open_source
from justright.source.delimited import DelimitedSource


def test_everything_is_text_and_empty_is_null(write, read):
    source = open_source(write('id,flag,x,note\n007,true,1.50,"a, b"\n010,,,""\n'))
    assert read(source) == {
        "id": ["007", "010"],
        "flag": ["true", None],
        "x": ["1.50", None],
        "note": ["a, b", None],
    }
    assert source.rows is None
    assert source.description == {
        "format": "CSV",
        "typed": False,
        "paths": [str(source._path)],
        "separator": ",",
        "encoding": "utf-8",
        "quoting": '"',
        "decimal": ".",
        "compression": "none",
    }


def test_ragged_lines_are_skipped_and_named(write, read):
    text = 'a,b\n1,2\n3\n\n"x\ny",4\n5,6,7\n8,9\n'
    source = open_source(write(text))
    assert source.problems == ()
    assert read(source) == {"a": ["1", "x\ny", "8"], "b": ["2", "4", "9"]}
    assert source.n_problems == 2
    assert [(bad.line, bad.reason, bad.text) for bad in source.problems] == [
        (3, "1 field where the header has 2", "3"),
        (7, "3 fields where the header has 2", "5,6,7"),
    ]
    assert [place.number for place in source.locate([0, 1, 2])] == [2, 5, 8]
    assert [place.number for place in source.locate([2, 0])] == [8, 2]


def test_lines_that_are_no_utf8_are_skipped_and_named(write, read, monkeypatch):
    # Between the probes, after the first block: the reader meets it in the middle of the stream.
    monkeypatch.setattr(dialect, "_probes", lambda path: [])
    rows = 400_000
    body = b"a,b\n" + b"1,2\n" * rows + b"3\n8,\xff\n9,10\n\xfe,1\n11,12\n"
    source = open_source(write(body))
    found = read(source)
    assert len(found["a"]) == rows + 2
    assert found["a"][-2:] == ["9", "11"]
    assert [(bad.line, bad.reason) for bad in source.problems] == [
        (rows + 2, "1 field where the header has 2"),
        (rows + 3, "text that is not UTF-8"),
        (rows + 5, "text that is not UTF-8"),
    ]
    assert source.problems[1].text == "b=b'\\xff'"
    assert [place.number for place in source.locate([rows - 1, rows, rows + 1])] == [
        rows + 1,
        rows + 4,
        rows + 6,
    ]


def test_a_row_is_named_while_the_stream_still_runs(write):
    text = "a,b\n1,2\n3\n4,5\n" + "6,7\n" * 400_000 + "8\n"
    source = open_source(write(text))
    stream = source.batches()
    next(stream)
    assert [place.number for place in source.locate([0, 1])] == [2, 4]
    assert source.n_problems == 0


def test_the_list_of_problems_is_capped_and_the_count_is_not(write, read):
    source = open_source(write("a,b\n" + "1,2\n" * 3000 + "1\n" * 1500))
    read(source)
    assert source.n_problems == 1500
    assert len(source.problems) == 1000
    assert source.problems[-1].line == 4001


def test_batches_are_small_and_stream(write):
    source = open_source(write("a,b\n" + "1,x\n" * (2 * BLOCK_ROWS + 7)))
    sizes = [batch.num_rows for batch in source.batches()]
    assert sum(sizes) == 2 * BLOCK_ROWS + 7
    assert max(sizes) <= BLOCK_ROWS
    first = next(iter(source.batches(["b"])))
    assert first.schema.names == ["b"]


def test_two_passes_at_once_do_not_mix(write):
    source = open_source(write("a,b\n" + "".join(f"{i},x\n" for i in range(70_000))))
    one, two = source.batches(), source.batches()
    assert next(one).column(0)[0].as_py() == next(two).column(0)[0].as_py() == "0"
    assert sum(b.num_rows for b in one) == sum(b.num_rows for b in two)


def test_a_column_that_turns_to_words_late_is_read(write, read):
    source = open_source(write("a,b\n" + "1,2\n" * 300_000 + "x,y\n"))
    assert read(source)["a"][-1] == "x"


@pytest.mark.parametrize("text", ['a,b\n1,2\n3,"x\n5,6\n7,8\n', 'a,b\n1,2\n3,"x\ny",4\n5,"z\n'])
def test_a_quote_that_is_never_closed(write, text):
    with pytest.raises(TableError, match="never closed|1 field"):
        source = open_source(write(text))
        list(source.batches())
        raise TableError(source.problems[-1].reason)


def test_an_unclosed_quote_in_another_column_is_said(write, read):
    source = open_source(write('a,b\n1,2\n"3,4\n5,6\n7,8\n'))
    read(source)
    assert source.problems[0].reason.startswith("1 field over 3 lines (a quoting mark that is not closed?)")


def test_a_line_beyond_all_measure(write):
    source = open_source(write(b'a,b\n1,2\n"' + b"x" * (40 << 20) + b'",4\n' + b"5,6\n" * 10))
    with pytest.raises(TableError, match="a line of more than 16 MiB"):
        list(source.batches())


def test_no_row_fits_the_header(write):
    source = open_source(write("a b,c d\n1 2 3\n4 5 6\n"))
    with pytest.raises(TableError, match=r"no row with the 2 fields of the header, 2 with others"):
        list(source.batches())


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(write, read, end):
    assert read(open_source(write(end.join(["a|b", "1|2", "3|4"])))) == {"a": ["1", "3"], "b": ["2", "4"]}


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\ufeff"), max_size=6)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=8), st.sampled_from([",", ";", "\t", "|"]))
def test_agrees_with_a_plain_reader(tmp_path_factory, rows, separator):
    """Whatever Python's csv writes is read back, given the dialect (its search has its own tests)."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("name one", "name two", "name three"), *rows])
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    path.write_bytes(text.getvalue().encode())
    source = DelimitedSource(path)
    source._dialect = dialect.Dialect(
        separator, '"', "utf-8", "", ".", ("name one", "name two", "name three"), 1, 40.0
    )
    source.names = source._dialect.names
    found = [tuple(row.values()) for batch in source.batches() for row in batch.to_pylist()]
    assert found == [tuple(cell or None for cell in row) for row in rows]


@settings(deadline=None, max_examples=150)
@given(st.binary(max_size=400))
def test_any_bytes_are_a_table_or_a_clear_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("fuzz") / "t.csv"
    path.write_bytes(data)
    try:
        source = open_source(path)
        n_rows = sum(batch.num_rows for batch in source.batches())
        assert n_rows
        source.locate(range(n_rows))
    except TableError as error:
        assert "t.csv" in str(error)


def test_scrambled_tables_are_a_table_or_a_clear_error(write):
    random.seed(3)
    good = b"a,b,c\n" + b'1,"x, y",2024-01-31\n' * 50
    for i in range(300):
        data = bytearray(good)
        for _ in range(random.randint(1, 4)):
            data[random.randrange(len(data))] = random.choice(b'",\n\r;\x00\xff\x81 9')
        path = write(bytes(data), f"s{i}.csv")
        try:
            source = open_source(path)
            assert all(batch.num_columns == len(source.names) for batch in source.batches())
        except TableError as error:
            assert f"s{i}.csv" in str(error)
