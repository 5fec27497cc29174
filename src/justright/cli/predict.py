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
        Path,
        typer.Option(
            metavar="PATH", help="Where to: .csv, .parquet, .jsonl, or a folder of parts.", show_default=False
        ),
    ],
    keep: Annotated[
        list[str] | None, typer.Option(metavar="COL", help="Copy a column of TABLE into PATH.")
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
    """Score every row of TABLE into PATH, a folder part by part; rows that cannot be go to an errors file."""
    import os

    # Batches are scored side by side: threads of the algebra would only wait for each other.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from justright.bundle.predictor import load
    from justright.bundle.scoring import score_file
    from justright.bundle.scoring_folder import score_folder
    from justright.cli.model import model_path
    from justright.cli.output import console, write_json
    from justright.cli.plugin import families_of

    families = families_of(plugin or ())
    predictor = load(model_path(model), families=families)
    # A family of the user's own may not be made for threads.
    threads = 1 if families else None
    if out.is_dir() or not out.suffix:
        parts = score_folder(predictor, table, out, keep=keep or (), latent=latent, threads=threads)
        if json:
            write_json(parts)
            return
        done = f", {parts.kept} of them from before" if parts.kept else ""
        said = f"{parts.scored:,} of {parts.rows:,} rows scored in {parts.parts} parts{done}: {parts.out}"
        bad, where = parts.bad_rows, ", ".join(parts.errors[:3]) + (" ..." if len(parts.errors) > 3 else "")
    else:
        report = score_file(predictor, table, out, keep=keep or (), latent=latent, threads=threads)
        if json:
            write_json(report)
            return
        said = f"{report.scored:,} of {report.rows:,} rows scored: {report.out}"
        bad, where = report.bad_rows + report.bad_lines, report.errors or ""
    to = console()
    to.print(said, soft_wrap=True)
    if bad:
        to.print(f"{bad:,} could not be scored, with their reasons: {where}", soft_wrap=True)
