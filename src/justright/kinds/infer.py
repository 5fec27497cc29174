"""From a source to its schema: the roles of the columns, the kinds, the task, and what was seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast, get_args

import msgspec
import numpy as np

from justright.errors import ColumnError, RecipeError, TableError, closest
from justright.kinds.evidence import Evidence, evidence
from justright.kinds.guess import guess
from justright.kinds.infinite import refuse_infinite
from justright.kinds.profile import ColumnProfile, Profile
from justright.kinds.tally import ColumnTally, tally
from justright.kinds.task import target_of
from justright.kinds.verdict import Guess
from justright.schema import Column, Form, Kind, Schema, Target, Task
from justright.source import Source
from justright.values import canonical_text, to_moments, to_numbers

__all__ = ["infer_schema"]

_KINDS: Final = get_args(Kind)
_TASKS: Final = ("auto", *get_args(Task))
_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
_NO_KINDS: Final[Mapping[str, str]] = {}


def infer_schema(
    source: Source,
    *,
    target: str | None = None,
    task: str = "auto",
    kinds: Mapping[str, str] = _NO_KINDS,
    drop: Sequence[str] = (),
    weight: str = "",
    sample_rows: int = 200_000,
) -> tuple[Schema, Profile]:
    """Find what each column of a table is and what the target implies, with the reasons.

    Parameters
    ----------
    source : Source
        The table; read once, all rows.
    target : str or None, default None
        The column to predict; None = a table without one.
    task : {"auto", "regression", "binary", "multiclass"}
        What is to be learned; `auto` = what the target's values say.
    kinds : mapping of str to str
        Kinds that the user states, by column.
    drop : sequence of str
        Columns to leave out.
    weight : str, default ""
        The column of row weights, numbers >= 0; empty = each row counts once.
    sample_rows : int, default 200,000
        Rows behind the estimates of distinct values and quantiles. Missing values, constants, ranges and
        the classes of the target are of all rows whatever the sample.

    Returns
    -------
    Schema
        Columns in the order of the table.
    Profile
        What was seen, target, weight and dropped columns included.

    Raises
    ------
    ColumnError
        A name that is not in the table; a target without values, of one class or of dates; a weight that
        is negative, missing or no number; an infinite target or weight, with its row; no
        column left that a model could use.
    RecipeError
        An unknown kind or task; a target that is dropped.

    Notes
    -----
    About 0.6 s per million rows of 20 columns beside the reading; memory is that of the sample.

    Examples
    --------
    >>> from justright.source import open_source
    >>> table = {"size": [30.5, 42.0, 55.1], "city": ["Rome", "Oslo", "Rome"], "sold": ["no", "yes", "yes"]}
    >>> schema, profile = infer_schema(open_source(table), target="sold")
    >>> [(c.name, c.kind) for c in schema.columns], schema.target.task, schema.target.classes
    ([('size', 'numeric'), ('city', 'categorical')], 'binary', ('no', 'yes'))
    """
    _check_request(source.names, target, task, kinds, drop, weight)
    counted = tally(source, target, sample_rows)
    if not counted.rows:
        raise TableError("a table without rows", allowed="at least one row")
    typed = bool(source.description.get("typed", True))
    columns: dict[str, Column] = {}
    profiles: list[ColumnProfile] = []
    found: Target | None = None
    for name in source.names:
        sample = counted.sample.column(name)
        seen = evidence(counted.columns[name], sample, whole=counted.whole, typed=typed)
        guessed = _forced(seen, guess(seen), kinds.get(name))
        column = _column(seen, guessed)
        role = "set aside" if column.kind in ("identifier", "constant") else "feature"
        if name == target:
            form: Form | None = (
                "text" if kinds.get(name) in ("categorical", "text") and guessed.form == "text" else None
            )
            if seen.tally.infinite and column.form == "number" and form is None:
                refuse_infinite(source, column, "target")
            found = target_of(seen, guessed, task, form=form)
            column, role = found.column, "target"
        elif name == weight:
            if seen.tally.infinite and column.form == "number":
                refuse_infinite(source, column, "weight")
            column, role = _weight(seen, guessed), "weight"
        elif name in drop:
            role = "dropped"
        columns[name] = column
        profiles.append(_profile(seen, column, guessed, sample, role))
    features = tuple(
        c for name, c in columns.items() if name != target and name != weight and name not in drop
    )
    schema = Schema(features, found, columns.get(weight), tuple(drop))
    if target is not None and not schema.features:
        raise _nothing_left(features, target)
    skipped = source.n_problems
    return schema, Profile(
        counted.rows, counted.sample.num_rows, tuple(profiles), source.description, skipped
    )


def _check_request(
    names: Sequence[str],
    target: str | None,
    task: str,
    kinds: Mapping[str, str],
    drop: Sequence[str],
    weight: str,
) -> None:
    """Raise where a name is not in the table or two wishes contradict each other."""
    if task not in _TASKS:
        raise RecipeError(f"task={task!r}", allowed=closest(task, _TASKS))
    wishes = [
        ("target", target),
        ("weight", weight or None),
        *(("drop", n) for n in drop),
        *(("kind", n) for n in kinds),
    ]
    for what, name in wishes:
        if name is not None and name not in names:
            raise ColumnError(f"{what}={name!r}, which the table does not have", allowed=closest(name, names))
    for name, kind in kinds.items():
        if kind not in _KINDS:
            raise RecipeError(f"kind of {name!r}={kind!r}", allowed=closest(kind, _KINDS))
    if target is not None and target in drop:
        raise RecipeError(f"drop={target!r}, which is the target", next_step="drop another column")
    if target is not None and target == weight:
        raise RecipeError(f"weight={weight!r}, which is the target", next_step="name another weight")
    if weight and weight in drop:
        raise RecipeError(f"drop={weight!r}, which is the weight", next_step="drop another column")


def _forced(seen: Evidence, guessed: Guess, kind: str | None) -> Guess:
    """Return the guess with the kind that the user states."""
    if kind is None or kind == guessed.kind:
        return guessed
    stated = cast(Kind, kind)
    numbers = seen.tally.numbers
    readable = {
        "numeric": guessed.form in ("number", "boolean") or (numbers is not None and numbers.n > 0),
        "datetime": guessed.form == "datetime",
    }
    if not readable.get(stated, True):
        allowed = (
            "a column of numbers" if stated == "numeric" else "dates in ISO 8601, or in one format throughout"
        )
        raise ColumnError(
            f"kind of {seen.name!r}={kind!r}, but what it holds is: {guessed.reason}",
            allowed=allowed,
            next_step=f"--kind {seen.name}={guessed.kind}",
        )
    forms: dict[str, Form] = {"numeric": "number", "boolean": "boolean", "text": "text"}
    reason = f"asked for; {guessed.reason}"
    return replace(guessed, kind=stated, form=forms.get(stated, guessed.form), reason=reason)


def _column(seen: Evidence, guessed: Guess) -> Column:
    """Return the column of a guess; its marks of missing are those that were seen."""
    marks = tuple(sorted(mark for mark in seen.tally.marks if mark))
    return Column(
        seen.name,
        guessed.kind,
        guessed.form,
        guessed.reason,
        guessed.decimal,
        marks,
        guessed.format,
        guessed.zone,
    )


def _weight(seen: Evidence, guessed: Guess) -> Column:
    """Return the column of the weights after checking every one of them."""
    numbers = seen.tally.numbers
    name = seen.name
    if guessed.form != "number" or numbers is None or seen.tally.unreadable:
        raise ColumnError(f"weight={name!r}, which is not a number in every row", allowed="numbers >= 0")
    if numbers.low < 0:
        raise ColumnError(f"weight={name!r} with {numbers.low:g}", allowed="numbers >= 0")
    if seen.tally.missing:
        raise ColumnError(
            f"weight={name!r}, which is missing in {seen.tally.missing} rows",
            allowed="a number >= 0 in every row",
            next_step="write 0 for rows that should not count",
        )
    if numbers.high == 0:
        raise ColumnError(
            f"weight={name!r}, which is 0 in every row", allowed="a positive weight in some rows"
        )
    return Column(name, "numeric", "number", guessed.reason, guessed.decimal)


def _nothing_left(columns: Sequence[Column], target: str) -> ColumnError:
    """Return the error of a table without a usable column."""
    why = "; ".join(f"{c.name}: {c.kind}, {c.reason}" for c in columns[:5]) or "there is no other column"
    return ColumnError(
        f"no column from which {target!r} could be predicted ({why})",
        allowed="at least one column that is not an identifier or a constant",
        next_step="state a kind, for example --kind "
        + (f"{columns[0].name}=numeric" if columns else "NAME=numeric"),
    )


def _profile(seen: Evidence, column: Column, guessed: Guess, sample: Any, role: str) -> ColumnProfile:
    """Return what was seen of a column."""
    counted: ColumnTally = seen.tally
    notes = list(guessed.notes)
    marks = [f"{mark!r} ({count})" for mark, count in sorted(counted.marks.items()) if mark]
    if marks:
        notes.append(f"marks of missing: {', '.join(marks)}")
    if counted.infinite and column.form == "number":
        notes.append(f"{counted.infinite} infinite values are missing")
    if counted.marks.get(""):
        notes.append(f"{counted.marks['']} blank texts are missing")
    top = [
        (canonical_text(value, column) or "", count)
        for value, count in zip(seen.values[:10], seen.counts, strict=False)
    ]
    profile = ColumnProfile(
        name=column.name,
        kind=column.kind,
        form=column.form,
        reason=column.reason,
        rows=counted.rows,
        missing=counted.nulls
        + sum(n for mark, n in counted.marks.items() if not mark or mark in column.missing),
        unreadable=counted.unreadable if column.form == "number" else 0,
        infinite=counted.infinite if column.form == "number" else 0,
        distinct=seen.exact or seen.distinct,
        distinct_exact=seen.exact is not None,
        top=tuple(top),
        role=role,
        notes=tuple(notes),
    )
    if column.form == "number" and counted.numbers is not None and counted.numbers.n:
        m = counted.numbers
        values = to_numbers(sample, column)[0]
        found = values[~np.isnan(values)]
        quantiles = tuple(np.quantile(found, _QUANTILES).tolist()) if len(found) else ()
        return msgspec.structs.replace(
            profile, minimum=m.low, maximum=m.high, mean=m.mean, deviation=m.deviation, quantiles=quantiles
        )
    if column.form == "datetime":
        return _with_moments(profile, column, sample)
    return profile


def _with_moments(profile: ColumnProfile, column: Column, sample: Any) -> ColumnProfile:
    """Return the profile of a column of dates with its first and last moment, and what is none."""
    moments, unreadable = to_moments(sample, column)
    moments = moments[~np.isnan(moments)]
    if not len(moments):
        return profile
    first, last = (_iso(float(m), column) for m in (moments.min(), moments.max()))
    bad = 0 if unreadable is None else int(unreadable.sum())
    return msgspec.structs.replace(profile, first=first, last=last, unreadable=bad)


def _iso(seconds: float, column: Column) -> str:
    """Write a moment of a column of dates."""
    at = np.datetime64(math.floor(seconds * 1e6), "us").item()
    return canonical_text(at, Column(column.name, "datetime", "datetime")) or ""
