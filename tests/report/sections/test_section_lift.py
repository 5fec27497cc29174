"""The chart of gains tells the numbers of `lift_points`, and nothing where there is nothing to find."""

from __future__ import annotations

import numpy as np

from justright.evaluate.lift import lift_points
from justright.report.out_of_fold import OutOfFold
from justright.report.sections.lift import lift
from justright.report.wording import percent


def held(true: bool = True) -> OutOfFold:
    random = np.random.default_rng(3)
    probability = random.uniform(size=1500)
    target = (random.uniform(size=1500) < probability**3).astype(int) * true
    return OutOfFold(target, probability, np.ones(1500), 1)


def test_the_table_holds_every_depth() -> None:
    (figure,) = lift(held())
    assert figure.table is not None
    points = lift_points(held().target, held().prediction)
    assert [row[0] for row in figure.table.rows] == [percent(point.depth) for point in points]
    assert [row[2] for row in figure.table.rows] == [percent(point.gain.value) for point in points]
    assert figure.table.rows[-1][2:5] == ("100 %", "100 % to 100 %", "1")


def test_the_sentence_says_what_the_first_tenth_holds() -> None:
    (figure,) = lift(held())
    tenth = lift_points(held().target, held().prediction, depths=(0.1,))[0]
    assert f"holds {percent(tenth.gain.value)} of the true rows" in figure.description
    assert figure.description in figure.drawing and "<svg" in figure.drawing


def test_without_a_true_row_there_is_no_chart() -> None:
    assert lift(held(true=False)) == ()
