"""The log of a server as rows to watch, and as rows to train on: the model's columns under their own names.

    read_log -> rows that this version answered -> input columns, labels as target, what was answered

A column that the log left out, or hashed, is not there to be scored: what was answered takes the place of
scoring then.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from justright.bundle.predictor import Predictor
from justright.errors import ColumnError, StorageError, TableError
from justright.prediction_log import read_log
from justright.prediction_log.segments import model_names
from justright.runs import RunFolder

if TYPE_CHECKING:
    import pyarrow as pa

    from justright.schema import FloatArray

__all__ = ["Answers", "Logged", "is_log", "labelled_rows", "logged"]

_LEAST: Final = 1e-15


@dataclass(frozen=True)
class Logged:
    """Rows of a log, as a monitor reads them.

    Parameters
    ----------
    table : pyarrow.Table
        The columns of the model, of nothing where the log does not hold their values; the target where there
        are labels; and the columns below.
    time, id : str
        Columns with the time and the id of each row.
    left_out, hashed : tuple of str
        Columns of the model that the log lacks, or holds as hashes.
    hashes : dict of str to str
        Hashed column to the column of `table` with its hashes.
    stated : tuple of str
        Columns with what was answered: the prediction, or the probability of each class; empty where another
        version answered.
    labels : int
        Rows with a label.
    """

    table: pa.Table
    time: str
    id: str
    left_out: tuple[str, ...]
    hashed: tuple[str, ...]
    hashes: dict[str, str]
    stated: tuple[str, ...]
    labels: int

    @property
    def blind(self) -> tuple[str, ...]:
        """Columns whose values are not there."""
        return (*self.left_out, *self.hashed)

    def margins(self, batch: pa.RecordBatch, task: str) -> FloatArray:
        """Return what was answered as margins, (rows, outputs); NaN where nothing was: see `Answers`."""
        if not self.stated:
            return np.full((batch.num_rows, 1), np.nan)
        columns = [
            np.asarray(batch.column(each).to_numpy(zero_copy_only=False), np.float64) for each in self.stated
        ]
        if task == "regression":
            return np.stack(columns[:1], axis=1)
        shares = np.clip(np.stack(columns, axis=1), _LEAST, 1.0)
        if task == "binary":
            return np.log(shares[:, 1:2]) - np.log(shares[:, :1])
        return np.log(shares)


class Answers:
    """What tells predictions from the margins that `Logged.margins` gives; a `monitor.counters.Scorer`."""

    def __init__(self, predictor: Predictor) -> None:
        self.plan = predictor.plan
        self.bundle = predictor.bundle
        self._task = predictor.task

    def expected(self, margins: FloatArray) -> FloatArray:
        """Return the number, the probability of class 1, or that of each class."""
        if self._task == "regression":
            return margins[:, 0]
        if self._task == "binary":
            return np.asarray(1.0 / (1.0 + np.exp(-margins[:, 0])))
        return np.exp(margins)


def is_log(path: str | Path) -> bool:
    """Say whether a folder is the log of a server."""
    return bool(model_names(Path(path)))


def logged(folder: str | Path, predictor: Predictor, name: str | None = None) -> Logged:
    """Read the rows of a log that a model answered; where it has answered none, those of all versions.

    What another version answered may lack columns that it does not need.

    Parameters
    ----------
    folder : str or Path
        Folder of the log.
    predictor : Predictor
        The model.
    name : str, optional
        Its name in the log; may be left out, or not be in it, where the log holds one model.

    Raises
    ------
    RecipeError, TableError, StorageError
        As `read_log`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from justright.prediction_log.tables import PROBABILITY, logged_name, notes_of

    found = read_log(folder, model=name if name in model_names(Path(folder)) else None)
    notes = notes_of(found)
    own = found.filter(pc.field("_model_id") == predictor.model_id)
    mine = own.num_rows > 0
    found = own if mine else found
    models = {str(each) for each in found["_model_id"].unique().to_pylist()}
    held = set(found.column_names)
    gone = {each for one in models for each in notes.left_out.get(one, ())}
    made = {each for one in models for each in notes.hashed.get(one, ())}
    left_out = [each for each in predictor.columns if each in gone or logged_name(each, notes) not in held]
    hashed = [each for each in predictor.columns if each in made and each not in left_out]
    columns: dict[str, Any] = {}
    for each in predictor.columns:
        blind = each in left_out or each in hashed
        columns[each] = pa.nulls(found.num_rows) if blind else found[logged_name(each, notes)]
    target = predictor.schema.target
    assert target is not None
    labels = 0
    if "_truth" in held:
        columns[target.column.name] = found["_truth"]
        labels = found.num_rows - found["_truth"].null_count

    def beside(name: str) -> str:
        """Put a column of the log beside those of the model, and return its name there."""
        free = name
        while free in columns:
            free += "_"
        columns[free] = found[name]
        return free

    wanted = (
        ["_prediction"]
        if predictor.task == "regression"
        else [f"{PROBABILITY}{c}" for c in predictor.classes]
    )
    stated = tuple(beside(each) for each in wanted) if mine and set(wanted) <= held else ()
    hashes = {each: beside(logged_name(each, notes)) for each in hashed}
    time, ids = beside("_time"), beside("_id")
    return Logged(pa.table(columns), time, ids, tuple(left_out), tuple(hashed), hashes, stated, labels)


def labelled_rows(folder: str, predictor: Predictor, name: str, out: Path) -> Path:
    """Write the rows of a log that have a label as a table to train on, and return its path.

    Parameters
    ----------
    folder : str
        Folder of the log.
    predictor : Predictor
        The model that answered.
    name : str
        Its name.
    out : Path
        Where the table is put, `NAME-labelled-HASH.parquet` by its content: the same rows, the same file. It
        must stay: the next training reads it again.

    Returns
    -------
    Path

    Raises
    ------
    TableError
        No row has a label.
    ColumnError
        Columns were hashed or left out.
    StorageError
        It cannot be written.

    Notes
    -----
    Columns that the model set aside (identifiers) are not in a log: they are missing in the table.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    found = logged(folder, predictor, name)
    target = predictor.schema.target
    assert target is not None
    if not found.labels:
        raise TableError(
            f"a log without labels of {name!r}", where=folder, allowed="rows whose labels have arrived",
            next_step='send {"labels": [{"id": ..., "label": ...}]} to /v1/feedback of the server',
        )  # fmt: skip
    if found.blind:
        raise ColumnError(
            f"a log without the values of {', '.join(map(repr, found.blind))}", where=folder,
            allowed="all columns of the model", next_step="retrain --with a TABLE that has them",
        )  # fmt: skip
    wanted = [*predictor.columns, target.column.name]
    table = found.table.filter(pc.is_valid(pc.field(target.column.name))).select(wanted)
    for column in predictor.schema.features:
        if column.name not in table.column_names:
            table = table.append_column(column.name, pa.nulls(table.num_rows, pa.string()))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    data = sink.getvalue().to_pybytes()
    path = out / f"{name}-labelled-{hashlib.sha256(data).hexdigest()[:12]}.parquet"
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"the labelled rows of a log: {error.strerror}", where=str(path)) from error
    RunFolder(out).write_bytes(path.name, data)
    return path
