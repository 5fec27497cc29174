"""The control by shuffled labels: real signal, none, and folds that let the answer through."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from justright.diagnose.rows.control import control, shuffled

ROWS = 800


def table(seed, signal):
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, ROWS))
    return {"x": x, "z": z, "y": signal * x + rng.normal(size=ROWS)}


@pytest.mark.parametrize("seed", range(5))
def test_signal_is_silent(made, seed):
    assert control(made(table(seed, 0.5)).look) == []


def test_target_of_chance_is_told(made):
    said = [[f.id for f in control(made(table(seed, 0.0)).look)] for seed in range(6)]
    assert sum(ids == ["no-signal"] for ids in said) >= 4
    assert all(ids in ([], ["no-signal"]) for ids in said)


def test_what_only_the_model_sees_is_signal(made):
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, ROWS))
    one = made({"x": x, "z": z, "y": np.sign(x * z) + 0.5 * rng.normal(size=ROWS)})
    assert [f.id for f in control(one.look)] == ["no-signal"]
    crossed = replace(one.sample, prediction=np.sign(x * z)[:, None])
    assert control(replace(one.look, sample=crossed)) == []


def test_answer_that_comes_through_is_an_error(made):
    look = made(table(0, 0.5)).look

    class Seeing:
        """A design that knows the rows it is asked about."""

        def out_of_fold(self, outcome, without=(), penalties=()):
            return 0.3 * outcome

    found = control(replace(look, design=Seeing()))
    assert [(f.id, f.severity) for f in found] == [("labels-leak-through-folds", "error")]


def test_shuffled_rows_have_the_same_labels_in_another_order(made):
    data = made(table(0, 2.0)).data
    dealt = shuffled(data, 3)
    before = np.concatenate([block.target for block in data.blocks])
    after = np.concatenate([block.target for block in dealt.blocks])
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(np.sort(before), np.sort(after))
    np.testing.assert_allclose(np.sort(data.facts.target), np.sort(dealt.facts.target), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(shuffled(data, 3).blocks[0].target, dealt.blocks[0].target)
    assert dealt.blocks[0].numeric is data.blocks[0].numeric
