"""`justright compare`: two runs on the rows that both held out."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["compare"]


def compare(
    first: Annotated[str, typer.Argument(metavar="RUN", help="The folder of a run.")],
    second: Annotated[str, typer.Argument(metavar="RUN", help="Another, with the same target.")],
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Say which of two runs is better on the rows that both held out, with the interval of the difference."""
    from justright.cli.model import run_path
    from justright.cli.output import console, grid, write_json
    from justright.values.figures import figure, interval
    from justright.workflow.compare import compare as compare_runs

    found = compare_runs(run_path(first), run_path(second))
    if json:
        write_json(found)
        return
    to = console()
    to.print(found.sentence, style="bold", soft_wrap=True)
    to.print()
    head = ["metric", "first", "second", "second - first", f"{100 * found.level:.4g} % interval", "better"]
    cells = [
        [d.metric, *map(figure, (d.first, d.second, d.difference.value)), interval(d.difference), d.better]
        for d in found.differences
    ]
    grid(to, head, cells, right=(1, 2, 3, 4))
    to.print()
    for name, side in (("first", found.first), ("second", found.second)):
        to.print(f"{name:<9} {side.family}, {side.judged_by}, {side.run}", soft_wrap=True)
    to.print(f"rows      {found.rows:,} held out by both, matched by {found.matched_by}")
