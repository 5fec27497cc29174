"""The HTTP edge: routes over a data plane, and the function that runs them until a signal.

    GET  /health                   200 when the models are loaded, which is before the port opens
    GET  /v1/models/NAME           status, as TensorFlow Serving
    POST /v1/models/NAME:predict   {"instances": [...]} -> {"predictions": [...]}

Every refusal is `{"error": "a sentence"}` with the row and the column, never a traceback. Served by
uvicorn: see docs/reference/serve.md for what was measured against granian.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from justright.bundle.families import Forward
from justright.errors import JustrightError, StorageError, closest, http_code
from justright.serve.dataplane import DataPlane, load_plane
from justright.serve.dialects import (
    read_instances,
    write_error,
    write_json,
    write_predictions,
    write_status,
)

__all__ = ["MAX_BODY", "build_app", "serve"]

MAX_BODY: Final = 8 << 20
"""Most bytes of a request, 8 MiB (Vertex AI allows 1.5 MB)."""

# A body of this size is 100 rows of 40 columns: below it a thread costs more than the work.
_THREAD_FROM: Final = 64 << 10


def build_app(plane: DataPlane, *, max_body: int = MAX_BODY) -> Starlette:
    """Return the application.

    Parameters
    ----------
    plane : DataPlane
        The models.
    max_body : int, default 8 MiB
        Larger requests are refused with status 413 before they are read whole.

    Returns
    -------
    Starlette
        An ASGI application; tests call it in process.

    Examples
    --------
    >>> [route.path for route in build_app(DataPlane({})).routes]
    ['/health', '/v1/models/{name}:predict', '/v1/models/{name}']
    """

    async def health(request: Request) -> Response:
        return _json(write_json(plane.health()))

    async def status(request: Request) -> Response:
        return _unknown(plane, request) or _json(write_status())

    async def predict(request: Request) -> Response:
        refusal = _unknown(plane, request)
        if refusal is not None:
            return refusal
        body = await _read_body(request, max_body)
        if body is None:
            return _json(write_error(f"received more than {max_body} bytes; send fewer rows at once"), 413)
        name = request.path_params["name"]
        if len(body) < _THREAD_FROM:
            return _json(_answer(plane, name, body))
        # Large requests leave the loop, so that /health is answered meanwhile.
        return _json(await run_in_threadpool(_answer, plane, name, body))

    routes = [
        Route("/health", health),
        Route("/v1/models/{name}:predict", predict, methods=["POST"]),
        Route("/v1/models/{name}", status),
    ]
    handlers = {
        JustrightError: _refuse,
        HTTPException: _refuse_http,
        Exception: _fail,
        ClientDisconnect: _gone,
    }
    return Starlette(routes=routes, exception_handlers=handlers)


def serve(
    model: str | Path,
    *,
    name: str = "model",
    host: str = "127.0.0.1",
    port: int = 8080,
    families: Mapping[str, Forward] | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve one model until SIGINT or SIGTERM, then finish the open requests and return.

    Parameters
    ----------
    model : str or Path
        The folder of a bundle.
    name : str, default "model"
        Name in the routes; no `/` or `:`.
    host : str, default "127.0.0.1"
        Address to listen on; this machine only unless you say otherwise.
    port : int, default 8080
        0 takes any free port.
    families : mapping of str to Forward, optional
        Forwards of families of your own; see `justright.bundle.predictor.load`.
    on_ready : callable, optional
        Told the URL once requests are answered.

    Raises
    ------
    StorageError
        The folder cannot be read or the port is taken.
    BundleError
        The model cannot be loaded.
    """
    plane = load_plane({name: model}, families=families)
    listener = _listen(host, port)
    address, bound = listener.getsockname()[:2]
    url = f"http://{f'[{address}]' if ':' in address else address}:{bound}"
    config = uvicorn.Config(
        build_app(plane),
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=25,
    )
    with listener, _quiet_signals():
        asyncio.run(_run(uvicorn.Server(config), listener, lambda: on_ready(url) if on_ready else None))


def _answer(plane: DataPlane, name: str, body: bytes) -> bytes:
    """Bytes in, bytes out."""
    return write_predictions(plane.predict(name, read_instances(body, plane.columns(name))))


async def _run(server: uvicorn.Server, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    """Run the server and say once when it answers."""
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not task.done():
        await asyncio.sleep(0.002)
    if server.started:
        on_ready()
    await task


async def _read_body(request: Request, limit: int) -> bytes | None:
    """Read a body of at most `limit` bytes; None when it is longer, whatever its header says."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _json(body: bytes, status: int = 200) -> Response:
    """Return JSON bytes as a response."""
    return Response(body, status, media_type="application/json")


def _unknown(plane: DataPlane, request: Request) -> Response | None:
    """Return the refusal for a model that is not here."""
    name = request.path_params["name"]
    if name in plane.names:
        return None
    return _json(write_error(f"received model={name!r:.80}; allowed: {closest(name, plane.names)}"), 404)


async def _refuse(request: Request, error: Exception) -> Response:
    """Turn an error of ours into its status and its sentence."""
    return _json(write_error(str(error)), http_code(error))


async def _refuse_http(request: Request, error: Exception) -> Response:
    """Turn an unknown route or method into our form."""
    assert isinstance(error, HTTPException)
    allowed = "GET /health, GET /v1/models/NAME, POST /v1/models/NAME:predict"
    sentence = f"received {request.method} {request.url.path:.100}: {error.detail}; allowed: {allowed}"
    response = _json(write_error(sentence), error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _fail(request: Request, error: Exception) -> Response:
    """Answer for a fault of ours without showing its inside; the server's log holds the traceback."""
    return _json(write_error("a fault inside the server; its log says more"), 500)


async def _gone(request: Request, error: Exception) -> Response:
    """The client left while it was still sending: nobody reads this answer."""
    return _json(write_error("the request ended early"), 400)


def _listen(host: str, port: int) -> socket.socket:
    """Open the port before the server starts, so that a taken port is one clear error."""
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


@contextmanager
def _quiet_signals() -> Iterator[None]:
    """Let uvicorn end on a signal without that signal ending the process afterwards."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers; whoever runs us elsewhere ends the process himself
        return
    # uvicorn raises the signals it caught once more after its shutdown, for the handlers of before.
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
