from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest


def test_the_demo_trains_reports_serves_and_asks(call: Any, tmp_path: Path) -> None:
    said = call("demo", "--out", tmp_path)
    assert said.code == 0, said.err
    run = next(tmp_path.iterdir())
    lines = said.out.splitlines()
    verdict = next(line for line in lines if "model of diagnosis reaches roc_auc 0.99" in line)
    assert "rungs tried" in verdict
    assert f"report: {run / 'report.html'}" in lines and (run / "report.html").is_file()
    answer = json.loads(next(line for line in lines if line.startswith("answer: "))[8:])
    assert answer["predictions"][0]["label"] == "malignant"
    assert lines[-1] == "server stopped"


def test_without_scikit_learn_the_extra_is_named(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    said = call("demo")
    assert said.code == 8 and "pip install 'justright[train]'" in said.err
