"""Schedules: where they begin and end, that they fall, and that a function of one's own is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.errors import RecipeError
from justright.optim.schedules import SCHEDULES, schedule_for

ENDS = {"constant": 1.0, "step": 0.01, "exponential": 0.01, "inverse-time": 0.01, "cosine": 0.0}


@pytest.mark.parametrize("name", SCHEDULES)
def test_begins_at_one_and_ends_where_it_says(name):
    schedule = schedule_for(name)
    assert schedule(0.0) == 1.0
    assert schedule(1.0) == pytest.approx(ENDS[name], abs=1e-12)


@given(st.sampled_from(sorted(SCHEDULES)), st.floats(0, 1), st.floats(0, 1))
def test_never_rises(name, a, b):
    early, late = min(a, b), max(a, b)
    assert SCHEDULES[name](late) <= SCHEDULES[name](early)
    assert 0.0 <= SCHEDULES[name](late) <= 1.0


def test_every_schedule_of_a_recipe_exists():
    from typing import get_args

    from justright.recipe.groups import Schedule

    assert set(get_args(Schedule)) == set(SCHEDULES) == set(ENDS)


def test_exponential_falls_by_equal_shares():
    schedule = schedule_for("exponential")
    shares = [schedule((t + 1) / 10) / schedule(t / 10) for t in range(10)]
    assert shares == pytest.approx([shares[0]] * 10)


def test_a_function_is_a_schedule():
    def warm_up(done):
        return min(1.0, 10 * done)

    assert schedule_for(warm_up) is warm_up


def test_an_unknown_name_is_refused_with_the_closest():
    with pytest.raises(RecipeError, match=r"schedule='cosin'.*one of: cosine"):
        schedule_for("cosin")
