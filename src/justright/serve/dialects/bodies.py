"""JSON of a request: what every dialect refuses, and how a body that a fast decoder refused is read.

A body is first given to a msgspec decoder that knows the good form. Only where that refuses comes
`parse`, which takes the token NaN, and says in a sentence what is wrong.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import numpy as np

from justright.errors import RowError, TableError
from justright.serve.dialects.faults import Beyond, Doubled, is_lone, refusal
from justright.serve.exchange import TooManyRowsError

__all__ = ["DEEPEST", "encode", "first_twice", "kind_of", "no_key_twice", "parse", "plain_text"]

DEEPEST: Final = 32
"""Deepest nesting of lists and objects in a body."""

_ANY: Final = msgspec.json.Decoder()
# Also one without an end, and without stepping back: else a body of escaped quotes takes forever.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_ROW_LEVEL: Final = 3  # {"instances": [row, ...]}
_DIGITS: Final = 310  # no whole number of more is within the range of a double
_LOOSE: Final = re.compile(rb'"[ \t\r\n]+:')


def encode(value: Any) -> bytes:
    """Return JSON values as compact UTF-8.

    Examples
    --------
    >>> encode({"predictions": [1.5, None]})
    b'{"predictions":[1.5,null]}'
    """
    return msgspec.json.encode(value)


def plain_text(sentence: str) -> str:
    """Return text that UTF-8 can hold: lone surrogates are escaped."""
    return sentence.encode("utf-8", "backslashreplace").decode("utf-8")


def kind_of(value: Any) -> str:
    """Name the kind of a JSON value.

    Examples
    --------
    >>> kind_of([1])
    'a list'
    """
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def no_key_twice(body: bytes, known: int) -> bool:
    """Return whether it is sure that no object in a body holds a key twice.

    Parameters
    ----------
    body : bytes
        JSON that a decoder has accepted.
    known : int
        So many different keys, or more, are in it.

    Returns
    -------
    bool
        False where `parse` must look more closely, also when a text holds a colon after a quote.

    Notes
    -----
    Every key is followed by a colon, so as many colons as different keys mean that none came twice:
    half a microsecond for one row, where keeping all pairs takes thirty.
    """
    colons = body.count(b":")
    if colons == known:
        return True
    try:
        keys = _keys(_ANY.decode(body))
    except (ValueError, RecursionError):
        return False  # what the first decoder skipped is no JSON
    if colons == keys:
        return True
    # Times of the day have colons as well, yet none after a quote.
    return body.count(b'":') == keys and _LOOSE.search(body) is None


def first_twice(names: Iterable[str]) -> str:
    """Return the first name that came before, empty where there is none.

    Examples
    --------
    >>> first_twice(["a", "b", "a"])
    'a'
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""


def parse(body: bytes, most_rows: int = 65_536) -> Any:
    """Return the value of a body.

    Parameters
    ----------
    body : bytes
        JSON in UTF-8. The token NaN, which is not JSON but which some clients send, becomes None.
    most_rows : int, default 65,536
        More are refused, before anything is made of them.

    Raises
    ------
    TableError
        Not JSON, or nested deeper than `DEEPEST`.
    TooManyRowsError
        More lists and objects at the level of rows than `most_rows`.
    TableError, RowError
        Infinity or a number beyond the range of a double, text that UTF-8 cannot hold, a key twice in one
        object; with the row and the column where it stands in a row.

    Examples
    --------
    >>> parse(b'{"instances": [NaN, 1e3]}')
    {'instances': [None, 1000.0]}
    """
    depth, rows = _depth(body)
    if depth > DEEPEST:
        raise TableError(f"a body nested {depth} deep", allowed=f"at most {DEEPEST}, of plain values")
    if rows > most_rows:
        raise TooManyRowsError(
            f"{rows} rows", allowed=f"at most {most_rows} at once", next_step="send fewer rows"
        )
    wrong: list[Doubled | Beyond] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) == len(items):
            return found
        twice = Doubled(found)
        twice.key = first_twice(key for key, _ in items)
        wrong.append(twice)
        return twice

    def beyond(text: str) -> Beyond:
        found = Beyond(math.inf)
        found.text = text
        wrong.append(found)
        return found

    def number(text: str) -> float:
        found = float(text)
        return beyond(text) if math.isinf(found) else found

    try:
        text = body.decode("utf-8")
        value = json.loads(
            text,
            parse_constant=lambda name: None if name == "NaN" else beyond(name),
            parse_float=number,
            parse_int=lambda digits: int(digits) if len(digits) < _DIGITS else beyond(digits),
            object_pairs_hook=pairs,
        )
    except (ValueError, RecursionError) as error:
        raise TableError(f"a body that is not JSON: {error!s:.120}", allowed="JSON in UTF-8") from error
    if wrong:
        raise _refused(value, wrong[0])
    if "\\u" in text:
        _refuse_lone(value)
    return value


def _refused(value: Any, first: Doubled | Beyond) -> TableError | RowError:
    """Return the error for a key that came twice, or a number beyond the range of a double."""
    if isinstance(first, Doubled):
        received, allowed = f"the key {first.key!r:.60} twice in one object", "each key once"
    else:
        received, allowed = f"the number {first.text:.40}", "finite numbers, up to 1.8e308"
    return refusal(value, received, allowed, lambda part: part is first)


def _refuse_lone(value: Any) -> None:
    """Refuse lone surrogates: the parser lets them through; they could not be hashed or sent back."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        received = f"a text with the lone surrogate {error.object[error.start]!a}"
        raise refusal(value, received, "text that UTF-8 can hold", is_lone) from error


def _depth(body: bytes) -> tuple[int, int]:
    """Return how deep lists and objects are nested, and how many begin at the third level; not in texts."""
    if body.count(b"[") + body.count(b"{") <= DEEPEST:
        return 0, 0
    signs = np.frombuffer(_STRING.sub(b"", body), np.uint8)
    opens = (signs == ord("[")) | (signs == ord("{"))
    steps = opens.astype(np.int8)
    steps -= (signs == ord("]")) | (signs == ord("}"))
    depths = steps.cumsum(dtype=np.int64)
    return int(depths.max(initial=0)), int(np.count_nonzero(opens & (depths == _ROW_LEVEL)))


def _keys(value: Any) -> int:
    """Count the keys of all objects in a value."""
    if isinstance(value, Mapping):
        return len(value) + sum(_keys(part) for part in value.values() if type(part) in (dict, list))
    if isinstance(value, list):
        return sum(_keys(part) for part in value if type(part) in (dict, list))
    return 0
