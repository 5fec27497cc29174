"""The control by shuffled labels: nothing is learned unless held-out rows were seen; why there is none."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from justright.workflow import Run, control
from justright.workflow.control import control_run
from justright.workflow.held_out import HeldOut, held_out

Trained = Callable[..., Run]
Houses = Callable[..., dict[str, Any]]


@pytest.fixture
def ran(houses: Houses, trained: Trained, tmp_path: Path) -> Callable[..., Run]:
    def run(target: str, family: str = "linear", rows: int = 400) -> Run:
        path = tmp_path / "houses.parquet"
        pq.write_table(pa.table(houses(target, rows=rows)), path)
        return trained(str(path), target, family=family)

    return run


@pytest.mark.parametrize("target", ["price", "sold", "kind"])
@pytest.mark.parametrize("family", ["linear", "crossed"])
def test_shuffled_labels_teach_nothing(ran: Callable[..., Run], target: str, family: str) -> None:
    found = control_run(ran(target, family))
    assert found.finding is None and found.why_not == ""
    assert "gains nothing" in found.said and "400 rows" in found.said


@pytest.mark.parametrize("target", ["price", "sold"])
def test_rows_that_were_seen_are_an_error(
    ran: Callable[..., Run], target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seen(*given: Any) -> HeldOut:
        held = held_out(*given)
        share = 0.3  # of each label shines through
        said = (1 - share) * held.prediction + share * held.target
        return dataclasses.replace(held, prediction=said)

    run = ran(target)
    monkeypatch.setattr(control, "held_out", seen)
    found = control_run(run)
    assert found.finding is not None
    assert (found.finding.id, found.finding.severity) == ("labels-leak-through-folds", "error")
    assert found.finding.evidence["gain"] > 4 * found.finding.evidence["error"] > 0


def test_the_same_deal_gives_the_same_answer(ran: Callable[..., Run]) -> None:
    run = ran("price")
    assert control_run(run) == control_run(run)
    assert control_run(run, seed=1).said != control_run(run).said


def test_a_sample_of_many_rows(ran: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    run = ran("price")
    monkeypatch.setattr(control, "_ROWS", 150)
    assert "150 rows" in control_run(run).said


def test_why_there_is_none(
    ran: Callable[..., Run], houses: Houses, trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "in memory" in control_run(trained(houses("price"), "price", family="linear")).why_not
    run = ran("price")
    dear = Run(run.folder, msgspec.structs.replace(run.summary, family="boosted"))
    assert "too dear" in control_run(dear).why_not
    monkeypatch.setattr(control, "_SECONDS", -1.0)
    assert "would take about" in control_run(run).why_not
    monkeypatch.undo()
    (tmp_path / "houses.parquet").unlink()
    assert "cannot be read" in control_run(run).why_not
