"""Checkpoints: everything a training needs to go on to the same bits, in one file, replaced atomically.

A checkpoint is a safetensors file: the arrays of the state and of the best state, and the counters of
the loop and the history as JSON in its metadata, with a digest of both. It is written beside and renamed,
so a kill at any moment leaves the old one or the new one, whole; what a disk did to it later, the digest
tells.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from justright.errors import StorageError
from justright.models.base import State
from justright.training.history import Row

__all__ = ["Checkpoint", "load_checkpoint", "save_checkpoint"]


class Checkpoint(msgspec.Struct):
    """Where a training stands after a pass.

    Parameters
    ----------
    number : int
        Passes made.
    steps : int
        Updates made.
    state, best : dict of arrays
        The state, and the best one so far (empty where the family keeps none).
    counters : dict
        Plain values of the loop: best losses, patience.
    rows : list of Row
        The history so far.
    question : str
        Fingerprint of what is being trained; another one is not resumed.
    """

    number: int
    steps: int
    state: State
    best: State
    counters: dict[str, Any]
    rows: Sequence[Row]
    question: str


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint atomically.

    Raises
    ------
    StorageError
        The folder cannot be written, for example because the disk is full.
    """
    from safetensors.numpy import save

    arrays = {f"state.{name}": _plain(array) for name, array in checkpoint.state.items()}
    arrays |= {f"best.{name}": _plain(array) for name, array in checkpoint.best.items()}
    story = {
        "number": checkpoint.number,
        "steps": checkpoint.steps,
        "counters": checkpoint.counters,
        "rows": checkpoint.rows,
        "question": checkpoint.question,
        "scalars": [name for name, array in _all(checkpoint).items() if array.ndim == 0],
    }
    text = msgspec.json.encode(story).decode()
    data = save(arrays, {"story": text, "digest": _digest(text, arrays)})
    beside = path.with_name(path.name + ".part")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StorageError(
            f"a checkpoint of {len(data)} bytes",
            where=f"{path}: {error.strerror}",
            next_step="free some disk space and resume with the same command",
        ) from error


def load_checkpoint(path: Path, question: str) -> Checkpoint | None:
    """Read a checkpoint; None when there is none, it is damaged, or it belongs to another question."""
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        return None
    try:
        with safe_open(path, "numpy") as file:
            notes = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError):
        return None
    text = notes.get("story", "")
    if notes.get("digest") != _digest(text, arrays):
        return None
    story = msgspec.json.decode(text)
    if story["question"] != question:
        return None
    scalars = set(story["scalars"])
    kept = {name: array.reshape(()) if name in scalars else array for name, array in arrays.items()}
    return Checkpoint(
        story["number"],
        story["steps"],
        {name[6:]: array for name, array in kept.items() if name.startswith("state.")},
        {name[5:]: array for name, array in kept.items() if name.startswith("best.")},
        story["counters"],
        msgspec.convert(story["rows"], list[Row]),
        question,
    )


def _all(checkpoint: Checkpoint) -> State:
    """Return every array under the name it has in the file."""
    return {f"state.{n}": a for n, a in checkpoint.state.items()} | {
        f"best.{n}": a for n, a in checkpoint.best.items()
    }


def _plain(array: Any) -> Any:
    """Return the array as the format wants it: contiguous, at least one dimension."""
    return np.ascontiguousarray(np.atleast_1d(array))


def _digest(text: str, arrays: State) -> str:
    """Return a fingerprint of everything a checkpoint holds."""
    sha = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        sha.update(f"|{name}|{array.dtype}|{array.shape}|".encode())
        sha.update(np.ascontiguousarray(array).data)
    return sha.hexdigest()
