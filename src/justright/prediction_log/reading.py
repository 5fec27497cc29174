"""The log as a table: parts, journals that are still written, and the labels that have arrived."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from justright.errors import RecipeError, StorageError, TableError, closest
from justright.prediction_log.labels import read_labels
from justright.prediction_log.parts import entries_of, make_parts
from justright.prediction_log.segments import (
    journals_of,
    model_folder,
    model_names,
    part_of,
    parts_in,
    storage_trouble,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["damage_of", "read_log"]


def read_log(
    folder: str | Path,
    since: float | datetime | None = None,
    until: float | datetime | None = None,
    *,
    model: str | None = None,
    labels: bool = True,
) -> pa.Table:
    """Return the logged rows of one model, each once.

    Parameters
    ----------
    folder : str or Path
        Folder of the log; a server may be writing to it.
    since, until : float (seconds since 1970) or datetime, optional
        Rows from `since` on and before `until`. A datetime without zone is UTC.
    model : str, optional
        Name of the model; may be left out where the log holds one.
    labels : bool, default True
        Add the labels that have arrived.

    Returns
    -------
    pyarrow.Table
        One line a row, in the order of time: `_time` (UTC), `_id`, `_version`, `_model_id`, the input
        columns under their own names, then of a regression `_prediction`; of classes `_label` and
        `_probability_<class>`; and `_truth` and `_truth_time` where any label has arrived.

    Raises
    ------
    RecipeError
        The log holds several models, or not this one.
    TableError
        There is no log, or it holds no row.
    StorageError
        It cannot be read.

    Notes
    -----
    Turns closed journals into Parquet parts first, where the folder may be written. Memory: the table.

    Examples
    --------
    See `PredictionLog`.
    """
    from justright.prediction_log.tables import joined

    log = Path(folder)
    name = _model(log, model)
    _try_parts(log)
    try:
        tables = _tables(model_folder(log, name), _seconds(since), _seconds(until))
    except OSError as error:
        raise storage_trouble(log, error) from error
    if not tables:
        raise TableError(f"a log without rows of {name!r}", where=str(log), allowed="rows in this time")
    table = joined(tables).sort_by("_time")
    return _with_labels(table, log) if labels else table


def damage_of(folder: str | Path) -> int:
    """Return how many places of a log could not be read, over all its models.

    Parameters
    ----------
    folder : str or Path
        Folder of the log.
    """
    import pyarrow.parquet as pq

    log = Path(folder)
    found = 0
    for name in model_names(log):
        for part in parts_in(model_folder(log, name)):
            found += int((pq.read_schema(part).metadata or {}).get(b"damaged", b"0"))
        for journal in journals_of(model_folder(log, name)):
            found += 0 if part_of(journal).exists() else entries_of(journal)[1]
    return found


def _model(log: Path, model: str | None) -> str:
    """Return the model that is read."""
    names = model_names(log)
    if not names:
        step = "serve with --log FOLDER, and ask something"
        raise TableError(
            f"log={str(log)!r}, which holds no rows", allowed="the folder of a log", next_step=step
        )
    if model is None and len(names) == 1:
        return names[0]
    if model not in names:
        received = f"model={model!r}" if model is not None else f"a log of {len(names)} models"
        raise RecipeError(received, allowed=closest(model or "", names), where=str(log))
    return model


def _try_parts(log: Path) -> None:
    """Make parts where that is possible; a folder that can only be read is read as it is."""
    try:
        make_parts(log)
    except StorageError:
        return


def _tables(folder: Path, since: float | None, until: float | None) -> list[pa.Table]:
    """Return the rows of each file."""
    from justright.prediction_log.tables import table_of

    tables = []
    # Journals first: one that becomes a part meanwhile is found among the parts, which are listed later.
    journals = {}
    for journal in journals_of(folder):
        try:
            journals[part_of(journal)] = entries_of(journal)[0]
        except FileNotFoundError:
            continue
    for part in parts_in(folder):
        journals.pop(part, None)
        tables.append(_part(part, since, until))
    tables += [_between(table_of(entries), since, until) for entries in journals.values() if entries]
    return [table for table in tables if table is not None and table.num_rows]


def _part(path: Path, since: float | None, until: float | None) -> pa.Table | None:
    """Return the rows of one part; None when it was removed as too old meanwhile, or is too old."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return _between(pq.read_table(path), since, until)
    except FileNotFoundError:
        return None
    except pa.ArrowInvalid as error:
        raise TableError(f"a damaged part: {error}", where=str(path), next_step="remove the file") from error


def _between(table: pa.Table, since: float | None, until: float | None) -> pa.Table:
    """Return the rows of a time."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if since is not None:
        table = table.filter(pc.greater_equal(table["_time"].cast(pa.int64()), pa.scalar(round(since * 1e6))))
    if until is not None:
        table = table.filter(pc.less(table["_time"].cast(pa.int64()), pa.scalar(round(until * 1e6))))
    return table


def _with_labels(table: pa.Table, log: Path) -> pa.Table:
    """Return the table with the label of each row, where any has arrived."""
    import pyarrow as pa

    from justright.prediction_log.tables import array_of

    known = read_labels(log)
    if not known:
        return table
    found = [known.get(str(each)) for each in table["_id"].to_pylist()]
    moments: list[Any] = [None if each is None else round(each.time * 1e6) for each in found]
    table = table.append_column("_truth", array_of([None if each is None else each.label for each in found]))
    return table.append_column("_truth_time", pa.array(moments, pa.int64()).cast(pa.timestamp("us", "UTC")))


def _seconds(moment: float | datetime | None) -> float | None:
    """Return a moment in seconds since 1970."""
    if isinstance(moment, datetime):
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return moment
