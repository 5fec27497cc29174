"""What a process has used: processor seconds and memory, children included."""

from __future__ import annotations

import resource
from pathlib import Path


def cpu() -> float:
    """Return the processor seconds of this process and of children that ended."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def peak_memory() -> float:
    """Return the most memory that this process has held so far, in MB.

    `ru_maxrss` would count what the starting process held, where Linux tells it apart.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    line = next(each for each in status.read_text().splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1]) / 1024.0
