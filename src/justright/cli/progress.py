"""Progress on stderr: a bar on a terminal, plain lines elsewhere, nothing when asked to be quiet."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from justright.recipe import Recipe
from justright.values.figures import figure

if TYPE_CHECKING:
    from justright.source import BadLine, Place, Source
    from justright.training.callbacks import Moment
    from justright.training.history import Row

__all__ = ["CountedSource", "Progress", "best_loss", "progress_for"]

_LINE_SECONDS: Final = 2.0
_READ_SECONDS: Final = 5.0


class Progress(Protocol):
    """Is told what happens; it is also a callback of the Trainer."""

    def after_read(self, rows: int, ended: bool) -> None:
        """Hear how many rows of a pass over the table have been read."""

    def after_pass(self, moment: Moment) -> None:
        """Hear of a pass of the training."""


class CountedSource:
    """A source that tells a Progress how many rows were read; all else is the source's own.

    Parameters
    ----------
    source : Source
        The rows.
    progress : Progress
        Who is told.
    """

    def __init__(self, source: Source, progress: Progress) -> None:
        self.source = source
        self.progress = progress

    @property
    def names(self) -> tuple[str, ...]:
        """As the source's."""
        return self.source.names

    @property
    def rows(self) -> int | None:
        """As the source's."""
        return self.source.rows

    @property
    def description(self) -> dict[str, Any]:
        """As the source's."""
        return self.source.description

    @property
    def problems(self) -> tuple[BadLine, ...]:
        """As the source's."""
        return self.source.problems

    @property
    def n_problems(self) -> int:
        """As the source's."""
        return self.source.n_problems

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Read as the source does, and count."""
        rows = 0
        for batch in self.source.batches(columns):
            rows += batch.num_rows
            self.progress.after_read(rows, False)
            yield batch
        self.progress.after_read(rows, True)

    def locate(self, rows: Sequence[int]) -> tuple[Place, ...]:
        """As the source's."""
        return self.source.locate(rows)


@contextmanager
def progress_for(recipe: Recipe, *, quiet: bool) -> Iterator[Progress]:
    """Yield the progress that suits stderr.

    Parameters
    ----------
    recipe : Recipe
        Says how long a training can last at most.
    quiet : bool
        Say nothing.
    """
    if quiet:
        yield _Silent()
        return
    state = _State(recipe)
    if not sys.stderr.isatty():
        yield _Lines(state)
        return
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TextColumn
    from rich.progress import Progress as Bars

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _Bar(state, bars)


class _State:
    """What is known of the way so far."""

    def __init__(self, recipe: Recipe) -> None:
        self.exact = recipe.descent.optimizer == "exact"
        self.epochs = recipe.descent.epochs
        self.kept = 1 - recipe.split.test / 100
        self.rows = 0
        self.read_begin = time.perf_counter()
        self.train_begin = 0.0
        self.first = 0
        self.done = 0.0

    def read(self, rows: int) -> str:
        """Describe the reading."""
        if rows <= self.rows:
            self.read_begin = time.perf_counter()
        self.rows = rows
        self.train_begin = 0.0
        return f"reading: {rows:,} rows{_rate(rows, time.perf_counter() - self.read_begin)}"

    def passed(self, moment: Moment) -> str:
        """Describe a pass."""
        now = time.perf_counter()
        self.done = moment.done / len(moment.members) if self.exact else moment.number / self.epochs
        loss = best_loss(moment.rows)
        text = f"training: pass {moment.number}"
        if loss is not None:
            text += f", loss {figure(loss, 6)}"
        if self.exact:
            text += f", {moment.done} of {len(moment.members)} members done"
        if self.train_begin:
            seconds = now - self.train_begin
            text += _rate(round(self.rows * self.kept) * (moment.number - self.first), seconds)
            if not self.exact:
                left = seconds / (moment.number - self.first) * (self.epochs - moment.number)
                text += f", at most {left:.0f} s left"
        else:
            # The first pass holds the compilation of kernels: the clock starts at its end.
            self.train_begin, self.first = now, moment.number
        return text

    def is_last(self, moment: Moment) -> bool:
        """Tell whether no further pass can come."""
        return moment.done == len(moment.members) or moment.number >= self.epochs


class _Silent:
    """Says nothing."""

    def after_read(self, rows: int, ended: bool) -> None:
        """Say nothing."""

    def after_pass(self, moment: Moment) -> None:
        """Say nothing."""


class _Lines:
    """Plain lines, one every few seconds at most."""

    def __init__(self, state: _State) -> None:
        self.state = state
        self.last = time.perf_counter()

    def after_read(self, rows: int, ended: bool) -> None:
        """Write how far the reading is."""
        self._write(self.state.read(rows), _READ_SECONDS)

    def after_pass(self, moment: Moment) -> None:
        """Write the pass, the first one in any case."""
        self._write(self.state.passed(moment), 0.0 if moment.number == 1 else _LINE_SECONDS)

    def _write(self, text: str, seconds: float) -> None:
        """Write a line unless the last one is younger than `seconds`."""
        now = time.perf_counter()
        if now - self.last >= seconds:
            self.last = now
            sys.stderr.write(text + "\n")
            sys.stderr.flush()


class _Bar:
    """One line that moves, on a terminal."""

    def __init__(self, state: _State, bars: Any) -> None:
        self.state = state
        self.bars = bars
        self.task = bars.add_task("opening", total=None)

    def after_read(self, rows: int, ended: bool) -> None:
        """Show how far the reading is; its length is not known before its end."""
        self.bars.update(self.task, description=self.state.read(rows), total=None)

    def after_pass(self, moment: Moment) -> None:
        """Show the pass."""
        text = self.state.passed(moment)
        if self.state.is_last(moment):
            self.bars.update(self.task, description="judging", total=None)
        else:
            self.bars.update(self.task, description=text, total=1.0, completed=self.state.done)


def best_loss(rows: Sequence[Row]) -> float | None:
    """Return the smallest mean validation loss of any setting in a pass; of training where none is judged.

    Parameters
    ----------
    rows : sequence of Row
        History rows of one pass.
    """
    judged: dict[int, list[float]] = {}
    trained: list[float] = []
    for row in rows:
        if row.share < 1:
            continue
        if row.validation is not None:
            judged.setdefault(row.setting, []).append(row.validation)
        if row.train is not None:
            trained.append(row.train)
    means = [sum(losses) / len(losses) for losses in judged.values()]
    return min(means or trained, default=None)


def _rate(rows: int, seconds: float) -> str:
    """Write rows a second, once there is something to measure."""
    return f", {rows / seconds:,.0f} rows/s" if seconds > 0.2 and rows > 0 else ""
