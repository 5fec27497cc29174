"""Rows of service, window by window: read, scored and counted, with their labels where they have come."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from justright.bundle.predictor import Predictor
from justright.errors import ColumnError, RecipeError, TableError, closest
from justright.features.target import encode_classes
from justright.monitor.counters import Counters, taken, watch
from justright.monitor.frame import Category, Counts, Frame
from justright.schema import Block, Column, FloatArray
from justright.source import open_source
from justright.values import to_codes, to_moments, to_numbers
from justright.workflow.logged import Answers, Logged

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Labels", "Span", "Window", "counted", "hashes_of", "read_labels", "span_of"]

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_MOST_WINDOWS: Final = 3000
_NO_NUMBER: Final = "(no number)"


@dataclass(frozen=True)
class Span:
    """How rows are cut into windows: so many rows each, or so many seconds each; 0 and 0 = all are one."""

    rows: int = 0
    seconds: int = 0


@dataclass
class Window:
    """One window: its counts, and predictions beside labels for the rows that have one.

    `unknown` are labels that the model has no class for; `hashes`, by column, the rows of each hash, None =
    no value.
    """

    counts: Counts
    said: list[FloatArray] = field(default_factory=list)
    target: list[npt.NDArray[Any]] = field(default_factory=list)
    unreadable: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    hashes: dict[str, Counter[str | None]] = field(default_factory=dict)

    @property
    def labelled(self) -> int:
        """Rows with a label."""
        return sum(len(each) for each in self.target)


@dataclass(frozen=True)
class Labels:
    """Labels that came later: class numbers or values by the id of the row; and those of no known class."""

    column: str
    values: Mapping[str, float]
    unknown: Mapping[str, str] = field(default_factory=dict)


def span_of(text: str) -> Span:
    """Read the length of a window: `5000` rows, or `30m`, `6h`, `1d`, `2w`.

    Raises
    ------
    RecipeError
        It is neither.

    Examples
    --------
    >>> span_of("5000"), span_of("1d")
    (Span(rows=5000, seconds=0), Span(rows=0, seconds=86400))
    """
    if not text:
        return Span()
    found = re.fullmatch(r"(\d{1,12})([smhdw]?)", text.strip().replace(",", "").replace("_", ""))
    if not found or not int(found[1]):
        raise RecipeError(
            f"window={text!r:.40}", allowed="a number of rows (5000), or a time (30m, 6h, 1d, 2w)"
        )
    size = int(found[1])
    return Span(seconds=size * _SECONDS[found[2]]) if found[2] else Span(rows=size)


def counted(
    predictor: Predictor,
    table: Any,
    *,
    span: Span | None = None,
    time: str = "",
    labels: Labels | None = None,
    answers: Logged | None = None,
    on_rows: Callable[[int], None] | None = None,
) -> list[Window]:
    """Score and count the rows of a table, window by window.

    Parameters
    ----------
    predictor : Predictor
        The model.
    table : path, data frame, Source...
        The rows; with the target where labels are to be compared.
    span : Span, optional
        Length of a window; windows of rows follow the order of the table.
    time : str, default ""
        Column with the time of each row: needed by windows of time, shown for those of rows.
    labels : Labels, optional
        Labels in another table.
    answers : Logged, optional
        The log that `table` is of, where it lacks values of the model's columns: they are not counted, and
        what was answered takes the place of scoring.
    on_rows : callable, optional
        Told the number of rows done after each batch.

    Raises
    ------
    ColumnError
        Columns are missing, or a row of a window of time has none.
    RecipeError
        More than 3,000 windows.
    """
    span = span or Span()
    source = open_source(table)
    predictor.require(source.names)
    target = predictor.schema.target
    assert target is not None
    own = [target.column.name] if target.column.name in source.names and labels is None else []
    extra = [name for name in (time, labels.column if labels else "") if name]
    for name in extra:
        if name not in source.names:
            raise ColumnError(f"a table without {name!r}", allowed=closest(name, source.names))
    if span.seconds and not time:
        raise RecipeError("a window of time without a column of time", next_step="--time COL")
    job = _Job(predictor, span, time, labels, answers)
    more = [] if answers is None else [*answers.stated, *answers.hashes.values()]
    for batch in source.batches(list(dict.fromkeys([*predictor.columns, *own, *extra, *more]))):
        job.take(batch, bool(own))
        if on_rows is not None:
            on_rows(job.rows)
    return job.windows()


def read_labels(predictor: Predictor, table: Any, column: str) -> Labels:
    """Read labels by id from a table with the id and the target.

    Raises
    ------
    ColumnError
        One of the two columns is missing.
    TableError
        No row has both.
    """
    source = open_source(table)
    target = predictor.schema.target
    assert target is not None
    found: dict[str, float] = {}
    unknown: dict[str, str] = {}
    for name in (column, target.column.name):
        if name not in source.names:
            raise ColumnError(
                f"labels without {name!r}", allowed=closest(name, source.names), next_step="--id COL"
            )
    for batch in source.batches([column, target.column.name]):
        values, strange = _target(batch, predictor)
        for key, value, text in zip(_ids(batch, column), values.tolist(), strange, strict=True):
            if key is None or (text is None and math.isnan(value)):
                continue
            found.pop(key, None)  # of two labels of one row the later counts
            unknown.pop(key, None)
            if text is None:
                found[key] = value
            else:
                unknown[key] = text
    if not found and not unknown:
        raise TableError("labels without a row that has both an id and a label")
    return Labels(column, found, unknown)


def hashes_of(
    column: str, before: Mapping[str | None, int], now: Mapping[str | None, int]
) -> tuple[Frame, Counts, Counts]:
    """Return the hashes of a column in two windows as counts of a category of those of `before`.

    Examples
    --------
    >>> frame, was, now = hashes_of("city", {"a1": 3, "b2": 5}, {"b2": 2, None: 1, "c3": 4})
    >>> frame.categorical[0].labels[2:], was.categorical, now.categorical
    (('b2', 'a1'), [[0.0, 0.0, 5.0, 3.0]], [[4.0, 1.0, 2.0, 0.0]])
    """
    known = [each for each in sorted(before, key=lambda each: -before[each]) if each is not None]
    sides = []
    for side in (before, now):
        shares = [float(side.get(each, 0)) for each in known]
        empty = float(side.get(None, 0))
        rows = float(sum(side.values()))
        counts = [rows - empty - sum(shares), empty, *shares]
        sides.append(Counts(rows, [], [], [counts]))
    labels = ("(rare or never seen)", "(missing)", *known)
    return Frame((), (Category(column, labels, len(labels)),)), sides[0], sides[1]


class _Job:
    """The windows while they are counted."""

    def __init__(
        self, predictor: Predictor, span: Span, time: str, labels: Labels | None, answers: Logged | None
    ) -> None:
        self.predictor = predictor
        self.answers = answers
        self.scorer = predictor if answers is None else Answers(predictor)
        self.span = span
        self.time = time
        self.labels = labels
        self.rows = 0
        self._open: dict[int, Counters] = {}
        self._made: dict[int, Window] = {}

    def take(self, batch: pa.RecordBatch, own: bool) -> None:
        """Count one batch."""
        with np.errstate(all="ignore"):
            block, unreadable = self.predictor.plan.transform(batch)
            if self.answers is None:
                margins = self.predictor.margins_of(block)
            else:
                margins = self.answers.margins(batch, self.predictor.task)
        when = _times(batch, self.time) if self.time else None
        target, strange = self._labels(batch, own)
        hashes = (
            {}
            if self.answers is None
            else {name: batch.column(column).to_pylist() for name, column in self.answers.hashes.items()}
        )
        for number, rows in self._parts(block.rows, when):
            whole = len(rows) == block.rows
            part, said = (block, margins) if whole else (taken(block, rows), margins[rows])
            self._count(
                number,
                part,
                said,
                None if when is None else when[rows],
                None if target is None else target[rows],
            )
            self._beside(number, rows, strange, hashes)
        for row, _ in unreadable[:1]:
            number = next(number for number, rows in self._parts(block.rows, when) if row in rows)
            self._made[number].unreadable += len(unreadable)
        self.rows += block.rows

    def _labels(self, batch: pa.RecordBatch, own: bool) -> tuple[FloatArray | None, Sequence[str | None]]:
        """Return the labels of a batch, if it may have any, and those of no known class."""
        if self.labels is not None:
            known, unknown = self.labels.values, self.labels.unknown
            keys = _ids(batch, self.labels.column)
            target = np.asarray([known.get(key, math.nan) if key else math.nan for key in keys])
            return target, [unknown.get(key) if key else None for key in keys] if unknown else ()
        if not own:
            return None, ()
        target, strange = _target(batch, self.predictor)
        return target, strange if any(each is not None for each in strange) else ()

    def _beside(
        self,
        number: int,
        rows: npt.NDArray[np.int64],
        strange: Sequence[str | None],
        hashes: Mapping[str, Sequence[str | None]],
    ) -> None:
        """Count what no block holds: labels of no known class, and hashes."""
        window, every = self._made[number], rows.tolist()
        if strange:
            window.unknown.update(text for row in every if (text := strange[row]) is not None)
        for name, values in hashes.items():
            window.hashes.setdefault(name, Counter()).update(values[row] for row in every)

    def _snapshot(self, counters: Counters) -> Counts:
        """Return what was counted, without the columns that were not there."""
        counts = counters.snapshot()
        if self.answers is None:
            return counts
        data, blind = self.predictor.plan.data, set(self.answers.blind)
        for place, number in enumerate(data.numeric):
            if number.column.name in blind:
                counts.numeric[place] = [0.0] * len(counts.numeric[place])
                counts.missing[place] = 0.0
        for place, category in enumerate(data.categorical):
            if category.column.name in blind:
                counts.categorical[place] = [0.0] * len(counts.categorical[place])
        counts.terms = []
        return counts

    def windows(self) -> list[Window]:
        """Return the windows in their order."""
        found = []
        for number in sorted(self._made):
            window = self._made[number]
            begin, end = window.counts.begin, window.counts.end
            if number in self._open:
                window.counts = self._snapshot(self._open[number])
            if self.span.seconds:
                begin, end = float(number * self.span.seconds), float((number + 1) * self.span.seconds)
            window.counts.begin, window.counts.end = begin, end
            found.append(window)
        return found

    def _parts(self, size: int, when: FloatArray | None) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
        """Yield the number of each window and its rows of a batch."""
        every = np.arange(size)
        if self.span.rows:
            numbers = (every + self.rows) // self.span.rows
        elif self.span.seconds and when is not None:
            numbers = np.floor(when / self.span.seconds).astype(np.int64)
        else:
            numbers = np.zeros(size, np.int64)
        for number in np.unique(numbers).tolist():
            yield number, np.flatnonzero(numbers == number)

    def _count(
        self,
        number: int,
        block: Block,
        margins: FloatArray,
        when: FloatArray | None,
        target: FloatArray | None,
    ) -> None:
        """Count some rows of one window."""
        window = self._made.get(number)
        if window is None:
            if len(self._made) >= _MOST_WINDOWS:
                raise RecipeError(f"more than {_MOST_WINDOWS} windows", next_step="a larger --window")
            if self.span.rows:
                self._close()
            window = self._made[number] = Window(Counts(0.0, [], [], []))
            self._open[number] = watch(self.scorer, attribution=self.answers is None)
        self._open[number].add(block, margins)
        if when is not None and len(when):
            counts = window.counts
            counts.begin = float(when.min()) if counts.begin is None else min(counts.begin, float(when.min()))
            counts.end = float(when.max()) if counts.end is None else max(counts.end, float(when.max()))
        if target is not None:
            known = ~np.isnan(target) & np.isfinite(margins).all(axis=1)
            if known.any():
                window.said.append(self.scorer.expected(margins[known]))
                window.target.append(target[known])

    def _close(self) -> None:
        """Keep only the counts of windows that are over."""
        for number, counters in self._open.items():
            window = self._made[number]
            begin, end = window.counts.begin, window.counts.end
            window.counts = self._snapshot(counters)
            window.counts.begin, window.counts.end = begin, end
        self._open.clear()


def _target(batch: pa.RecordBatch, predictor: Predictor) -> tuple[FloatArray, list[str | None]]:
    """Return class numbers or values of the target, NaN where there is none, and labels of no known class."""
    target = predictor.schema.target
    assert target is not None
    values = batch.column(target.column.name)
    if target.task == "regression":
        numbers, unreadable = to_numbers(values, target.column)
        none = [False] * len(numbers) if unreadable is None else unreadable.tolist()
        told = [_NO_NUMBER if each else None for each in none]
        return np.where(np.isfinite(numbers), numbers, np.nan), told
    codes, texts = to_codes(values, target.column)
    known = [text if text in target.classes else None for text in texts]
    labels = encode_classes(codes, known, target.classes).astype(np.float64)
    strange = [None if text in target.classes else text for text in texts]
    return np.where(labels >= 0, labels, np.nan), [strange[code] for code in codes.tolist()]


def _times(batch: pa.RecordBatch, name: str) -> FloatArray:
    """Return the time of each row in seconds since 1970."""
    import pyarrow as pa

    values = batch.column(name)
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type):
        found = np.asarray(values.to_numpy(zero_copy_only=False), np.float64)
    else:
        found, _ = to_moments(values, Column(name, "datetime", "datetime"))
    if not np.isfinite(found).all():
        raise ColumnError(
            f"{int((~np.isfinite(found)).sum())} rows without a time in {name!r}",
            allowed="a date, a time, or seconds since 1970 in every row",
        )
    return found


def _ids(batch: pa.RecordBatch, name: str) -> list[str | None]:
    """Return ids as text, so that 7 and "7" are one."""
    return [None if value is None else str(value) for value in batch.column(name).to_pylist()]
