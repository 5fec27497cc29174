"""Accepting rows as the new normal: a dated baseline beside a model; see `monitor.accepted`."""

from __future__ import annotations

from pathlib import Path

from justright.errors import RecipeError, StorageError
from justright.monitor.accepted import Accepted, place_of
from justright.runs import RunFolder

__all__ = ["accept"]


def accept(bundle: Path, accepted: Accepted) -> Path:
    """Write a baseline beside a model and return its path; one a day, numbered from the second on.

    Raises
    ------
    RecipeError
        The bundle stands alone, or there are no rows.
    StorageError
        It cannot be written.
    """
    folder = place_of(bundle)
    if folder is None:
        raise RecipeError(
            f"--accept for {str(bundle)!r}, a model that stands alone",
            allowed="a run, or a model of the registry",
            next_step=f"justright register {bundle} --name NAME",
        )
    if accepted.counts.rows <= 0:
        raise RecipeError("--accept of no rows", allowed="a TABLE with rows, or a log with answers")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise StorageError(f"a folder for baselines: {error.strerror}", where=str(folder)) from error
    day = accepted.when[:10]
    name, number = f"{day}.json", 1
    while (folder / name).exists():
        number += 1
        name = f"{day}-{number:02d}.json"
    RunFolder(folder).write(name, accepted)
    return folder / name
