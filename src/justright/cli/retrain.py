"""`justright retrain`: a challenger by the champion's own recipe, promoted only if harm is excluded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from justright.workflow.retrain import Retrained

__all__ = ["retrain"]


def retrain(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model of the registry, or NAME@ALIAS.")],
    with_: Annotated[
        str,
        typer.Option(
            "--with",
            metavar="TABLE",
            help="New rows with the target, or a log with labels.",
            show_default=False,
        ),
    ],
    promote: Annotated[
        bool, typer.Option("--promote", help="Move the alias to the challenger if harm is excluded.")
    ] = False,
    judge: Annotated[
        float, typer.Option(metavar="PCT", help="Per cent of the new rows that judge and do not train.")
    ] = 30.0,
    margin: Annotated[
        float, typer.Option(metavar="PCT", help="Harm to exclude, per cent of the champion's loss.")
    ] = 1.0,
    old: Annotated[
        str, typer.Option(metavar="TABLE", help="The champion's table, if it has moved.", show_default=False)
    ] = "",
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of runs.")] = Path("runs"),
    registry: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the registry.")] = Path("models"),
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")] = False,
) -> None:
    """Train NAME again on old and new rows, judge both on new rows that neither saw, and register it."""
    import msgspec

    from justright.cli.interrupt import Stage, told_of_interrupt
    from justright.cli.model import REGISTRY
    from justright.cli.output import write_json
    from justright.cli.progress import progress_for
    from justright.recipe import Recipe
    from justright.registry import open_registry
    from justright.workflow.retrain import retrain as train_again

    stage = Stage()
    with told_of_interrupt(stage), progress_for(Recipe(), quiet=quiet) as progress:
        found = train_again(
            name,
            with_,
            registry=open_registry(registry),
            out=out,
            promote=promote,
            judge=judge,
            margin=margin,
            old=old,
            callbacks=(stage, progress),
            on_phase=stage.enter,
        )
    if registry != Path(REGISTRY):
        found = msgspec.structs.replace(found, next=f"{found.next} --registry {registry}")
    if json:
        write_json(found)
    else:
        _write(found)


def _write(found: Retrained) -> None:
    """Say what was found, with the figures of both."""
    from justright.cli.output import console, grid
    from justright.values.figures import figure, interval

    to = console()
    to.print(found.sentence, style="bold", soft_wrap=True)
    if found.caution:
        to.print(f"caution: {found.caution}", style="yellow", soft_wrap=True)
    to.print()
    ends = f"{100 * found.level:.4g} % interval"
    head = ["metric", "champion", "challenger", "difference", ends, "better"]
    sides = {"first": "champion", "second": "challenger", "neither": "neither"}
    cells = []
    for d in found.differences:
        values = map(figure, (d.first, d.second, d.difference.value))
        cells.append([d.metric, *values, interval(d.difference), sides[d.better]])
    grid(to, head, cells, right=(1, 2, 3, 4))
    to.print()
    rows = found.rows
    also = f", {rows.already:,} of which the old table has" if rows.already else ""
    to.print(f"rows        {rows.old:,} old, {rows.new:,} new{also}", soft_wrap=True)
    to.print(f"trained on  {rows.trained:,}", soft_wrap=True)
    to.print(f"judged by   {found.judged_by}", soft_wrap=True)
    to.print(f"challenger  {found.name}@{found.challenger} ({found.family}), {found.run}", soft_wrap=True)
    to.print(f"next        {found.next}", soft_wrap=True)
