"""Which rows a model was trained on: kept with the run as fingerprints, asked when a table is judged.

    key(row) = mix( content key of the features  xor  mix( bits of the target as float32 ) )

Kept are 8 bytes a training row, of at most half a million rows (4 MB) by the size of their keys, which is a
sample that knows no order. They lie in the run folder, not in the model: whoever gets a model need not be
able to ask it who was in its training.

Rows that are equal by chance are told from rows that are the same by the share of training rows that have
a twin among the training rows: so many twins a fresh row of the same law would have, too.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from justright.datamodule import DataModule
from justright.errors import StorageError
from justright.features.plan import canonical
from justright.kernels.hashing import mix64
from justright.recipe import Recipe
from justright.registry.tables import TABLE, table_facts
from justright.runs import RunFolder
from justright.schema import Finding, Schema
from justright.split import content_key
from justright.workflow.summary import Summary

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TrainedOn", "trained_on", "write_table", "write_trained_on"]

_FILE: Final = "trained_on.npy"
_MOST: Final = 1 << 19
_CHUNK: Final = 1 << 22  # rows at a time: what is made of them stays small
_SURPRISE: Final = 3.0  # standard deviations above the twins of chance
_GRAVE: Final = 0.01  # share of the rows from which the figures are off by more than a whim

Keys = npt.NDArray[np.uint64]


def write_trained_on(folder: RunFolder, data: DataModule) -> None:
    """Keep the fingerprints of the training rows in a run folder.

    Raises
    ------
    StorageError
        The file cannot be written.
    """
    facts, limit = data.facts, _limit(data.rows)
    kept = []
    for begin in range(0, len(facts.part), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        train = facts.part[part] == 0
        keys = _keys(facts.content[part][train], facts.target[part][train])
        kept.append(keys[keys <= limit])
    file = io.BytesIO()
    np.save(file, np.sort(np.concatenate(kept)).astype("<u8"), allow_pickle=False)
    folder.write_bytes(_FILE, file.getvalue())


def write_table(folder: RunFolder, recipe: Recipe) -> None:
    """Keep the place, size and hash of the table of a recipe in its run folder, so that it is known again.

    Raises
    ------
    StorageError
        The file cannot be written.

    Notes
    -----
    Reads every byte of the table once more: a second for one to two gigabytes.
    """
    if recipe.table:
        began = (folder.path / "recipe.json").stat().st_mtime
        folder.write(TABLE, table_facts(recipe.table, recipe.sql, trained=began))


def trained_on(path: Path, model_id: str) -> TrainedOn:
    """Return who counts the rows of a table that a model was trained on.

    Parameters
    ----------
    path : Path
        The folder of a run, or of the model in it; of a model elsewhere nothing is known.
    model_id : str
        A run of another model is not asked.
    """
    for place in (path, path.absolute().parent):
        folder = RunFolder(place)
        if folder.ended and (place / _FILE).is_file():
            summary = folder.read("run.json", Summary)
            if summary.model_id == model_id:
                return TrainedOn(_read(place / _FILE), _limit(summary.rows.train))
    return TrainedOn(None, np.uint64(0))


def _read(path: Path) -> Keys:
    """Read the fingerprints that a run kept."""
    try:
        keys: Keys = np.load(path, allow_pickle=False).astype(np.uint64)
    except (OSError, ValueError, EOFError) as error:
        raise StorageError(
            f"the fingerprints of a run, {path.name}", where=f"{path}: {error}", next_step=f"rm {path}"
        ) from error
    return keys


class TrainedOn:
    """Counts, batch by batch, the rows of a table that a model was trained on.

    Parameters
    ----------
    keys : uint64 (kept training rows,) or None
        Sorted; None where nothing was kept.
    limit : uint64
        Rows with a larger key were not kept and are not asked for.
    """

    def __init__(self, keys: Keys | None, limit: np.uint64) -> None:
        self.keys = keys
        self.limit = limit
        self.rows = self.asked = self.found = 0
        self._why = "its run is not beside it" if keys is None else ""

    def columns(self, schema: Schema, names: tuple[str, ...]) -> list[str]:
        """Return the columns to read of a table; nothing is known where it lacks one of them."""
        wanted = [column.name for column in schema.features]
        lacking = [name for name in wanted if name not in names]
        if lacking and not self._why:
            self._why = f"the table lacks {lacking[0]}, which the training had"
        return [] if self._why else wanted

    def add(self, batch: pa.RecordBatch, schema: Schema, target: npt.NDArray[Any]) -> None:
        """Count the rows of a batch with their targets (class numbers or values)."""
        self.rows += batch.num_rows
        if self.keys is None or self._why or not batch.num_rows:
            return
        values = {column.name: canonical(batch.column(column.name), column) for column in schema.features}
        keys = _keys(content_key({name: _plain(value) for name, value in values.items()}), target)
        keys = keys[keys <= self.limit]
        self.asked += len(keys)
        self.found += int(np.isin(keys, self.keys).sum())

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What a user must know of the rows that were added."""
        if self.keys is None or self._why:
            sentence = f"Whether the model was trained on these rows is not known: {self._why}."
            move = "justright evaluate RUN TABLE, with the run that made the model"
            return (Finding("rows-origin-unknown", "info", sentence, {"rows": self.rows}, move),)
        chance = _twins(self.keys)
        surplus = self.found - chance * self.asked
        if surplus <= _SURPRISE * np.sqrt(chance * (1.0 - chance) * self.asked):
            return ()
        share = self.found / self.asked
        about = "" if self.asked == self.rows else "About "
        by_chance = f" (by chance it would be {chance:.0%})" if chance >= _GRAVE else ""
        sentence = (
            f"{about}{round(share * self.rows):,} of these {self.rows:,} rows trained the model{by_chance}:"
            " the figures are too good for new rows."
        )
        evidence = {"rows": self.rows, "asked": self.asked, "found": self.found, "by_chance": chance}
        grave = surplus / self.asked >= _GRAVE
        move = "judge on rows kept apart: train with --test 20, then justright evaluate RUN"
        return (Finding("rows-trained-on", "warning" if grave else "info", sentence, evidence, move),)


def _limit(rows: int) -> np.uint64:
    """Return the largest key that is kept of so many training rows."""
    return np.uint64(2**64 - 1) if rows <= _MOST else np.uint64(_MOST / rows * 2.0**64)


def _keys(content: Keys, target: npt.NDArray[Any]) -> Keys:
    """Return the fingerprints of rows with their targets, float32 as the training keeps them."""
    limit = float(np.finfo(np.float32).max)
    narrow = np.clip(target.astype(np.float64), -limit, limit).astype(np.float32) + np.float32(0.0)
    return mix64(content ^ mix64(narrow.view(np.uint32).astype(np.uint64)))


def _twins(keys: Keys) -> float:
    """Return the share of sorted keys that stand more than once."""
    if len(keys) < 2:
        return 0.0
    same = keys[1:] == keys[:-1]
    return float((np.r_[same, False] | np.r_[False, same]).mean())


def _plain(value: Any) -> Any:
    """Return canonical values as `content_key` wants them."""
    return value.numbers if value.numbers is not None else (value.codes, value.texts)
