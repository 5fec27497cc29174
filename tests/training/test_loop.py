"""The loop: passes, early stopping with the best state, convergence, divergence, requests to stop."""

import numpy as np
import pytest

from justright.errors import TrainingError
from justright.schema import Member
from justright.training.callbacks import StopTraining
from justright.training.loop import Trainer

ONE = (Member(fold=0, rate=0.5),)


class Recorder:
    def __init__(self, stop_at=None, error=StopTraining, text="enough"):
        self.moments, self.stop_at, self.error, self.text = [], stop_at, error, text

    def after_pass(self, moment):
        self.moments.append(moment)
        if moment.number == self.stop_at:
            raise self.error(self.text)


def test_the_best_state_is_restored(scripted, spec, blocks):
    validation = [5, 3, 2, 4, 4, 4, 4, 4, 4, 4]
    learner = scripted(np.linspace(5, 1, 10), validation)
    trained = Trainer(learner).fit(spec(epochs=10), ONE, blocks)
    assert trained.state["weight"][0, 0] == 3
    assert not trained.interrupted


def test_patience_is_five_passes_or_a_share_of_them(scripted, spec, blocks):
    falling = np.linspace(9, 1, 60)
    early = scripted(falling, [5, 4, *[6] * 58])
    trained = Trainer(early).fit(spec(epochs=60), ONE, blocks)
    assert trained.history.passes == 2 + 6
    assert trained.history.ended == "no better on validation rows"
    late = scripted(falling, [*np.linspace(9, 4, 40), *[6] * 20])
    trained = Trainer(late).fit(spec(epochs=60, patience=0.25), ONE, blocks)
    # Waited n - 40 > 0.25 n passes: n = 54.
    assert trained.history.passes == 54
    assert trained.state["weight"][0, 0] == 40


def test_a_flat_training_loss_three_times_running_is_convergence(scripted, spec, blocks):
    losses = [4, 2, 1, 1, 1.5, *[1.0 + 1e-9 * t for t in range(40)]]
    trained = Trainer(scripted(losses, np.linspace(9, 1, 45))).fit(spec(epochs=45), ONE, blocks)
    assert trained.history.ended == "training loss no longer changes"
    assert trained.history.passes == 6 + 3


def test_without_tolerance_all_passes_are_made(scripted, spec, blocks):
    trained = Trainer(scripted([1.0] * 30, np.linspace(9, 1, 30))).fit(
        spec(epochs=30, tolerance=0.0), ONE, blocks
    )
    assert trained.history.passes == 30
    assert trained.history.ended == "all 30 passes are used up"


def test_settings_stop_alone_and_for_good(scripted, spec, blocks):
    members = (Member(fold=0, setting=0), Member(fold=1, setting=0), Member(fold=0, setting=1))
    # Setting 0 is best at pass 2, is stopped, and would have been better still at pass 20.
    first = [5, 1, *[3] * 17, 0.1, *[3] * 10]
    second = np.linspace(9, 1, 30)
    validation = [[a, a, b] for a, b in zip(first, second, strict=True)]
    learner = scripted(np.linspace(9, 1, 30), validation, members=3)
    trained = Trainer(learner).fit(spec(epochs=30), members, blocks)
    assert trained.state["weight"][0].tolist() == [2, 2, 30]
    assert trained.kept == (2, 2, 30)
    done = [row.number for row in trained.history.rows if row.member == 0 and row.done]
    assert done == list(range(8, 31))


def test_a_setting_is_judged_by_the_mean_of_its_folds_and_takes_its_full_member_along(scripted, spec, blocks):
    members = (Member(fold=-1), Member(fold=0), Member(fold=1))
    validation = [[np.nan, 4, 4], [np.nan, 1, 6], [np.nan, 3, 2], *[[np.nan, 5, 5]] * 7]
    trained = Trainer(scripted(np.linspace(9, 1, 10), validation, members=3)).fit(
        spec(epochs=10), members, blocks
    )
    assert trained.state["weight"][0].tolist() == [3, 3, 3]


def test_without_folds_the_training_loss_decides(scripted, spec, blocks):
    trained = Trainer(scripted([3, 1, 2, 2.5])).fit(spec(epochs=4), (Member(),), blocks)
    assert trained.state["weight"][0, 0] == 2


