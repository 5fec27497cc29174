"""`justright demo`: the whole road in a minute, on a real table that ships inside scikit-learn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from justright.errors import MissingExtraError, StorageError

if TYPE_CHECKING:
    from justright.workflow import Run

__all__ = ["demo"]

_SECONDS: Final = 30  # most time that the server may take to start or to end


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of runs; a new one is made in it.")] = Path(
        "runs"
    ),
) -> None:
    """Train on a real table, write the report, serve the model, ask it once, stop it."""
    from justright.cli.output import console
    from justright.cli.summary import write_summary
    from justright.report import write_report
    from justright.workflow import train

    to = console()
    table, row = _tumours()
    to.print("Training on 569 tumours: which are malignant? (scikit-learn's load_breast_cancer)\n")
    run = train(table, target="diagnosis", out=out)
    write_summary(run.summary)
    to.print(f"\nreport: {write_report(run.path, None)}", soft_wrap=True)
    with _served(run) as url:
        to.print(f"\nasking {url} about one tumour of 30 measures ...", soft_wrap=True)
        to.print(f"answer: {_ask(url, row)}", soft_wrap=True)
    to.print("server stopped")


def _tumours() -> tuple[dict[str, Any], dict[str, float]]:
    """Return the table, and one of its rows without the target."""
    try:
        from sklearn.datasets import load_breast_cancer
    except ImportError as error:
        raise MissingExtraError(
            "a demo without scikit-learn, which holds its table", next_step="pip install 'justright[train]'"
        ) from error
    data = load_breast_cancer()
    columns = {str(name): data.data[:, place] for place, name in enumerate(data.feature_names)}
    row = {name: float(values[0]) for name, values in columns.items()}
    return {**columns, "diagnosis": [str(data.target_names[number]) for number in data.target]}, row


@contextmanager
def _served(run: Run) -> Iterator[str]:
    """Serve a run in a process of its own; yield the address that answers, stop it at the end."""
    import subprocess
    import sys

    command = [sys.executable, "-m", "justright", "serve", str(run.path), "--name", "tumour", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            said = server.stdout.readline().split()
            if len(said) < 4:
                raise StorageError(
                    f"a server that ended with code {server.wait(_SECONDS)}",
                    next_step=f"justright serve {run.path}",
                )
            yield said[3]
        finally:
            server.terminate()
            server.wait(_SECONDS)


def _ask(url: str, row: dict[str, float]) -> str:
    """Send one row and return the answer."""
    from urllib.request import Request, urlopen

    import msgspec

    body = msgspec.json.encode({"instances": [row]})
    request = Request(url, body, {"content-type": "application/json"})
    with urlopen(request, timeout=_SECONDS) as answer:
        text: str = answer.read().decode()
    return text
