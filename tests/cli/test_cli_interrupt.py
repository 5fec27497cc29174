from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from justright.cli.interrupt import told_of_interrupt


def test_the_interrupt_is_said_and_raised(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), told_of_interrupt():
        os.kill(os.getpid(), signal.SIGINT)
        signal.sigtimedwait([], 1)
    assert signal.getsignal(signal.SIGINT) is before
    assert (
        capsys.readouterr().err
        == "interrupted: ending with what there is (Ctrl-C once more to stop at once)\n"
    )


def test_other_threads_change_nothing() -> None:
    before, seen = signal.getsignal(signal.SIGINT), []

    def elsewhere() -> None:
        with told_of_interrupt():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [before]


PROGRAM = """
import os, signal, sys
from justright.cli import main
from justright.cli import progress

class Interrupting(progress._Silent):
    def after_pass(self, moment):
        if moment.number == 2:
            os.kill(os.getpid(), signal.SIGINT)

progress._Silent = Interrupting
sys.exit(main(sys.argv[1:]))
"""


def test_a_training_that_is_interrupted_ends_in_a_model(table: Path, tmp_path: Path) -> None:
    options = f"--target price --optimizer sgd --epochs 50 --no-baseline --quiet --out {tmp_path}".split()
    command = [sys.executable, "-c", PROGRAM, "train", str(table), *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "interrupted: ending with what there is (Ctrl-C once more to stop at once)\n"
    assert "The training was interrupted; this is the best there was by then." in done.stdout


def test_before_the_training_it_is_an_end(call: Any, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("justright.workflow.train_recipe", interrupted)
    said = call("train", table, "--target", "price", "--quiet")
    assert said == (130, "", "interrupted\n")
