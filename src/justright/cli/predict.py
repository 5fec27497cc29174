"""`justright predict`: score a table of any size into a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["predict"]


def predict(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A run or a model.")],
    table: Annotated[str, typer.Argument(metavar="TABLE", help="The rows to score.")],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="Where to: .csv, .parquet or .jsonl.", show_default=False)
    ],
    keep: Annotated[
        list[str] | None, typer.Option(metavar="COL", help="Copy a column of TABLE into FILE.")
    ] = None,
    latent: Annotated[
        bool, typer.Option("--latent", help="Add the outputs of a network's last hidden layer.")
    ] = False,
    plugin: Annotated[
        list[str] | None,
        typer.Option(metavar="MODULE", help="Python module with forwards of your own families."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Score every row of TABLE into FILE; rows that cannot be scored go to an errors file beside it."""
    from justright.bundle.predictor import load
    from justright.bundle.scoring import score_file
    from justright.cli.model import model_path
    from justright.cli.output import console, write_json
    from justright.cli.plugin import families_of

    families = families_of(plugin or ())
    predictor = load(model_path(model), families=families)
    report = score_file(predictor, table, out, keep=keep or (), latent=latent)
    if json:
        write_json(report)
        return
    to = console()
    to.print(f"{report.scored:,} of {report.rows:,} rows scored: {report.out}", soft_wrap=True)
    if report.errors is not None:
        bad = report.bad_rows + report.bad_lines
        to.print(f"{bad:,} could not be scored, with their reasons: {report.errors}", soft_wrap=True)
