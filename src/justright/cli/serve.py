"""`justright serve`: answer requests with models until a signal comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from justright.serve.app import Setup

__all__ = ["serve"]


def serve(
    models: Annotated[
        list[str] | None,
        typer.Argument(metavar="MODEL...", help="Runs, models, NAME=MODEL, or names of the registry."),
    ] = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of a single model in the routes.")] = "",
    host: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Address to listen on; others than this machine need a token."),
    ] = "",
    port: Annotated[int | None, typer.Option(metavar="N", help="Port, 0 = any that is free. [8080]")] = None,
    workers: Annotated[int, typer.Option(metavar="N", help="Processes.", min=1, max=256)] = 1,
    token_file: Annotated[
        str, typer.Option("--token-file", metavar="FILE", help="Bearer tokens, one a line.")
    ] = "",
    no_token: Annotated[
        bool, typer.Option("--no-token", help="Other machines may ask without a token.")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="Name that requests may give in `Host`."),
    ] = None,
    traffic: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME@V=PCT", help="Share of the requests of a version or alias."),
    ] = None,
    registry: Annotated[str, typer.Option(metavar="DIR", help="Folder of the registry.")] = "models",
    log: Annotated[str, typer.Option(metavar="DIR", help="Keep what is asked and answered.")] = "",
    log_set: Annotated[
        list[str] | None,
        typer.Option(
            "--log-set", metavar="KEY=VALUE", help="Of the log: share=0.1, leave_out=COL, keep_days=30 ..."
        ),
    ] = None,
    monitor: Annotated[
        str, typer.Option(metavar="SPAN", help="Watch for drift, in windows of 10m, 6h, 1d: see /monitor.")
    ] = "",
    quiet: Annotated[bool, typer.Option("--quiet", help="No line a request on stderr.")] = False,
    plugin: Annotated[
        list[str] | None,
        typer.Option(metavar="MODULE", help="Python module with forwards of your own families."),
    ] = None,
) -> None:
    """Serve models over HTTP: POST {"instances": [...]} to /v1/models/NAME:predict."""
    import os
    import sys

    # Rows of a request are few: threads of the algebra cost more than they bring, and memory.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from justright.cli.plugin import families_of
    from justright.serve.access import read_tokens
    from justright.serve.app import serve as serve_models

    aip = _Platform(os.environ)
    chosen = host or aip.host or "127.0.0.1"
    tokens = tuple(read_tokens(token_file)) if token_file else ()
    _check_host(chosen, tokens, no_token or aip.on)
    setup = _setup(models or aip.models, name, traffic or [], registry)
    setup = _with(
        setup,
        host=chosen,
        port=aip.port if port is None else port,
        workers=workers,
        tokens=tokens,
        hosts=tuple(allow_host or ()),
        log=log,
        log_options=_log_options(log, log_set or []),
        window=_seconds(monitor),
        vertex_routes=(aip.health, aip.predict),
        families=families_of(plugin or ()),
    )

    def ready(url: str) -> None:
        """Say where, once requests are answered."""
        for each in [*setup.models, *(wanted.name for wanted in setup.wanted)]:
            sys.stdout.write(f"serving {each} on {url}/v1/models/{each}:predict (Ctrl-C ends it)\n")
        sys.stdout.flush()

    stream = None if quiet else getattr(sys.stderr, "buffer", None)
    serve_models(setup, on_ready=ready, access_log=stream)


class _Platform:
    """What Vertex AI says to a container by its environment; elsewhere the same without it."""

    def __init__(self, environment: Any) -> None:
        self.on = "AIP_HTTP_PORT" in environment or environment.get("AIP_MODE") == "PREDICTION"
        self.host = "0.0.0.0" if self.on else ""  # noqa: S104 - the platform's contract
        self.port = _port(environment.get("AIP_HTTP_PORT", "8080"))
        self.health = environment.get("AIP_HEALTH_ROUTE", "")
        self.predict = environment.get("AIP_PREDICT_ROUTE", "")
        storage = environment.get("AIP_STORAGE_URI", "")
        self.models = [storage.removeprefix("file://")] if storage and not storage.startswith("gs://") else []
        if not self.on:
            return
        endpoint, deployed = (
            environment.get("AIP_ENDPOINT_ID", ""),
            environment.get("AIP_DEPLOYED_MODEL_ID", ""),
        )
        route = f"/v1/endpoints/{endpoint}/deployedModels/{deployed}"
        self.health = self.health or (route if endpoint else "/health")
        self.predict = self.predict or (f"{route}:predict" if endpoint else "/predict")
        _check_routes(self.health, self.predict)


def _port(text: str) -> int:
    """Read the port of the platform."""
    from justright.errors import RecipeError

    if not (text.isascii() and text.isdecimal() and int(text) < 65536):
        raise RecipeError(f"AIP_HTTP_PORT={text!r:.40}", allowed="a port, 0 to 65535")
    return int(text)


def _check_routes(health: str, predict: str) -> None:
    """Refuse routes of the platform that are none, or that the server has for something else."""
    from justright.errors import RecipeError

    own = ("/", "/metrics", "/openapi.json", "/health", "/invocations", "/ping", "/version", health)
    for name, route, taken in (("HEALTH", health, own[:3]), ("PREDICT", predict, own)):
        if not route.startswith("/") or route in taken:
            raise RecipeError(
                f"AIP_{name}_ROUTE={route!r:.60}", allowed="a path of its own that begins with /"
            )


def _check_host(host: str, tokens: Sequence[str], free: bool) -> None:
    """Refuse to open to other machines what has no token."""
    from justright.errors import RecipeError
    from justright.serve.access import is_local

    if not is_local(host) and not tokens and not free:
        raise RecipeError(
            f"host={host!r}, which other machines reach, without a token",
            allowed="--token-file FILE, or --no-token where something else guards the port",
            next_step="openssl rand -hex 32 > token.txt, then --token-file token.txt",
        )


def _setup(models: Sequence[str], name: str, traffic: Sequence[str], registry: str) -> Setup:
    """Return what is to be served, of runs, bundles and names of the registry."""
    from pathlib import Path

    from justright.cli.model import model_path
    from justright.errors import RecipeError
    from justright.serve.app import Setup
    from justright.serve.dataplane import read_traffic
    from justright.serve.registered import wanted_of

    if not models:
        raise RecipeError("no model", allowed="one or more", next_step="justright serve runs/RUN")
    if name and len(models) > 1:
        raise RecipeError(f"name={name!r:.60} for {len(models)} models", allowed="NAME=MODEL for each")
    shares = read_traffic(traffic)
    folders: dict[str, Any] = {}
    named: list[tuple[str, str]] = []
    roots: set[str] = set()
    for text in models:
        own, mark, rest = text.partition("=")
        path = Path(text)
        if mark and not path.exists():
            _put(folders, own, _folder(rest))
        elif path.exists():
            if len(models) > 1:
                raise RecipeError(f"{text!r} without a name", allowed="NAME=MODEL where there are several")
            _put(folders, name or "model", model_path(text))
        else:
            root, asked = _reference(text, registry)
            if name and name != asked.name:
                raise RecipeError(
                    f"name={name!r:.60} for {text!r:.60}, which has its name in the registry",
                    allowed="--name for a single run or model folder",
                )
            roots.add(root)
            named.append((asked.name, asked.alias or (str(asked.version) if asked.version else "")))
    if len(roots) > 1:
        raise RecipeError(f"models of {len(roots)} registries", allowed="one at a time")
    wanted = wanted_of(named, {each: own for each, own in shares.items() if each not in folders})
    for each in shares:
        if each in folders:
            raise RecipeError(
                f"traffic of {each!r:.60}, which has one version", allowed="models of the registry"
            )
    return Setup(models=folders, wanted=tuple(wanted), registry=next(iter(roots), registry))


def _folder(text: str) -> Any:
    """Return the model of NAME=MODEL, which is a folder: a name of the registry stands for itself."""
    from pathlib import Path

    from justright.cli.model import model_path
    from justright.errors import RecipeError

    found = model_path(text)
    if found not in (Path(text), Path(text) / "model"):
        raise RecipeError(
            f"another name for {text!r:.60}, which has its name in the registry",
            allowed="the folder of a run or a model",
            next_step=f"justright serve {text}",
        )
    return found


def _reference(text: str, registry: str) -> tuple[str, Any]:
    """Return the registry and what of it is asked for: `churn@champion`, or `DIR/churn@champion`."""
    from pathlib import Path

    from justright.cli.model import REGISTRY, model_path
    from justright.errors import StorageError, closest
    from justright.registry import open_registry, read_reference

    place = Path(text)
    root = registry if place.name == text else str(place.parent)
    names = open_registry(root).names() if Path(root).is_dir() else ()
    if place.name.partition("@")[0] in names:
        return root, read_reference(place.name)
    if root == REGISTRY and place.name == text:
        model_path(text)  # says what is there instead
    step = "" if names else "justright register RUN --name NAME"
    allowed = closest(place.name, names) if names else "a folder of a finished run, or a registered name"
    raise StorageError(f"model={text!r:.80}, which is not there", where=root, allowed=allowed, next_step=step)


def _put(folders: dict[str, Any], name: str, path: Any) -> None:
    """Take a model under a name that is free and fits into a path."""
    from justright.errors import RecipeError
    from justright.registry.reference import check_name

    if check_name(name) in folders:
        raise RecipeError(f"two models of the name {name!r}", allowed="a name each")
    folders[name] = path


def _seconds(span: str) -> float:
    """Read the length of a window; 0 where none is given."""
    from justright.errors import RecipeError

    if not span:
        return 0.0
    number, unit = span[:-1], {"s": 1, "m": 60, "h": 3600, "d": 86400}.get(span[-1])
    if unit is None or not number.isascii() or not number.isdecimal() or not 0 < int(number) * unit < 10**8:
        raise RecipeError(f"monitor={span!r:.40}", allowed="a length of time such as 10m, 6h, 1d")
    return float(int(number) * unit)


def _log_options(log: str, choices: list[str]) -> Any:
    """Return the choices of the prediction log; None where none is kept."""
    from justright.errors import RecipeError
    from justright.prediction_log import options_from

    if choices and not log:
        raise RecipeError(f"--log-set {choices[0]!r:.60} without a log", next_step="--log DIR")
    return options_from(choices) if log else None


def _with(setup: Setup, **more: Any) -> Setup:
    """Return the setup with further choices."""
    import msgspec

    found: Setup = msgspec.structs.replace(setup, **more)
    return found
