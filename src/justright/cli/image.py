"""What runs in a container made by `justright export`: `serve`, `train` or `health`.

    python -m justright.cli.image [serve [OPTIONS] | train | health]

Without an argument it trains where AIP_TRAINING_DATA_URI is set, and serves else. Everything else comes from
the environment too: that is the contract of the platforms which start such images.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from justright.errors import JustrightError, MissingExtraError, RecipeError, StorageError, exit_code

if TYPE_CHECKING:
    from justright.source import Source

__all__ = ["main"]

_TOKEN: Final = Path("/run/secrets/justright_token")
_MOUNT: Final = Path("/gcs")  # where Vertex AI shows buckets to a training
_FORMATS: Final = ("csv", "jsonl", "parquet")
_BUNDLE: Final = ("model.json", "weights.safetensors", "baseline.json", "card.md")
_BESIDE: Final = ("recipe.json", "run.json", "schema.json", "evaluation.json")


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Serve, train, or ask the server for its health; return the exit code.

    Parameters
    ----------
    arguments : sequence of str
        The verb and, for `serve`, further options of `justright serve`.
    environment : mapping of str to str
        AIP_* of the platform, JUSTRIGHT_* of the image.

    Examples
    --------
    >>> main(["fly"], {})
    2
    """
    verb = arguments[0] if arguments else ("train" if environment.get("AIP_TRAINING_DATA_URI") else "serve")
    try:
        if verb == "serve":
            from justright.cli import main as command

            with TemporaryDirectory() as folder:
                return command(_serving(arguments[1:], environment, Path(folder)))
        if verb == "train":
            sys.stdout.write(_trained(environment) + "\n")
            return 0
        if verb == "health":
            return _health(environment)
        raise RecipeError(f"verb={verb!r}", allowed="serve, train or health")
    except ModuleNotFoundError as error:
        missing = MissingExtraError(
            f"no library {error.name!r}",
            allowed="an image that was built to train" if verb == "train" else "",
            next_step="docker build --build-arg EXTRA=train ."
            if verb == "train"
            else "build the image again",
        )
        return _say(missing)
    except JustrightError as error:
        return _say(error)


def _say(error: JustrightError) -> int:
    """Write an error as one line; return its exit code."""
    sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
    return exit_code(error)


def _serving(options: Sequence[str], environment: Mapping[str, str], folder: Path) -> list[str]:
    """Return the arguments of `justright serve`; a model in a bucket is first copied to a folder."""
    storage, model = environment.get("AIP_STORAGE_URI", ""), environment.get("JUSTRIGHT_MODEL", "/app/model")
    if storage.startswith("gs://") and not _MOUNT.is_dir():
        from justright.cli.bucket import fetch_model

        model = str(fetch_model(storage, folder / "model", environment))
    elif storage:
        model = _local(storage, "AIP_STORAGE_URI")
    name = environment.get("JUSTRIGHT_NAME", "model")
    arguments = ["serve", f"{name}={model}", *options]
    if "--host" not in options:
        arguments += ["--host", "0.0.0.0"]  # noqa: S104 - what is not published stays in the container
    guarded = {"--token-file", "--no-token"} & set(options)
    if not guarded and _TOKEN.is_file():
        arguments += ["--token-file", str(_TOKEN)]
    elif not guarded and environment.get("JUSTRIGHT_NO_TOKEN") == "1":
        arguments.append("--no-token")
    return arguments


def _health(environment: Mapping[str, str]) -> int:
    """Ask the server beside us; 0 where it answers 200."""
    from http.client import HTTPConnection, HTTPException

    port = environment.get("AIP_HTTP_PORT", "8080")
    endpoint, deployed = (environment.get(f"AIP_{each}_ID", "") for each in ("ENDPOINT", "DEPLOYED_MODEL"))
    usual = f"/v1/endpoints/{endpoint}/deployedModels/{deployed}" if endpoint else "/health"
    connection = HTTPConnection("127.0.0.1", int(port) if port.isdecimal() else 8080, timeout=5.0)
    try:
        connection.request("GET", environment.get("AIP_HEALTH_ROUTE") or usual)
        return 0 if connection.getresponse().status == 200 else 1
    except (OSError, HTTPException):
        return 1
    finally:
        connection.close()


