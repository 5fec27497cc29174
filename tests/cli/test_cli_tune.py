from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from justright.tuning.records import Trial, read_trials

SETTINGS = ("--set", "boosting.rounds=90", "--set", "baseline=false", "--set", "boosting.rows_a_leaf=5")
SEARCH = ("--trials", "6", "--space", "boosting.leaves=2..16:log", "--space", "boosting.rate=0.05,0.2")


def arguments(table: Path, out: Path, *more: object) -> tuple[object, ...]:
    rows = ("tune", table, "--target", "price", "--set", 'drop=["sold","street"]')
    return (*rows, *SETTINGS, *SEARCH, "--out", out, *more)


def told(trials: tuple[Trial, ...]) -> list[tuple[Any, ...]]:
    return [(t.number, t.rung, t.params, t.state, t.loss) for t in trials]


@pytest.fixture(scope="module")
def whole(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that nobody disturbed."""
    out = tmp_path_factory.mktemp("whole")
    command = [sys.executable, "-m", "justright", *map(str, arguments(table, out, "--json"))]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["family"] == "boosted" and found["tuning"]["tried"] == 6
    assert found["tuning"]["sentence"] in found["verdict"]
    assert "trial 5" in done.stderr
    return Path(found["run"])


def test_people_see_the_trials_and_what_mattered(call: Any, table: Path, tmp_path: Path) -> None:
    said = call(*arguments(table, tmp_path, "--quiet"))
    assert said.code == 0 and not said.err
    assert "Of 6 settings tried" in said.out
    assert "boosting.leaves" in said.out and "explain the order of the trials" in said.out


@pytest.mark.parametrize("after", [1, 4])
def test_after_kill_9_it_goes_on_to_the_same_end(
    whole: Path, table: Path, tmp_path: Path, after: int
) -> None:
    command = [sys.executable, "-m", "justright", *map(str, arguments(table, tmp_path, "--quiet"))]
    study = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        for _ in range(6000):
            if sum(len(read_trials(run)) for run in tmp_path.iterdir()) >= after or study.poll() is not None:
                break
            time.sleep(0.02)
        study.send_signal(signal.SIGKILL)
    finally:
        study.wait()
        assert study.stderr is not None
        study.stderr.close()
    assert study.returncode == -signal.SIGKILL
    (run,) = tmp_path.iterdir()
    left = len(read_trials(run))
    assert not (run / "run.json").exists()
    resumed = [sys.executable, "-m", "justright", "tune", "--resume", str(run), "--json"]
    done = subprocess.run(resumed, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert left >= after
    assert told(read_trials(run)) == told(read_trials(whole))
    models = [json.loads((each / "run.json").read_text())["model_id"] for each in (run, whole)]
    assert models[0] == models[1]


@pytest.mark.skipif(os.name != "posix", reason="signals of a terminal")
def test_ctrl_c_ends_the_search_in_a_model(table: Path, tmp_path: Path) -> None:
    more = arguments(table, tmp_path, "--trials", "400", "--json")
    study = subprocess.Popen(
        [sys.executable, "-m", "justright", *map(str, more)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert study.stderr is not None
    for line in study.stderr:
        if "trial 3" in line:
            break
    study.send_signal(signal.SIGINT)
    out, err = study.communicate(timeout=120)
    assert study.returncode == 0, err
    assert "interrupted: training the best so far" in err
    found = json.loads(out)
    assert found["tuning"]["ended"].startswith("interrupted after ")
    assert (Path(found["run"]) / "model" / "manifest.json").is_file()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--space", "boosting.leafs=2..8"), "one of: boosting.leaves"),
        (("--space", "boosting.rate=0.5..0.1"), "LOW below HIGH"),
        (("--budget", "5"), "a time with its unit"),
        (("--budget", "-5m"), "a time with its unit"),
        (("--family", "ladder"), "--family boosted"),
        (("--trials", "0"), "trials=0"),
        (("--workers", "4096"), "workers=4096"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    call: Any, table: Path, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    found = call("tune", table, "--target", "price", "--out", tmp_path / "runs", *options)
    assert found.code == 2 and not found.out and found.err.count("\n") == 1
    assert said in found.err
    assert not list((tmp_path / "runs").glob("*"))


def test_resume_takes_nothing_else(call: Any, whole: Path, table: Path) -> None:
    found = call("tune", table, "--resume", whole)
    assert found.code == 2 and "--resume alone" in found.err
    again = call("tune", "--resume", whole, "--json")
    assert again.code == 0 and again.json["run"] == str(whole)


def test_a_run_that_was_no_tuning_is_not_resumed(call: Any, tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text("{}")
    found = call("tune", "--resume", tmp_path)
    assert found.code == 7 and "study.json" in found.err
