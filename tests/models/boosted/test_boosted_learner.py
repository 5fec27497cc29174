"""What a member learns is what LightGBM learns on its rows; a killed training ends in the same bits."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from justright.errors import MissingExtraError, RecipeError, TrainingError
from justright.models.base import training_rows
from justright.models.boosted.columns import matrix
from justright.models.boosted.growing import parameters
from justright.models.boosted.learner import BoostedLearner
from justright.models.boosted.objective import objective_for
from justright.optim.losses import row_losses
from justright.recipe import Boosting
from justright.schema import Member
from justright.training.loop import Trainer

FEW = Boosting(rounds=30, rate=0.2, leaves=7, rows_a_leaf=5)


def trained(spec, blocks, members, boosting=FEW, **options):
    learner = BoostedLearner(boosting)
    return learner, Trainer(learner, **options).fit(spec, members, blocks, question="q")


def exported(learner, spec, state, members):
    return [learner.export(spec, state, place)[1] for place in range(len(members))]


def assert_equal(some, others):
    for one, other in zip(some, others, strict=True):
        assert one.keys() == other.keys()
        for name, array in one.items():
            np.testing.assert_array_equal(array, other[name], err_msg=name)


def mean_loss(spec, margins, target, weight):
    return float(row_losses(spec.loss, margins, target) @ weight / weight.sum())


LOSSES = ["squared", "huber", "absolute", "quantile", "poisson", "logistic", "softmax"]


@pytest.mark.parametrize("loss", LOSSES)
def test_members_are_lightgbm_on_their_rows(table, members_of, loss):
    import lightgbm

    spec, blocks = table(loss=loss, weighted=True, text=True)
    members = members_of(2)
    learner = BoostedLearner(FEW)
    state = learner.start(spec, blocks, members, 3)
    for number in range(2):
        state, progress = learner.advance(spec, state, blocks, members, number)
    assert state["rounds"].tolist() == [20, 20, 20]
    rows = np.concatenate([matrix(block, np.arange(50)) for block in blocks])
    target = np.concatenate([block.target for block in blocks])
    weight = np.concatenate([training_rows(block, members) for block in blocks])
    params = parameters(FEW, objective_for(spec.loss, spec.outputs, target), seed=3, threads=1)
    whole = lightgbm.Dataset(rows, categorical_feature=[3], params=params).construct()
    for place in range(3):
        own = np.flatnonzero(weight[:, place])
        data = lightgbm.Dataset(
            rows[own], target[own], reference=whole, weight=weight[own, place].astype(np.float32)
        )
        rival = lightgbm.train(params, data, 20)
        said = rival.predict(rows, raw_score=True).reshape(len(rows), -1)
        ours = np.concatenate([learner.margins(spec, state, block)[:, :, place] for block in blocks])
        np.testing.assert_allclose(ours, said, rtol=1e-6, atol=1e-9)
        told = progress.curves[-1]
        loss_there = mean_loss(spec, said[own], target[own], weight[own, place])
        assert told.train[place] == pytest.approx(loss_there, rel=1e-6)
        fold = np.concatenate([block.fold[:, 0] for block in blocks])
        held = np.flatnonzero((fold == members[place].fold) & (weight[:, 0] > 0))
        if place:
            loss_there = mean_loss(spec, said[held], target[held], weight[held, 0])
            assert told.validation[place] == pytest.approx(loss_there, rel=1e-6)
        else:
            assert np.isnan(told.validation[0])


def test_own_held_out_rows_are_those_of_margins(table, members_of):
    spec, blocks = table(loss="softmax")
    members = members_of(5, repeat=1)
    learner, made = trained(spec, blocks, members)
    for block in blocks:
        every = learner.margins(spec, made.state, block)
        own = learner.held_margins(spec, made.state, block)
        assert own.shape == every.shape == (block.rows, 3, 6)
        for place, member in enumerate(members):
            inside = (block.fold[:, 1] == member.fold) & (member.fold >= 0)
            np.testing.assert_array_equal(own[inside, :, place], every[inside, :, place])
            assert np.isnan(own[~inside, :, place]).all()


def test_the_kept_pass_is_a_number_of_rounds(table, members_of):
    spec, blocks = table(n=200, seed=4, patience=0.2)
    members = members_of(3)
    boosting = Boosting(rounds=400, rate=0.5, rows_a_leaf=2)
    learner, made = trained(spec, blocks, members, boosting)
    rounds = made.state["rounds"]
    assert made.kept[0] * 10 == rounds[0] < 400
    assert (rounds == rounds[0]).all()
    assert len(learner.export(spec, made.state, 0)[1]["root"]) == rounds[0]
    best = [row.validation for row in made.history.rows if row.number == made.kept[0] and row.member > 0]
    for place, loss in enumerate(best, 1):
        target = np.concatenate([block.target for block in blocks])
        fold = np.concatenate([block.fold[:, 0] for block in blocks])
        said = np.concatenate([learner.margins(spec, made.state, block)[:, :, place] for block in blocks])
        own = fold == place - 1
        assert mean_loss(spec, said[own], target[own], np.ones(own.sum())) == pytest.approx(loss)
    assert made.history.passes < 40
    assert "no better" in made.rule


def test_settings_that_stop_grow_no_further(table):
    spec, blocks = table(n=200, seed=4)
    members = tuple(Member(fold, setting) for fold in (0, 1) for setting in (0, 1))
    boosting = (Boosting(rounds=400, rate=0.9), Boosting(rounds=150, rate=0.01, leaves=3))
    learner, made = trained(spec, blocks, members, boosting)
    rounds = [learner._growers[place].rounds for place in range(4)]
    assert rounds[1] == rounds[3] == 150
    assert rounds[0] == rounds[2] < 150
    assert made.state["rounds"][0] < rounds[0]
    assert len(made.history.rows) == made.history.passes * 4


def test_the_rate_of_a_member_is_its_own(table):
    spec, blocks = table()
    both = (Member(0, rate=0.2), Member(1, rate=0.05))
    learner, made = trained(spec, blocks, both, Boosting(rounds=10, rate=0.9))
    alone, other = trained(spec, blocks, (Member(1),), Boosting(rounds=10, rate=0.05))
    assert_equal(exported(learner, spec, made.state, both)[1:], exported(alone, spec, other.state, both[1:]))


def test_same_seed_same_bits_whatever_the_threads(table, members_of):
    spec, blocks = table(weighted=True)
    boosting = Boosting(rounds=20, rows=0.7, columns=0.6)
    members = members_of(3)
    arrays = []
    for threads in (1, 2):
        learner = BoostedLearner(boosting, threads=threads)
        made = Trainer(learner).fit(spec, members, blocks, seed=5)
        arrays.append(exported(learner, spec, made.state, members))
    assert_equal(*arrays)
    learner = BoostedLearner(boosting)
    made = Trainer(learner).fit(spec, members, blocks, seed=6)
    other = exported(learner, spec, made.state, members)[0]["value"]
    assert not np.array_equal(other, arrays[0][0]["value"])


def test_periods_train_on_the_past_only(table):
    spec, blocks = table()
    member = Member(2, forward=True)
    learner = BoostedLearner(FEW)
    learner.start(spec, blocks, (member,), 0)
    fold = np.concatenate([block.fold[:, 0] for block in blocks])
    np.testing.assert_array_equal(learner._told.trains[:, 0], fold < 2)
    np.testing.assert_array_equal(learner._told.judges[:, 0], fold == 2)


class KillAt:
    """Saves every pass, and ends the training as a kill would, without a word to the learner."""

    def __init__(self, number):
        self.number = number

    def after_pass(self, moment):
        moment.save()
        if moment.number == self.number:
            raise RuntimeError("killed")


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_killed_training_ends_in_the_same_bits(table, members_of, tmp_path, number):
    spec, blocks = table(loss="logistic", weighted=True)
    members, boosting = members_of(2), Boosting(rounds=40, rows=0.8, columns=0.7, rows_a_leaf=5)
    learner, whole = trained(spec, blocks, members, boosting)
    path = tmp_path / "checkpoint"
    with pytest.raises(RuntimeError, match="killed"):
        trained(spec, blocks, members, boosting, checkpoint=path, callbacks=[KillAt(number)])
    assert path.stat().st_size < 10_000
    again, resumed = trained(spec, blocks, members, boosting, checkpoint=path)
    assert resumed.history.rows[0].number == 1 and len(resumed.history.rows) == len(whole.history.rows)
    assert [r.validation for r in resumed.history.rows] == [r.validation for r in whole.history.rows]
    assert_equal(exported(learner, spec, whole.state, members), exported(again, spec, resumed.state, members))


CHILD = """
import sys, time
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[1])
from test_boosted_learner import killable
class Slow:
    def after_pass(self, moment):
        moment.save()
        time.sleep(0.05)
