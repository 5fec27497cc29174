"""What a target implies: regression, two classes or more, and in which order the classes stand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from justright.errors import ColumnError
from justright.kinds.evidence import Evidence, name_words
from justright.kinds.verdict import Guess
from justright.schema import Column, Form, Target, Task
from justright.values import canonical_text

__all__ = ["target_of"]

_LABEL_NAMES: Final = frozenset({"class", "label", "category", "species", "cluster", "type", "target"})
# None and - may be classes; these never are.
_MISSING: Final = ("?", "NA", "N/A", "#N/A", "<NA>", "nan", "NaN", "null", "NULL")
_MOST_CLASSES: Final = 1_000
_FEW: Final = 20
# Two numbers in fewer rows are two measurements, not two classes.
_ROWS_OF_TWO: Final = 5


def target_of(seen: Evidence, guessed: Guess, task: str, *, form: Form | None = None) -> Target:
    """Return the target with its task, its classes and the reason.

    Parameters
    ----------
    seen : Evidence
        What was seen of the column; its tally has counted every value.
    guessed : Guess
        What the column would be as a feature.
    task : {"auto", "regression", "binary", "multiclass"}
        What the user asks for; `auto` = what the values say.
    form : {"number", "text", "boolean"} or None
        A form that the user asks for.

    Returns
    -------
    Target

    Raises
    ------
    ColumnError
        No value, one class, a date, a text that names rows, or a task that the values cannot be.
    """
    name = seen.name
    if seen.tally.present == 0:
        raise ColumnError(f"target={name!r} without a value in any row", next_step="choose another target")
    if guessed.kind == "datetime":
        raise ColumnError(
            f"target={name!r}, which holds dates",
            allowed="numbers or classes",
            next_step="derive a number from it",
        )
    numeric = guessed.form == "number" and (form in (None, "number"))
    column_form: Form = form or ("text" if guessed.form == "datetime" else guessed.form)
    if column_form == "text" and guessed.form == "boolean":
        column_form = "boolean"
    column = Column(
        name,
        "categorical",
        column_form,
        guessed.reason,
        decimal=guessed.decimal,
        missing=_missing(seen, column_form),
    )
    counts = _class_counts(seen, column)
    if counts is not None and len(counts) < 2:
        only = next(iter(counts), "")
        raise ColumnError(
            f"target={name!r} with one value, {only!r}, in every row",
            allowed="at least two classes, or numbers that differ",
            next_step="choose another target, or more rows",
        )
    chosen, reason = _task(seen, counts, task, numeric=numeric)
    if chosen == "regression":
        return Target(
            Column(name, "numeric", "number", guessed.reason, decimal=column.decimal, missing=column.missing),
            "regression", (), reason,
        )  # fmt: skip
    if (
        counts is None
        or len(counts) > _MOST_CLASSES
        or (not numeric and len(counts) > max(_FEW, seen.tally.present // 2))
    ):
        many = "more than 10,000" if counts is None else str(len(counts))
        raise ColumnError(
            f"target={name!r} with {many} classes in {seen.tally.rows} rows",
            allowed=f"at most {_MOST_CLASSES} classes, each in several rows",
            next_step="choose another target" + (", or --task regression" if numeric else ""),
        )
    return Target(column, chosen, _ordered(list(counts)), reason)


def _missing(seen: Evidence, form: Form) -> tuple[str, ...]:
    """Return the marks of missing of a target."""
    marks = [mark for mark in seen.tally.marks if mark]
    return tuple(sorted(mark for mark in marks if form == "number" or mark in _MISSING))


def _class_counts(seen: Evidence, column: Column) -> Mapping[str, int] | None:
    """Return the canonical classes of all rows with their counts, None where there are too many."""
    if seen.tally.values is None:
        return None
    counts: dict[str, int] = {}
    for value, count in seen.tally.values.items():
        text = canonical_text(value, column)
        if text is not None:
            counts[text] = counts.get(text, 0) + count
    return counts


def _task(seen: Evidence, counts: Mapping[str, int] | None, task: str, *, numeric: bool) -> tuple[Task, str]:
    """Return the task and why."""
    n_classes = len(counts) if counts is not None else None
    if task == "regression":
        if not numeric:
            raise ColumnError(
                f"task=regression with target={seen.name!r}, which is not a number",
                allowed="a target of numbers",
                next_step="--task auto",
            )
        return "regression", "asked for"
    if task == "binary":
        if n_classes != 2:
            raise ColumnError(
                f"task=binary with target={seen.name!r} of {n_classes or 'more than 10,000'} classes",
                allowed="a target of two classes",
                next_step="--task multiclass"
                if n_classes and n_classes <= _MOST_CLASSES
                else "--task regression",
            )
        return "binary", "asked for"
    if task == "multiclass":
        return "multiclass", "asked for"
    if n_classes == 2 and (not numeric or sum((counts or {}).values()) >= _ROWS_OF_TWO):
        first, second = _ordered(list(counts or ()))
        return "binary", f"two values, {first} and {second}; {second} is the positive class"
    if not numeric:
        return "multiclass", f"text with {n_classes} classes" if n_classes else "text with many classes"
    return _task_of_numbers(seen, counts)


def _task_of_numbers(seen: Evidence, counts: Mapping[str, int] | None) -> tuple[Task, str]:
    """Return the task of a target of three or more numbers, and why."""
    if counts is None or any(not re.fullmatch(r"-?\d+", text) for text in counts):
        return "regression", "numbers" + (f" with {len(counts)} values" if counts else "")
    k, rows = len(counts), sum(counts.values())
    if k > _FEW or rows < 20 * k:
        return "regression", f"integers with {k} values"
    numbers = sorted(int(text) for text in counts)
    contiguous = numbers[0] in (0, 1) and numbers[-1] - numbers[0] == k - 1
    shares = [count / rows for count in counts.values()]
    balanced = min(shares) * k > 0.25 and max(shares) * k < 3
    named = name_words(seen.name) & _LABEL_NAMES
    if contiguous and (balanced or named):
        why = (
            f"named as a label ({min(named)})"
            if named
            else f"in even shares ({min(shares):.0%}-{max(shares):.0%})"
        )
        return (
            "multiclass",
            f"integers {numbers[0]} to {numbers[-1]} {why}; --task regression if they are a quantity",
        )
    span = f"integers {numbers[0]} to {numbers[-1]}"
    return "regression", f"{span} taken as an ordered quantity; --task multiclass if they are labels"


def _ordered(classes: list[str]) -> tuple[str, ...]:
    """Return classes in order: numbers by size, others by text."""
    try:
        return tuple(sorted(classes, key=float))
    except ValueError:
        return tuple(sorted(classes))
