"""`justright register`: models by name, with versions that stay and aliases that move."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from justright.errors import RecipeError

if TYPE_CHECKING:
    from justright.registry import Entry, Registry

__all__ = ["register"]


def register(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A run, a model, or NAME[@VERSION] that is there.")
    ] = "",
    name: Annotated[
        str, typer.Option(metavar="NAME", help="Add MODEL as a new version of NAME.", show_default=False)
    ] = "",
    alias: Annotated[
        str, typer.Option(metavar="ALIAS", help="Let ALIAS point to it.", show_default=False)
    ] = "",
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Move the alias back to where it was before.")
    ] = False,
    why: Annotated[str, typer.Option(metavar="TEXT", help="The reason, for the history.")] = "",
    registry: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the registry.")] = Path("models"),
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Register a run as NAME, move an alias, take a move back; without MODEL, list what is there."""
    from justright.cli.output import console, write_json
    from justright.registry import open_registry
    from justright.registry.reference import CHAMPION

    models = open_registry(registry)
    if rollback and (not model or name):
        raise RecipeError(
            "--rollback without a name", next_step=f"justright register NAME --rollback{_in(registry)}"
        )
    if not model and (name or alias):
        raise RecipeError(
            "no run",
            allowed="a run, or a version that is there",
            next_step="justright register RUN --name churn",
        )
    if not model or not (name or alias or rollback):
        _list(models, model, json)
        return
    if name:
        entry = models.register(model, name, alias or None, why=why)
    elif rollback:
        entry = _rolled_back(models, model, alias or CHAMPION, why)
    else:
        entry = _moved(models, model, alias, why)
    if json:
        write_json(_shown(entry))
        return
    console().print(_sentence(entry), soft_wrap=True)


def _rolled_back(models: Registry, text: str, alias: str, why: str) -> Entry:
    """Take back the last move of an alias: NAME --rollback, or NAME@ALIAS --rollback."""
    from justright.registry import read_reference

    asked = read_reference(text)
    if asked.version:
        raise RecipeError(
            f"--rollback of {text!r}",
            allowed="NAME or NAME@ALIAS",
            next_step=f"justright register {asked.name} --rollback",
        )
    return models.rollback(asked.name, asked.alias or alias, why)


def _moved(models: Registry, text: str, alias: str, why: str) -> Entry:
    """Let an alias point to a version that is there; a folder needs a name first."""
    if "/" in text or Path(text).is_dir():
        raise RecipeError(
            f"{text!r} without a name",
            allowed="--name NAME",
            next_step=f"justright register {text} --name churn --alias {alias}",
        )
    found = models.resolve(text)
    return models.move(found.name, alias, found.version, why)


def _list(models: Registry, text: str, json: bool) -> None:
    """Show all models, or the versions and the history of one."""
    from justright.cli.output import console, grid, write_json
    from justright.registry import read_reference

    names = (read_reference(text).name,) if text else models.names()
    entries = [(entry, models.record(entry)) for name in names for entry in models.versions(name)]
    steps = models.history(names[0]) if text else ()
    if json:
        shown = [_shown(entry) | _facts(record) for entry, record in entries]
        write_json({"registry": str(models.root), "versions": shown} | ({"history": steps} if text else {}))
        return
    to = console()
    if not entries:
        to.print(
            f"no model in {models.root}: justright register RUN --name churn --alias champion", soft_wrap=True
        )
        return
    head = ["model", "aliases", "family", "target", "metric", "value", "rows", "registered", "from"]
    grid(to, head, [_cells(entry, record) for entry, record in entries], right=(5, 6))
    if steps:
        to.print()
        moves = [[s.when, s.who, s.what, s.alias, str(s.before or ""), str(s.version), s.why] for s in steps]
        grid(to, ["when", "who", "what", "alias", "from", "to", "why"], moves, right=(4, 5))


def _cells(entry: Entry, record: Any) -> list[str]:
    """One line of the list."""
    from justright.values.figures import figure

    value = record.validation.get("value")
    rows = record.rows.get("train")
    return [
        f"{entry.name}@{entry.version}",
        ", ".join(entry.aliases),
        record.family,
        record.target,
        record.metric,
        figure(float(value)) if value is not None else "",
        f"{rows:,}" if rows is not None else "",
        record.when,
        record.run or "a model",
    ]


def _shown(entry: Entry) -> dict[str, Any]:
    """A version as JSON values."""
    return {
        "name": entry.name,
        "version": entry.version,
        "path": str(entry.path),
        "model_id": entry.model_id,
        "aliases": entry.aliases,
    }


def _facts(record: Any) -> dict[str, Any]:
    """What the list says of a version beside that."""
    names = ("task", "target", "family", "metric", "validation", "rows", "run", "when", "who")
    return {name: getattr(record, name) for name in names}


def _sentence(entry: Entry) -> str:
    """Say what is there now."""
    aliases = f", {' and '.join(entry.aliases)}" if entry.aliases else ""
    return f"{entry.name}@{entry.version}{aliases}: {entry.path}"


def _in(registry: Path) -> str:
    """The option that names a registry, where it is not the usual one."""
    return "" if registry == Path("models") else f" --registry {registry}"
