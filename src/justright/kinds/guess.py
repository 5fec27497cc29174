"""What one column is, from its counts and its sample, with the reason in plain words.

The rules are conservative: a number stays a number unless there is evidence against it (a name, a
counter, text where the table has types). Every rule says in the reason what it went by.
"""

from __future__ import annotations

import pyarrow as pa

from justright.kinds.evidence import Evidence
from justright.kinds.numbers import of_numbers
from justright.kinds.verdict import Guess, one_value
from justright.kinds.words import of_text

__all__ = ["guess"]


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
    type_ = tally.type
    if not seen.values and tally.infinite:
        return Guess("constant", "number", "no finite number in any row")
    if tally.present == 0 or not seen.values:
        return Guess("constant", "text", "no value in any row")
    if pa.types.is_boolean(type_):
        return one_value(seen, "boolean") or Guess("boolean", "boolean", "true and false")
    if pa.types.is_date(type_) or pa.types.is_timestamp(type_):
        zone = str(type_.tz or "") if pa.types.is_timestamp(type_) else ""
        dates = Guess("datetime", "datetime", f"dates of type {type_}", zone=zone)
        return one_value(seen, "datetime", zone=zone) or dates
    if seen.is_text:
        return of_text(seen)
    if pa.types.is_duration(type_):
        return of_numbers(seen, notes=["durations, read as seconds"])
    return of_numbers(seen)
