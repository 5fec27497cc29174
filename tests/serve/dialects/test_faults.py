"""What is wrong in a body is found where it stands, in every form of every protocol."""

from __future__ import annotations

import json

import pytest

from justright.errors import RowError, TableError
from justright.serve.dialects.bodies import parse

FORMS = {
    "row 1, column 'b'": [
        {"instances": [{"a": 1, "b": 2}, {"a": 3, "b": "?"}]},
        {"examples": [{"a": 1, "b": 2}, {"a": 3, "b": "?"}], "context": {}},
        {"dataframe_records": [{"a": 1, "b": 2}, {"a": 3, "b": "?"}]},
        {"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2], [3, "?"]]}},
        {"dataframe_split": {"data": [[1, 2], [3, "?"]], "columns": ["a", "b"]}},
        {"inputs": {"a": [1, 2], "b": [1, "?"]}},
        {"inputs": [{"name": "a", "data": [1, 2]}, {"name": "b", "data": [1, "?"]}]},
        {"inputs": [{"name": "b", "shape": [2, 1], "data": [[1], ["?"]]}]},
    ],
    "row 1": [
        {"instances": [[1, 2], [3, "?"]]},
        {"instances": [1, "?"]},
        {"dataframe_split": {"data": [[1, 2], [3, "?"]]}},
        {"dataframe_split": {"columns": ["a"], "data": [[1, 2], [3, "?"]]}},
        {"inputs": [[1, 2], [3, "?"]]},
        {"inputs": [{"data": [1]}, {"name": 3, "data": [1, "?"]}]},
    ],
}
PLACES = [(where, json.dumps(body)) for where, bodies in FORMS.items() for body in bodies]


@pytest.mark.parametrize(("where", "body"), PLACES)
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("1e400", "the number 1e400"),
        (r'"a\ud800"', "the lone surrogate"),
        ('{"k": 1, "k": 2}', "the key 'k' twice"),
    ],
)
def test_row_and_column_are_named(where, body, wrong, message):
    with pytest.raises(RowError, match=message) as caught:
        parse(body.replace('"?"', wrong).encode())
    assert caught.value.where == where


def test_what_stands_in_no_row_has_none():
    for body in (b'{"parameters": 1e400}', b"1e400", b'{"instances": 1e400}', b'[{"a": 1e400}]'):
        with pytest.raises(TableError, match="the number 1e400") as caught:
            parse(body)
        assert not caught.value.where


def test_a_key_that_is_a_lone_surrogate():
    with pytest.raises(RowError, match=r"lone surrogate .* \(in row 1\)"):
        parse(rb'{"instances": [{"a": 1}, {"a\ud800": 2}]}')