def test_exact_families_run_to_their_own_end_and_keep_the_last(scripted, spec, blocks):
    learner = scripted([3, 1, 2], done=[False, False, True], early_stopping=False)
    trained = Trainer(learner).fit(spec(epochs=50), ONE, blocks)
    assert trained.history.passes == 3
    assert trained.history.ended == "scripted"
    assert trained.state["weight"][0, 0] == 3
    assert trained.kept == (3,)


def test_history_has_a_row_a_pass_and_member(scripted, spec, blocks):
    members = (Member(fold=-1, penalty=0.5, rate=0.1), Member(fold=0, setting=1, rate=0.2))
    validation = [[np.nan, 2.0], [np.nan, 1.0]]
    trained = Trainer(scripted([3, np.inf], validation, members=2)).fit(spec(epochs=2), members, blocks)
    rows = trained.history.rows
    assert [(row.number, row.member) for row in rows] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert [row.steps for row in rows] == [3, 3, 6, 6]
    assert [row.train for row in rows] == [3.0, 3.0, None, None]
    assert [row.validation for row in rows] == [None, 2.0, None, 1.0]
    assert [row.rate for row in rows] == [0.1, 0.2, 0.1, 0.2]
    assert rows[3].norms == {"gradient": 0.5}
    assert (rows[0].penalty, rows[1].setting, rows[1].fold) == (0.5, 1, 0)


def test_callbacks_see_each_pass(scripted, spec, blocks):
    recorder = Recorder()
    Trainer(scripted([3, 2, 1]), callbacks=[recorder]).fit(spec(epochs=3), ONE, blocks)
    assert [moment.number for moment in recorder.moments] == [1, 2, 3]
    assert [moment.rows[0].train for moment in recorder.moments] == [3, 2, 1]
    assert [moment.state["weight"][0, 0] for moment in recorder.moments] == [1, 2, 3]
    assert [moment.done for moment in recorder.moments] == [0, 0, 0]


def test_a_callback_ends_the_training_cleanly(scripted, spec, blocks):
    later = Recorder()
    trainer = Trainer(scripted([3, 2, 1]), callbacks=[Recorder(stop_at=2, text="good enough"), later])
    trained = trainer.fit(spec(epochs=3), ONE, blocks)
    assert trained.interrupted
    assert trained.history.ended == "good enough"
    assert trained.state["weight"][0, 0] == 2
    assert len(later.moments) == 1


def test_an_error_of_a_callback_is_not_swallowed(scripted, spec, blocks):
    with pytest.raises(ValueError, match="oops"):
        Trainer(scripted([3]), callbacks=[Recorder(1, ValueError, "oops")]).fit(spec(epochs=3), ONE, blocks)


def test_ctrl_c_ends_with_what_there_is(scripted, spec, blocks):
    trainer = Trainer(scripted([3, 2, 1]), callbacks=[Recorder(2, KeyboardInterrupt)])
    trained = trainer.fit(spec(epochs=3), ONE, blocks)
    assert trained.interrupted
    assert trained.history.ended == "interrupted"
    assert trained.state["weight"][0, 0] == 2


def test_ctrl_c_before_the_first_pass_is_ctrl_c(scripted, spec, blocks):
    learner = scripted([3])
    learner.advance = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        Trainer(learner).fit(spec(epochs=3), ONE, blocks)


def test_a_diverged_member_is_out_and_the_others_go_on(scripted, spec, blocks):
    members = (Member(fold=0, setting=0), Member(fold=0, setting=1))
    failed = [[False, False], [True, False], [True, False]]
    losses = [[3, 3], [np.inf, 2], [np.nan, 1]]
    trained = Trainer(scripted(losses, losses, members=2, failed=failed)).fit(spec(epochs=3), members, blocks)
    assert trained.failed == (0,)
    assert trained.rule == "the rate is too high"
    assert trained.state["weight"][0].tolist() == [1, 3]


def test_all_diverged_is_an_error_with_the_reason(scripted, spec, blocks):
    learner = scripted([3, np.nan], members=2, failed=[[False] * 2, [True] * 2])
    with pytest.raises(TrainingError, match=r"all 2 members diverged.*the rate is too high"):
        Trainer(learner).fit(spec(epochs=9), (Member(fold=0), Member(fold=1)), blocks)


def test_no_rows_are_an_error(scripted, spec):
    with pytest.raises(TrainingError, match="without rows"):
        Trainer(scripted([1])).fit(spec(), ONE, [])


def test_the_seed_reaches_the_learner(scripted, spec, blocks):
    trained = Trainer(scripted([1])).fit(spec(epochs=1), ONE, blocks, seed=7)
    assert trained.state["seed"].tolist() == [7]
