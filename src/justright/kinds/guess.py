"""What one column is, from its counts and its sample, with the reason in plain words.

The rules are conservative: a number stays a number unless there is evidence against it (a name, a
counter, text where the table has types). Every rule says in the reason what it went by.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from justright.kinds.dates import date_format
from justright.kinds.tally import MARKS, ColumnTally
from justright.schema import Column, Form, Kind

__all__ = ["Evidence", "Guess", "evidence", "guess"]

_ID_NAMES: Final = frozenset(
    {"id", "ids", "uuid", "guid", "nbr", "key", "pk", "rowid", "idx", "index", "serial"}
)
_CODE_NAMES: Final = frozenset(
    {"code", "zip", "zipcode", "postcode", "postal", "category", "region", "type", "cluster"}
)
_DATE_NAMES: Final = frozenset({"date", "day", "dt", "time", "datetime", "timestamp"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ZERO = re.compile(r"0[0-9]+\Z")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?\Z")
_BOOLEANS: Final = (frozenset({"true", "false"}), frozenset({"t", "f"}))
_STAND_INS: Final = (-9999.0, -999.0, -99.0, 999.0, 9999.0, 99999.0)
# A rule that needs a table to be convincing does not speak on fewer rows.
_FEW_ROWS: Final = 50
_READABLE: Final = 0.95
_DATES_LOOKED_AT: Final = 500


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a column's rules look at.

    Parameters
    ----------
    tally : ColumnTally
        Counts over all rows.
    values : list
        Distinct values of the sample without missing ones, most frequent first; texts stripped.
    counts : list of int
        How often each stands in the sample.
    whole : bool
        The sample is the table.
    typed : bool
        The source has types, so a number stored as text was stored so on purpose.
    """

    tally: ColumnTally
    values: list[Any]
    counts: list[int]
    whole: bool
    typed: bool

    @property
    def name(self) -> str:
        """Name of the column."""
        return self.tally.name

    @property
    def distinct(self) -> int:
        """Distinct values of the sample."""
        return len(self.values)

    @property
    def sampled(self) -> int:
        """Rows of the sample that have a value."""
        return sum(self.counts)

    @property
    def unique(self) -> bool:
        """No value of the sample stands twice."""
        return self.distinct == self.sampled

    @property
    def is_text(self) -> bool:
        """The values are texts."""
        return bool(pa.types.is_string(self.tally.type))


@dataclass(frozen=True, slots=True)
class Guess:
    """What a column is taken to be.

    Parameters
    ----------
    kind, form, reason : str
        As in `Column`.
    decimal, format, zone : str
        As in `Column`.
    notes : list of str
        For the profile.
    """

    kind: Kind
    form: Form
    reason: str
    decimal: str = "."
    format: str = ""
    zone: str = ""
    notes: list[str] = field(default_factory=list)


def evidence(tally: ColumnTally, sample: pa.ChunkedArray[Any], *, whole: bool, typed: bool) -> Evidence:
    """Gather what the rules look at.

    Parameters
    ----------
    tally : ColumnTally
        Counts over all rows.
    sample : pyarrow.ChunkedArray
        The column's values in the sample.
    whole : bool
        The sample is the table.
    typed : bool
        The source has types.

    Returns
    -------
    Evidence
    """
    array = sample.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_nested(array.type):
        array = pa.array([None if v is None else str(v) for v in array.to_pylist()], pa.string())
    if array.type in (pa.string_view(), pa.binary(), pa.large_binary(), pa.large_string()):
        array = pc.cast(array, pa.string())
    counted = pc.value_counts(array)
    counts = counted.field("counts").to_numpy(zero_copy_only=False)
    order = np.argsort(-counts, kind="stable")
    found: dict[Any, int] = {}
    is_text = pa.types.is_string(array.type)
    for value, count in zip(
        counted.field("values").take(pa.array(order)).to_pylist(), counts[order], strict=True
    ):
        value = value.strip() if is_text and value is not None else value
        if value is None or value != value or (is_text and (not value or value in MARKS)):
            continue
        found[value] = found.get(value, 0) + int(count)
    return Evidence(tally, list(found), list(found.values()), whole, typed)


def guess(seen: Evidence) -> Guess:
    """Return what a column is.

    Parameters
    ----------
    seen : Evidence
        What there is to go by.

    Returns
    -------
    Guess
    """
    tally = seen.tally
    if tally.present == 0 or not seen.values:
        return Guess("constant", "text", "no value in any row")
    kind = tally.type
    if pa.types.is_boolean(kind):
        return _of_one_value(seen, "boolean") or Guess("boolean", "boolean", "true and false")
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        zone = str(kind.tz or "") if pa.types.is_timestamp(kind) else ""
        return _of_one_value(seen, "datetime", zone=zone) or Guess(
            "datetime", "datetime", f"dates of type {kind}", zone=zone
        )
    if seen.is_text:
        return _of_text(seen)
    if tally.numbers is not None and (
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    ):
        return _of_numbers(seen)
    return Guess("text", "text", f"values of type {kind}", notes=["nested values are read as their text"])


