"""How far the mean targets of the batches of a pass are apart: mixed rows, sorted rows, single rows."""

import dataclasses
import math

import numpy as np
import pytest

from justright.models.linear import descent
from justright.models.linear.alike import Alikeness
from justright.models.linear.descent import DescentLinear
from justright.schema import Block, Member


def block(target, weight=None):
    rows = len(target)
    ones = np.ones(rows, np.float32) if weight is None else np.asarray(weight, np.float32)
    key = np.arange(rows, dtype=np.uint64)
    return Block(
        np.zeros((rows, 0)), np.zeros((rows, 0)), target, ones, np.zeros((rows, 1), np.int8), None, key
    )


def apart(target, batch=64, classes=0, weight=None, piece=1000):
    made = Alikeness(len(target), batch, classes)
    for begin in range(0, len(target), piece):
        own = slice(begin, begin + piece)
        made.add(block(target[own], None if weight is None else weight[own]))
    return made.apart


def test_it_is_the_sum_as_it_stands():
    target = np.random.default_rng(0).normal(size=640)
    groups, spread = target.reshape(10, 64), target.var()
    wanted = np.mean([(group.mean() - target.mean()) ** 2 / (spread / 64) for group in groups])
    assert apart(target) == pytest.approx(wanted)


@pytest.mark.parametrize("law", ["normal", "heavy", "two", "many", "weights"])
def test_mixed_rows_are_about_as_far_apart_as_chance_has_it(law):
    rng = np.random.default_rng(1)
    found = []
    for _ in range(30):
        target = {"heavy": rng.standard_cauchy(3000), "normal": rng.normal(size=3000)}.get(
            law, rng.integers(0, 2 if law == "two" else 7, 3000)
        )
        weight = rng.exponential(size=3000) * (rng.random(3000) < 0.5) if law == "weights" else None
        found.append(apart(target, classes=7 if law == "many" else 0, weight=weight))
    assert np.mean(found) == pytest.approx(1.0, abs=0.12)
    assert max(found) < 2.0


@pytest.mark.parametrize("classes", [0, 5])
def test_sorted_rows_are_far_apart(classes):
    target = np.sort(np.random.default_rng(2).integers(0, 5, 3000))
    quarters = np.concatenate(
        [np.sort(part) for part in np.random.default_rng(3).permutation(target).reshape(4, -1)]
    )
    assert apart(target, classes=classes) > 40.0
    assert apart(quarters, classes=classes) > 20.0


def test_pieces_say_what_the_whole_says():
    target = np.sort(np.random.default_rng(4).normal(size=3000))
    assert apart(target, piece=77) == pytest.approx(apart(target, piece=3000))


def test_batches_of_a_single_row_are_put_together():
    target = np.sort(np.random.default_rng(5).normal(size=3000))
    assert apart(target, batch=1) == pytest.approx(apart(target, batch=32))


@pytest.mark.parametrize("target", [np.zeros(3000), np.arange(200.0)])
def test_a_constant_target_and_few_batches_say_nothing(target):
    assert math.isnan(apart(target))


def test_a_pass_of_steps_says_it_and_a_full_batch_does_not(problem, monkeypatch):
    spec, blocks = problem(n=640, fields=(), batch=32)
    members = [Member(rate=0.01), Member(fold=1, rate=0.01)]
    learner = DescentLinear()
    state = learner.start(spec, blocks, members, 0)
    _, progress = learner.advance(spec, state, blocks, members, 0)
    assert (progress.norms["targets_apart"] < 2.5).all()
    ordered = [part.take(np.argsort(part.target.reshape(-1), kind="stable")) for part in blocks]
    monkeypatch.setattr(descent, "shuffled", lambda *_: iter(ordered))
    _, sorted_ = learner.advance(spec, state, blocks, members, 0)
    assert (sorted_.norms["targets_apart"] > 4.0).all()
    full = dataclasses.replace(spec, descent=type(spec.descent)("sgd", batch=0))
    _, progress = learner.advance(full, learner.start(full, blocks, members, 0), blocks, members, 0)
    assert "targets_apart" not in progress.norms
