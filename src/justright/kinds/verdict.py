"""What a column is taken to be, and the verdict that every form shares: one value in every row."""

from __future__ import annotations

from dataclasses import dataclass, field

from justright.kinds.evidence import Evidence
from justright.schema import Form, Kind
from justright.values import figure

__all__ = ["Guess", "one_value", "shown", "values_counted"]


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


def one_value(
    seen: Evidence, form: Form, *, decimal: str = ".", format_: str = "", zone: str = ""
) -> Guess | None:
    """Return the guess for a column whose values are all the same, None where they are not.

    Parameters
    ----------
    seen : Evidence
        Its tally decides, so all rows count.
    form, decimal, format_, zone : str
        As in `Column`.

    Returns
    -------
    Guess or None
        `constant`; `categorical` where the value is missing in some rows, which says something.
    """
    tally = seen.tally
    if form in ("number", "datetime") and tally.numbers is not None:
        several = tally.numbers.low != tally.numbers.high or bool(tally.unreadable or tally.infinite)
    else:
        several = seen.distinct > 1 or (seen.is_text and not tally.one_value) or (seen.exact or 1) > 1
    if several:
        return None
    value = shown(seen.values[0])
    if not tally.missing:
        return Guess("constant", form, f"the same value, {value}, in every row", decimal, format_, zone)
    reason = f"one value, {value}, in {tally.present} rows, missing in the others"
    return Guess("categorical", form, reason, decimal, format_, zone)


def values_counted(seen: Evidence) -> str:
    """Say how many distinct values there are."""
    return f"at least {seen.distinct} values" if seen.exact is None else f"{seen.exact} values"


def shown(value: object) -> str:
    """Show a value shortly: whole numbers without decimals, long texts cut.

    Examples
    --------
    >>> shown(3.0), shown(1234567.5), shown("x")
    ('3', '1,234,570', "'x'")
    """
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else figure(value, 6)
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
