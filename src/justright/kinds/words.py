"""What a column of text is: truth values, numbers, dates, names of rows, free text or categories."""

from __future__ import annotations

import re
from typing import Any, Final

from justright.kinds.dates import date_format
from justright.kinds.evidence import ID_NAMES, Evidence, name_words
from justright.kinds.numbers import of_numbers
from justright.kinds.verdict import Guess, one_value, values_counted

__all__ = ["of_text"]

_THOUSANDS: Final = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?\Z")
_ZONED: Final = re.compile(r":.*(Z|z|[+-]\d{2}:?\d{2})\Z")
_BOOLEANS: Final = (frozenset({"true", "false"}), frozenset({"t", "f"}))
_FEW_ROWS: Final = 50
_LOOKED_AT: Final = 2_000
_DATES_LOOKED_AT: Final = 500


def of_text(seen: Evidence) -> Guess:
    """Return what a column of text is.

    Parameters
    ----------
    seen : Evidence
        Its values are texts without surrounding blanks.

    Returns
    -------
    Guess
    """
    lower = {value.lower() for value in seen.values[:20]}
    if lower in _BOOLEANS and seen.distinct <= 4:
        return Guess("boolean", "boolean", f"only {' and '.join(sorted(lower))}")
    tally = seen.tally
    notes = _notes(seen)
    zeros = _leading_zeros(seen)
    if zeros:
        return _of_words(seen, notes, because=f"; {zeros}")
    if tally.looks_numeric:
        stored = ["numbers stored as text"] if seen.typed else []
        return of_numbers(seen, decimal=tally.trial.decimal, notes=[*notes, *stored])
    found = date_format(_spread(seen.values, _DATES_LOOKED_AT))
    if found is not None:
        return _of_dates(seen, *found, notes=notes)
    if tally.numbers is not None:
        notes.append(f"{tally.numbers.n} of {tally.present} values are numbers: taken as codes")
    return _of_words(seen, notes)


def _of_dates(seen: Evidence, format_: str, ambiguous: bool, *, notes: list[str]) -> Guess:
    """Return the guess for dates stored as text."""
    said = format_ or "ISO 8601"
    zone = "UTC" if format_ == "" and all(_ZONED.search(value) for value in seen.values[:50]) else ""
    if ambiguous:
        notes = [*notes, f"day and month could be swapped: read as {said}"]
    one = one_value(seen, "datetime", format_=format_, zone=zone)
    if one is not None:
        return one
    reason = f"dates stored as text ({said})"
    return Guess("datetime", "datetime", reason, format=format_, zone=zone, notes=notes)


def _of_words(seen: Evidence, notes: list[str], because: str = "") -> Guess:
    """Return the guess for text that is neither numbers nor dates."""
    one = one_value(seen, "text")
    if one is not None:
        return one
    looked = _spread(seen.values, _LOOKED_AT)
    words = sum(len(value.split()) for value in looked) / len(looked)
    length = sum(len(value) for value in looked) / len(looked)
    share = seen.distinct / seen.sampled
    rows = seen.tally.rows
    many = f"{values_counted(seen)} in {rows} rows"
    if (share > 0.5 and words >= 2.5 and rows >= 20) or (share > 0.05 and length > 60 and words >= 6):
        return Guess("text", "text", f"text, {many}, {words:.1f} words each", notes=notes)
    if share >= 0.99 and seen.tally.present >= _FEW_ROWS:
        return Guess("identifier", "text", f"text that names a row: {many}", notes=notes)
    named = name_words(seen.name) & ID_NAMES
    if named and share > 0.5 and rows >= _FEW_ROWS:
        return Guess(
            "identifier", "text", f"text, {many}, in a column named as an id ({min(named)})", notes=notes
        )
    return Guess("categorical", "text", f"text with {values_counted(seen)}{because}", notes=notes)


def _leading_zeros(seen: Evidence) -> str:
    """Return what leading zeros say, empty where there are none that matter."""
    if seen.zeros and (seen.one_width or seen.zeros >= 0.005 * seen.sampled):
        return f"leading zeros in {seen.zeros / seen.sampled:.1%} of the values: codes, kept as text"
    return ""


def _notes(seen: Evidence) -> list[str]:
    """Return what else a reader of the profile should know of a text column."""
    tally = seen.tally
    notes = []
    if seen.values and all(_THOUSANDS.match(value) for value in seen.values[:200]):
        notes.append("numbers with thousands marks are not guessed; remove the marks to use them as numbers")
    if tally.numbers is not None and tally.unreadable:
        few = ", ".join(repr(text) for text, _ in tally.unreadable_seen.most_common(3))
        notes.append(f"{tally.unreadable} values are not numbers, such as {few}")
    return notes


def _spread(values: list[Any], limit: int) -> list[Any]:
    """Return at most about `limit` values spread over the list."""
    return values[:: max(1, len(values) // limit)]
