"""Questions that could not be asked of a window, and why: a monitor never passes over one in silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from justright.monitor.frame import LEAST_ROWS, Counts, Frame

__all__ = ["NotJudged", "unjudged"]


class NotJudged(msgspec.Struct, frozen=True):
    """A question that was not judged.

    Parameters
    ----------
    input : str
        Column, `(prediction)`, `(contributions)`, `(performance)`, or `(all)`.
    question : str
        What would have been asked.
    reason : str
        Why it was not.
    window : int
        Number of the window.
    """

    input: str
    question: str
    reason: str
    window: int = 0


def unjudged(
    frame: Frame,
    reference: Counts,
    window: Counts,
    *,
    known: Mapping[str, str] | None = None,
    number: int = 0,
) -> list[NotJudged]:
    """Return the questions that `compare` leaves out of a window.

    Parameters
    ----------
    frame : Frame
        What was counted.
    reference, window : Counts
        The two sides.
    known : mapping of str to str, optional
        Reasons that the caller knows, by name of what is counted, `(prediction)` and `(contributions)`; an
        empty one = the caller says it itself.
    number : int, default 0
        Number of the window.

    Examples
    --------
    >>> unjudged(Frame((), ()), Counts(1.0, [], [], []), Counts(500.0, [], [], []))[0].reason
    'compared with 1 row; 20 are needed'
    """
    for counts, text in ((reference, "compared with {}"), (window, "{}")):
        if counts.rows < LEAST_ROWS:
            rows = f"{counts.rows:,.0f} row{'s' * (counts.rows != 1)}"
            reason = f"{text.format(rows)}; {LEAST_ROWS} are needed"
            return [NotJudged("(all)", "every comparison", reason, number)]
    reasons = known or {}
    found = [*_columns(frame, reference, window)]
    for name, question, members, was, now in (
        ("(prediction)", "what the model says", frame.said, reference.said, window.said),
        ("(contributions)", "what each term adds", frame.terms, reference.terms, window.terms),
    ):
        if members and (name in reasons or not (was and now)):
            side = "the rows compared with" if now else "these rows"
            found.append((name, question, f"it was not counted of {side}"))
        elif members and sum(now[0]) < LEAST_ROWS:
            found.append((name, question, f"{sum(now[0]):,.0f} rows have it; {LEAST_ROWS} are needed"))
    told = [NotJudged(name, question, reasons.get(name, reason), number) for name, question, reason in found]
    return [each for each in told if each.reason]


def _columns(frame: Frame, reference: Counts, window: Counts) -> Iterator[tuple[str, str, str]]:
    """Give the columns with too few values on either side."""
    sides = [
        (each.name, sum(was), sum(now))
        for each, was, now in zip(frame.numeric, reference.numeric, window.numeric, strict=True)
        if not each.calendar
    ]
    sides += [
        (each.name, sum(was) - was[1], sum(now) - now[1])
        for each, was, now in zip(frame.categorical, reference.categorical, window.categorical, strict=True)
        if not each.calendar
    ]
    for name, before, after in sides:
        if min(before, after) < LEAST_ROWS:
            here = f"{after:,.0f} values here, {before:,.0f} in the rows compared with"
            yield name, "values", f"{here}; {LEAST_ROWS} are needed on both sides"
