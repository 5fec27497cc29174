"""Out-of-fold predictions come from members that have not seen the row."""

from __future__ import annotations

import errno
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from justright.errors import StorageError
from justright.optim.losses import row_losses
from justright.schema import Block, Column, Member, Target
from justright.workflow.held_out import HeldOut, choose_setting, held_out, write_held_out


class Fixed:
    """A Learner whose members predict a number of their own plus the row's number."""

    def margins(self, spec, state, block):
        return block.numeric[:, :1, None].astype(float) + state["offset"]


class Spec:
    outputs = 1

    def __init__(self, loss):
        from types import SimpleNamespace

        self.loss = loss
        self.plan = SimpleNamespace(data=SimpleNamespace(target=None))


def rows(fold):
    n = len(fold)
    return Block(
        np.arange(n, dtype=np.float32)[:, None],
        np.zeros((n, 0), np.int32),
        np.zeros(n, np.float32),
        np.ones(n, np.float32),
        np.asarray(fold, np.int8)[:, None],
        None,
        np.arange(n, dtype=np.uint64),
    )


@pytest.fixture
def made():
    from justright.optim.losses import Poisson

    members = [Member(f, s, 1.0) for f in (-1, 0, 1, 2) for s in (0, 1)]
    offset = np.array([1000.0 if m.fold < 0 else 100.0 * m.fold + 10.0 * m.setting for m in members])
    block = rows([0, 2, 1, -2, 0])
    spec = Spec(Poisson())

    def run(chosen, blocks=None):
        return held_out(Fixed(), spec, {"offset": offset * 0.01}, members, blocks or [block], chosen)

    return run, block, offset, members, spec


@pytest.mark.parametrize("chosen", [0, 1])
def test_each_row_is_predicted_by_its_own_member(made, chosen):
    run, _, _, _, _ = made
    held = run(chosen)
    assert held.place.tolist() == [0, 1, 2, 4]
    assert held.fold.tolist() == [0, 2, 1, 0]
    wanted = np.array([0, 1, 2, 4]) + held.fold * 1.0 + 0.1 * chosen
    np.testing.assert_allclose(held.prediction, np.exp(wanted))


def test_of_several_repetitions_the_first_predicts(made):
    _, block, offset, members, spec = made
    again = [*members, *(Member(m.fold, m.setting, repeat=1) for m in members if m.fold >= 0)]
    second = np.full(len(again) - len(members), 50.0)
    state = {"offset": np.concatenate([offset, second]) * 0.01}
    twice = replace(block, fold=np.repeat(block.fold, 2, axis=1))
    one = held_out(Fixed(), spec, {"offset": offset * 0.01}, members, [block], 1)
    other = held_out(Fixed(), spec, state, again, [twice], 1)
    np.testing.assert_array_equal(one.prediction, other.prediction)
    np.testing.assert_array_equal(one.margin[:, :, 0], other.margin[:, :, 0])
    said = np.array([0, 1, 2, 4])[:, None] + 0.5
    np.testing.assert_allclose(other.margin[:, :, 1], said)
    # What a row costs is the mean over the repetitions.
    alone = row_losses(spec.loss, said, block.target[other.place])
    np.testing.assert_allclose(other.losses[:, 1], (one.losses[:, 1] + alone) / 2.0, rtol=1e-6)


def test_losses_of_every_setting(made):
    run, block, _, _, spec = made
    held = run(0)
    assert held.losses.shape == (4, 2)
    for setting in (0, 1):
        margin = (np.array([0, 1, 2, 4]) + held.fold * 1.0 + 0.1 * setting)[:, None]
        np.testing.assert_allclose(
            held.losses[:, setting], row_losses(spec.loss, margin, block.target[held.place]), rtol=1e-6
        )


def test_borders_of_blocks_do_not_enter(made):
    run, block, *_ = made
    one, other = run(1), run(1, [block.slice(0, 2), block.slice(2, 4), block.slice(4, 5)])
    for name in HeldOut.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_the_smallest_loss_is_chosen_the_stronger_penalty_on_a_tie():
    members = [Member(f, s) for f in (-1, 0, 1) for s in (0, 1, 2)]
    losses = np.array([0.0, 0.0, 0.0, 3.0, 1.0, 1.0, 3.0, 1.0, 1.0])
    assert choose_setting(members, losses, ()) == 1
    assert choose_setting(members, losses, (4,)) == 2
    assert choose_setting(members, np.where(losses == 1, np.nan, losses), ()) == 0
    assert choose_setting(members, np.full(9, np.nan), (0,)) == 1


@pytest.mark.parametrize("classes", [(), ("no", "yes"), ("a", "b", "c")])
def test_the_file_holds_what_was_held_out(tmp_path, classes):
    task = {0: "regression", 2: "binary", 3: "multiclass"}[len(classes)]
    n = 4
    prediction = np.random.default_rng(0).uniform(size=(n, 3) if task == "multiclass" else n)
    target = np.array([0, 1, 1, 0]) if classes else np.array([0.5, 1.5, 2.5, 3.5])
    held = HeldOut(
        prediction,
        target,
        np.ones(n),
        np.zeros(n, np.int8),
        np.arange(n),
        np.zeros((n, 1), np.float32),
        np.arange(n),
        np.zeros((n, 1), np.float32),
    )
    write_held_out(tmp_path / "o.parquet", held, Target(Column("y", "categorical", "text"), task, classes))
    found = pq.read_table(tmp_path / "o.parquet").to_pydict()
    assert found["target"] == [classes[i] for i in target] if classes else found["target"] == target.tolist()
    if task == "multiclass":
        assert found["probability_c"] == prediction[:, 2].tolist()
    else:
        assert found["probability_yes" if classes else "prediction"] == prediction.tolist()
    assert [p.name for p in tmp_path.iterdir()] == ["o.parquet"]


def test_a_full_disk_leaves_nothing_half(tmp_path, monkeypatch):
    def full(table, where, **options):
        where.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    held = HeldOut(*(np.zeros(1) for _ in range(8)))
    with pytest.raises(StorageError, match="No space left"):
        write_held_out(tmp_path / "o.parquet", held, Target(Column("y", "numeric", "number"), "regression"))
    assert list(tmp_path.iterdir()) == []


def test_each_row_keeps_its_fingerprint(made, tmp_path):
    run, block, *_ = made
    held = run(0)
    assert held.key.tolist() == [0, 1, 2, 4] == block.key[held.place].tolist()
    write_held_out(tmp_path / "o.parquet", held, Target(Column("y", "numeric", "number"), "regression"))
    assert pq.read_table(tmp_path / "o.parquet").column("fingerprint").to_pylist() == [0, 1, 2, 4]
