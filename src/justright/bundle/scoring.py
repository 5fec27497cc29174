"""Score a table of any size into a file: bounded memory, a bad row set aside, all or nothing on disk.

The output has one line for each row of the table, in its order. A row that cannot be scored keeps its
line, with an empty prediction, and goes with its place and reason into `<stem>.errors.jsonl`; a line of
the file that is no row at all has no line in the output and stands in the errors file alone.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from justright.bundle.in_order import in_order, threads_for
from justright.bundle.output import OUTPUTS, Output
from justright.bundle.predictor import Predictor, load
from justright.bundle.scored_batch import MAX_ERRORS, Scored, Scorer
from justright.errors import ColumnError, RecipeError, StorageError, closest

if TYPE_CHECKING:
    import pyarrow as pa

    from justright.source import Source

__all__ = ["MAX_ERRORS", "ScoreReport", "check_columns", "replacing", "score_file"]


class ScoreReport(msgspec.Struct, frozen=True):
    """What a scoring did.

    Parameters
    ----------
    out : str
        Path of the predictions.
    errors : str or None
        Path of the errors file; None when every line was scored, and then there is no such file.
    model_id : str
        The model that scored.
    rows : int
        Rows of the table, each with a line in `out`.
    scored : int
        Those with a prediction.
    bad_rows : int
        Those without: `rows - scored`.
    bad_lines : int
        Lines of the file that are no rows.
    columns : tuple of str
        Columns of `out`.
    """

    out: str
    errors: str | None
    model_id: str
    rows: int
    scored: int
    bad_rows: int
    bad_lines: int
    columns: tuple[str, ...]


def score_file(
    model: Predictor | str | Path,
    table: Any,
    out: str | Path,
    *,
    keep: Sequence[str] = (),
    on_rows: Callable[[int], None] | None = None,
    explain: bool = False,
    latent: bool = False,
    threads: int | None = None,
) -> ScoreReport:
    """Score every row of a table into a file.

    Parameters
    ----------
    model : Predictor or path of a bundle
        What scores.
    table : path, data frame, Arrow table, Source, ...
        Anything `open_source` takes; columns that the model does not need are ignored.
    out : str or Path
        `.csv`, `.parquet` or `.jsonl`. An earlier file of that name is replaced once the new one is
        complete. Columns: those of `keep`, `prediction`, and for classes `probability_<class>`.
    keep : sequence of str, default ()
        Columns of the table to copy into the output, an identifier for example.
    on_rows : callable, optional
        Told the number of rows done after each batch.
    explain : bool, default False
        Add what each term contributes to the margin; see `Explainer.columns`.
    latent : bool, default False
        Add what a network makes of the row before it decides, as columns `latent_0`, `latent_1`...; see
        `Predictor.latent`.
    threads : int, optional
        Batches that are scored at a time; None = as the machine and the width of the table allow. The
        output does not depend on it.

    Returns
    -------
    ScoreReport

    Raises
    ------
    RecipeError
        Another extension, the output would replace the table, or the family has nothing to add.
    ColumnError
        The table lacks columns of the model or of `keep`, or a kept name is one of the output's own.
    TableError, StorageError
        The table cannot be read, or the output cannot be written; then no output is left.

    Notes
    -----
    Memory: a few batches of at most 65,536 rows, what the source holds, and the listed errors. From
    Parquet to Parquet a row of 20 columns costs a linear model about 0.5 microseconds of one core. A text
    file with bad rows is read a second time to find their lines.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from justright.bundle.format import ModelFile, write_bundle
    >>> from justright.schema import Column, Schema, Target
    >>> size = Column("size", "numeric", "number")
    >>> price = Target(Column("price", "numeric", "number"), "regression")
    >>> scale = {"column": {"name": "size", "kind": "numeric", "form": "number"},
    ...          "centre": 0.0, "scale": 1.0, "low": 0.0, "high": 9.0}
    >>> plan = {"numeric": [scale], "categorical": [], "text": [], "target": None}
    >>> front = {"numeric": 1, "indicators": [], "sizes": [], "tokens": 0}
    >>> made = ModelFile(schema=Schema((size,), price), features=plan, family="linear", front=front,
    ...                  task="regression", outputs=1, link="identity")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     arrays = {"weights": np.array([[2.0]]), "bias": np.array([1.0])}
    ...     model_id = write_bundle(folder + "/model", made, arrays, {}, "")
    ...     report = score_file(folder + "/model", {"size": [1, 2]}, folder + "/scores.jsonl")
    ...     Path(report.out).read_text().split()
    ['{"prediction":3.0}', '{"prediction":5.0}']
    """
    from justright.source import open_source

    predictor = model if isinstance(model, Predictor) else load(model)
    target = Path(out)
    open_output = _output_of(target, table)
    source = open_source(table)
    scorer = Scorer(predictor, tuple(keep), explain, latent)
    check_columns(scorer, source)
    errors = target.with_name(f"{target.stem}.errors.jsonl")
    job = _Job(predictor.model_id, scorer.columns)
    wanted = list(dict.fromkeys((*predictor.columns, *keep)))
    number = threads_for(len(wanted)) if threads is None else threads
    with replacing(target) as temporary:
        writer: Output | None = None
        try:
            with closing(in_order(scorer.score, source.batches(wanted), number)) as batches:
                for scored in batches:
                    job.take(scored)
                    writer = writer or open_output(temporary, scored.batch.schema)
                    writer.write(scored.batch)
                    if on_rows is not None:
                        on_rows(job.rows)
        finally:
            if writer is not None:
                writer.close()
        _write_errors(errors, job, source)
    return job.report(target, errors, source.n_problems)


class _Job:
    """The running state of one scoring: counts and the rows that were set aside."""

    def __init__(self, model_id: str, columns: tuple[str, ...]) -> None:
        self.model_id = model_id
        self.columns = columns
        self.rows = 0
        self.bad_rows = 0
        self.reasons: list[tuple[int, str]] = []

    def take(self, scored: Scored) -> None:
        """Count one batch and set its bad rows aside."""
        room = MAX_ERRORS - len(self.reasons)
        self.reasons += [(self.rows + row, scored.reasons[row]) for row in sorted(scored.reasons)[:room]]
        self.bad_rows += len(scored.reasons)
        self.rows += scored.batch.num_rows

    def report(self, target: Path, errors: Path, bad_lines: int) -> ScoreReport:
        """Return the counts."""
        any_bad = bool(self.bad_rows or bad_lines)
        return ScoreReport(
            out=str(target),
            errors=str(errors) if any_bad else None,
            model_id=self.model_id,
            rows=self.rows,
            scored=self.rows - self.bad_rows,
            bad_rows=self.bad_rows,
            bad_lines=bad_lines,
            columns=self.columns,
        )


def _output_of(target: Path, table: Any) -> Callable[[Path, pa.Schema], Output]:
    """Return the maker of the output by extension; refuse to replace the table itself."""
    if target.suffix.lower() not in OUTPUTS:
        raise RecipeError(f"out={str(target)!r}", allowed=f"a name that ends in {', '.join(OUTPUTS)}")
    is_path = isinstance(table, str | os.PathLike)
    if is_path and target.exists() and Path(table).exists() and target.samefile(table):
        raise RecipeError(f"out={str(target)!r}, which is the table itself", next_step="another --out")
    return OUTPUTS[target.suffix.lower()]


def check_columns(scorer: Scorer, source: Source) -> None:
    """Raise ColumnError unless a table has the columns of the model and those that are kept."""
    scorer.predictor.require(source.names)
    for name in scorer.keep:
        if name not in source.names:
            raise ColumnError(f"keep={name!r}", allowed=closest(name, source.names))
        if name in scorer.own or scorer.keep.count(name) > 1:
            raise ColumnError(
                f"keep={name!r}, which the output has already", next_step="rename it in the table"
            )


def _write_errors(path: Path, job: _Job, source: Source) -> None:
    """Write the errors file in the order of the table, or remove that of an earlier run."""
    lines: list[Mapping[str, Any]] = []
    if job.reasons:
        places = source.locate([row for row, _ in job.reasons])
        lines += [
            {"file": place.file, place.unit: place.number, "reason": reason}
            for place, (_, reason) in zip(places, job.reasons, strict=True)
        ]
    lines += [
        {"file": bad.file, "line": bad.line, "reason": bad.reason, "text": bad.text}
        for bad in source.problems
    ]
    if not lines:
        path.unlink(missing_ok=True)
        return
    lines.sort(key=lambda line: (line["file"], line.get("line", line.get("row"))))
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.writelines(msgspec.json.encode(line) + b"\n" for line in lines)


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give a path beside the target; flush and rename it at the end, remove it on any failure."""
    if not target.parent.is_dir():
        reason = "Not a directory" if target.parent.exists() else "No such file or directory"
        raise StorageError(
            f"out={str(target)!r}",
            where=f"{target.parent}: {reason}",
            allowed="a file in a folder that exists",
            next_step=f"mkdir -p {target.parent}",
        )
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, StorageError):
            raise
        received = f"{error.strerror or error} while writing {str(target)!r}"
        raise StorageError(
            received, next_step="make room or choose another --out; nothing was left"
        ) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
