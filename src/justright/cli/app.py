"""All verbs, put together; `build` is what the entry point, the tests and the reference page use."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from justright.cli.compare import compare
from justright.cli.demo import demo
from justright.cli.diagnose import diagnose
from justright.cli.evaluate import evaluate
from justright.cli.explain import explain
from justright.cli.export import export
from justright.cli.monitor import monitor
from justright.cli.predict import predict
from justright.cli.profile import profile
from justright.cli.register import register
from justright.cli.report import report
from justright.cli.retrain import retrain
from justright.cli.serve import serve
from justright.cli.split import split
from justright.cli.train import train
from justright.cli.tune import tune

__all__ = ["VERBS", "build"]

VERBS = (
    *(demo, train, tune, predict, explain, evaluate, compare, diagnose, split, profile, report),
    *(register, serve, export, monitor, retrain),
)


def build() -> Any:
    """Return the parser of the command line, with all its verbs."""
    app = typer.Typer(
        add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="rich"
    )
    app.callback()(_root)
    for verb in VERBS:
        app.command()(verb)
    return typer.main.get_command(app)


def _version(asked: bool) -> None:
    """Print the version and leave."""
    if asked:
        from justright import __version__

        sys.stdout.write(f"justright {__version__}\n")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; also JUSTRIGHT_DEBUG=1.")
    ] = False,
) -> None:
    """From a table to a model that is just right, and keeps it so in service.

    MODEL is everywhere the folder of a run, or of a model, or a name of the registry: churn, churn@champion.

    TABLE is a file: CSV, Parquet (also a folder or a glob), JSON lines, Arrow, SQLite.
    """
