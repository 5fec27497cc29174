"""What a column of numbers is: a quantity, unless a counter, a name or its storage says otherwise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from justright.kinds.dates import date_format
from justright.kinds.evidence import ID_NAMES, Evidence, name_words
from justright.kinds.verdict import Guess, one_value, shown, values_counted

__all__ = ["of_numbers"]

_CODE_NAMES: Final = frozenset({"code", "zip", "zipcode", "postcode", "postal", "category", "region", "type"})
_DATE_NAMES: Final = frozenset({"date", "day", "dt", "time", "datetime", "timestamp"})
_STAND_INS: Final = (-9999.0, -999.0, -99.0, 999.0, 9999.0, 99999.0)
# A rule that needs a table to be convincing does not speak on fewer rows.
_FEW_ROWS: Final = 50
_FEW_VALUES: Final = 12
_STORED_CODES: Final = 50


def of_numbers(seen: Evidence, *, decimal: str = ".", notes: Sequence[str] = ()) -> Guess:
    """Return what a column of numbers is, stored as numbers or as text.

    Parameters
    ----------
    seen : Evidence
        Its tally has read the numbers.
    decimal : str
        Decimal mark of numbers stored as text.
    notes : sequence of str
        What is already to be said.

    Returns
    -------
    Guess
        numeric, or identifier (row counters, ids by name), categorical (codes by name, integers stored
        as text), datetime (20240131 in a column named as a date), constant.
    """
    numbers = seen.tally.numbers
    assert numbers is not None
    said = [*notes, *_stand_in(seen)]
    one = one_value(seen, "number", decimal=decimal)
    if one is not None:
        return one
    special = _of_integers(seen, decimal, said) if seen.integers else None
    if special is not None:
        return special
    what = "integers" if seen.integers else "numbers"
    stored = " stored as text" if seen.is_text and seen.typed else ""
    comma = " with a decimal comma" if decimal == "," else ""
    span = f"{values_counted(seen)} from {shown(numbers.low)} to {shown(numbers.high)}"
    codes = ""
    if seen.integers and 2 < seen.distinct <= _FEW_VALUES:
        codes = f"; if they are codes: --kind {seen.name}=categorical"
    return Guess("numeric", "number", f"{what}{stored}{comma}, {span}{codes}", decimal, notes=said)


def _of_integers(seen: Evidence, decimal: str, said: list[str]) -> Guess | None:
    """Return what integers are when they are no quantity, None where they are one."""
    tally = seen.tally
    assert tally.numbers is not None
    words = name_words(seen.name)
    reason = _id_reason(seen, words)
    if reason:
        return Guess("identifier", "number", reason, decimal, notes=said)
    if words & _DATE_NAMES and tally.numbers.low >= 19000101:
        texts = [str(int(number)) for number in _read(seen.values[:500])]
        if date_format(texts, digits=True):
            return Guess(
                "datetime", "datetime", "eight digits: year, month, day", decimal, "%Y%m%d", notes=said
            )
    named = words & (_CODE_NAMES | ID_NAMES)
    if named and tally.rows >= _FEW_ROWS and tally.numbers.low >= 0:
        reason = f"integers with {values_counted(seen)} in a column named as a code ({min(named)})"
        return Guess("categorical", "number", reason, decimal, notes=said)
    stored = seen.is_text and seen.typed
    if stored and seen.distinct <= _STORED_CODES and seen.distinct * 20 <= seen.sampled:
        reason = f"integers stored as text with {values_counted(seen)}: codes, not quantities"
        return Guess("categorical", "number", reason, decimal, notes=said)
    return None


def _id_reason(seen: Evidence, words: frozenset[str]) -> str:
    """Return why a column of integers is an identifier, empty if it is none."""
    tally = seen.tally
    assert tally.numbers is not None
    low, high = tally.numbers.low, tally.numbers.high
    if tally.rows < _FEW_ROWS:
        return ""
    if seen.unique and tally.missing == 0 and high - low == tally.rows - 1:
        return f"a row counter: each integer from {shown(low)} to {shown(high)} once"
    named = words & ID_NAMES
    if named and seen.distinct * 2 > seen.sampled:
        many = f"{values_counted(seen)} in {tally.rows} rows"
        return f"integers, {many}, in a column named as an id ({min(named)})"
    return ""


def _read(values: Sequence[Any]) -> list[float]:
    """Return the values that are finite numbers: others are slips among them, or durations."""
    found = []
    for value in values:
        try:
            found.append(float(value))
        except (TypeError, ValueError):
            continue
    return [number for number in found if math.isfinite(number)]


def _stand_in(seen: Evidence) -> list[str]:
    """Note a number such as 999 that may stand for missing."""
    numbers = seen.tally.numbers
    assert numbers is not None
    for value, count in zip(seen.values[:3], seen.counts[:3], strict=True):
        number = next(iter(_read([value])), math.nan)
        if number in _STAND_INS and number in (numbers.low, numbers.high) and count >= 0.01 * seen.sampled:
            return [
                f"{shown(number)} stands in {count / seen.sampled:.0%} of the values and may mean missing"
            ]
    return []
