"""What a race leaves in its run, from states made by hand."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from justright.training.history import History, Row
from justright.training.loop import Trained
from justright.workflow.race import Race, last_rate, passes_of, race_of, times_lowered

NAN, INF = float("nan"), float("inf")
TABLE = np.array(
    [
        [0.001, NAN, NAN],
        [0.003, NAN, NAN],
        [0.01, 0.5, 0.4],
        [0.03, 0.4, 0.2],
        [0.1, 0.45, INF],
        [0.3, INF, INF],
        [1.0, NAN, NAN],
    ]
)


def training(rates=(0.03,), lowered=0, table=TABLE, kept=None, raced=None, share=1.0) -> Trained:
    """One member whose passes had these rates; each pass has ten steps."""
    kept = len(rates) if kept is None else kept
    state = {
        "rate": np.asarray([rates[kept - 1]], np.float32),
        "lowered": np.asarray([lowered], np.int32),
        "race": np.asarray(table)[..., None],
    }
    if raced is not None:
        state["raced"] = np.asarray([raced])
    rows = tuple(
        Row(number, 0, 0, 0, 0.0, steps=10 * number, share=share, validation=1.0, norms={"rate": float(rate)})
        for number, rate in enumerate(rates, 1)
    )
    return Trained(state, History(rows, "all"), (), False, "", (kept,))


def test_those_that_ran_become_candidates_that_json_holds():
    race = race_of(training(raced=26, rates=(0.03,) * 20))
    assert race is not None
    assert msgspec.json.decode(msgspec.json.encode(race), type=Race) == race
    assert [one.rate for one in race.candidates] == [0.01, 0.03, 0.1, 0.3]
    assert [one.diverged for one in race.candidates] == [False, False, True, True]
    assert [one.half for one in race.candidates] == [0.5, 0.4, 0.45, None]
    assert [one.end for one in race.candidates] == [0.4, 0.2, None, None]
    assert (race.chosen, race.prior, race.steps, race.share) == (0.03, 0.03, 26, 0.13)


def test_a_family_that_does_not_count_the_steps_of_its_race_has_no_share():
    race = race_of(training())
    assert race is not None and (race.steps, race.share) == (None, None)


@pytest.mark.parametrize("lowered", [0, 1, 2, 5])
@pytest.mark.parametrize("begun", [0.01, 0.03])
def test_the_rate_taken_is_that_before_the_training_diverged(begun, lowered):
    race = race_of(training(rates=(begun / 3.0**lowered,), lowered=lowered))
    assert race is not None and race.chosen == begun


def test_the_factor_undone_is_that_of_the_rollback():
    pytest.importorskip("jax", reason="networks train with jax")
    from justright.models.neural.rollback import rolled_back

    names = ("rate", "lowered", "fallen")
    state = {name: np.ones(1, np.float32) for name in names}
    new = rolled_back(state, state, {}, np.array([True]))
    trained = training(rates=(0.03 * float(new["rate"][0]),), lowered=1)
    race = race_of(trained)
    assert race is not None and race.chosen == 0.03


@pytest.mark.parametrize("table", [np.zeros((0, 3)), None])
def test_no_race_is_none(table):
    trained = training(table=np.zeros((0, 3)))
    if table is None:
        del trained.state["race"]
    assert race_of(trained) is None
    assert passes_of(trained, 0, None).race_steps is None


def test_falls_after_the_pass_that_is_kept_count_too():
    rates = (0.03, 0.01, 0.01, 0.0033, 0.0033)
    assert times_lowered(training(rates), 0) == 0
    assert times_lowered(training(rates, lowered=2, kept=5), 0) == 2
    assert times_lowered(training(rates, lowered=1, kept=3), 0) == 2
    assert last_rate(training(rates, kept=3), 0) == 0.0033


def test_a_state_of_another_family_was_never_lowered():
    trained = training()
    del trained.state["lowered"]
    assert times_lowered(trained, 0) == 0


def test_passes_are_counted_whole_where_a_table_is_taken_in_groups():
    made = passes_of(training(rates=(0.03,) * 8, kept=6, raced=9, share=0.25), 0, 1.5)
    assert (made.passes, made.kept, made.steps) == (2.0, 1.5, 80)
    assert (made.rate, made.race_steps, made.compile_seconds) == (0.03, 9, 1.5)
