"""One lock for all timed runs: whoever measures has the machine to itself, as far as benchmarks go.

    with alone() as load: ...

waits until no other benchmark is timed and gives the load average that it found, which belongs beside
every time that is reported.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = Path(tempfile.gettempdir()) / "justright-benchmarks.lock"


@contextmanager
def alone() -> Iterator[float]:
    """Hold the lock; yield the load average of the last minute at the start."""
    with LOCK.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # the kernel frees it when the process ends, killed or not
        yield os.getloadavg()[0]
