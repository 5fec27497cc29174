"""The bound of our server: its own connections and loop, which read each body and answer a constant.

    python echo.py PORT ANSWER_OF_1_ROW ANSWER_OF_100_ROWS

The route /1 gives the first file, /100 the second: what our server said, so that the bytes on the way are the
same. Nothing is parsed but HTTP, and nothing is counted, checked or logged.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Final

import uvloop

from justright.serve.limits import Limits
from justright.serve.wire import Connection, Connections, Request

HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


async def answer(port: int, answers: dict[bytes, bytes]) -> None:
    """Serve until a signal ends the process."""

    def handle(request: Request, connection: Connection) -> None:
        """Answer always the same."""
        connection.reply(HEAD, answers[request.url])

    connections = Connections(handle, Limits(), lambda status, words: (words.encode(), "text/plain"))
    await asyncio.get_running_loop().create_server(connections.make, "127.0.0.1", port, backlog=2048)
    while True:
        await asyncio.sleep(0.5)
        connections.tick()


def main() -> None:
    """Read the arguments and serve."""
    port, *files = sys.argv[1:]
    answers = {route: Path(file).read_bytes() for route, file in zip((b"/1", b"/100"), files, strict=True)}
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(answer(int(port), answers))


if __name__ == "__main__":
    main()
