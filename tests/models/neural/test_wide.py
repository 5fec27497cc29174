"""The wide part: whose model speaks of a row, and a network that begins as the additive model."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("jax", reason="networks train with jax")

from justright.models.neural.forward import margins  # noqa: E402
from justright.models.neural.front import inputs_of  # noqa: E402
from justright.models.neural.learner import NeuralLearner, _fixed, _layout  # noqa: E402
from justright.models.neural.rows import offsets  # noqa: E402
from justright.models.neural.wide import fit_wide, hidden_of, models_of, offsets_of  # noqa: E402
from justright.recipe import Crosses  # noqa: E402
from justright.schema import Block, Member  # noqa: E402

MEMBERS = (Member(fold=0),)


@pytest.fixture(scope="module", params=["squared", "logistic", "softmax"])
def begun(request, problem, tiny):
    outputs = 3 if request.param == "softmax" else 1
    spec, blocks = problem(n=600, loss=request.param, outputs=outputs)
    learner = NeuralLearner(tiny(ensemble=2), wide=Crosses())
    return spec, blocks, learner, learner.start(spec, blocks, MEMBERS, 0)


def settled(margin):
    """Margins of several classes mean the same after a shift of all."""
    return margin if margin.shape[1] == 1 else margin - np.log(np.exp(margin).sum(axis=1, keepdims=True))


def test_before_the_first_pass_the_network_is_the_additive_model(begun):
    spec, blocks, learner, state = begun
    wide = fit_wide(spec, Crosses(), blocks, 0)
    for block in blocks:
        layout, fixed = _layout(state), _fixed(state)
        _, codes = inputs_of(layout, fixed, block)
        said = offsets(layout, fixed, codes, np.zeros(block.rows, np.int64))
        own = offsets_of(
            wide.front,
            wide.arrays["tables"],
            wide.arrays["intercept"],
            codes[:, len(layout.embedded) :],
            np.zeros(block.rows, np.int64),
        )
        np.testing.assert_array_equal(said, own)
        made = learner.margins(spec, state, block)[..., 0]
        np.testing.assert_allclose(settled(made), settled(said), atol=1e-5)


def test_service_gives_the_margins_of_training(begun):
    spec, blocks, learner, state = begun
    for number in range(3):
        state, _ = learner.advance(spec, state, blocks, MEMBERS, number)
    front, arrays = learner.export(spec, state, 0)
    assert not {"wide.tables", "wide.intercept"} & set(arrays)
    for block in blocks:
        wanted = learner.margins(spec, state, block)[..., 0]
        assert np.abs(wanted).max() > 0.1
        np.testing.assert_allclose(margins(front, arrays, block), wanted, rtol=1e-5, atol=1e-5)


def test_of_a_row_that_trains_a_model_speaks_that_never_saw_it(problem):
    spec, blocks = problem(n=600)
    spoken = [models_of(block, 0) for block in blocks]
    for block, models in zip(blocks, spoken, strict=True):
        np.testing.assert_array_equal(models == 0, block.fold[:, 0] == 0)
        assert models.max() <= 5
    changed, places = [], []
    for block, models in zip(blocks, spoken, strict=True):
        target = np.where(models == 2, block.target + 50.0, block.target).astype(np.float32)
        changed.append(Block(block.numeric, block.codes, target, block.weight, block.fold, None, block.key))
        places.append(models == 2)
    first, second = (fit_wide(spec, Crosses(search=False), rows, 0) for rows in (blocks, changed))
    assert sum(place.sum() for place in places) > 50
    moved = np.abs(first.arrays["intercept"] - second.arrays["intercept"])[:, 0]
    # The penalties, which all folds choose together, may move; what the other rows say moves by ten.
    assert moved[2] < 0.5 and (np.delete(moved, 2) > 5.0).all()


def test_the_only_held_out_fold_is_hidden():
    assert hidden_of(MEMBERS) == 0
    assert hidden_of((Member(-1), Member(0), Member(1))) == -1
    assert hidden_of((Member(-1),)) == -1


def test_the_training_goes_on_from_its_state_to_the_bit(begun, tiny):
    spec, blocks, learner, state = begun
    whole, _ = learner.advance(spec, state, blocks, MEMBERS, 0)
    other = NeuralLearner(tiny(ensemble=2), wide=Crosses())
    again, _ = other.advance(spec, {name: array.copy() for name, array in state.items()}, blocks, MEMBERS, 0)
    np.testing.assert_array_equal(whole["vector"], again["vector"])
