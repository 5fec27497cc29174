"""What MODEL means on the command line: one rule for every verb."""

from __future__ import annotations

from pathlib import Path

from justright.errors import StorageError

__all__ = ["model_path", "run_path"]


def model_path(text: str) -> Path:
    """Return the folder of the model that MODEL names.

    Parameters
    ----------
    text : str
        The folder of a run, or of a model (bundle) itself.

    Raises
    ------
    StorageError
        There is no such folder, it is neither, or the run has not ended.
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
    raise _not_found(path, "model", "the folder of a finished run, or of a model")


def run_path(text: str) -> Path:
    """Return the folder of a finished run; the folder of its model will do.

    Raises
    ------
    StorageError
        It is not the folder of a finished run.
    """
    path = Path(text)
    for folder in (path, path.absolute().parent):
        if (folder / "run.json").is_file():
            return path if folder is path else path.parent
    if (path / "recipe.json").is_file():
        raise StorageError(f"run={text!r}, which has not ended", next_step=f"justright train --resume {text}")
    raise _not_found(path, "run", "the folder of a finished run")


def _not_found(path: Path, name: str, allowed: str) -> StorageError:
    """Say what stands at a path instead, or which runs there are beside it."""
    received = f"{name}={str(path)!r}"
    if not path.exists():
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
