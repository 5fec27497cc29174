"""Score a folder of Parquet files into a folder of parts: what is done stays, what was cut is done again.

    IN/day=1/a.parquet  ->  OUT/day=1/a.parquet              one line for each row, in its order
                            OUT/day=1/errors_a.jsonl         rows without a score: the row, and why
                            OUT/_done/day=1/a.parquet.json   what the part was made of

A part gets its name when it is whole, and its done-file after that. A part whose done-file fits (same model,
same options, same input file) is not made again; any other is made anew and replaces what is there. So a job
that is started again goes on, and no row is there twice.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from justright.bundle.in_order import in_order, threads_for
from justright.bundle.output import OUTPUTS, Output
from justright.bundle.predictor import Predictor, load
from justright.bundle.scored_batch import MAX_ERRORS, Scored, Scorer
from justright.bundle.scoring import check_columns, replacing
from justright.errors import RecipeError, StorageError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FolderReport", "score_folder"]

_FORMAT: Final = 1
_DONE: Final = "_done"
_INVALID: Final = 3  # INVALID_ARGUMENT of google.rpc.Code, which error records of batch prediction use
_LEFT_BY_A_KILL: Final = re.compile(r"\..+\.(parquet|pq|parq|jsonl|json)\.[0-9a-f]{16}")


class FolderReport(msgspec.Struct, frozen=True):
    """What a scoring of a folder did.

    Parameters
    ----------
    out : str
        The folder.
    errors : tuple of str
        Error parts in it; empty when every row was scored.
    model_id : str
        The model that scored.
    rows : int
        Rows of the table, each with a line in a part.
    scored : int
        Those with a prediction.
    bad_rows : int
        Those without: `rows - scored`.
    parts : int
        Parts in the folder.
    kept : int
        Those of them that an earlier run had made of the same files with the same model and options.
    removed : int
        Parts of earlier runs whose input is no longer there.
    columns : tuple of str
        Columns of the parts.
    """

    out: str
    errors: tuple[str, ...]
    model_id: str
    rows: int
    scored: int
    bad_rows: int
    parts: int
    kept: int
    removed: int
    columns: tuple[str, ...]


class _Done(msgspec.Struct, frozen=True):
    """What a finished part was made of, and what it holds."""

    key: str
    rows: int
    bad_rows: int
    size: int


class _Unit(NamedTuple):
    """One input file and its part: `name` is the path of both below their folders."""

    source: Path
    name: Path
    key: str


class _Piece(NamedTuple):
    """One scored batch of a unit, with its bad rows as they came in."""

    unit: _Unit
    scored: Scored
    instances: list[dict[str, Any]]


def score_folder(
    model: Predictor | str | Path,
    table: str | Path,
    out: str | Path,
    *,
    keep: Sequence[str] = (),
    on_rows: Callable[[int], None] | None = None,
    explain: bool = False,
    latent: bool = False,
    threads: int | None = None,
) -> FolderReport:
    """Score a folder of Parquet files, or one, into a folder: a part of the same name for each file.

    Parameters
    ----------
    model : Predictor or path of a bundle
        What scores.
    table : path
        A folder of Parquet files, folders named `key=value` included, or one file.
    out : str or Path
        A folder, made where it is not there. It may hold parts of earlier runs, and nothing else.
    keep, explain, latent, threads
        As in `score_file`.
    on_rows : callable, optional
        Told the number of rows done, those of earlier runs included, after each batch.

    Returns
    -------
    FolderReport

    Raises
    ------
    RecipeError
        The table is no Parquet on disk, or `out` lies in it or holds other files.
    ColumnError
        As in `score_file`.
    TableError, StorageError
        A file cannot be read or written, or another job writes to `out`; parts that are done stay.

    Notes
    -----
    Memory is that of `score_file`. A part lists at most `MAX_ERRORS` bad rows in its errors file; all are
    counted. An input file counts as the same while its size and time of change are the same.

    Examples
    --------
    `justright predict MODEL IN --out OUT` from a shell; see docs/batch-scoring.md.
    """
    predictor = model if isinstance(model, Predictor) else load(model)
    inputs, target = Path(table), Path(out)
    _check_places(inputs, target)
    scorer = Scorer(predictor, tuple(keep), explain, latent)
    with _alone(target):
        _sweep(target)
        job = _FolderJob(scorer, target, _units(scorer, inputs, (explain, latent)))
        removed = job.clear()
        job.run(inputs if inputs.is_dir() else inputs.parent, threads, on_rows or (lambda rows: None))
    return job.report(removed)


class _FolderJob:
    """The running state of one scoring of a folder.

    Parameters
    ----------
    scorer : Scorer
        What scores.
    out : Path
        Where the parts go.
    units : list of _Unit
        What there is to do.
    """

    def __init__(self, scorer: Scorer, out: Path, units: list[_Unit]) -> None:
        self.scorer = scorer
        self.out = out
        self.units = units
        self.done = {unit: found for unit in units if (found := _finished(out, unit)) is not None}
        self.kept = len(self.done)
        self.rows = sum(found.rows for found in self.done.values())

    def clear(self) -> int:
        """Remove parts of earlier runs that have no input any more; refuse a folder with other files."""
        wanted = {unit.name for unit in self.units}
        before = {
            path.relative_to(self.out / _DONE).with_suffix("")
            for path in (self.out / _DONE).rglob("*.json")
            if path.is_file()
        }
        there = {path.relative_to(self.out) for path in self.out.rglob("*") if path.suffix in _SUFFIXES}
        foreign = sorted(there - wanted - before)
        if foreign:
            raise _foreign(self.out, str(foreign[0]))
        for name in before - wanted:
            (self.out / name).unlink(missing_ok=True)
            _errors_of(self.out, name).unlink(missing_ok=True)
            _done_file(self.out, name).unlink(missing_ok=True)
        return len(before - wanted)

    def run(self, root: Path, threads: int | None, on_rows: Callable[[int], None]) -> None:
        """Score what is not done yet, file by file, batches of the next file behind those of this one."""
        wanted = list(dict.fromkeys((*self.scorer.predictor.columns, *self.scorer.keep)))
        number = threads_for(len(wanted)) if threads is None else threads
        on_rows(self.rows)
        with closing(in_order(self._piece, self._batches(root, wanted), number)) as pieces:
            for unit, group in groupby(pieces, key=lambda piece: piece.unit):
                self.done[unit] = self._part(unit, group, on_rows)

    def report(self, removed: int) -> FolderReport:
        """Return the counts."""
        bad_rows = sum(found.bad_rows for found in self.done.values())
        errors = [_errors_of(self.out, unit.name) for unit, found in self.done.items() if found.bad_rows]
        return FolderReport(
            out=str(self.out),
            errors=tuple(sorted(map(str, errors))),
            model_id=self.scorer.predictor.model_id,
            rows=self.rows,
            scored=self.rows - bad_rows,
            bad_rows=bad_rows,
            parts=len(self.done),
            kept=self.kept,
            removed=removed,
            columns=self.scorer.columns,
        )

    def _batches(self, root: Path, columns: list[str]) -> Iterator[tuple[_Unit, pa.RecordBatch]]:
        """Read the files that are not done yet."""
        from justright.source.parquet import ParquetSource

        for unit in self.units:
            if unit in self.done:
                continue
            for batch in ParquetSource([unit.source], root).batches(columns):
                yield unit, batch

    def _piece(self, item: tuple[_Unit, pa.RecordBatch]) -> _Piece:
        """Score one batch."""
        import pyarrow as pa

        unit, batch = item
        scored = self.scorer.score(batch)
        bad = sorted(scored.reasons)[:MAX_ERRORS]
        instances = batch.take(pa.array(bad, pa.int64())).to_pylist() if bad else []
        return _Piece(unit, scored, instances)

    def _part(self, unit: _Unit, pieces: Iterable[_Piece], on_rows: Callable[[int], None]) -> _Done:
        """Write one part, its errors, and then that it is done."""
        target, errors = self.out / unit.name, _errors_of(self.out, unit.name)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _done_file(self.out, unit.name).unlink(missing_ok=True)
        except OSError as error:
            raise _trouble(target, error) from error
        rows = bad_rows = listed = 0
        with replacing(errors) as lines, replacing(target) as temporary, lines.open("wb") as file:
            writer: Output | None = None
            try:
                for _, scored, instances in pieces:
                    writer = writer or OUTPUTS[".parquet"](temporary, scored.batch.schema)
                    writer.write(scored.batch)
                    records = _error_records(unit, rows, scored, instances[: MAX_ERRORS - listed])
                    file.writelines(records)
                    listed += len(records)
                    rows += scored.batch.num_rows
                    bad_rows += len(scored.reasons)
                    on_rows(self.rows + rows)
            finally:
                if writer is not None:
                    writer.close()
        if not bad_rows:
            errors.unlink(missing_ok=True)
        self.rows += rows
        return _note(self.out, unit, _Done(unit.key, rows, bad_rows, target.stat().st_size))


_SUFFIXES: Final = frozenset((".parquet", ".pq", ".parq"))


def _check_places(inputs: Path, out: Path) -> None:
    """Raise RecipeError where input and output are not two places on disk, or lie in each other."""
    if not inputs.exists():
        raise StorageError(f"{str(inputs)!r}, which does not exist", next_step="check the path")
    read, written = inputs.resolve(), out.resolve()
    if written == read or read in written.parents or written in read.parents:
        raise RecipeError(
            f"out={str(out)!r}, beside or within {str(inputs)!r}",
            allowed="a folder that is not part of the table, nor holds it",
            next_step="another --out",
        )
    if out.exists() and not out.is_dir():
        raise RecipeError(f"out={str(out)!r}, which is a file", allowed="a folder, or a name for one")
    if out.is_dir() and not (out / _DONE).is_dir():
        other = next(iter(sorted(out.iterdir())), None)
        if other is not None:
            raise _foreign(out, other.name)


def _units(scorer: Scorer, inputs: Path, options: tuple[bool, bool]) -> list[_Unit]:
    """Return the files to score, in the order of their names, after checking that all can be."""
    import pyarrow.parquet as pq

    from justright.source import open_source

    source = open_source(inputs)
    if source.description["format"] != "Parquet":
        raise RecipeError(
            f"a table of {source.description['format']} into a folder",
            allowed="a folder of Parquet files, or one",
            next_step="--out FILE.parquet",
        )
    check_columns(scorer, source)
    root = inputs if inputs.is_dir() else inputs.parent
    units = []
    for text in source.description["paths"]:
        path = Path(text)
        if not pq.read_metadata(path).num_rows:  # a writer that had nothing to write leaves such files
            continue
        name, found = path.relative_to(root), path.stat()
        made_of = (
            _FORMAT,
            scorer.predictor.model_id,
            scorer.columns,
            options,
            str(name),
            found.st_size,
            found.st_mtime_ns,
        )
        key = hashlib.blake2b(msgspec.json.encode(made_of), digest_size=16).hexdigest()
        units.append(_Unit(path, name, key))
    return units


def _finished(out: Path, unit: _Unit) -> _Done | None:
    """Return what is noted of a part that need not be made again."""
    try:
        found = msgspec.json.decode(_done_file(out, unit.name).read_bytes(), type=_Done)
        whole = (out / unit.name).stat().st_size == found.size
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    except OSError as error:
        raise _trouble(out, error) from error
    return found if whole and found.key == unit.key else None


def _note(out: Path, unit: _Unit, done: _Done) -> _Done:
    """Write down that a part is done."""
    path = _done_file(out, unit.name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _trouble(path, error) from error
    with replacing(path) as temporary:
        temporary.write_bytes(msgspec.json.encode(done))
    return done


def _error_records(unit: _Unit, done: int, scored: Scored, instances: list[dict[str, Any]]) -> list[bytes]:
    """Return the lines of the errors file for the bad rows of one batch."""
    rows = sorted(scored.reasons)[: len(instances)]
    return [
        msgspec.json.encode(
            {
                "instance": instance,
                "error": {"code": _INVALID, "message": scored.reasons[row]},
                "file": str(unit.name),
                "row": done + row + 1,
            },
            enc_hook=str,
        )
        + b"\n"
        for row, instance in zip(rows, instances, strict=True)
    ]


def _done_file(out: Path, name: Path) -> Path:
    """Return where it is noted that a part is done."""
    return out / _DONE / name.with_name(f"{name.name}.json")


def _errors_of(out: Path, name: Path) -> Path:
    """Return the errors file of a part."""
    return (out / name).with_name(f"errors_{name.stem}.jsonl")


def _sweep(out: Path) -> None:
    """Remove what a killed job left half-written: nobody else writes here now."""
    for path in out.rglob(".*"):
        if _LEFT_BY_A_KILL.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Hold the folder against other jobs; the system lets go of it when this process ends."""
    try:
        (out / _DONE).mkdir(parents=True, exist_ok=True)
        handle = os.open(out / _DONE / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise _trouble(out, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise StorageError(
            f"out={str(out)!r}, to which another job is writing", next_step="wait for it, or another --out"
        ) from error
    finally:
        os.close(handle)


def _foreign(out: Path, name: str) -> RecipeError:
    """Return the error for a folder that somebody else writes to."""
    return RecipeError(
        f"out={str(out)!r}, which holds {name!r}",
        allowed="a folder that is new or empty, or that holds parts of this table",
        next_step="another --out",
    )


def _trouble(place: Path, error: OSError) -> StorageError:
    """Return the file system's refusal in our words."""
    return StorageError(
        f"{error.strerror or error} at {str(place)!r}",
        next_step="make room or choose another --out; parts that are done stay",
    )
