"""Checkpoints: the same arrays back, the same bits after an interruption at any pass, damage told."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from justright.errors import StorageError
from justright.schema import Member
from justright.training.callbacks import StopTraining
from justright.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from justright.training.history import Row
from justright.training.loop import Trainer

MEMBERS = (Member(fold=-1), Member(fold=0), Member(fold=0, setting=1))


def checkpoint(question="q"):
    rng = np.random.default_rng(0)
    state = {
        "weights": rng.normal(size=(4, 2, 3)),
        "seed": np.asarray([2**64 - 1], np.uint64),
        "failed": np.asarray([True, False]),
        "level": np.asarray(3),
        "empty": np.zeros((0, 3), np.float32),
        "turned": rng.normal(size=(3, 4)).T,
    }
    rows = [Row(1, 0, 0, -1, 0.1, train=0.5, norms={"gradient": 1.0}), Row(1, 1, 0, 0, 0.1, validation=0.25)]
    return Checkpoint(7, 21, state, {"weights": state["weights"] + 1}, {"flat": [1, 2]}, rows, question)


def same(one, other):
    return one.keys() == other.keys() and all(
        np.array_equal(one[name], other[name]) and one[name].dtype == other[name].dtype for name in one
    )


def test_comes_back_as_it_was(tmp_path):
    saved = checkpoint()
    save_checkpoint(tmp_path / "c", saved)
    loaded = load_checkpoint(tmp_path / "c", "q")
    assert same(loaded.state, saved.state)
    assert same(loaded.best, saved.best)
    assert loaded.state["level"].shape == ()
    assert (loaded.number, loaded.steps, loaded.counters, loaded.question) == (7, 21, {"flat": [1, 2]}, "q")
    assert loaded.rows == saved.rows
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_none_where_there_is_none_or_it_is_of_another_question(tmp_path):
    assert load_checkpoint(tmp_path / "c", "q") is None
    save_checkpoint(tmp_path / "c", checkpoint())
    assert load_checkpoint(tmp_path / "c", "another") is None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_any_changed_byte_is_noticed(tmp_path, place, change):
    save_checkpoint(tmp_path / "c", checkpoint())
    data = bytearray((tmp_path / "c").read_bytes())
    data[place % len(data)] ^= change
    (tmp_path / "c").write_bytes(data)
    loaded = load_checkpoint(tmp_path / "c", "q")
    # A blank of the header may change into another blank; nothing that is read may.
    assert loaded is None or (same(loaded.state, checkpoint().state) and loaded.rows == checkpoint().rows)


@pytest.mark.parametrize("keep", [0, 1, 8, 100, -1])
def test_a_cut_file_is_ignored(tmp_path, keep):
    save_checkpoint(tmp_path / "c", checkpoint())
    (tmp_path / "c").write_bytes((tmp_path / "c").read_bytes()[:keep])
    assert load_checkpoint(tmp_path / "c", "q") is None


def test_an_old_one_stays_whole_when_the_disk_is_full(tmp_path, monkeypatch):
    save_checkpoint(tmp_path / "c", checkpoint())
    before = (tmp_path / "c").read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("justright.training.checkpoint.os.fsync", full)
    with pytest.raises(StorageError, match="No space left.*free some disk space"):
        save_checkpoint(tmp_path / "c", checkpoint("new"))
    assert (tmp_path / "c").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


class Interrupt:
    def __init__(self, at):
        self.at = at

    def after_pass(self, moment):
        if moment.number == self.at:
            moment.save()
            raise SystemExit


def learner(scripted):
    rng = np.random.default_rng(1)
    first = [5, 3, 2.5, 2, *[2.2] * 20]
    validation = [[np.nan, a, 4 - 0.1 * t] for t, a in enumerate(first)]
    return scripted(np.linspace(9, 1, 24) + 0.1 * rng.random(24), validation, members=3)


@pytest.mark.parametrize("at", range(1, 13))
def test_resumed_at_any_pass_it_ends_in_the_same_bits(scripted, spec, blocks, tmp_path, at):
    whole = Trainer(learner(scripted)).fit(spec(epochs=12), MEMBERS, blocks, seed=3, question="q")
    path = tmp_path / "c"
    killed = Trainer(learner(scripted), callbacks=[Interrupt(at)], checkpoint=path, every=1e9)
    with pytest.raises(SystemExit):
        killed.fit(spec(epochs=12), MEMBERS, blocks, seed=3, question="q")
    again = learner(scripted)
    resumed = Trainer(again, checkpoint=path).fit(spec(epochs=12), MEMBERS, blocks, seed=3, question="q")
    assert again.calls == list(range(at, 12))
    assert same(resumed.state, whole.state)
    assert resumed.history.rows == whole.history.rows
    assert resumed.history.ended == whole.history.ended
    assert resumed.rule == whole.rule


def test_a_finished_training_is_not_trained_again(scripted, spec, blocks, tmp_path):
    path = tmp_path / "c"
    with pytest.raises(SystemExit):
        Trainer(learner(scripted), callbacks=[Interrupt(5)], checkpoint=path).fit(
            spec(epochs=5), MEMBERS, blocks, question="q"
        )
    again = learner(scripted)
    trained = Trainer(again, checkpoint=path).fit(spec(epochs=5), MEMBERS, blocks, question="q")
    assert again.calls == []
    assert trained.history.passes == 5


@pytest.mark.parametrize("spoil", ["damage", "another question"])
def test_what_cannot_be_resumed_begins_anew(scripted, spec, blocks, tmp_path, spoil):
    path = tmp_path / "c"
    with pytest.raises(SystemExit):
        Trainer(learner(scripted), callbacks=[Interrupt(3)], checkpoint=path).fit(
            spec(epochs=6), MEMBERS, blocks, question="q"
        )
    if spoil == "damage":
        path.write_bytes(path.read_bytes()[:-3])
    again = learner(scripted)
    Trainer(again, checkpoint=path).fit(
        spec(epochs=6), MEMBERS, blocks, question="q" if spoil == "damage" else "r"
    )
    assert again.calls == list(range(6))


def test_saves_while_it_trains_but_not_more_often_than_asked(scripted, spec, blocks, tmp_path):
    seen = []

    class Look:
        def after_pass(self, moment):
            seen.append((tmp_path / "c").exists())
            if len(seen) == 3:
                raise StopTraining

    Trainer(learner(scripted), callbacks=[Look()], checkpoint=tmp_path / "c", every=0.0).fit(
        spec(epochs=9), MEMBERS, blocks
    )
    assert seen == [True] * 3
    seen.clear()
    (tmp_path / "c").unlink()
    Trainer(learner(scripted), callbacks=[Look()], checkpoint=tmp_path / "c", every=1e9).fit(
        spec(epochs=9), MEMBERS, blocks
    )
    assert seen == [False] * 3
