"""JSON of a request: what is refused and why, and a key that came twice is never overlooked."""

import json
import math

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from justright.errors import JustrightError, RowError, TableError
from justright.serve.dialects.bodies import DEEPEST, encode, no_key_twice, parse, plain_text
from justright.serve.exchange import TooManyRowsError


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'["\\ud800"]', "the lone surrogate"),
        (b"[1e400]", "the number 1e400"),
        (b"[-1e400, NaN]", "the number -1e400"),
        (b"[" + b"9" * 5000 + b"]", "the number 99999"),
        (b"[1, -Infinity]", "the number -Infinity; allowed: finite numbers"),
        (b"[" * 33, "a body nested 33 deep"),
        (b"[" * 100_000, "a body nested 100000 deep"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' twice in one object"),
        (b'{"a": 1, "a": 1}', "the key 'a' twice"),
    ],
)
def test_what_no_dialect_takes(body, message):
    with pytest.raises(TableError, match=message):
        parse(body)


def test_a_doubled_key_names_its_row():
    with pytest.raises(RowError, match=r"the key 'x' twice in one object \(in row 1\)"):
        parse(b'{"instances": [{"x": 1}, {"x": 1, "y": 2, "x": NaN}]}')


def test_tokens_are_missing_and_brackets_in_texts_are_texts():
    assert parse(b'[NaN, "NaN", "Infinity", 1E2]') == [None, "NaN", "Infinity", 100.0]
    assert parse(json.dumps(["[" * 99, '\\"[' * 99]).encode()) == ["[" * 99, '\\"[' * 99]
    assert parse(b"[" * DEEPEST + b"]" * DEEPEST)


def test_more_rows_than_allowed_are_refused_before_they_are_made():
    for row in ("[]", "{}", '{"a": [1]}', '["]"]'):
        body = ('{"instances": [' + ", ".join([row] * 40) + "]}").encode()
        assert len(parse(body, 40)["instances"]) == 40
        with pytest.raises(TooManyRowsError, match="40 rows; allowed: at most 39 at once"):
            parse(body, 39)
    columns = {"inputs": {str(i): [1] * 100 for i in range(30)}}
    assert parse(json.dumps(columns).encode(), 30) == columns


def test_answers_are_json():
    assert encode({"a": None, "b": 0.1 + 0.2}) == b'{"a":null,"b":0.30000000000000004}'
    assert json.loads(encode(plain_text("lone \ud800"))) == "lone \\ud800"


TEXTS = st.text(st.sampled_from('ab":\\ {}[]'), max_size=4)
PLAIN = st.none() | st.integers(0, 9) | TEXTS
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=8
)
PAIRS = st.lists(st.tuples(TEXTS, VALUES), max_size=4)


@settings(deadline=None)
@given(PAIRS, st.sampled_from([":", ": ", " :", "\t :\n"]))
@example([("a", 1), ("b", "x"), ("a", '":')], ":")
def test_a_doubled_key_is_never_overlooked(pairs, colon):
    text = "{" + ",".join(json.dumps(k) + colon + json.dumps(v) for k, v in pairs) + "}"
    doubled = len({k for k, _ in pairs}) < len(pairs)
    if no_key_twice(text.encode(), 0):
        assert not doubled
    try:
        assert parse(text.encode()) == dict(pairs)
        assert not doubled
    except TableError as error:
        assert doubled and "twice" in str(error)


def test_bodies_without_odd_texts_need_no_closer_look():
    for value in ({"a": 1, "b": [{"c": "x"}]}, {"a": "12:30:00", "b": "http://x"}):
        assert no_key_twice(json.dumps(value).encode(), 0)
        assert no_key_twice(msgspec.json.encode(value), 0)
    assert no_key_twice(b'{"a" : 1}', 1)


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_our_error(body):
    try:
        value = parse(body)
    except JustrightError as error:
        assert encode(plain_text(str(error)))
        return
    assert not isinstance(value, float) or math.isfinite(value)
    encode(value)