def name_words(name: str) -> frozenset[str]:
    """Return the words of a column's name in lower case.

    Examples
    --------
    >>> sorted(name_words("PassengerId")), sorted(name_words("zip_code"))
    (['id', 'passenger'], ['code', 'zip'])
    """
    return frozenset(word.lower() for word in _WORD.findall(name))


def _of_one_value(seen: Evidence, form: Form, **more: str) -> Guess | None:
    """Return the guess for a column with one value, None where there are more."""
    if seen.distinct > 1:
        return None
    tally = seen.tally
    shown = _shown(seen.values[0])
    if form == "number" and tally.numbers is not None and tally.numbers.low != tally.numbers.high:
        return None
    if seen.is_text and not tally.one_value:
        return None
    if tally.missing:
        return Guess(
            "categorical", form, f"one value, {shown}, in {tally.present} rows, missing in the others", **more
        )
    return Guess("constant", form, f"the same value, {shown}, in every row", **more)


def _of_numbers(seen: Evidence, *, decimal: str = ".", notes: Sequence[str] = ()) -> Guess:
    """Return the guess for a column of numbers, stored as such or as text."""
    tally = seen.tally
    numbers = tally.numbers
    assert numbers is not None
    said = [*notes, *_stand_in(seen)]
    one = _of_one_value(seen, "number", decimal=decimal)
    if one is not None:
        return one
    integers = _all_integers(seen)
    words = name_words(seen.name)
    stored = " stored as text" if seen.is_text and seen.typed else ""
    if integers:
        reason = _integer_id(seen, words)
        if reason:
            return Guess("identifier", "number", reason, decimal=decimal, notes=said)
        if words & _DATE_NAMES and numbers.low >= 19000101:
            texts = [str(int(float(v))) for v in seen.values[:_DATES_LOOKED_AT]]
            if date_format(texts, digits=True):
                return Guess(
                    "datetime", "datetime", "eight digits: year, month, day", format="%Y%m%d", notes=said
                )
        by_name = words & (_CODE_NAMES | _ID_NAMES)
        if by_name and tally.rows >= _FEW_ROWS and numbers.low >= 0:
            return Guess(
                "categorical", "number",
                f"integers{stored} with {_count(seen)} values in a column named as a code ({sorted(by_name)[0]})",
                decimal=decimal, notes=said,
            )  # fmt: skip
        if stored and seen.distinct <= 50 and seen.distinct * 20 <= seen.sampled:
            return Guess(
                "categorical", "number", f"integers stored as text with {_count(seen)} values: codes, not quantities",
                decimal=decimal, notes=said,
            )  # fmt: skip
    what = "integers" if integers else "numbers"
    comma = " with a decimal comma" if decimal == "," else ""
    return Guess(
        "numeric", "number",
        f"{what}{stored}{comma}, {_count(seen)} values from {_shown(numbers.low)} to {_shown(numbers.high)}",
        decimal=decimal, notes=said,
    )  # fmt: skip


def _integer_id(seen: Evidence, words: frozenset[str]) -> str:
    """Return why a column of integers is an identifier, empty if it is none."""
    tally = seen.tally
    assert tally.numbers is not None
    low, high = tally.numbers.low, tally.numbers.high
    if tally.rows < _FEW_ROWS:
        return ""
    if seen.unique and tally.missing == 0 and high - low == tally.rows - 1:
        return f"a row counter: each integer from {_shown(low)} to {_shown(high)} once"
    named = words & _ID_NAMES
    if named and seen.distinct * 2 > seen.sampled:
        return f"integers, {_count(seen)} values in {tally.rows} rows, in a column named as an id ({sorted(named)[0]})"
    return ""


def _of_text(seen: Evidence) -> Guess:
    """Return the guess for a column of text."""
    tally = seen.tally
    lower = {value.lower() for value in seen.values[:20]}
    if lower in _BOOLEANS and seen.distinct <= 4:
        return Guess("boolean", "boolean", f"only {' and '.join(sorted(lower))}")
    leading = _leading_zeros(seen)
    notes = list(_text_notes(seen))
    if leading and tally.numbers is not None:
        return _of_words(seen, [*notes, leading], because=f"; {leading}")
    numbers = tally.numbers
    if numbers is not None and numbers.n >= _READABLE * (numbers.n + tally.unreadable):
        if seen.typed:
            notes.append("numbers stored as text")
        return _of_numbers(seen, decimal=tally.trial.decimal, notes=notes)
    found = date_format(_spread(seen.values, _DATES_LOOKED_AT))
    if found is not None:
        return _of_dates(seen, *found, notes=notes)
    if numbers is not None:
        notes.append(f"{numbers.n} of {tally.present} values are numbers, too few for a column of numbers")
    return _of_words(seen, notes)


