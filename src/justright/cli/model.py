"""What MODEL means on the command line: one rule for every verb.

A folder where there is one; else a name of the registry: `churn`, `churn@champion`, `churn@3`, and
`DIR/churn@3` for a registry that is not `models`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from justright.errors import RecipeError, StorageError, closest

if TYPE_CHECKING:
    from justright.registry import Entry

__all__ = ["REGISTRY", "model_path", "named", "run_path"]

REGISTRY: Final = "models"
"""The folder of the registry, below the current one."""


def model_path(text: str) -> Path:
    """Return the folder of the model that MODEL names.

    Parameters
    ----------
    text : str
        The folder of a run, or of a model (bundle) itself; else a name of the registry.

    Raises
    ------
    StorageError
        There is no such folder and no such name, it is neither, or the run has not ended.
    """
    path = Path(text)
    if (path / "manifest.json").is_file():
        return path
    if (path / "model" / "manifest.json").is_file():
        return path / "model"
    if (path / "recipe.json").is_file():
        raise StorageError(
            f"model={text!r}, a run that has not ended",
            allowed="a finished run or a model",
            next_step=f"justright train --resume {text}",
        )
    found = named(text)
    if found is not None:
        return found.path
    raise _not_found(path, "model", "the folder of a finished run, or of a model")


def run_path(text: str) -> Path:
    """Return the folder of a finished run; the folder of its model, or the name of it, will do.

    Raises
    ------
    StorageError
        It is not the folder of a finished run, or the run of a registered model is gone.
    """
    path = Path(text)
    for folder in (path, path.absolute().parent):
        if (folder / "run.json").is_file():
            return path if folder is path else path.parent
    if (path / "recipe.json").is_file():
        raise StorageError(f"run={text!r}, which has not ended", next_step=f"justright train --resume {text}")
    found = named(text)
    if found is not None:
        return _run_of(found)
    raise _not_found(path, "run", "the folder of a finished run")


def named(text: str) -> Entry | None:
    """Return the version that a text names in the registry; None where it can only be a folder.

    Raises
    ------
    StorageError
        The text can only be a name (`churn@champion`), and there is none like it; or the model is there,
        and its alias or version is not.
    """
    from justright.registry import open_registry, read_reference

    place = Path(text)
    root = place.parent if place.name != text else Path(REGISTRY)
    try:
        asked = read_reference(place.name)
    except RecipeError:
        if "@" not in place.name:
            return None
        raise
    models = open_registry(root)
    known = asked.name in models.names()
    if not known and (place.exists() or "@" not in place.name):
        return None
    return models.resolve(place.name)


def _run_of(entry: Entry) -> Path:
    """Return the run that made a registered model, as long as it is there."""
    from justright.registry import open_registry

    run = open_registry(entry.path.parents[2]).record(entry).run
    text = f"run of {entry.name}@{entry.version}"
    if not run:
        raise StorageError(f"{text}, which was registered as a model alone", allowed="the folder of its run")
    if not (Path(run) / "run.json").is_file():
        raise StorageError(f"{text}, which is gone", where=run, allowed="the folder of a finished run")
    return Path(run)


def _not_found(path: Path, name: str, allowed: str) -> StorageError:
    """Say what stands at a path instead, or which runs and models there are."""
    received = f"{name}={str(path)!r}"
    if not path.exists():
        names = _names() if path.name == str(path) else ()
        if names:
            return StorageError(
                f"{received}, which is not there", allowed=f"{allowed}, or {closest(path.name, names)}"
            )
        return StorageError(f"{received}, which is not there", allowed=allowed, next_step="ls runs/")
    if not path.is_dir():
        return StorageError(f"{received}, which is a file", allowed=allowed)
    ended = sorted(each.parent for each in path.glob("*/run.json"))
    if ended:
        return StorageError(
            f"{received}, which holds {len(ended)} runs",
            allowed=allowed,
            next_step=f"the newest is {ended[-1]}",
        )
    return StorageError(f"{received}, which is neither", allowed=allowed)


def _names() -> tuple[str, ...]:
    """Return the names in the registry below the current folder."""
    from justright.registry import open_registry

    return open_registry(REGISTRY).names()
