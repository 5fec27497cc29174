"""`justright evaluate`: judge a model on rows it has not seen."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["evaluate"]


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A run or a model.")],
    table: Annotated[
        str,
        typer.Argument(metavar="[TABLE]", help="Rows with the target; the run's own test part if not given."),
    ] = "",
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Judge MODEL on TABLE, or on the test part of its run: each look at that is written down."""
