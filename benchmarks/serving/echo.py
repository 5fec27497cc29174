"""The bound of our server: the same uvicorn and settings, which reads each body and answers a constant.

    python echo.py PORT ANSWER_OF_1_ROW ANSWER_OF_100_ROWS

The route /1 gives the first file, /100 the second: what our server said, so that the bytes on the way are
the same.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import uvicorn


def bare(answers: dict[str, bytes]) -> Any:
    """Return the application."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        """Read all, answer always the same."""
        more = True
        while more:
            more = (await receive()).get("more_body", False)
        answer = answers[scope["path"]]
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return app


def main() -> None:
    """Serve until a signal."""
    port, *files = sys.argv[1:]
    answers = {route: Path(file).read_bytes() for route, file in zip(("/1", "/100"), files, strict=True)}
    config = uvicorn.Config(
        bare(answers),
        port=int(port),
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        lifespan="off",
    )
    asyncio.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
