"""How results are written: JSON for programs, tables for people; both on stdout, nothing else is."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from justright.schema import Finding
from justright.values.figures import figures_in

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["console", "grid", "write_findings", "write_json"]

_PIPE_WIDTH: Final = 120  # columns of a table that goes to a file or a pipe
_COLOURS: Final = {"error": "bold red", "warning": "yellow", "info": "cyan"}


def write_json(value: Any) -> None:
    """Write one JSON object as one line."""
    import msgspec

    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def console() -> Console:
    """Return the console of stdout; texts are never read as markup."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False)


def grid(
    to: Console, head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()
) -> None:
    """Print a table; `right` numbers the columns set to the right."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for place, name in enumerate(head):
        table.add_column(Text(name), justify="right" if place in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    to.print(table)


def write_findings(to: Console, findings: Iterable[Finding]) -> None:
    """Print findings with their next moves, in the order given."""
    from rich.text import Text

    for finding in findings:
        to.print(
            Text.assemble(
                (finding.severity, _COLOURS[finding.severity]),
                f"  {figures_in(finding.sentence)} [{finding.id}]",
            )
        )
        if finding.next:
            to.print(Text(f"         next: {finding.next}"))
