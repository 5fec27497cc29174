"""Ctrl-C during a training: said at once, since ending with what there is takes a moment."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["told_of_interrupt"]


@contextmanager
def told_of_interrupt() -> Iterator[None]:
    """Write a line on SIGINT, then interrupt as usual; outside the main thread nothing is changed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        sys.stderr.write("interrupted: ending with what there is (Ctrl-C once more to stop at once)\n")
        sys.stderr.flush()
        signal.signal(signal.SIGINT, before)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
