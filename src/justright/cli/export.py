"""`justright export`: a model as a folder from which a container image is built."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["export"]


def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A run, a model, or a name of the registry.")],
    container: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Folder to write, new or empty.", show_default=False),
    ],
    name: Annotated[
        str, typer.Option(metavar="NAME", help="Name of the model in the routes.", show_default=False)
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Write to DIR what a container image is built from: it serves MODEL, and trains by its recipe."""
    from justright.cli.model import model_path
    from justright.cli.output import console, write_json
    from justright.export import export_container
    from justright.registry.reference import check_name

    path = model_path(model)
    if not name:
        name = path.parents[1].name if (path / "record.json").is_file() else "model"
    made = export_container(path, container, name=check_name(name), recipe=_recipe(path))
    if json:
        write_json(made)
        return
    to = console()
    does = "serves and trains" if made.trains else "serves (a model alone has no recipe to train by)"
    to.print(f"{made.folder}: an image that {does}", soft_wrap=True)
    to.print(f"libraries  {', '.join(made.libraries)}", soft_wrap=True)
    to.print(f"next       {made.next}", soft_wrap=True)


def _recipe(path: Path) -> str:
    """Return the recipe that made a model, as JSON; empty where it is not beside it."""
    import msgspec

    from justright.registry import Record

    beside = path.absolute().parent / "recipe.json"
    if beside.is_file():
        return beside.read_text(encoding="utf-8")
    record = path / "record.json"
    if not record.is_file():
        return ""
    recipe = msgspec.json.decode(record.read_bytes(), type=Record).recipe
    return msgspec.json.format(msgspec.json.encode(recipe), indent=1).decode() if recipe else ""
