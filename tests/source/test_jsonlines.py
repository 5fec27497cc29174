import gzip
import json

import pytest

from justright.errors import TableError
from justright.source import jsonlines, open_source


def _write(write, rows, name="t.jsonl"):
    return write("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), name)


def test_values_of_any_type_are_texts(write, read):
    rows = [
        {"n": 1, "s": "01", "b": True, "x": None, "o": {"k": [1, "\u00e9"]}},
        {"s": "\u00e9", "n": 2.5, "b": False, "o": None},
    ]
    source = open_source(_write(write, rows))
    assert source.description["typed"] is False
    assert read(source) == {
        "n": ["1", "2.5"],
        "s": ["01", "\u00e9"],
        "b": ["true", "false"],
        "x": [None, None],
        "o": ['{"k": [1, "\u00e9"]}', None],
    }


def test_broken_lines_are_skipped_and_named(write, read):
    text = '\n{"a": 1}\nnot json\n\n[1]\n{"a": NaN}\n"x"\n{"a": 3}\n'
    source = open_source(write(text, "t.ndjson"))
    assert read(source) == {"a": ["1", None, "3"]}
    assert source.n_problems == 3
    assert [(bad.line, bad.reason, bad.text) for bad in source.problems] == [
        (3, "no JSON object", "not json"),
        (5, "no JSON object", "[1]"),
        (7, "no JSON object", '"x"'),
    ]
    assert [place.number for place in source.locate([0, 1, 2])] == [2, 6, 8]


def test_keys_that_appear_late_are_left_out_and_said(write, read, monkeypatch):
    monkeypatch.setattr(jsonlines, "_HEAD_ROWS", 2)
    source = open_source(_write(write, [{"a": 1}, {"a": 2}, {"a": 3, "z": 1}]))
    assert read(source) == {"a": ["1", "2", "3"]}
    assert source.problems[0].line == 3
    assert "left out: z" in source.problems[0].reason


def test_a_list_of_objects(write, read):
    path = write(json.dumps([{"a": 1}, {"a": "x", "b": 2}], indent=2), "t.json")
    assert read(open_source(path)) == {"a": ["1", "x"], "b": [None, "2"]}
    one_line = write(json.dumps([{"a": 1}]), "u.json")
    assert read(open_source(one_line)) == {"a": ["1"]}


def test_compressed_and_cut_anywhere(write, read, monkeypatch):
    rows = [{"a": i, "b": "x" * (i % 50)} for i in range(500)]
    path = write(gzip.compress("\n".join(map(json.dumps, rows)).encode()), "t.jsonl.gz")
    whole = read(open_source(path))
    monkeypatch.setattr(jsonlines, "_CHUNK", 17)
    monkeypatch.setattr(jsonlines, "_BATCH_ROWS", 33)
    assert read(open_source(path)) == whole
    assert whole["a"] == [str(i) for i in range(500)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "without JSON objects"),
        ("hello\nworld\n", "without JSON objects"),
        ("[1, 2]", "item 1 of type int"),
        ('[{"a": 1}', "a broken JSON list"),
        ('{"": 1}', "a blank name"),
        ("[" * 100_000, "a broken JSON list"),
        ('{"a": ' + "[" * 100_000, "without JSON objects"),
    ],
)
def test_what_is_no_table(write, text, message):
    with pytest.raises(TableError, match=message):
        open_source(write(text, "t.jsonl"))
