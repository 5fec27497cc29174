"""Score a table of any size into a file: bounded memory, a bad row set aside, all or nothing on disk.

The output has one line for each row of the table, in its order. A row that cannot be scored keeps its
line, with an empty prediction, and goes with its place and reason into `<stem>.errors.jsonl`; a line of
the file that is no row at all has no line in the output and stands in the errors file alone.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from justright.bundle.explaining import Explainer
from justright.bundle.latent import latent_columns, latent_of
from justright.bundle.output import OUTPUTS, Output
from justright.bundle.predictor import Predictor, load
from justright.errors import ColumnError, RecipeError, StorageError, closest
from justright.features.plan import Unreadable
from justright.schema import FloatArray

if TYPE_CHECKING:
    import pyarrow as pa

    from justright.source import Source

__all__ = ["MAX_ERRORS", "ScoreReport", "score_file"]

MAX_ERRORS: Final = 100_000
"""Most rows listed in an errors file; the others are counted in the report."""


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
    Memory: one batch of at most 65,536 rows, what the source holds, and the listed errors. Reading and
    writing cost more than scoring: 0.3 to 0.5 million rows of 20 columns a second from Parquet on two
    busy cores. A text file with bad rows is read a second time to find their lines.

    Examples
    --------
    >>> import tempfile
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
    explainer = Explainer(predictor) if explain else None
    added = (*(explainer.columns if explainer else ()), *(latent_columns(predictor.bundle) if latent else ()))
    columns = _check_columns(predictor, source, keep, added)
    errors = target.with_name(f"{target.stem}.errors.jsonl")
    job = _Job(predictor, tuple(keep), columns, explainer, latent)
    with _replacing(target) as temporary:
        writer: Output | None = None
        try:
            for batch in source.batches(list(dict.fromkeys((*predictor.columns, *keep)))):
                scores = job.score(batch)
                writer = writer or open_output(temporary, scores.schema)
                writer.write(scores)
                if on_rows is not None:
                    on_rows(job.rows)
        finally:
            if writer is not None:
                writer.close()
        _write_errors(errors, job, source)
    return job.report(target, errors, source.n_problems)


class _Job:
    """The running state of one scoring: counts and the rows that were set aside."""

    def __init__(
        self,
        predictor: Predictor,
        keep: tuple[str, ...],
        columns: tuple[str, ...],
        explainer: Explainer | None = None,
        latent: bool = False,
    ) -> None:
        self.predictor = predictor
        self.explainer = explainer
        self.latent = latent
        self.keep = keep
        self.columns = columns
        self.rows = 0
        self.bad_rows = 0
        self.reasons: list[tuple[int, str]] = []

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the output of one batch; sets aside its bad rows."""
        import pyarrow as pa

        added: list[FloatArray] = []
        if self.explainer is None:
            margins, unreadable = self.predictor.score_batch(batch)
        else:
            explained = self.explainer.explain_batch(batch)
            margins, unreadable = explained.margins, explained.unreadable
            added = self.explainer.values(explained)
        if self.latent:
            added += self._latent(batch)
        reasons = _reasons(batch, margins, unreadable)
        bad = np.zeros(batch.num_rows, bool)
        bad[list(reasons)] = True
        room = MAX_ERRORS - len(self.reasons)
        self.reasons += [(self.rows + row, reasons[row]) for row in sorted(reasons)[:room]]
        self.bad_rows += len(reasons)
        self.rows += batch.num_rows
        arrays = [batch.column(name) for name in self.keep]
        arrays += [pa.array(values, mask=bad) for values in (*self._values(margins, bad), *added)]
        return pa.RecordBatch.from_arrays(arrays, names=list(self.columns))

    def report(self, target: Path, errors: Path, bad_lines: int) -> ScoreReport:
        """Return the counts."""
        any_bad = bool(self.bad_rows or bad_lines)
        return ScoreReport(
            out=str(target),
            errors=str(errors) if any_bad else None,
            model_id=self.predictor.model_id,
            rows=self.rows,
            scored=self.rows - self.bad_rows,
            bad_rows=self.bad_rows,
            bad_lines=bad_lines,
            columns=self.columns,
        )

    def _latent(self, batch: pa.RecordBatch) -> list[FloatArray]:
        """Return the latent columns of one batch."""
        with np.errstate(all="ignore"):
            block, _ = self.predictor.plan.transform(batch)
        return list(np.ascontiguousarray(latent_of(self.predictor.bundle, block).T))

    def _values(self, margins: FloatArray, bad: npt.NDArray[np.bool_]) -> list[npt.NDArray[Any]]:
        """Return the prediction and the probability of each class."""
        # Bad rows are scored as margin 0 and masked: a NaN must not reach a comparison or a class number.
        margins = np.where(bad[:, None], 0.0, margins)
        values = [self.predictor.from_margins(margins)]
        if self.predictor.task != "regression":
            values += list(np.ascontiguousarray(self.predictor.probabilities(margins).T))
        return values


def _reasons(batch: pa.RecordBatch, margins: FloatArray, unreadable: Sequence[Unreadable]) -> dict[int, str]:
    """Return why rows of a batch cannot be scored, by row."""
    overflow = np.flatnonzero(np.isnan(margins).any(axis=1))
    reasons = {int(row): "values so large that the score overflows" for row in overflow}
    found: dict[int, list[str]] = {}
    for row, column in unreadable[: MAX_ERRORS * 2]:
        found.setdefault(row, []).append(f"{column}={batch.column(column)[row].as_py()!r:.60}")
    reasons |= {row: f"cannot read {', '.join(cells)}" for row, cells in found.items()}
    return reasons | {row: "cannot be read" for row, _ in unreadable if row not in reasons}


def _output_of(target: Path, table: Any) -> Callable[[Path, pa.Schema], Output]:
    """Return the maker of the output by extension; refuse to replace the table itself."""
    if target.suffix.lower() not in OUTPUTS:
        raise RecipeError(f"out={str(target)!r}", allowed=f"a name that ends in {', '.join(OUTPUTS)}")
    is_path = isinstance(table, str | os.PathLike)
    if is_path and target.exists() and Path(table).exists() and target.samefile(table):
        raise RecipeError(f"out={str(target)!r}, which is the table itself", next_step="another --out")
    return OUTPUTS[target.suffix.lower()]


def _check_columns(
    predictor: Predictor, source: Source, keep: Sequence[str], added: Sequence[str]
) -> tuple[str, ...]:
    """Return the columns of the output after checking those of the table."""
    predictor.require(source.names)
    own: tuple[str, ...] = ("prediction", *(f"probability_{name}" for name in predictor.classes))
    own += tuple(added)
    for name in keep:
        if name not in source.names:
            raise ColumnError(f"keep={name!r}", allowed=closest(name, source.names))
        if name in own or list(keep).count(name) > 1:
            raise ColumnError(
                f"keep={name!r}, which the output has already", next_step="rename it in the table"
            )
    return (*keep, *own)


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
    with _replacing(path) as temporary, temporary.open("wb") as file:
        file.writelines(msgspec.json.encode(line) + b"\n" for line in lines)


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
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
