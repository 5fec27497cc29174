"""A data plane over the golden bundle, rows with their known answers, and a client without a port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from justright.serve.dataplane import DataPlane, load_plane
from justright.serve.server import Server, build_app

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="session")
def bundle_path() -> Path:
    return GOLDEN / "bundle-1"


@pytest.fixture(scope="session")
def golden() -> dict[str, Any]:
    return json.loads((GOLDEN / "bundle-1-expected.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def plane(bundle_path: Path) -> DataPlane:
    return load_plane({"buys": bundle_path})


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")


class Pipe(asyncio.Transport):
    """The client's end of a connection."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.sent = bytearray()
        self.closed = self.aborted = self.half = self.paused = False
        self.connection = server.connections.make()
        self.connection.connection_made(self)

    def give(self, data: bytes) -> None:
        self.connection.data_received(data)

    def write(self, data: Any) -> None:
        assert not self.closed
        self.sent += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self.connection.connection_lost, None)

    def abort(self) -> None:
        self.aborted = True
        self.close()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.half = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    async def answers(self, count: int, seconds: float = 10.0) -> list[Answer]:
        """Wait for so many answers."""
        loop = asyncio.get_running_loop()
        last = loop.time() + seconds
        while loop.time() < last:
            found = parsed(bytes(self.sent))
            if len(found) >= count:
                return found
            await asyncio.sleep(0)
        raise TimeoutError(bytes(self.sent))


def parsed(data: bytes) -> list[Answer]:
    """Take whole answers apart."""
    found = []
    while b"\r\n\r\n" in data:
        head, _, rest = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        size = int(headers.get("content-length", 0))
        if len(rest) < size:
            break
        found.append(Answer(int(first.split()[1]), headers, rest[:size]))
        data = rest[size:]
    return found


def raw(method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> bytes:
    """Write a request."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "host: localhost",
        *(f"{k}: {v}" for k, v in (headers or {}).items()),
    ]
    if body is not None:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


class Client:
    """Asks a server in process, each request on a connection of its own."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def request(
        self, method: str, path: str, content: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        return self.together([raw(method, path, content, headers)])[0]

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.request("GET", path, None, headers)

    def post(self, path: str, value: Any, headers: Mapping[str, str] | None = None) -> Answer:
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self.request("POST", path, content, headers)

    def together(self, requests: list[bytes]) -> list[Answer]:
        """Send all at the same moment."""

        async def main() -> list[Answer]:
            pipes = [Pipe(self.server) for _ in requests]
            for pipe, request in zip(pipes, requests, strict=True):
                pipe.give(request)
            return [(await pipe.answers(1))[0] for pipe in pipes]

        return asyncio.run(main())


class Wired(NamedTuple):
    """What tests of the wire are made with."""

    Client: type[Client]
    Pipe: type[Pipe]
    raw: Any
    parsed: Any


@pytest.fixture(scope="session")
def wired() -> Wired:
    return Wired(Client, Pipe, raw, parsed)


@pytest.fixture(scope="session")
def client(plane: DataPlane) -> Client:
    return Client(build_app(plane))
