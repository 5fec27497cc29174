"""The server: opens the port, runs one process or several, and ends when told to.

A process is a loop, its connections (`wire`), the edge (`edge`, `routes`) and the models (`dataplane`).
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from justright.bundle.predictor import load
from justright.errors import RecipeError, StorageError, closest
from justright.monitor.accepted import FOLDER, baselines_of
from justright.registry import open_registry
from justright.serve.access import LOCAL_HOSTS, Access, is_local
from justright.serve.dataplane import DataPlane
from justright.serve.limits import Limits
from justright.serve.metrics import Meters
from justright.serve.registered import Reloader, Wanted, load_group
from justright.serve.requestlog import RequestLog
from justright.serve.server import Server, build_app
from justright.serve.watching import Watching
from justright.serve.workers import Crew

__all__ = ["Setup", "build_app", "open_port", "serve"]

_BACKLOG: Final = 2048


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be served, where, and to whom.

    Parameters
    ----------
    models : dict of str to str or Path, default none
        Name in the routes to the folder of a bundle: served as version 1, never loaded again.
    wanted : tuple of Wanted, default none
        Models of the registry: followed when an alias moves.
    registry : str or Path, default "models"
        Folder of the registry.
    host : str, default "127.0.0.1"
        Address to listen on; this machine only unless you say otherwise.
    port : int, default 8080
        0 takes any free port.
    workers : int, default 1
        Processes.
    tokens : tuple of str, default none
        Bearer tokens; none = everybody may ask.
    hosts : tuple of str, default none
        Names allowed in the header `Host`. Without tokens and on an address of this machine only: the names
        of this machine as well; else none = every name.
    limits : Limits, optional
    log : str or Path, default ""
        Folder of the prediction log; empty = none is kept.
    log_options : LogOptions, optional
    window : float, default 0
        Seconds of a window of the monitor; 0 = none runs.
    vertex_routes : (str, str), default none
        Health and predict route of Vertex AI.
    families : mapping of str to Forward, optional
        Forwards of families of your own; see `justright.bundle.predictor.load`.
    """

    models: dict[str, str | Path] = {}
    wanted: tuple[Wanted, ...] = ()
    registry: str | Path = "models"
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    tokens: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    limits: Limits = Limits()
    log: str | Path = ""
    log_options: Any = None
    window: float = 0.0
    vertex_routes: tuple[str, str] = ("", "")
    families: Any = None


def serve(
    setup: Setup, *, on_ready: Callable[[str], None] | None = None, access_log: IO[bytes] | None = None
) -> None:
    """Serve models until SIGINT or SIGTERM, then finish the open requests and return.

    Parameters
    ----------
    setup : Setup
        What, where, and to whom.
    on_ready : callable, optional
        Told the URL once requests are answered.
    access_log : binary file, optional
        Where a line of JSON a request goes, and one an event; unbuffered.

    Raises
    ------
    StorageError
        A folder cannot be read or the port is taken. At the end: rows were answered that the prediction log
        could not take.
    BundleError
        A model cannot be loaded.
    RecipeError
        A name of the registry is none, or the log shall leave out a column that no model has.
    """
    plane = _load(setup)
    _check_log(setup, plane)
    meters = Meters(setup.workers)
    listener = open_port(setup.host, setup.port)
    address, bound = listener.getsockname()[:2]
    url = f"http://{f'[{address}]' if ':' in address else address}:{bound}"
    told = [False]

    def ready() -> None:
        """Say once that all processes answer."""
        if not told[0] and meters.total("ready_processes") >= setup.workers:
            told[0] = True
            if on_ready is not None:
                on_ready(url)

    with listener, _counts_folder(setup) as counts:
        listener.listen(_BACKLOG)
        if setup.workers == 1:
            _work(setup, plane, meters, listener, access_log, counts, ready)
            _check_logged(setup, meters)
            return
        log = RequestLog(access_log)

        def tell(event: dict[str, Any]) -> None:
            """Note an event of the workers; one that died is not ready."""
            if "worker" in event:
                meters.of(event["worker"]).set("ready_processes", 0)
                meters.of(event["worker"]).set("connections", 0)
            log.write_now({"time": round(time.time(), 6)} | event)

        def work(number: int) -> None:
            _work(setup, plane, meters.of(number), listener, access_log, counts, lambda: None)

        Crew(setup.workers, work, setup.limits.drain_seconds + 1.0, tell, ready).run()
        _check_logged(setup, meters)


