"""`justright serve`: answer requests with a model until a signal comes."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["serve"]


def serve(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A run or a model.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the model in the routes.")] = "model",
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Address to listen on; 0.0.0.0 = from everywhere.")
    ] = "127.0.0.1",
    plugin: Annotated[
        list[str] | None,
        typer.Option(metavar="MODULE", help="Python module with forwards of your own families."),
    ] = None,
    port: Annotated[int, typer.Option(metavar="N", help="Port, 0 = any that is free.")] = 8080,
) -> None:
    """Serve MODEL over HTTP: POST {"instances": [...]} to /v1/models/NAME:predict."""
    import sys

    from justright.cli.model import model_path
    from justright.cli.plugin import families_of
    from justright.serve.app import serve as serve_model

    def ready(url: str) -> None:
        """Say where, once requests are answered."""
        sys.stdout.write(f"serving {name} on {url}/v1/models/{name}:predict (Ctrl-C ends it)\n")
        sys.stdout.flush()

    families = families_of(plugin or ())
    serve_model(model_path(model), name=name, host=host, port=port, families=families, on_ready=ready)
