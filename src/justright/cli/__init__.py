"""The command line: parse, build a recipe, call the workflow, print; nothing else.

One file a verb, all loaded by `app`. A verb imports what it needs when it runs, so that `--help` is quick.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; None = those of the process.

    Returns
    -------
    int
        0, or a code of the table in `justright.errors`.

    Examples
    --------
    >>> main(["--version"])
    justright ...
    0
    """
    import sys

    from justright.cli.guard import run

    if arguments is not None:
        return run(list(arguments))
    from justright.cli.interrupt import deaf_to_interrupt

    code = run(sys.argv[1:])
    deaf_to_interrupt()
    return code
