"""Greedy weights of trained parts: against an oracle in plain Python, and what folds may not see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from justright.features.plan import FeaturePlan, PlanData
from justright.models.base import Spec
from justright.models.blend import Blend, Part, stacked
from justright.optim.losses import loss_for
from justright.optim.schedules import schedule_for
from justright.recipe import Descent
from justright.schema import Block, Member

PLAN = FeaturePlan(PlanData((), (), (), None))


class _Fixed:
    """A trained part that can only be exported."""

    def __init__(self, name: str) -> None:
        self.name = name

    def export(self, spec: Any, state: Any, member: int) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"name": self.name}, {"weights": np.full(2, float(member))}


def spec_of(task, outputs=1, rows=1):
    return Spec(loss_for("auto", task), outputs, PLAN, Descent(), schedule_for("constant"), rows)


def block_of(target, fold, weight=None):
    rows = len(target)
    return Block(
        np.zeros((rows, 3), np.float32),
        np.zeros((rows, 2), np.int32),
        target,
        np.ones(rows, np.float32) if weight is None else weight.astype(np.float32),
        np.asarray(fold, np.int8)[:, None],
        None,
        np.arange(rows, dtype=np.uint64),
    )


def trained(learner, spec, blocks, members, passes=25):
    state = learner.start(spec, blocks, members, 0)
    for number in range(passes):
        state, progress = learner.advance(spec, state, blocks, members, number)
    return state, progress


def parts_of(count):
    return [Part(f"f{n}", _Fixed(f"f{n}"), spec_of("regression"), {}, n) for n in range(count)]


def regression(rows=300, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=rows)
    parts = [y + 0.8 * rng.normal(size=rows), y + 1.0 * rng.normal(size=rows), 3.0 * rng.normal(size=rows)]
    fold = np.arange(rows) % 3
    weight = rng.integers(1, 4, rows)
    block = block_of(y.astype(np.float32)[:, None], fold, weight)
    return block, [part.astype(np.float32)[:, None] for part in parts], fold, weight, y


def oracle(parts, y, weight, passes=25):
    """The greedy choice, in plain Python: each time the part that makes the mean of all so far best."""
    won: list[int] = []
    for _ in range(passes):
        losses = []
        for part in range(len(parts)):
            mean = sum(parts[place][:, 0].astype(float) for place in [*won, part]) / (len(won) + 1)
            losses.append(float(np.average(0.5 * (mean - y) ** 2, weights=weight)))
        won.append(int(np.argmin(losses)))
    return np.bincount(won, minlength=len(parts)) / passes


def test_weights_are_those_of_the_greedy_choice_each_member_on_its_own_rows():
    block, parts, fold, weight, y = regression()
    members = [Member(-1), *(Member(k) for k in range(3))]
    learner = Blend(parts_of(3))
    spec = spec_of("regression")
    blocks = [stacked(block, parts)]
    state, progress = trained(learner, spec, blocks, members)
    y = block.target[:, 0].astype(float)
    for place, member in enumerate(members):
        own = fold != member.fold
        expected = oracle([part[own] for part in parts], y[own], weight[own])
        assert np.allclose(learner.weights(state, place), expected)
    assert progress.done.all() and len(set(map(tuple, state["won"].T))) > 1
    # The loss of held-out rows is that of weights which they did not choose.
    for place in (1, 2, 3):
        mean = sum(w * p[:, 0] for w, p in zip(learner.weights(state, place), parts, strict=True))
        own = fold == place - 1
        loss = np.average(0.5 * (mean[own] - y[own]) ** 2, weights=weight[own])
        assert progress.curves[-1].validation[place] == pytest.approx(loss, rel=1e-5)
    assert np.isnan(progress.curves[-1].validation[0])


def test_margins_are_the_weighted_mean_and_a_useless_part_wins_nothing():
    block, parts, *_ = regression()
    learner, spec, blocks = Blend(parts_of(3)), spec_of("regression"), [stacked(block, parts)]
    state, _ = trained(learner, spec, blocks, [Member(-1)])
    weights = learner.weights(state, 0)
    assert weights[2] < 0.1 < weights[1] < weights[0] and sum(weights) == pytest.approx(1.0)
    margins = learner.margins(spec, state, blocks[0])
    assert margins.shape == (300, 1, 1)
    assert np.allclose(margins[:, :, 0], sum(w * p for w, p in zip(weights, parts, strict=True)), atol=1e-6)


def test_classes_have_a_margin_each():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, 200).astype(np.int32)
    good = 2.0 * np.eye(3)[labels] + rng.normal(size=(200, 3))
    other = 2.0 * np.eye(3)[labels] + rng.normal(size=(200, 3))
    block, spec = block_of(labels, np.zeros(200)), spec_of("multiclass", 3)
    blocks = [stacked(block, [good, other])]
    learner = Blend(parts_of(2))
    state, progress = trained(learner, spec, blocks, [Member(-1)])
    alone = []
    for one in (good, other):
        shifted = one - one.max(axis=1, keepdims=True)
        alone.append(-(shifted[np.arange(200), labels] - np.log(np.exp(shifted).sum(axis=1))).mean())
    assert progress.curves[-1].train[0] < min(alone) - 0.01
    assert np.allclose(learner.margins(spec, state, blocks[0])[:, :, 0], (good + other) / 2, atol=0.4)


def test_what_won_nothing_is_not_exported():
    learner = Blend(parts_of(3))
    front, arrays = learner.export(spec_of("regression"), {"won": np.array([[3], [0], [1]])}, 0)
    assert front["parts"] == [
        {"family": "f0", "weight": 0.75, "front": {"name": "f0"}},
        {"family": "f2", "weight": 0.25, "front": {"name": "f2"}},
    ]
    assert set(arrays) == {"part0.weights", "part1.weights"} and arrays["part1.weights"][0] == 2.0