def open_port(host: str, port: int) -> socket.socket:
    """Open the port before the server starts, so that a taken port is one clear error.

    Raises
    ------
    StorageError
        It is taken, or the address is none of this machine.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except (OSError, OverflowError):
            listener.close()
            raise
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StorageError(
            f"host={host!r}, port={port}: {reason}",
            allowed="an address of this machine and a free port, 0 = any",
            next_step="another --port",
        ) from error
    return listener


def _load(setup: Setup) -> DataPlane:
    """Load all models."""
    models: dict[str, Any] = {}
    for name, path in setup.models.items():
        models[name] = load(path, families=setup.families)
    if setup.wanted:
        registry = open_registry(setup.registry)
        for wanted in setup.wanted:
            models[wanted.name] = load_group(registry, wanted, families=setup.families)
    return DataPlane(models)


def _work(
    setup: Setup,
    plane: DataPlane,
    meters: Meters,
    listener: socket.socket,
    stream: IO[bytes] | None,
    counts: Path | None,
    on_ready: Callable[[], None],
) -> None:
    """Run one process until SIGINT or SIGTERM."""
    log = RequestLog(stream, lambda lines: meters.add("unlogged_lines_total", lines))
    keeper = _prediction_log(setup, plane)
    watching = None
    if counts is not None:
        watching = Watching(plane, counts, setup.window, baselines=_baselines(setup))
    server = Server(
        plane,
        limits=setup.limits,
        access=Access(setup.tokens, _hosts(setup)),
        meters=meters,
        log=log,
        recorder=keeper,
        vertex_routes=setup.vertex_routes,
        feedback=str(setup.log),
        watching=watching,
    )

    def reloaded(event: dict[str, Any]) -> None:
        """Note an event of the registry; versions that are new may need other columns."""
        _expect(keeper, plane)
        server.tell(event)

    reloader = None
    if setup.wanted:
        reloader = Reloader(plane, setup.registry, setup.wanted, families=setup.families, tell=reloaded)
    parent = os.getppid() if setup.workers > 1 else 0

    async def main() -> None:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ended.set)
        tasks = [asyncio.create_task(_watch(server, keeper, parent, ended))]
        if reloader is not None:
            tasks.append(asyncio.create_task(reloader.run()))
        if watching is not None:
            tasks.append(asyncio.create_task(watching.follow(server.tell)))
        await server.run(listener, ended, on_ready)
        for task in tasks:
            task.cancel()

    # What is loaded stays: the collector need not look at it again while requests wait.
    gc.collect()
    gc.freeze()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(main())
    if keeper is not None:
        keeper.close()
        _count_logged(keeper, meters)
    log.close()


async def _watch(server: Server, keeper: Any, parent: int, ended: asyncio.Event) -> None:
    """Show what the prediction log has kept, and end when the parent is gone."""
    trouble = ""
    while True:
        await asyncio.sleep(0.5)
        if parent and os.getppid() != parent:
            ended.set()
        if keeper is not None:
            status = _count_logged(keeper, server.meters)
            if status.trouble != trouble:
                trouble = status.trouble
                server.tell({"event": "log", "trouble": trouble})


def _prediction_log(setup: Setup, plane: DataPlane) -> Any:
    """Open the prediction log of this process; None where none is kept."""
    if not setup.log:
        return None
    from justright.prediction_log import PredictionLog

    columns = {name: _columns(plane, name) for name in plane.names}
    return PredictionLog(setup.log, setup.log_options, columns)


def _count_logged(keeper: Any, meters: Meters) -> Any:
    """Show what the prediction log of this process has kept; return its status."""
    status = keeper.status()
    meters.set("logged_rows", status.logged)
    meters.set("waiting_log_rows", status.waiting)
    meters.set("unlogged_rows", status.dropped)
    return status


def _check_logged(setup: Setup, meters: Meters) -> None:
    """Say at the end that rows are missing in the prediction log, if any are."""
    lost = meters.total("unlogged_rows")
    logged = meters.total("logged_rows")
    if lost:
        raise StorageError(
            f"{lost} answered rows that the prediction log could not take (it has {logged})",
            where=str(setup.log),
            next_step="look whether its disk is full or slow; --log-set queue_rows=N lets more wait",
        )


def _check_log(setup: Setup, plane: DataPlane) -> None:
    """Refuse to leave out or hash what no model asks for: a typo would write what must not be written."""
    if setup.log_options is None:
        return
    known = dict.fromkeys(chain.from_iterable(_columns(plane, name) for name in plane.names))
    for option in ("leave_out", "hashed"):
        for column in getattr(setup.log_options, option):
            if column not in known:
                raise RecipeError(f"{option}={column!r:.60}", allowed=closest(column, known))


def _expect(keeper: Any, plane: DataPlane) -> None:
    """Say to the prediction log which columns the models need now."""
    if keeper is not None:
        for name in plane.names:
            keeper.expect(name, _columns(plane, name))


def _columns(plane: DataPlane, name: str) -> tuple[str, ...]:
    """Return the columns that any loaded version of a model needs, those of the oldest version first."""
    every = (served.described.names for served in plane.group(name).served.values())
    return tuple(dict.fromkeys(chain.from_iterable(every)))


def _baselines(setup: Setup) -> dict[str, Path]:
    """Return where the accepted baselines of each model lie; a model that stands alone has none."""
    found = {name: baselines_of(_bundle(Path(path))) for name, path in setup.models.items()}
    found |= {wanted.name: Path(setup.registry) / wanted.name / FOLDER for wanted in setup.wanted}
    return {name: folder for name, folder in found.items() if folder is not None}


def _bundle(path: Path) -> Path:
    """Return the folder of the bundle where that of a run was given."""
    return path / "model" if (path / "model").is_dir() else path


@contextmanager
def _counts_folder(setup: Setup) -> Iterator[Path | None]:
    """Give the folder in which the processes put their counts together: that of the log, or one for now."""
    if not setup.window:
        yield None
    elif setup.log:
        yield Path(setup.log) / "counts"
    else:
        with tempfile.TemporaryDirectory(prefix="justright-") as folder:
            yield Path(folder)


def _hosts(setup: Setup) -> tuple[str, ...]:
    """Return the names that a request may give for this server; none = all."""
    if not setup.hosts and (setup.tokens or not is_local(setup.host)):
        return ()
    return (*setup.hosts, *LOCAL_HOSTS, setup.host) if is_local(setup.host) else setup.hosts


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return the faster loop where it is installed."""
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