def _trained(environment: Mapping[str, str]) -> str:
    """Train by the recipe of the image, put the model where the platform wants it, and say how good it is."""
    import msgspec

    from justright.recipe import read_recipe
    from justright.workflow import train_recipe
    from justright.workflow.evaluate import evaluate_model

    target = Path(_local(_wanted(environment, "AIP_MODEL_DIR"), "AIP_MODEL_DIR"))
    recipe = read_recipe(environment.get("JUSTRIGHT_RECIPE", "/app/recipe.json"))
    sql = recipe.sql
    source = _rows(environment, sql, "AIP_TRAINING_DATA_URI", "AIP_VALIDATION_DATA_URI")
    recipe = msgspec.structs.replace(recipe, table="", sql="")
    with TemporaryDirectory() as folder:
        run = train_recipe(recipe, table=source, out=Path(folder))
        _put(run.path, target)
        if environment.get("AIP_TEST_DATA_URI"):
            judged = evaluate_model(run.path, _rows(environment, sql, "AIP_TEST_DATA_URI")).evaluation
            found = {"rows": judged.rows, "metrics": judged.metrics}
            _write(target / "test.json", msgspec.json.encode(found) + b"\n")
        return f"{run.summary.verdict} {target}"


def _wanted(environment: Mapping[str, str], name: str) -> str:
    """Return what a variable says; RecipeError where it is not set."""
    value = environment.get(name, "")
    if not value:
        raise RecipeError(
            f"no {name}", allowed="a path or gs://...", next_step=f"docker run -e {name}=/data/..."
        )
    return value


def _rows(environment: Mapping[str, str], sql: str, *names: str) -> Source:
    """Open the tables that variables name, one after the other; of the first there must be one."""
    from justright.source import open_source
    from justright.source.joined import JoinedSource

    form = environment.get("AIP_DATA_FORMAT", "csv")
    if form not in _FORMATS:
        raise RecipeError(f"AIP_DATA_FORMAT={form!r}", allowed=", ".join(_FORMATS))
    _wanted(environment, names[0])
    files = [file for name in names if environment.get(name) for file in _files(environment[name], name)]
    sources = [open_source(file, sql=sql) for file in files]
    return sources[0] if len(sources) == 1 else JoinedSource(sources)


def _files(uri: str, name: str) -> list[str]:
    """Return the files that an address names: one, or those of a pattern; a folder of Parquet stays one."""
    import glob

    path = _local(uri, name)
    if not any(mark in path for mark in "*?["):
        return [path]
    found = sorted(each for each in glob.glob(path, recursive=True) if Path(each).is_file())  # noqa: PTH207 - Path.glob takes no absolute pattern
    if not found:
        raise StorageError(f"{name}={uri!r}, which no file matches", where=path)
    return found


def _local(uri: str, name: str) -> str:
    """Return the path behind an address: as it is, of file://, or of gs:// where buckets are mounted."""
    if uri.startswith("gs://"):
        path = _MOUNT / uri.removeprefix("gs://")
        if not _MOUNT.is_dir():
            raise StorageError(
                f"{name}={uri!r}, and no buckets below {_MOUNT}",
                allowed="a path, file://..., or gs://... where the platform mounts buckets",
            )
        return str(path)
    if "://" in uri and not uri.startswith("file://"):
        raise StorageError(f"{name}={uri!r}", allowed="a path, or an address of file:// or gs://")
    return uri.removeprefix("file://")


def _put(run: Path, target: Path) -> None:
    """Copy the model and what is known of it; the manifest comes last, since with it the model is one."""
    if (target / "manifest.json").exists():
        raise StorageError(
            f"AIP_MODEL_DIR={str(target)!r}, which holds a model", allowed="a folder without one"
        )
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name in _BESIDE:
            _write(target / name, (run / name).read_bytes())
        for name in (*_BUNDLE, "manifest.json"):
            _write(target / name, (run / "model" / name).read_bytes())
    except OSError as error:
        raise StorageError(f"{error.strerror or error} while writing the model", where=str(target)) from error


def _write(path: Path, data: bytes) -> None:
    """Write a file and flush it: a bucket knows no renaming."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
