"""The folder of a container image: the model, the program, pinned libraries, Dockerfile and health check."""

from __future__ import annotations

import os
import platform
import secrets
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

from justright.bundle.families import family_of
from justright.bundle.fit_check import check_fit
from justright.bundle.format import LIMITS, read_bundle
from justright.errors import StorageError
from justright.export.pins import SERVING_WITHOUT, imported_by, pins, roots_of
from justright.export.texts import DOCKERFILE, IGNORE, README
from justright.export.wheel import wheel

__all__ = ["Exported", "export_container"]

_MODEL: Final = (*LIMITS, "manifest.json")
_SERVE: Final = Path(__file__).parents[1] / "serve"
# Families that a recipe may name and that train without the extra `neural`.
_PLAIN: Final = frozenset({"linear", "crossed", "glass-box", "boosted"})


class Exported(msgspec.Struct, frozen=True):
    """What was written.

    Parameters
    ----------
    folder : str
        The folder.
    name : str
        Of the model in the routes.
    model_id : str
        sha256 of the manifest.
    libraries : tuple of str
        What the serving process needs, each with its version.
    trains : bool
        Whether the image can train: there was a recipe.
    next : str
        The next command.
    """

    folder: str
    name: str
    model_id: str
    libraries: tuple[str, ...]
    trains: bool
    next: str


def export_container(
    model: str | Path, folder: str | Path, *, name: str = "model", recipe: str = ""
) -> Exported:
    """Write the folder from which a container image is built.

    Parameters
    ----------
    model : str or Path
        The folder of a bundle.
    folder : str or Path
        Made; where it exists it must be empty.
    name : str, default "model"
        Of the model in the routes of the server.
    recipe : str, default ""
        The recipe as JSON, by which the image trains; empty = it only serves.

    Raises
    ------
    StorageError
        The folder is not empty or cannot be written: then nothing is left.
    BundleError
        The model is damaged.
    RecipeError
        Its family is a user's own: its code is not in the model.

    Notes
    -----
    No image is built and nothing is downloaded. The versions are those that are installed here.
    """
    bundle = read_bundle(model)
    check_fit(bundle, family_of(bundle.model.family, {}))
    target = Path(folder)
    serving = pins([*roots_of(), *imported_by(_SERVE)], without=SERVING_WITHOUT)
    file, data = wheel()
    names = {"name": name, "wheel": file, "python": ".".join(platform.python_version_tuple()[:2])}
    facts = {"model_id": bundle.model_id, "version": version("justright")}
    texts = {
        "Dockerfile": _dockerfile(names, trains=bool(recipe)),
        ".dockerignore": IGNORE,
        "README.md": README.format(name=name, **facts),
        "requirements.txt": _lines(serving),
        "requirements-train.txt": _lines(_training(recipe, serving)),
    }
    files = {each: text.encode() for each, text in texts.items()} | {file: data}
    if recipe:
        files["recipe.json"] = _without_table(recipe)
    _write(Path(model), target, files)
    return Exported(
        folder=str(target),
        name=name,
        model_id=bundle.model_id,
        libraries=serving,
        trains=bool(recipe),
        next=f"docker build -t {name} {target}",
    )


def _dockerfile(names: dict[str, str], *, trains: bool) -> str:
    """Fill the Dockerfile in; without a recipe there is none to copy."""
    copied = "COPY recipe.json /app/recipe.json\n" if trains else ""
    return DOCKERFILE.format(copy_recipe=copied, **names)


def _training(recipe: str, serving: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a training needs beside the serving process."""
    family = (
        str(msgspec.json.decode(recipe, type=dict[str, object]).get("family", "")) if recipe else "linear"
    )
    extras = ("train",) if family in _PLAIN else ("train", "neural")
    every = pins([*roots_of(), *(root for extra in extras for root in roots_of(extra=extra))])
    return tuple(line for line in every if line not in serving)


def _without_table(recipe: str) -> bytes:
    """Return a recipe that names no table: whoever trains gives the rows."""
    choices = msgspec.json.decode(recipe, type=dict[str, object]) | {"table": ""}
    return msgspec.json.format(msgspec.json.encode(choices), indent=1) + b"\n"


def _lines(libraries: tuple[str, ...]) -> str:
    """Write libraries one a line."""
    return "".join(f"{line}\n" for line in libraries)


def _write(model: Path, target: Path, files: dict[str, bytes]) -> None:
    """Write everything beside, flush it, and give it its name."""
    beside = target.absolute().parent / f".{target.name}.{secrets.token_hex(4)}"
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise StorageError(
                f"container={str(target)!r}, which is not empty",
                allowed="a new folder, or an empty one",
                next_step="another --container DIR",
            )
        beside.parent.mkdir(parents=True, exist_ok=True)
        (beside / "model").mkdir(parents=True)
        for name, data in files.items():
            _put(beside / name, data)
        for name in _MODEL:
            _put(beside / "model" / name, (model / name).read_bytes())
        beside.rename(target)
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(
            f"{error.strerror or error} while writing the container",
            where=str(target),
            next_step="make room or choose another folder; nothing was left",
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _put(path: Path, data: bytes) -> None:
    """Write and flush a file."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
