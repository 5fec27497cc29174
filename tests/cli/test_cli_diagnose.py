"""`justright diagnose`, called as the parser would call it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from justright.cli.diagnose import diagnose
from justright.errors import StorageError


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A linear model that has hardly begun to learn."""
    from justright.workflow import train

    folder = tmp_path_factory.mktemp("slow")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 3))
    lines = ["a,b,c,y", *(f"{a:.4f},{b:.4f},{c:.4f},{a - 2 * b + 0.1 * c:.4f}" for a, b, c in x)]
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    run = train(
        folder / "table.csv",
        target="y",
        family="linear",
        out=folder / "runs",
        baseline=True,
        descent={"optimizer": "sgd", "rate": 3e-4, "epochs": 12, "batch": 64},
        penalty={"path": (1e-6,)},
    )
    return run.path


def test_people_read_the_cause_and_the_move(slow: Path, capsys: Any) -> None:
    diagnose(str(slow))
    said = capsys.readouterr().out
    assert "[rate-too-low]" in said and "next: --set descent.rate=" in said


def test_programs_read_one_object(slow: Path, capsys: Any) -> None:
    diagnose(str(slow), json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["just_right"] is False
    assert found["findings"][0]["id"] == "rate-too-low"
    assert found["changes"][0][0].startswith("descent.rate=")
    assert "applied" not in found


def test_the_move_is_run_beside_and_compared(slow: Path, tmp_path: Path, capsys: Any) -> None:
    diagnose(str(slow), apply=True, out=tmp_path, json=True)
    applied = json.loads(capsys.readouterr().out)["applied"]
    assert Path(applied["run"]).parent == tmp_path
    assert applied["comparison"]["better"] == "second"
    diagnose(applied["run"])
    capsys.readouterr()


def test_no_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="run="):
        diagnose(str(tmp_path))


def test_the_control_by_shuffled_labels_is_said(slow: Path, capsys: Any) -> None:
    diagnose(str(slow))
    assert "with shuffled labels it gains nothing" in capsys.readouterr().out
    diagnose(str(slow), json=True)
    control = json.loads(capsys.readouterr().out)["control"]
    assert control["finding"] is None and control["why_not"] == ""


def test_a_run_that_is_just_right_is_left_as_it_is(tmp_path: Path, capsys: Any) -> None:
    from justright.workflow import train

    x = np.random.default_rng(0).normal(size=(300, 2))
    noise = np.random.default_rng(1).normal(size=300)
    lines = ["a,b,y", *(f"{a:.4f},{b:.4f},{a - b + 0.3 * e:.4f}" for (a, b), e in zip(x, noise, strict=True))]
    (tmp_path / "table.csv").write_text("\n".join(lines) + "\n")
    run = train(tmp_path / "table.csv", target="y", family="linear", out=tmp_path / "runs", baseline=True)
    diagnose(str(run.path), apply=True)
    said = capsys.readouterr().out
    assert "[just-right]" in said and "applied   nothing" in said
    assert len(list((tmp_path / "runs").iterdir())) == 1
