"""`justright profile`: what each column of a table is, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from justright.kinds import ColumnProfile, Profile
    from justright.schema import Schema

__all__ = ["profile"]


def profile(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="The rows.")],
    target: Annotated[
        str | None, typer.Option(metavar="COL", help="Say also what would be learned of it.")
    ] = None,
    sql: Annotated[str, typer.Option(metavar="QUERY", help="A query over TABLE, named `rows`.")] = "",
    json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Say what each column of TABLE is to a model, and why; change it with `train --kind` and `--drop`."""
    import msgspec

    from justright.cli.output import write_json
    from justright.kinds import infer_schema
    from justright.source import open_source

    schema, seen = infer_schema(open_source(table, sql=sql), target=target)
    if json:
        write_json({**msgspec.to_builtins(seen), "target": schema.target})
    else:
        _write(schema, seen)


def _write(schema: Schema, seen: Profile) -> None:
    """Print the table of columns."""
    from justright.cli.output import console, grid

    to = console()
    to.print(f"{seen.rows:,} rows, {len(seen.columns)} columns ({_form(seen.source)})", soft_wrap=True)
    if seen.skipped:
        to.print(f"{seen.skipped:,} lines are no rows and were skipped", style="yellow")
    if schema.target is not None:
        to.print(
            f"target {schema.target.column.name}: {schema.target.task}, {schema.target.reason}",
            soft_wrap=True,
        )
    to.print()
    grid(
        to,
        ["column", "kind", "missing", "distinct", "values", "why"],
        [_row(column) for column in seen.columns],
        right=(2, 3),
    )


def _form(source: dict[str, Any]) -> str:
    """Say what was found out about the file."""
    told = [str(source.get("format", "table"))]
    for key in ("separator", "decimal", "encoding", "compression", "header"):
        value = source.get(key)
        if value not in (None, "", "none"):
            told.append(f"{key} {'tab' if value == chr(9) else value}")
    return ", ".join(told)


def _row(column: ColumnProfile) -> list[str]:
    """Return the line of one column."""
    kind = column.kind if column.role in ("feature", "set aside") else f"{column.kind} ({column.role})"
    distinct = f"{column.distinct:,}" if column.distinct_exact else f"{column.distinct:,}+"
    missing = f"{100 * column.missing / column.rows:.3g} %" if column.missing and column.rows else ""
    return [column.name, kind, missing, distinct, _values(column), "; ".join((column.reason, *column.notes))]


def _values(column: ColumnProfile) -> str:
    """Write the range of a column, or its most frequent values."""
    from justright.values.figures import figure

    if column.first:
        return f"{column.first} .. {column.last}"
    if column.minimum is not None:
        low, high = (figure(end, whole=True) for end in (column.minimum, column.maximum))
        return f"{low} .. {high}, mean {figure(column.mean)}"
    shown = ", ".join(text if len(text) <= 20 else f"{text[:19]}~" for text, _ in column.top[:3])
    return shown + (", ..." if len(column.top) > 3 else "")
