"""What cannot be judged is told, with its reason."""

from __future__ import annotations

import numpy as np
import pytest

from justright.monitor.drift import compare
from justright.monitor.frame import LEAST_ROWS, Category, Counts, Frame, Number
from justright.monitor.unjudged import unjudged

FRAME = Frame(
    (Number("age", np.array([30.0])), Number("at[day]", np.array([1.0]), calendar=True)),
    (Category("colour", ("(rare or never seen)", "(missing)", "red", "blue"), 4),),
    (Number("(prediction)", np.array([0.5])),),
    (Number("age", np.array([0.0])),),
)


def counts(rows, *, age=None, colour=None, said=None, terms=None):
    half = [rows / 2, rows / 2]
    return Counts(
        float(rows),
        [half if age is None else age, [0.0, 0.0]],
        [0.0, 0.0],
        [[0.0, 0.0, *half] if colour is None else colour],
        [half] if said is None else said,
        [half] if terms is None else terms,
    )


def test_where_all_can_be_asked_nothing_is_told():
    assert unjudged(FRAME, counts(1000), counts(200)) == []


@pytest.mark.parametrize(("before", "now", "reason"), [(1, 500, "compared with 1 row"), (500, 19, "19 rows")])
def test_few_rows_on_either_side_judge_nothing(before, now, reason):
    (told,) = unjudged(FRAME, counts(before), counts(now), number=3)
    assert (told.input, told.window) == ("(all)", 3)
    assert told.reason == f"{reason}; {LEAST_ROWS} are needed"
    assert compare(FRAME, counts(before), counts(now)) == []


def test_columns_predictions_and_contributions_without_counts_are_told_one_by_one():
    bare = counts(500, age=[3.0, 4.0], colour=[0.0, 500.0, 0.0, 0.0], said=[], terms=[])
    told = {each.input: each.reason for each in unjudged(FRAME, counts(900), bare)}
    assert set(told) == {"age", "colour", "(prediction)", "(contributions)"}
    assert told["age"].startswith("7 values here, 900 in the rows compared with")
    assert told["(prediction)"] == "it was not counted of these rows"
    turned = {each.input: each.reason for each in unjudged(FRAME, bare, counts(900))}
    assert turned["(contributions)"] == "it was not counted of the rows compared with"


def test_reasons_that_the_caller_knows_take_the_place():
    bare = counts(500, age=[0.0, 0.0], terms=[])
    told = unjudged(FRAME, counts(900), bare, known={"age": "", "(contributions)": "hashed"})
    assert [(each.input, each.reason) for each in told] == [("(contributions)", "hashed")]
