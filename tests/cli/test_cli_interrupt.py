from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from justright.cli.interrupt import Stage, told_of_interrupt
from justright.runs import create

ENDING = "interrupted: ending with the best model so far (Ctrl-C once more to stop at once)\n"
NOTHING = "no model was made, and no run is left"


def interrupted(stage: Stage) -> str:
    """Interrupt this process in a stage; return the message of what comes out."""
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt) as stop, told_of_interrupt(stage):
        signal.raise_signal(signal.SIGINT)  # in this thread, now: `os.kill` may come later
        signal.sigtimedwait([], 1)
    assert signal.getsignal(signal.SIGINT) is before
    return str(stop.value)


def test_before_the_first_pass_no_model_is_promised(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    stage = Stage()
    assert interrupted(stage) == NOTHING
    folder = create(tmp_path)
    stage.enter("training", folder.path)
    assert interrupted(stage) == f"no model was written, and no pass is kept in {folder.path}"
    folder.path.rmdir()
    assert interrupted(stage) == NOTHING
    assert capsys.readouterr().err == ""


def test_after_a_pass_the_model_is_said_at_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    stage = Stage()
    stage.enter("training", tmp_path)
    stage.after_pass(cast(Any, SimpleNamespace()))
    interrupted(stage)
    assert capsys.readouterr().err == ENDING
    stage.enter("judging", tmp_path)
    interrupted(stage)
    assert capsys.readouterr().err == ""


def test_resume_is_named_exactly_when_there_is_a_checkpoint(tmp_path: Path) -> None:
    folder, stage = create(tmp_path), Stage()
    stage.enter("judging", folder.path)
    assert "--resume" not in stage.left
    folder.checkpoint.write_bytes(b"x")
    assert stage.left == f"no model was written; its passes are kept: justright train --resume {folder.path}"
    stage.enter("training", folder.path)
    assert stage.ends_in_a_model  # it goes on from passes that were made before
    folder.write("run.json", {})
    assert stage.left == f"the run had ended: justright report {folder.path}"


def test_other_threads_change_nothing() -> None:
    before, seen = signal.getsignal(signal.SIGINT), []

    def elsewhere() -> None:
        with told_of_interrupt(Stage()):
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [before]


PROGRAM = """
import importlib, os, signal, sys
from justright.cli import main, progress

train = importlib.import_module("justright.workflow.train")
fit = importlib.import_module("justright.workflow.fit")

place, *arguments = sys.argv[1:]
# A shell gives what it starts in the background a signal that is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

def interrupt(*_, **__):
    signal.raise_signal(signal.SIGINT)  # in this thread, now: `os.kill` may come later

class Interrupting(progress._Silent):
    def after_read(self, rows, ended):
        if place == "reading":
            interrupt()

    def after_pass(self, moment):
        if moment.number == 2 and "saved" in place:
            moment.save()
        if moment.number == 2 and "training" in place:
            interrupt()

progress._Silent = Interrupting
for module, name, word in ((train, "split_audit", "preparing"), (fit, "judge", "judging")):
    if word in place:
        setattr(module, name, interrupt)
if place == "writing":
    from justright.cli import summary
    summary.write_summary = interrupt
sys.exit(main(arguments))
"""


def run(place: str, table: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Train, and interrupt at a place of the road."""
    options = ["--target", "price", "--optimizer", "sgd", "--epochs", "50", "--no-baseline"]
    arguments = more or ["train", str(table), *options, "--quiet", "--out", str(out)]
    command = [sys.executable, "-c", PROGRAM, place, *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_training_that_is_interrupted_ends_in_a_model(table: Path, tmp_path: Path) -> None:
    done = run("training", table, tmp_path)
    assert (done.returncode, done.stderr) == (0, ENDING)
    assert "The training was interrupted; this is the best there was by then." in done.stdout
    (folder,) = tmp_path.iterdir()
    assert (folder / "run.json").exists() and (folder / "model").is_dir()


@pytest.mark.parametrize("place", ["reading", "preparing", "judging"])
def test_an_interrupt_that_leaves_nothing_says_so(place: str, table: Path, tmp_path: Path) -> None:
    done = run(place, table, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", f"interrupted: {NOTHING}\n")
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_is_named_and_goes_on_to_a_model(table: Path, tmp_path: Path) -> None:
    done = run("training saved judging", table, tmp_path)
    (folder,) = tmp_path.iterdir()
    left = f"interrupted: no model was written; its passes are kept: justright train --resume {folder}\n"
    assert (done.returncode, done.stdout, done.stderr) == (130, "", ENDING + left)
    again = run("nowhere", table, tmp_path, "train", "--resume", str(folder), "--quiet")
    assert (again.returncode, again.stderr) == (0, "") and (folder / "model").is_dir()


def test_once_the_run_has_ended_it_is_not_called_lost(table: Path, tmp_path: Path) -> None:
    done = run("writing", table, tmp_path)
    (folder,) = tmp_path.iterdir()
    assert (done.returncode, done.stderr) == (
        130,
        f"interrupted: the run had ended: justright report {folder}\n",
    )


def test_after_the_summary_the_end_of_the_process_is_deaf(table: Path, tmp_path: Path) -> None:
    """The code is decided, so that a late Ctrl-C neither kills nor speaks."""
    program = (
        "import atexit, os, signal, sys; from justright.cli import main;"
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT)); sys.exit(main())"
    )
    options = [
        "--target",
        "price",
        "--no-baseline",
        "--family",
        "glass-box",
        "--quiet",
        "--out",
        str(tmp_path),
    ]
    command = [sys.executable, "-c", program, "train", str(table), *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "") and "justright serve" in done.stdout


def test_before_the_training_it_is_an_end(call: Any, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("justright.workflow.train_recipe", stop)
    said = call("train", table, "--target", "price", "--quiet")
    assert said == (130, "", f"interrupted: {NOTHING}\n")
