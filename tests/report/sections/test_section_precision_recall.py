"""The curve and its table of floors; the chosen threshold is marked where it flags any row."""

from __future__ import annotations

import numpy as np

from justright.evaluate import choose_threshold
from justright.evaluate.presets import precision_first, recall_first
from justright.report.out_of_fold import OutOfFold
from justright.report.sections.precision_recall import precision_recall
from justright.report.wording import number, percent


def held(rows: int = 3000, true: bool = True) -> OutOfFold:
    random = np.random.default_rng(3)
    probability = random.uniform(size=rows)
    target = (random.uniform(size=rows) < probability**2).astype(int) * true
    return OutOfFold(target, probability, np.ones(rows), 1)


def test_the_table_holds_the_floors_with_their_thresholds() -> None:
    found = held()
    (figure,) = precision_recall(found, None)
    assert figure.table is not None
    rows = {row[0]: row for row in figure.table.rows}
    recall = recall_first(found.target, found.prediction, floor=0.9)
    assert rows["recall 90 %"][1] == number(recall.threshold)
    assert rows["recall 90 %"][4] == percent(recall.flagged)
    assert rows["recall 90 %"][3].startswith(percent(recall.recall.value))
    precision = precision_first(found.target, found.prediction, floor=0.8)
    assert precision.reached and rows["precision 80 %"][1] == number(precision.threshold)
    assert rows["precision 95 %"][1] == "too few rows"


def test_the_chosen_threshold_is_marked() -> None:
    found = held()
    chosen = choose_threshold(found.target, found.prediction)
    (figure,) = precision_recall(found, chosen)
    assert [key.label for key in figure.keys][1] == "chosen threshold" and "<svg" in figure.drawing
    never = choose_threshold(found.target, found.prediction, cost_fp=1.0, cost_fn=0.0)
    (other,) = precision_recall(found, never)
    assert "chosen threshold" not in [key.label for key in other.keys]


def test_few_rows_keep_no_floor_and_no_true_row_has_no_curve() -> None:
    (figure,) = precision_recall(held(20), None)
    assert figure.table is not None and {row[1] for row in figure.table.rows} == {"too few rows"}
    assert precision_recall(held(true=False), None) == ()
