"""A run is a folder: recipe, schema, history, evaluation, model, report; nothing else knows more.

    runs/<name>/
        recipe.json      every choice
        run.json         status and summary (written last: a folder without it has not ended)
        table.json       place, size and hash of the table that trained it; none for rows in memory
        schema.json, profile.json, split.json, evaluation.json
        terms.json       what the model says: curves, tables, importances, penalties, crosses
        history.jsonl    one line a pass and member
        checkpoint.safetensors     while training
        out_of_fold.parquet        held-out prediction of every training row
        model/           the bundle
        report.html

Writes are atomic (beside, then renamed). Names are made with an exclusive mkdir, so that trainings at
once in one place never share a folder.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from justright.errors import StorageError

__all__ = ["RunFolder", "create", "open_run"]

T = TypeVar("T")


class RunFolder:
    """Reads and writes the files of one run.

    Parameters
    ----------
    path : Path
        The folder, which exists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def checkpoint(self) -> Path:
        """Where the training saves its state."""
        return self.path / "checkpoint.safetensors"

    @property
    def checkpoints(self) -> tuple[Path, ...]:
        """The states that were saved and are there: of the training, or of each rung of a ladder."""
        return tuple(sorted(self.path.glob("checkpoint*.safetensors")))

    def checkpoint_of(self, rung: str) -> Path:
        """Return where a rung of a ladder saves its state."""
        return self.path / f"checkpoint-{rung}.safetensors"

    @property
    def scratch(self) -> Path:
        """Encoded rows of a large table, while training."""
        return self.path / "blocks"

    @property
    def model(self) -> Path:
        """The bundle."""
        return self.path / "model"

    @property
    def report(self) -> Path:
        """The one-file report."""
        return self.path / "report.html"

    @property
    def ended(self) -> bool:
        """Whether the run came to its end."""
        return (self.path / "run.json").exists()

    def write(self, name: str, value: Any) -> None:
        """Write a JSON file atomically.

        Raises
        ------
        StorageError
            The disk is full or the folder cannot be written.
        """
        data = msgspec.json.encode(value, enc_hook=_number)
        self.write_bytes(name, msgspec.json.format(data, indent=1) + b"\n")

    def write_bytes(self, name: str, data: bytes) -> None:
        """Write a file atomically; errors as `write`."""
        target = self.path / name
        beside = target.with_name(f".{name}.part")
        try:
            with beside.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(target)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise StorageError(
                f"{len(data)} bytes for {name}",
                where=f"{self.path}: {error.strerror}",
                next_step="free some disk space, or choose another --out folder",
            ) from error

    def read(self, name: str, kind: type[T]) -> T:
        """Read a JSON file as a value of a type.

        Raises
        ------
        StorageError
            The file is not there or is damaged.
        """
        try:
            return msgspec.json.decode((self.path / name).read_bytes(), type=kind)
        except (OSError, msgspec.DecodeError) as error:
            raise StorageError(
                f"run={str(self.path)!r}", where=f"{name}: {error}", allowed="the folder of a finished run"
            ) from error

    def clear_unfinished(self) -> None:
        """Remove what a killed training left half done, so that it can go on; an ended run stays as it is."""
        if self.ended:
            return
        left = [self.scratch, self.model, *self.path.glob(".*"), *self.path.glob("*.part")]
        for path in left:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def clean(self) -> None:
        """Remove what only a training needs: checkpoint and encoded rows."""
        for checkpoint in self.checkpoints:
            checkpoint.unlink(missing_ok=True)
        shutil.rmtree(self.scratch, ignore_errors=True)


def _number(value: Any) -> float | int:
    """Return a numpy number as the plain number it is: numpy's are not JSON values to msgspec."""
    plain = value.item()
    if not isinstance(plain, float | int):
        raise TypeError(f"a value of type {type(value).__name__}")
    return plain


def create(parent: Path) -> RunFolder:
    """Make a new run folder under `parent`, with a name that no other run has.

    The name begins with the time (UTC), so that names sort by age.

    Raises
    ------
    StorageError
        `parent` cannot be made or written.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            path = parent / f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
            try:
                path.mkdir()
            except FileExistsError:
                continue
            return RunFolder(path)
    except OSError as error:
        raise StorageError(
            f"out={str(parent)!r}", where=str(error.strerror), allowed="a folder that can be written"
        ) from error


def open_run(path: Path) -> RunFolder:
    """Open the folder of a run that was begun.

    Raises
    ------
    StorageError
        It is not the folder of a run.
    """
    if not (path / "recipe.json").is_file():
        raise StorageError(
            f"run={str(path)!r}", allowed="a run folder (with a recipe.json)", next_step="ls runs/"
        )
    return RunFolder(path)
