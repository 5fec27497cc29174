"""Runs diagnosed from their folders, and the next move run beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from justright.errors import RecipeError
from justright.workflow import Run
from justright.workflow.diagnose import apply_move, diagnose_run, evidence_of

Trained = Callable[..., Run]
Houses = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("target", ["price", "sold", "kind"])
@pytest.mark.parametrize("family", ["linear", "crossed"])
def test_default_runs_are_just_right(houses: Houses, trained: Trained, target: str, family: str) -> None:
    run = trained(houses(target), target, family=family, baseline=True)
    verdict = diagnose_run(run)
    assert verdict.just_right, verdict.findings


def test_the_losses_have_the_unit_of_the_history(houses: Houses, trained: Trained) -> None:
    from justright.diagnose.curves.reading import Reading

    run = trained(houses("price"), "price", family="linear", drop=("street",))
    evidence = evidence_of(run)
    assert evidence.base == pytest.approx(0.5, rel=0.05)  # half a variance of a target scaled to 1
    reading = Reading(evidence)
    assert reading.base - reading.advantage[0] == pytest.approx(reading.last, rel=0.05)
    assert {column.name for column in evidence.columns} >= {"size", "age"}


def test_a_rate_too_low_is_named_and_its_move_helps(houses: Houses, tmp_path: Path, trained: Trained) -> None:
    path = tmp_path / "houses.parquet"
    pq.write_table(pa.table(houses("price", rows=600)), path)
    slow = {"optimizer": "sgd", "rate": 3e-4, "epochs": 12, "batch": 64}
    run = trained(str(path), "price", family="linear", descent=slow, penalty={"path": (1e-6,)}, baseline=True)
    verdict = diagnose_run(run)
    assert verdict.findings[0].id == "rate-too-low"
    brought = apply_move(run, verdict, tmp_path / "runs")
    assert brought.change[0].startswith("descent.rate=")
    assert (brought.comparison.better, brought.comparison.rows) == ("second", 600)
    interval = brought.comparison.differences[0].difference
    assert interval.low <= interval.value <= interval.high < 0


def test_a_rate_too_high_is_named(houses: Houses, trained: Trained) -> None:
    wild = {"optimizer": "sgd", "rate": 60.0, "epochs": 20, "batch": 8}
    run = trained(houses("sold", rows=600), "sold", family="linear", descent=wild, penalty={"path": (1e-6,)})
    assert diagnose_run(run).findings[0].id == "rate-too-high"


def test_shuffled_labels_are_no_signal(houses: Houses, trained: Trained) -> None:
    table = houses("price", rows=600)
    table["price"] = np.random.default_rng(5).permutation(table["price"])
    run = trained(table, "price", family="linear", baseline=True)
    assert diagnose_run(run).findings[0].id == "no-signal"


def test_a_verdict_without_a_change_is_refused(houses: Houses, trained: Trained, tmp_path: Path) -> None:
    run = trained(houses("price"), "price", family="linear", baseline=True)
    with pytest.raises(RecipeError, match="without a change"):
        apply_move(run, diagnose_run(run), tmp_path)


def test_rows_that_were_in_memory_are_refused(houses: Houses, trained: Trained, tmp_path: Path) -> None:
    slow = {"optimizer": "sgd", "rate": 3e-4, "epochs": 12, "batch": 64}
    run = trained(
        houses("price"), "price", family="linear", descent=slow, penalty={"path": (1e-6,)}, baseline=True
    )
    with pytest.raises(RecipeError, match="in memory"):
        apply_move(run, diagnose_run(run), tmp_path)


def test_boosted_trees_of_ten_rounds_want_more(houses: Houses, trained: Trained) -> None:
    ten = {"rounds": 10}
    run = trained(houses("price", rows=400), "price", family="boosted", boosting=ten, baseline=True)
    found = diagnose_run(run)
    assert found.findings[0].id == "too-few-passes"
    assert found.causes[0].change == ("boosting.rounds=60",)