def _of_dates(seen: Evidence, format_: str, ambiguous: bool, *, notes: list[str]) -> Guess:
    """Return the guess for dates stored as text."""
    said = format_ or "ISO 8601"
    if ambiguous:
        notes = [*notes, f"day and month could be swapped: read as {said}; correct it with another format"]
    if (
        format_ == ""
        and all(re.search(r"\d(Z|z|[+-]\d{2}:?\d{2})\Z", v) for v in seen.values[:50])
        and any(":" in v for v in seen.values[:50])
    ):
        zone = "UTC"
    else:
        zone = ""
    one = _of_one_value(seen, "datetime", format=format_, zone=zone)
    if one is not None:
        return one
    return Guess(
        "datetime", "datetime", f"dates stored as text ({said})", format=format_, zone=zone, notes=notes
    )


def _of_words(seen: Evidence, notes: list[str], because: str = "") -> Guess:
    """Return the guess for text that is neither numbers nor dates."""
    one = _of_one_value(seen, "text")
    if one is not None:
        return one
    looked = _spread(seen.values, 2_000)
    words = sum(len(value.split()) for value in looked) / len(looked)
    length = sum(len(value) for value in looked) / len(looked)
    share = seen.distinct / seen.sampled
    if share > 0.5 and words >= 2.5 and seen.tally.rows >= 20:
        return Guess(
            "text",
            "text",
            f"{_count(seen)} values in {seen.tally.rows} rows, {words:.1f} words each",
            notes=notes,
        )
    if share >= 0.99 and seen.tally.present >= _FEW_ROWS:
        return Guess(
            "identifier", "text", f"text that differs in {share:.0%} of the rows: names a row", notes=notes
        )
    if share > 0.05 and length > 60 and words >= 6:
        return Guess("text", "text", f"long text, {words:.0f} words each", notes=notes)
    named = name_words(seen.name) & _ID_NAMES
    if named and share > 0.5 and seen.tally.rows >= _FEW_ROWS:
        return Guess(
            "identifier", "text",
            f"text, {_count(seen)} values in {seen.tally.rows} rows, in a column named as an id ({sorted(named)[0]})",
            notes=notes,
        )  # fmt: skip
    return Guess("categorical", "text", f"text with {_count(seen)} values{because}", notes=notes)


def _leading_zeros(seen: Evidence) -> str:
    """Return what leading zeros say, empty where there are none that matter."""
    if seen.tally.numbers is None:
        return ""
    pairs = list(zip(seen.values, seen.counts, strict=True))
    zeros = sum(count for value, count in pairs if _ZERO.match(value))
    if not zeros:
        return ""
    one_width = len({len(value) for value in seen.values}) == 1 and all(v.isdigit() for v in seen.values)
    if one_width or zeros >= 0.005 * seen.sampled:
        return f"leading zeros in {zeros / seen.sampled:.1%} of the values: codes, kept as text"
    return ""


def _text_notes(seen: Evidence) -> list[str]:
    """Return what else a reader of the profile should know of a text column."""
    notes = []
    if seen.values and all(_THOUSANDS.match(value) for value in seen.values[:200]):
        notes.append("numbers with thousands marks are not guessed; remove the marks to use them as numbers")
    if seen.tally.numbers is not None and seen.tally.unreadable:
        shown = ", ".join(repr(text) for text, _ in seen.tally.unreadable_seen.most_common(3))
        notes.append(f"{seen.tally.unreadable} values are not numbers: {shown}")
    return notes


def _stand_in(seen: Evidence) -> list[str]:
    """Note a number such as 999 that may stand for missing."""
    numbers = seen.tally.numbers
    if numbers is None:
        return []
    for value, count in zip(seen.values[:3], seen.counts[:3], strict=True):
        try:
            number = float(value)
        except ValueError:
            continue
        if number in _STAND_INS and number in (numbers.low, numbers.high) and count >= 0.01 * seen.sampled:
            return [
                f"{_shown(number)} stands in {count / seen.sampled:.0%} of the values and may mean missing"
            ]
    return []


def _all_integers(seen: Evidence) -> bool:
    """Say whether every number of the sample is an integer."""
    if pa.types.is_integer(seen.tally.type):
        return True
    for value in seen.values:
        try:
            if not float(str(value).replace(",", ".")).is_integer():
                return False
        except (ValueError, OverflowError):
            continue
    return True


def _spread(values: list[Any], limit: int) -> list[Any]:
    """Return at most `limit` values spread over the list."""
    step = max(1, len(values) // limit)
    return values[::step]


def _count(seen: Evidence) -> str:
    """Say how many distinct values there are."""
    return f"{seen.distinct}" if seen.whole else f"at least {seen.distinct}"


def _shown(value: object) -> str:
    """Show a value shortly: whole numbers without decimals."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
