from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from justright.report.sections.trials import trials
from justright.tuning.importance import importance
from justright.tuning.records import Trial
from justright.tuning.space import Choice, Range, Space
from justright.workflow.tune import Tuning

SPACE: Space = {
    "boosting.leaves": Range(4, 64, log=True, whole=True),
    "boosting.columns": Range(0.2, 1.0),
    "network.hidden": Choice(([8], [16, 16])),
    "network.rate": Range(0.01, 1.0, log=True),
}


def lines(count: int = 12) -> list[Trial]:
    rng = np.random.default_rng(0)
    made = []
    for number in range(count):
        params = {
            "boosting.leaves": int(rng.integers(4, 65)),
            "boosting.columns": float(rng.uniform(0.2, 1.0)),
            "network.hidden": [[8], [16, 16]][int(rng.integers(2))],
            # The default has a rate that no range holds.
            "network.rate": 0.0 if number == 0 else float(10 ** rng.uniform(-2, 0)),
        }
        loss = params["boosting.columns"] + (50.0 if number == 5 else 0.0)
        made.append(Trial(number, 0, 1 / 9, params, "paused", loss, 0.1, loss))
        if number % 3 == 0:
            made.append(Trial(number, 1, 1 / 3, params, "paused", loss - 0.01, 0.1, loss))
        if number % 6 == 0:
            made.append(Trial(number, 2, 1.0, params, "complete", loss - 0.02, 0.1, loss))
    made.append(Trial(count, 0, 1 / 9, made[0].params, "failed", why="<b>all</b> members diverged"))
    return made


def found(trials: list[Trial], chosen: str = "best") -> Tuning:
    return Tuning(
        family="boosted", space=SPACE, sampler="tpe", tried=13, ended="all 13 trials have been made",
        default_loss=trials[0].loss, best_loss=trials[-2].loss, best=6, chosen=chosen, params={}, gap=0.1,
        error=0.01, flattered=0.001, importance=importance(SPACE, trials), sentence="Of 13 <i>one</i>.",
    )  # fmt: skip


@pytest.mark.parametrize("chosen", ["best", "default"])
def test_the_pictures_hold_every_trial(chosen: str) -> None:
    made = lines()
    section = trials(found(made, chosen), made)
    course, mattered, *panels = section.figures
    for figure in section.figures:
        ElementTree.fromstring(figure.drawing)
        assert "<script" not in figure.drawing
    assert course.table is not None and len(course.table.rows) == 12
    assert course.table.rows[0][1] == min(course.table.rows, key=lambda row: float(row[1]))[1]
    assert {row[2] for row in course.table.rows} == {"all effort", "stopped after 11 %", "stopped after 33 %"}
    assert "1 with a loss far above" in course.note
    assert mattered.table is not None and [row[0] for row in mattered.table.rows][0] == "boosting.columns"
    assert len(panels) == 4
    assert ("taken" in {key.label for key in course.keys}) == (chosen == "best")


def test_the_words_count_who_was_stopped_and_who_failed() -> None:
    made = lines()
    said = " ".join(trials(found(made), made).lede)
    assert "13 settings of the family boosted" in said
    assert "10 of them were stopped early" in said and "1 could not be trained" in said


def test_few_trials_have_no_importance_and_one_has_no_picture() -> None:
    made = lines(3)
    assert len(trials(found(made), made).figures) == 1
    alone = lines(1)[:3]
    assert trials(found(lines()), alone).absent
