"""A load generator in one small file: N connections, each sends the next request when it has its answer.

    python benchmarks/serving/load.py URL BODY_FILE --connections 8 --seconds 5

Prints one JSON object: requests a second, latencies in milliseconds, answers that differ from the first.
"""

from __future__ import annotations

import argparse
import json
import selectors
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit


class Connection:
    """One open connection and the request on its way."""

    def __init__(self, address: tuple[str, int], request: bytes) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request = request
        self.received = b""
        self.sent_at = 0.0

    def send(self) -> None:
        """Send the request."""
        self.received = b""
        self.sent_at = time.perf_counter()
        self.socket.sendall(self.request)

    def receive(self) -> tuple[bytes, bytes] | None:
        """Return head and body once they are whole."""
        data = self.socket.recv(1 << 20)
        if not data:
            raise ConnectionError("the server closed the connection")
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found:
            return None
        length = next(
            int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        )
        return (head, body) if len(body) >= length else None


def run(url: str, body: bytes, connections: int, seconds: float) -> dict[str, float]:
    """Load a server and return what was measured."""
    parts = urlsplit(url)
    lines = (
        f"POST {parts.path} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    request = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    address = (parts.hostname or "", parts.port or 80)
    open_ones = [Connection(address, request) for _ in range(connections)]
    selector = selectors.DefaultSelector()
    for connection in open_ones:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.send()
    times: list[float] = []
    first, different = b"", 0
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        for key, _ in selector.select():
            connection = key.data
            answer = connection.receive()
            if answer is None:
                continue
            times.append(time.perf_counter() - connection.sent_at)
            first = first or answer[1]
            different += answer[1] != first or b" 200 " not in answer[0][:20]
            connection.send()
    spent = time.perf_counter() - start
    times.sort()
    ranks = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
    found = {name: round(1e3 * times[int(share * (len(times) - 1))], 3) for name, share in ranks.items()}
    return {"requests_per_second": round(len(times) / spent), **found, "errors": different}


def main() -> None:
    """Read the arguments and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("body", type=Path)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    print(json.dumps(run(given.url, given.body.read_bytes(), given.connections, given.seconds)))


if __name__ == "__main__":
    main()
