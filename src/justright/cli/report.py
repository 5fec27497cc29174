"""`justright report`: one HTML file of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["report"]


def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder of a run.")],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to; report.html in the run if not given.")
    ] = None,
) -> None:
    """Write the report of RUN as one HTML file that opens offline, and print its path."""
    import sys

    from justright.cli.model import run_path
    from justright.report import write_report

    sys.stdout.write(f"{write_report(run_path(run), out)}\n")
