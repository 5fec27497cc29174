"""Metrics beside the baselines: the numbers of the run, those of the base rate computed again by others."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from sklearn.metrics import average_precision_score, log_loss, mean_absolute_error

from justright.report.facts import Facts
from justright.report.sections.quality import quality
from justright.report.wording import number
from justright.workflow.summary import Baselines, Rung


def test_every_metric_with_its_interval(binary: Facts) -> None:
    section = quality(binary)
    ladder, metrics = section.figures
    assert metrics.table is not None
    assert [row[0] for row in metrics.table.rows] == list(binary.summary.metrics)
    value = binary.summary.metrics["roc_auc"]
    assert metrics.table.rows[0][1] == number(value.value)
    assert ladder.table is not None
    assert ladder.table.rows[-1][3] == "chosen"


def test_the_base_rate_is_that_of_the_held_out_rows(binary: Facts, regression: Facts) -> None:
    table = quality(binary).figures[1].table
    held = binary.out_of_fold
    assert table is not None
    assert held is not None
    base = {row[0]: row[3] for row in table.rows}
    share = np.full(len(held.target), held.target.mean())
    assert base["log_loss"] == number(float(log_loss(held.target, share)))
    assert base["average_precision"] == number(float(average_precision_score(held.target, share)))
    table, held = quality(regression).figures[1].table, regression.out_of_fold
    assert table is not None
    assert held is not None
    base = {row[0]: row[3] for row in table.rows}
    mean = np.full(len(held.target), held.target.mean())
    assert base["mae"] == number(float(mean_absolute_error(held.target, mean)))
    assert base["r2"] == "0"


def test_without_held_out_rows_only_the_headline_has_a_base_rate(binary: Facts) -> None:
    table = quality(replace(binary, out_of_fold=None)).figures[1].table
    assert table is not None
    assert [row[0] for row in table.rows if row[3]] == [binary.summary.metric]


def test_rivals_and_rungs_stand_in_order(regression: Facts) -> None:
    rungs = [Rung("linear", 5.0, 4.0, 6.0, 1.0, True), Rung("network", None, None, None, 9.0, False)]
    summary = msgspec.structs.replace(regression.summary, ladder=rungs, baselines=Baselines(9.0, 4.5))
    table = quality(replace(regression, summary=summary)).figures[0].table
    assert table is not None
    assert table.rows == (
        ("base rate", "9", "", ""),
        ("linear", "5", "4 to 6", "chosen"),
        ("network", "\u2013", "", ""),
        ("boosted trees", "4.5", "", ""),
    )


@pytest.mark.parametrize(("task", "way"), [("regression", "lower"), ("binary", "higher")])
def test_it_says_which_way_is_better(task: str, way: str, request: pytest.FixtureRequest) -> None:
    facts = request.getfixturevalue(task)
    meanings = {row[0]: row[1] for row in quality(facts).folded[0].rows}
    assert meanings[facts.summary.metric] == way
