"""Accepted baselines: "this is the new normal", written beside a model with its record.

    models/NAME/baselines/2026-11-22.json      a registered model
    RUN/baselines/2026-11-22.json              the model of a run

A bundle never changes. The newest baseline made for the very same model is what later rows are compared with.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from justright.errors import RecipeError, StorageError
from justright.monitor.frame import Counts
from justright.runs import RunFolder

__all__ = ["FOLDER", "Accepted", "accept", "accepted_for", "place_of"]

FOLDER: Final = "baselines"


class Accepted(msgspec.Struct, frozen=True):
    """A baseline that somebody accepted, with its record.

    Parameters
    ----------
    model_id : str
        The model whose bins the counts are in.
    when, who : str
        Time (ISO 8601, UTC) and user.
    table : str
        The rows that it was counted from.
    why : str
        What was said about it.
    alarms : list of str
        Inputs that stood as anomalies at the time.
    counts : Counts
        The rows.
    """

    model_id: str
    when: str
    who: str
    table: str
    why: str
    alarms: list[str]
    counts: Counts


def place_of(bundle: Path) -> Path | None:
    """Return where baselines of a model lie; None for a bundle that stands alone.

    Parameters
    ----------
    bundle : Path
        The folder of a bundle: `models/NAME/versions/N` or `RUN/model`.
    """
    path = bundle.resolve()
    if path.parent.name == "versions":
        return path.parents[1] / FOLDER
    if path.name == "model" and (path.parent / "recipe.json").is_file():
        return path.parent / FOLDER
    return None


def accept(bundle: Path, accepted: Accepted) -> Path:
    """Write a baseline beside a model and return its path; one a day, numbered from the second on.

    Raises
    ------
    RecipeError
        The bundle stands alone.
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


def accepted_for(bundle: Path, model_id: str) -> Accepted | None:
    """Return the newest baseline that was accepted for a model, or None.

    Raises
    ------
    StorageError
        It is there and cannot be read.
    """
    folder = place_of(bundle)
    found: Accepted | None = None
    for path in sorted(folder.glob("*.json")) if folder is not None and folder.is_dir() else ():
        each = RunFolder(path.parent).read(path.name, Accepted)
        if each.model_id == model_id and (found is None or each.when >= found.when):
            found = each
    return found
