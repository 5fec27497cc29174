"""Where in a parsed body something stands that no model can be given: its row and its column.

A parser knows only the character. So what is wrong is left in the value, marked, and looked for afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from justright.errors import RowError, TableError

__all__ = ["Beyond", "Doubled", "is_lone", "refusal"]

_ROWS: Final = ("instances", "examples", "dataframe_records")

Path: TypeAlias = tuple[str | int, ...]


class Doubled(dict[str, Any]):
    """An object that held a key twice, which it names."""

    key = ""


class Beyond(float):
    """A number beyond the range of a double, with the text that it was."""

    text = ""


def is_lone(value: Any) -> bool:
    """Return whether a value is a text with a surrogate that is alone, or an object with such a key.

    Examples
    --------
    >>> is_lone("\\ud800"), is_lone("a"), is_lone({"\\udfff": 1})
    (True, False, True)
    """
    texts = value if isinstance(value, dict) else (value,)
    return any(isinstance(text, str) and not text.isascii() and _is_lone(text) for text in texts)


def refusal(value: Any, received: str, allowed: str, wrong: Callable[[Any], bool]) -> TableError | RowError:
    """Return the error for the first part of a value that is wrong, with its row and column if it has them.

    Parameters
    ----------
    value : object
        A parsed body of any of the protocols.
    received, allowed : str
        For the sentence.
    wrong : callable
        Says of a part whether it is what is looked for.

    Examples
    --------
    >>> print(refusal({"instances": [{"x": 1}, {"x": "?"}]}, "a mark", "none", lambda part: part == "?"))
    received a mark (in row 1, column 'x'); allowed: none.
    """
    where = next((_named(value, path) for path, part in _parts(value, ()) if wrong(part)), "")
    if where:
        return RowError(received, allowed=allowed, where=where)
    return TableError(received, allowed=allowed)


def _parts(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Give every part of a value with the way to it."""
    yield path, value
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _parts(part, (*path, key))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _parts(part, (*path, number))


def _named(value: Any, path: Path) -> str:
    """Return row and column of a place, as far as it lies in rows; else an empty text."""
    match path:
        case (str(key), int(row), *rest) if key in _ROWS:
            column = rest[0] if rest and isinstance(rest[0], str) else ""
        case ("inputs", int(place), "data", int(row), *_):
            name = value["inputs"][place].get("name")
            column = name if isinstance(name, str) else ""
        case ("inputs", int(row), *_):
            column = ""
        case ("dataframe_split", "data", int(row), *rest):
            names = value["dataframe_split"].get("columns")
            at = rest[0] if rest else None
            known = isinstance(names, list) and isinstance(at, int) and at < len(names)
            column = names[at] if known and isinstance(names[at], str) else ""
        case ("inputs", str(column), int(row), *_):
            pass
        case _:
            return ""
    return f"row {row}, column {column!r:.60}" if column else f"row {row}"


def _is_lone(text: str) -> bool:
    """Return whether UTF-8 cannot hold a text."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False
