"""`justright split`: cut a table into files by the fingerprint of a key, or by time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from justright.errors import RecipeError, TableError

if TYPE_CHECKING:
    from justright.split import SplitAudit

__all__ = ["split"]


def split(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="The rows.")],
    by: Annotated[
        list[str] | None,
        typer.Option(metavar="COL", help="Key: rows with equal values stay together. None = the whole row."),
    ] = None,
    shares: Annotated[str, typer.Option(metavar="A/B/C", help="Shares of the parts.")] = "80/10/10",
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the parts (Parquet).")] = None,
    time: Annotated[str, typer.Option(metavar="COL", help="Earlier rows train, later rows judge.")] = "",
    salt: Annotated[str, typer.Option(metavar="TEXT", help="Another salt gives another split.")] = "",
    sample: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of the keys to use at all, above 0, at most 1.")
    ] = 1.0,
    print_sql: Annotated[
        bool, typer.Option("--print-sql", help="Print the BigQuery SQL of the same split; read no rows.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Split TABLE into files in which a row never moves when others come, with an audit beside them."""
    from justright.cli.output import write_json
    from justright.source import open_source
    from justright.split import split_table

    if print_sql:
        _print_sql(table, by or [], shares, salt, sample, time)
        return
    if out is None:
        raise RecipeError(
            "no folder for the parts", allowed="--out DIR, or --print-sql", next_step="--out parts"
        )
    seen = split_table(open_source(table), by or (), time, shares, salt, out=out, sample=sample)
    if json:
        write_json(seen)
    else:
        _write(seen, out)
    _refuse(seen, out)


def _refuse(seen: SplitAudit, out: Path) -> None:
    """Raise where a finding forbids to use the parts; they and their audit stay to be looked at."""
    wrong = [finding for finding in seen.findings if finding.severity == "error"]
    if wrong:
        said = " ".join(finding.sentence for finding in wrong)
        raise TableError(
            f"a split that must not be used: {said}", where=str(out / "audit.json"), next_step=wrong[0].next
        )


def _print_sql(table: str, by: list[str], shares: str, salt: str, sample: float, time: str) -> None:
    """Print the query; only the names of the columns are read."""
    import sys

    from justright.source import open_source
    from justright.split import split_sql

    if time:
        raise RecipeError("--print-sql with --time", allowed="a split by a key", next_step="leave out --time")
    key = by or sorted(open_source(table).names)
    sys.stdout.write(split_sql(Path(table).name.split(".")[0], key, shares, salt, sample) + "\n")


def _write(seen: SplitAudit, out: Path) -> None:
    """Print the audit."""
    from justright.cli.output import console, grid, write_findings

    to = console()
    rows: list[list[Any]] = [
        [
            part.name,
            f"{part.rows:,}",
            f"{100 * part.share:.2f} %",
            f"{part.duplicates:,}",
            str(out / part.name) + ".parquet",
        ]
        for part in seen.parts
    ]
    grid(to, ["part", "rows", "share", "also in the first", "file"], rows, right=(1, 2, 3))
    if seen.unused:
        to.print(f"{seen.unused:,} rows are in no part")
    if seen.findings:
        to.print()
        write_findings(to, seen.findings)
    to.print(f"\naudit: {out / 'audit.json'}", soft_wrap=True)
