"""Accepting rows as the new normal: a dated baseline beside a model; see `monitor.accepted`."""

from __future__ import annotations

from pathlib import Path

from justright.errors import RecipeError, StorageError
from justright.monitor.accepted import Accepted, baselines_of
from justright.monitor.frame import LEAST_ROWS
from justright.runs import RunFolder

__all__ = ["accept"]


def accept(bundle: Path, accepted: Accepted) -> Path:
    """Write a baseline beside a model and return its path; one a day, numbered from the second on.

    Raises
    ------
    RecipeError
        The bundle stands alone, or there are less rows than a monitor can judge by.
    StorageError
        It cannot be written.
    """
    folder = baselines_of(bundle)
    if folder is None:
        raise RecipeError(
            f"--accept for {str(bundle)!r}, a model that stands alone",
            allowed="a run, or a model of the registry",
            next_step=f"justright register {bundle} --name NAME",
        )
    rows = accepted.counts.rows
    if rows < LEAST_ROWS:
        raise RecipeError(
            f"--accept of {rows:,.0f} row{'s' * (rows != 1)}" if rows else "--accept of no rows",
            allowed=f"{LEAST_ROWS} rows or more: nothing can be judged by less, so the monitor would sleep",
        )
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
