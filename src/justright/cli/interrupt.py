"""Ctrl-C during a training: said at once what is being ended, and at the end what there is."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from justright.training.callbacks import Moment
    from justright.workflow.train import Phase

__all__ = ["Stage", "deaf_to_interrupt", "told_of_interrupt"]

_ENDING = "interrupted: ending with the best model so far (Ctrl-C once more to stop at once)\n"


class Stage:
    """How far a training is: what an interrupt ends, and what it leaves."""

    def __init__(self) -> None:
        self.phase: Phase = "reading"
        self.run: Path | None = None
        self._passed = False

    def enter(self, phase: Phase, run: Path) -> None:
        """Hear from the workflow which part of the road begins."""
        from justright.runs import RunFolder

        self.phase, self.run = phase, run
        self._passed = bool(RunFolder(run).checkpoints)  # the passes of a run that goes on

    def after_pass(self, moment: Moment) -> None:
        """Hear of a pass: there is a model from now on."""
        self._passed = True

    @property
    def ends_in_a_model(self) -> bool:
        """An interrupt now ends the training, not the run."""
        return self.phase == "training" and self._passed

    @property
    def left(self) -> str:
        """What is there after the run was left: read off the disk, so that nothing else is promised."""
        from justright.runs import RunFolder

        if self.run is None or not self.run.is_dir():
            return "no model was made, and no run is left"
        folder = RunFolder(self.run)
        if folder.ended:
            return f"the run had ended: justright report {self.run}"
        if folder.checkpoints:
            return f"no model was written; its passes are kept: justright train --resume {self.run}"
        return f"no model was written, and no pass is kept in {self.run}"


@contextmanager
def told_of_interrupt(stage: Stage) -> Iterator[None]:
    """Say on SIGINT what is being ended, then interrupt as usual, with what is left as the message.

    Outside the main thread no signal is caught.

    Raises
    ------
    KeyboardInterrupt
        With `stage.left`, where the interrupt came through.
    """
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)

    def interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        if stage.ends_in_a_model:
            sys.stderr.write(_ENDING)
            sys.stderr.flush()
        raise KeyboardInterrupt

    if main:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(stage.left) from stop
    finally:
        if main:
            signal.signal(signal.SIGINT, before)


def deaf_to_interrupt() -> None:
    """Let SIGINT pass from now on: what is left is the end of the process, whose code is decided."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
