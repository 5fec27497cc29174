"""What a process answers with: connections, edge, routes and models put together."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from justright.errors import TableError
from justright.serve.access import Access
from justright.serve.dataplane import DataPlane
from justright.serve.dialects.bodies import encode, parse
from justright.serve.edge import Edge, Later, Refusal, Reply
from justright.serve.exchange import Recorder
from justright.serve.limits import Limits
from justright.serve.metrics import Meters
from justright.serve.openapi import document
from justright.serve.page import page, policy
from justright.serve.requestlog import RequestLog
from justright.serve.routes import Routes
from justright.serve.watching import Watching
from justright.serve.wire import Connections, Request

__all__ = ["Server", "build_app"]

_TICK: Final = 0.5
_DOOR: Final = 0.02  # seconds
_LOOK: Final = 4  # ticks between two looks of the monitor
_METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"
_HTML: Final = "text/html; charset=utf-8"
_STILL: Final = (("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:"),)


class Server:
    """What a process answers with.

    Parameters
    ----------
    plane : DataPlane
        The models.
    limits : Limits, optional
    access : Access, optional
        Default: everybody may ask, by every name.
    meters : Meters, optional
    log : RequestLog, optional
        Default: none.
    recorder : Recorder, optional
    vertex_routes : (str, str), optional
        Health and predict route of Vertex AI.
    feedback : str, optional
        Folder of the prediction log that takes labels; empty = no route for them.
    watching : Watching, optional
        The monitor; None = no page of it.

    Attributes
    ----------
    edge : Edge
    connections : Connections

    Examples
    --------
    >>> Server(DataPlane({})).limits.queue
    512
    """

    def __init__(
        self,
        plane: DataPlane,
        *,
        limits: Limits | None = None,
        access: Access | None = None,
        meters: Meters | None = None,
        log: RequestLog | None = None,
        recorder: Recorder | None = None,
        vertex_routes: tuple[str, str] = ("", ""),
        feedback: str = "",
        watching: Watching | None = None,
    ) -> None:
        self.plane = plane
        self.limits = limits or Limits()
        self.meters = meters or Meters()
        self.log = log or RequestLog(None)
        self._feedback = feedback
        self._watching = watching
        looks: dict[str, Callable[[Request], Reply] | Later] = {
            "/openapi.json": self._openapi,
            "/": self._page,
        }
        looks["/metrics"] = self._metrics if watching is None else Later(self._metrics)
        if watching is not None:
            looks |= {f"/monitor/{name}": Later(partial(self._monitor, name)) for name in plane.names}
            looks["/monitor"] = Later(partial(self._monitor, plane.names[0]))
        posts = {"/v1/feedback": Later(self._labels)} if feedback else {}
        routes = Routes(
            plane, looks, posts, vertex_routes, lambda: self.connections.draining, self.limits.rows
        )
        self.edge = Edge(
            routes.find,
            limits=self.limits,
            access=access or Access(),
            meters=self.meters,
            log=self.log,
            recorder=recorder,
        )
        self.connections = Connections(self.edge.handle, self.limits, self.edge.malformed)
        self.edge.alone = lambda: len(self.connections.open) == 1

    async def run(self, listener: socket.socket, ended: asyncio.Event, on_ready: Callable[[], None]) -> None:
        """Answer until `ended` is set, then finish what is open.

        Parameters
        ----------
        listener : socket
            Bound; several processes may share it.
        ended : asyncio.Event
            Set when the server is to end.
        on_ready : callable
            Told once requests are answered.
        """
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self.connections.make, sock=listener, backlog=2048)
        self.meters.set("ready_processes", 1)
        on_ready()
        ticks = asyncio.create_task(self._tick())
        await ended.wait()
        self.connections.drain()
        # Who has come is taken in before the door closes, and no more are let queue up: they would be reset.
        listener.listen(0)
        await asyncio.sleep(_DOOR)
        server.close()
        last = loop.time() + self.limits.drain_seconds
        while self.connections.open and loop.time() < last:
            self.connections.tick()
            await asyncio.sleep(0.01)
        self.meters.set("ready_processes", 0)
        ticks.cancel()
        self.edge.batcher.close()

    def tell(self, event: dict[str, Any]) -> None:
        """Write an event to the log, and count it if it is one of the registry."""
        self.log.write({"time": round(time.time(), 6)} | event)
        if event.get("event") == "reload":
            self.meters.add("reloads_total")
        elif event.get("event") == "reload-failed":
            self.meters.add("reload_failures_total")

    async def _tick(self) -> None:
        """Look at the connections again and again."""
        dropped = looks = 0
        while True:
            await asyncio.sleep(_TICK)
            connections = self.connections
            connections.tick()
            self.meters.set("connections", len(connections.open))
            self.meters.set("waiting_requests", len(self.edge.batcher))
            looks += 1
            if self._watching is not None and looks % _LOOK == 0:
                self._watching.look()
            self.meters.add("dropped_total", connections.dropped - dropped)
            dropped = connections.dropped

    def _metrics(self, request: Request) -> Reply:
        """Return the counters."""
        more = _versions(self.plane) + (self._watching.gauges() if self._watching is not None else [])
        return Reply(200, self.meters.text(more).encode("utf-8"), _METRICS)

    def _monitor(self, name: str, request: Request) -> Reply:
        """Return the page of the monitor."""
        assert self._watching is not None
        if not self._watching.watches(name):
            raise Refusal(
                404, f"received the monitor of {name}, which holds no baseline of its training rows"
            )
        return Reply(200, self._watching.page(name).encode("utf-8"), _HTML, _STILL)

    def _openapi(self, request: Request) -> Reply:
        """Return what can be asked, with the models' own columns."""
        return Reply(200, encode(document(self.plane, feedback=bool(self._feedback))))

    def _page(self, request: Request) -> Reply:
        """Return the page to try the models."""
        return Reply(200, page(), _HTML, policy())

    def _labels(self, request: Request) -> Reply:
        """Take labels that came later."""
        from justright.prediction_log import add_labels

        body = parse(request.body, len(request.body))
        rows = body.get("labels") if isinstance(body, dict) and len(body) == 1 else None
        if not isinstance(rows, list):
            raise TableError(
                "a body without labels", allowed='{"labels": [{"id": "...", "label": ...}, ...]}'
            )
        return Reply(200, encode({"added": add_labels(self._feedback, rows)}))


def build_app(plane: DataPlane, *, limits: Limits | None = None) -> Server:
    """Return what answers requests for the models of a plane, without a port.

    Examples
    --------
    >>> build_app(DataPlane({})).plane.names
    ()
    """
    return Server(plane, limits=limits)


def _versions(plane: DataPlane) -> list[str]:
    """Return the lines that say which versions are in service, with their shares of requests."""
    lines = [
        "# HELP justright_model_share Share of requests, in per cent.",
        "# TYPE justright_model_share gauge",
    ]
    for name in plane.names:
        group = plane.group(name)
        for version, served in group.served.items():
            share = group.traffic.get(version, 0) if group.traffic else 100 * (version == group.default)
            labels = f'model="{name}",version="{version}",id="{served.described.model_id[:12]}"'
            lines.append(f"justright_model_share{{{labels}}} {share}")
    return lines
