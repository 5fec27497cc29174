"""What is registered: where the model lies, and what its run says of how it was made."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from justright.bundle.format import Bundle
from justright.errors import BundleError, StorageError
from justright.registry.record import Table
from justright.registry.tables import TABLE, files_of, table_facts

__all__ = ["MANIFEST", "facts_of", "place_of"]

T = TypeVar("T")

MANIFEST: Final = "manifest.json"
"""The file of a bundle whose sha256 is the id of the model."""


def place_of(path: Path) -> tuple[Path, Path | None]:
    """Return the bundle in a folder and the run around it, None where there is none."""
    source = path if (path / MANIFEST).is_file() else path / "model"
    if not (source / MANIFEST).is_file():
        unfinished = (path / "recipe.json").is_file()
        empty = "which holds no model" if path.exists() else "which is not there"
        raise StorageError(
            f"model={str(path)!r}, " + ("a run that has not ended" if unfinished else empty),
            allowed="the folder of a finished run, or of a model",
            next_step=f"justright train --resume {path}" if unfinished else "ls runs/",
        )
    run = source.absolute().parent
    return source, run if (run / "run.json").is_file() and (run / "recipe.json").is_file() else None


def facts_of(bundle: Bundle, run: Path | None, tables: tuple[Table, ...] | None) -> dict[str, Any]:
    """Gather what the record of a version says of its making."""
    target = bundle.model.schema.target
    assert target is not None  # read_bundle refuses a model without one
    facts: dict[str, Any] = {
        "task": bundle.model.task,
        "target": target.column.name,
        "family": bundle.model.family,
        "tables": tables or (),
    }
    if run is None:
        return facts
    summary = _json(run / "run.json")
    if summary.get("model_id") != bundle.model_id:
        raise BundleError(
            f"run={str(run)!r}, whose model is not the one it made",
            where="model/manifest.json",
            allowed=f"model {str(summary.get('model_id'))[:12]}...",
            next_step=f"justright train --recipe {run / 'recipe.json'}",
        )
    recipe, split = _json(run / "recipe.json"), run / "split.json"
    if tables is None and recipe.get("table"):
        facts["tables"] = (_table(run, recipe["table"], recipe.get("sql", "")),)
    return facts | {
        "run": str(run),
        "metric": summary.get("metric", ""),
        "validation": summary.get("validation", {}),
        "rows": summary.get("rows", {}),
        "recipe": recipe,
        "split": _json(split) if split.is_file() else {},
    }


def _table(run: Path, path: str, sql: str) -> Table:
    """Return the table of a run as it was when the run ended; of an earlier version's run, as it is now."""
    if (run / TABLE).is_file():
        kept = _read(run / TABLE, Table)
        here = str(Path(path).absolute())
        moved = not files_of(kept.path) and files_of(here)
        if kept.sha256:
            return msgspec.structs.replace(kept, path=here) if moved else kept
    return table_facts(path, sql, trained=(run / "recipe.json").stat().st_mtime)


def _json(path: Path) -> dict[str, Any]:
    """Read a JSON object of a run."""
    return _read(path, dict[str, Any])


def _read(path: Path, kind: type[T]) -> T:
    """Read a JSON file of a run as a value of a type."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError) as error:
        raise StorageError(f"{path.name} of a run", where=f"{path}: {error}") from error