killable(Path(sys.argv[2]), [Slow()])
"""


def killable(path, callbacks):
    """Train on a fixed table with a checkpoint; return the arrays of all members."""
    from justright.features.numeric import NumericFeature
    from justright.features.plan import FeaturePlan, PlanData
    from justright.models.base import Spec
    from justright.optim.losses import Squared
    from justright.optim.schedules import schedule_for
    from justright.recipe import Descent
    from justright.schema import Block, Column

    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3)).astype(np.float32)
    y = (x[:, 0] * x[:, 1]).astype(np.float32)
    fold, ones = (np.arange(300) % 3).astype(np.int8)[:, None], np.ones(300, np.float32)
    block = Block(x, np.zeros((300, 0), np.int32), y, ones, fold, None, np.arange(300, dtype=np.uint64))
    columns = (Column(f"x{i}", "numeric", "number") for i in range(3))
    plan = FeaturePlan(PlanData(tuple(NumericFeature(c, 0.0, 1.0, -9.0, 9.0) for c in columns), (), (), None))
    settings = Descent("sgd", epochs=1000, tolerance=0.0)
    spec = Spec(Squared(), 1, plan, settings, schedule_for("constant"), 300)
    members = tuple(Member(fold) for fold in (-1, 0, 1))
    boosting = Boosting(rounds=100, rows=0.8, columns=0.7)
    learner, made = trained(spec, [block], members, boosting, checkpoint=path, callbacks=callbacks)
    return exported(learner, spec, made.state, members)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_training_killed_for_real_ends_in_the_same_bits(tmp_path):
    path = tmp_path / "checkpoint"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(Path(__file__).parent), str(path)], stderr=subprocess.PIPE
    )
    limit = time.monotonic() + 60
    while not path.exists() and time.monotonic() < limit:
        assert child.poll() is None, child.stderr.read().decode()
        time.sleep(0.01)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert child.returncode == -signal.SIGKILL and path.exists()
    assert_equal(killable(path, []), killable(tmp_path / "other", []))


def test_counters_alone_say_nothing(table, members_of):
    spec, blocks = table()
    learner, made = trained(spec, blocks, members_of(2))
    with pytest.raises(TrainingError, match="have not been grown here"):
        BoostedLearner(FEW).margins(spec, made.state, blocks[0])
    fresh = BoostedLearner(FEW)
    fresh.start(spec, blocks, members_of(2), 0)
    np.testing.assert_array_equal(
        fresh.margins(spec, made.state, blocks[0]), learner.margins(spec, made.state, blocks[0])
    )


def test_shares_as_targets(table):
    spec, blocks = table(loss="logistic")
    rng = np.random.default_rng(0)
    for place, block in enumerate(blocks):
        object.__setattr__(block, "target", rng.uniform(0, 1, block.rows).astype(np.float32))
        blocks[place] = block
    _, made = trained(spec, blocks, (Member(0),))
    assert np.isfinite(made.state["held"]).all()


@pytest.mark.parametrize("loss", ["squared", "logistic", "softmax", "poisson", "absolute"])
def test_few_rows_give_a_constant(table, loss):
    spec, blocks = table(n=12, loss=loss, cuts=1, folds=2)
    learner, made = trained(spec, blocks, (Member(-1), Member(0), Member(1)), Boosting(rounds=30))
    said = learner.margins(spec, made.state, blocks[0])
    assert np.isfinite(said).all()
    assert (np.ptp(said, axis=0) == 0).all()


def test_one_class_in_a_fold_gives_finite_margins(table):
    spec, blocks = table(n=60, loss="logistic", cuts=1, folds=2)
    fold = blocks[0].fold[:, 0]
    blocks[0].target[fold == 1] = 0
    learner, made = trained(spec, blocks, (Member(0), Member(1)))
    assert np.isfinite(learner.margins(spec, made.state, blocks[0])).all()


def test_refusals(table, monkeypatch):
    spec, blocks = table()
    with pytest.raises(TrainingError, match="no rows to train on"):
        trained(spec, blocks, (Member(0, forward=True),))
    wide, _ = table(loss="softmax")
    soft = [blocks[0].slice(0, 50)]
    object.__setattr__(soft[0], "target", np.full((50, 3), 1 / 3, np.float32))
    with pytest.raises(RecipeError, match="several columns"):
        trained(wide, soft, (Member(0),))
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(MissingExtraError, match="--family crossed"):
        trained(spec, blocks, (Member(0),))


def test_what_lightgbm_refuses_is_a_training_error(table):
    spec, blocks = table(loss="poisson")
    blocks[0].target[0] = -1.0
    with pytest.raises(TrainingError, match="LightGBM refuses"):
        trained(spec, blocks, (Member(0), Member(1)))


def test_what_silences_a_thread_leaves_the_number_of_threads_at_one(monkeypatch):
    """One number for the process: another one while a member begins leads it out of its arrays."""
    import lightgbm

    from justright.models.boosted.library import silence

    seen = []
    made = lightgbm.Dataset

    def watched(*arguments, **named):
        seen.append(named["params"])
        return made(*arguments, **named)

    monkeypatch.setattr(lightgbm, "Dataset", watched)
    silence()
    assert [params["num_threads"] for params in seen] == [1]
