"""What one client may ask of a server, in plain numbers."""

from __future__ import annotations

import msgspec

__all__ = ["Limits"]


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits of a server; each is there so that one client cannot take it from the others.

    Parameters
    ----------
    body : int, default 8 MiB
        Most bytes of a request (Vertex AI allows 1.5 MB).
    head : int, default 64 KiB
        Most bytes of a request line with its headers.
    rows : int, default 65,536
        Most rows of a request.
    queue : int, default 512
        Most requests that are let in at once; beyond it a request is refused with 429.
    crowd : int, default 64
        Where for a tenth of a second more than so many want an answer, only a few are let in at once, so that
        these are answered soon.
    refusal_seconds : float, default 0.5
        About so long, give or take a half, waits the refusal with 429: clients that ask again at once would
        take the time of those that are let in.
    large : int, default 256 KiB
        From so many bytes on a request is scored in a thread of its own.
    large_queue : int, default 8
        Most of these that wait.
    connections : int, default 10,000
        Most open connections of a process.
    head_seconds : float, default 10
        A client has so long to send its headers, from their first byte on (or from the connection on).
    body_seconds : float, default 60
        A client has so long to send a whole request, and to take an answer.
    idle_seconds : float, default 75
        A connection without a request is closed after so long.
    drain_seconds : float, default 25
        After SIGTERM open requests have so long to end.

    Examples
    --------
    >>> Limits(body=1_500_000).rows
    65536
    """

    body: int = 8 << 20
    head: int = 64 << 10
    rows: int = 65_536
    queue: int = 512
    crowd: int = 64
    refusal_seconds: float = 0.5
    large: int = 256 << 10
    large_queue: int = 8
    connections: int = 10_000
    head_seconds: float = 10.0
    body_seconds: float = 60.0
    idle_seconds: float = 75.0
    drain_seconds: float = 25.0
