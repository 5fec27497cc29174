"""Counters of all processes of a server in one piece of shared memory, and their text for Prometheus.

Each process writes its own part, so no lock is needed; whoever is asked adds the parts up. The part of a
process that died stays, and the one that takes its place counts on.
"""

from __future__ import annotations

import mmap
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final

__all__ = ["PROTOCOLS", "Meters"]

PROTOCOLS: Final = ("tfserving", "vertex", "mlflow", "openinference", "other")
"""What a request came in."""

_STATUSES: Final = (200, 400, 401, 403, 404, 405, 408, 413, 415, 421, 429, 431, 500, 501, 503, 504, 0)
_BOUNDS: Final = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    10.0,
)
_BOUNDS_NS: Final = tuple(int(bound * 1e9) for bound in _BOUNDS)
_EVENTS: Final = {
    "rows_total": "Rows answered.",
    "batches_total": "Passes over a model.",
    "batched_requests_total": "Requests answered by these passes.",
    "shed_total": "Requests refused because the queue was full.",
    "dropped_total": "Connections dropped because the client was too slow.",
    "reloads_total": "New versions taken into service.",
    "reload_failures_total": "Versions that could not be loaded; the old ones stay in service.",
    "unlogged_lines_total": "Lines of the access log that were left out because nobody took them.",
}
_GAUGES: Final = {
    "connections": "Open connections.",
    "waiting_requests": "Requests that wait for a pass.",
    "ready_processes": "Processes that answer.",
    "logged_rows": "Rows that the prediction log has on disk, of the processes that run.",
    "waiting_log_rows": "Rows that wait for the prediction log: more and more while its disk is full.",
    "unlogged_rows": "Rows that the prediction log had to leave out.",
}
_STATUS_AT: Final = {status: place for place, status in enumerate(_STATUSES)}
_PROTOCOL_AT: Final = {name: place for place, name in enumerate(PROTOCOLS)}
_REQUESTS: Final = len(PROTOCOLS) * len(_STATUSES)
_EVENT_AT: Final = {name: _REQUESTS + place for place, name in enumerate((*_EVENTS, *_GAUGES))}
_SECONDS: Final = _REQUESTS + len(_EVENT_AT)
_BUCKETS: Final = _SECONDS + 1
_WIDTH: Final = _BUCKETS + len(_BOUNDS) + 1


class Meters:
    """Counters of a server.

    Parameters
    ----------
    processes : int, default 1
        Number of processes; make it before they are forked.
    part : int, default 0
        Which of them writes here; see `of`.

    Examples
    --------
    >>> meters = Meters()
    >>> meters.request("vertex", 200, 0.0004)
    >>> meters.add("rows_total", 3)
    >>> [line for line in meters.text().splitlines() if "rows_total 3" in line or 'code="200"' in line]
    ['justright_requests_total{protocol="vertex",code="200"} 1', 'justright_rows_total 3']
    """

    def __init__(self, processes: int = 1, part: int = 0, _memory: memoryview | None = None) -> None:
        self._processes = processes
        # Anonymous and shared: a forked process sees the same pages.
        self._memory = (
            memoryview(mmap.mmap(-1, 8 * _WIDTH * processes)).cast("q") if _memory is None else _memory
        )
        self._base = part * _WIDTH

    def of(self, part: int) -> Meters:
        """Return the counters that process `part` writes to, in the same memory."""
        return Meters(self._processes, part, self._memory)

    def request(self, protocol: str, status: int, seconds: float) -> None:
        """Count one answered request and how long it took from its first byte on."""
        memory, base = self._memory, self._base
        place = _PROTOCOL_AT[protocol] * len(_STATUSES) + _STATUS_AT.get(status, len(_STATUSES) - 1)
        memory[base + place] += 1
        took = int(seconds * 1e9)
        memory[base + _SECONDS] += took
        memory[base + _BUCKETS + bisect_left(_BOUNDS_NS, took)] += 1

    def add(self, event: str, count: int = 1) -> None:
        """Count an event."""
        self._memory[self._base + _EVENT_AT[event]] += count

    def set(self, gauge: str, value: int) -> None:
        """Say what a gauge shows now in this process."""
        self._memory[self._base + _EVENT_AT[gauge]] = value

    def total(self, name: str) -> int:
        """Return the sum of an event or a gauge over all processes."""
        return sum(self._memory[_EVENT_AT[name] :: _WIDTH])

    def text(self, more: Iterable[str] = ()) -> str:
        """Return the sums over all processes in the text format of Prometheus, then the lines of `more`."""
        memory = self._memory
        sums = [sum(memory[place::_WIDTH]) for place in range(_WIDTH)]
        lines = [
            "# HELP justright_requests_total Requests answered.",
            "# TYPE justright_requests_total counter",
        ]
        for place in range(_REQUESTS):
            if sums[place]:
                protocol, status = divmod(place, len(_STATUSES))
                code = _STATUSES[status] or "other"
                labels = f'protocol="{PROTOCOLS[protocol]}",code="{code}"'
                lines.append(f"justright_requests_total{{{labels}}} {sums[place]}")
        for name, said in (*_EVENTS.items(), *_GAUGES.items()):
            kind = "gauge" if name in _GAUGES else "counter"
            lines += [f"# HELP justright_{name} {said}", f"# TYPE justright_{name} {kind}"]
            lines.append(f"justright_{name} {sums[_EVENT_AT[name]]}")
        lines += _histogram(sums[_BUCKETS:], sums[_SECONDS] / 1e9)
        lines += more
        return "\n".join(lines) + "\n"


def _histogram(counts: Sequence[int], seconds: float) -> list[str]:
    """Return the lines of the histogram of times."""
    name = "justright_request_seconds"
    lines = [f"# HELP {name} From the first byte of a request to its answer.", f"# TYPE {name} histogram"]
    total = 0
    for bound, count in zip((*_BOUNDS, None), counts, strict=True):
        total += count
        lines.append(f'{name}_bucket{{le="{"+Inf" if bound is None else bound}"}} {total}')
    return [*lines, f"{name}_sum {seconds:.9g}", f"{name}_count {total}"]
