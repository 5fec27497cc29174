"""Strict JSON: what our own encoder writes is read back equal, everything else is one clear error."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.bundle.strict_json import MAX_DEPTH, check_plain, decode, encode
from justright.errors import BundleError

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=("Cs",))), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(PLAIN)
def test_plain_values_survive_to_the_bit(value):
    check_plain(value, "value")
    back = decode(encode(value), object, where="f.json")
    assert repr(_ordered(back)) == repr(_ordered(value))


def _ordered(value):
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return [_ordered(item) for item in value] if isinstance(value, list) else value


@given(st.binary(max_size=60))
def test_any_bytes_give_a_value_or_a_bundle_error(data):
    try:
        decode(data, object, where="f.json")
    except BundleError as error:
        assert "f.json" in str(error)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[" * 1_000_000 + b"]" * 1_000_000, "1000000 nested"),
        (b'{"a":' * 1_000_000, "1000000 nested"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), f"{MAX_DEPTH + 1} nested"),
        (b'{"a":1,"b":{"c":1,"c":2}}', "the key 'c' twice"),
        (b'{"a":1,"\\u0061":2}', "the key 'a' twice"),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "-Infinity"),
        (b"[1e999]", "out of range"),
        (b'"\\ud800"', "does not parse"),
        (b'"\xff"', "does not parse"),
        (b"[1] 2", "does not parse"),
        (b"", "does not parse"),
        ('{"a":1}'.encode("utf-16"), "does not parse"),
        (b"\xef\xbb\xbf{}", "does not parse"),
        (b"9" * 5000, "does not parse"),
    ],
)
def test_hostile_json_is_refused(data, message):
    with pytest.raises(BundleError, match=message):
        decode(data, object, where="f.json")


def test_brackets_in_strings_are_no_depth():
    text = "[{" * 1000 + '\\"['
    assert decode(encode({text: [text]}), object, where="f") == {text: [text]}


def test_the_deepest_allowed_nesting_is_read():
    data = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert encode(decode(data, object, where="f")) == data


def test_types_are_checked():
    with pytest.raises(BundleError, match=r"Expected `int`.*model\.json"):
        decode(b'{"a":"1"}', dict[str, int], where="model.json")


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"a": [1, math.nan]}, r"front\.a\[1\]"),
        ({"a": math.inf}, r"front\.a"),
        ({1: 2}, "front"),
        ({"a": {"b": object()}}, r"front\.a\.b"),
        ({"a": 2**63}, r"front\.a"),
        ({"a": b"bytes"}, r"front\.a"),
    ],
)
def test_what_json_cannot_hold_is_refused_with_its_path(value, where):
    with pytest.raises(BundleError, match=where):
        check_plain(value, "front")


def test_a_list_that_contains_itself_is_refused():
    value: list = []
    value.append(value)
    with pytest.raises(BundleError, match="nested too deep"):
        check_plain(value, "front")
