from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from justright.errors import RecipeError, TrainingError
from justright.models.base import Progress, Spec, State
from justright.schema import Block, Member

pytest.importorskip("jax", reason="networks train with jax: pip install 'justright[neural]'")

from justright.models.neural.learner import NeuralLearner  # noqa: E402  (jax may be missing)

BOTH = (Member(0), Member(-1))
# Adam lets rounding grow to whole steps where a slope is nothing but rounding; descent does not.
DESCENT = {"optimizer": "sgd", "schedule": "constant", "decay": 0.0}
# Each keeps something else: nothing, a trace, moments, random words, averages, arrays, matrices.
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adam": {"average": 0.9, "dropout": 0.2, "clip": 1.0},
    "sgd": {"options": {"momentum": 0.9}, "rate": 0.01},
    "lion": {"rate": 0.005},
    "rmsprop": {"rate": 0.01, "normalise": "batch"},
    "noisy_sgd": {"rate": 0.01, "decay": 0.0},
    "schedule_free_adamw": {"rate": 0.01},
    "adafactor": {"rate": 0.01},
    "muon": {"rate": 0.01},
}


def passes(
    learner: NeuralLearner,
    spec: Spec,
    state: State,
    blocks: Sequence[Block],
    members: Sequence[Member],
    numbers: range,
) -> tuple[State, list[Progress]]:
    """Return the state after some passes, and what each brought."""
    seen = []
    for number in numbers:
        state, progress = learner.advance(spec, state, blocks, members, number)
        seen.append(progress)
    return state, seen


def copied(state: State) -> State:
    """Return a state as a checkpoint gives it back: copies, contiguous."""
    return {name: np.ascontiguousarray(array).copy() for name, array in state.items()}


def changed(blocks: Sequence[Block], change: Callable[[Block], dict[str, Any]]) -> list[Block]:
    """Return blocks with some arrays replaced."""
    names = ("numeric", "codes", "target", "weight", "fold", "tokens", "key")
    return [Block(**{**{n: getattr(b, n) for n in names}, **change(b)}) for b in blocks]


def together(blocks: Sequence[Block], name: str) -> Any:
    """Return an array of all blocks."""
    return np.concatenate([getattr(block, name) for block in blocks])


def equal(first: State, second: State) -> None:
    """Compare states to the bit."""
    assert list(first) == list(second)
    for name, array in first.items():
        assert array.dtype == second[name].dtype, name
        assert array.tobytes() == second[name].tobytes(), name


def begun(learner: NeuralLearner, spec: Spec, blocks: Any, members: Any = BOTH, seed: int = 1) -> State:
    """Return the state before the first pass; what was compiled before is used again."""
    compiled = learner._cache.get("program")
    state = learner.start(spec, blocks, members, seed)
    if compiled is not None:
        learner._cache["program"] = compiled
    return state


def fresh(learner: NeuralLearner) -> NeuralLearner:
    """Return a learner that remembers nothing; what is compiled is a function of the settings alone."""
    made = NeuralLearner(learner.network)
    made._cache["program"] = learner._cache["program"]
    return made


def trained(learner: NeuralLearner, spec: Spec, blocks: Any, members: Any = BOTH, n: int = 4) -> State:
    """Return the state after n passes."""
    return passes(learner, spec, begun(learner, spec, blocks, members), blocks, members, range(n))[0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_training_resumed_from_a_saved_state_is_the_same_to_the_bit(name, problem, tiny):
    spec, blocks = problem()
    network = tiny(optimizer=name, **OPTIMIZERS[name])
    learner = NeuralLearner(network)
    state = learner.start(spec, blocks, BOTH, 1)
    state, _ = passes(learner, spec, state, blocks, BOTH, range(2))
    saved = copied(state)
    whole, seen = passes(learner, spec, state, blocks, BOTH, range(2, 4))
    resumed = fresh(learner)
    again, seen_again = passes(resumed, spec, saved, blocks, BOTH, range(2, 4))
    equal(whole, again)
    assert not np.array_equal(whole["vector"], saved["vector"]), "a training that stands still"
    for first, second in zip(seen, seen_again, strict=True):
        np.testing.assert_array_equal(first.curves[0].train, second.curves[0].train)
        np.testing.assert_array_equal(first.curves[0].validation, second.curves[0].validation)
    for member in range(2):
        front, arrays = learner.export(spec, whole, member)
        front_again, arrays_again = resumed.export(spec, again, member)
        assert front == front_again
        equal(arrays, arrays_again)


@pytest.fixture(scope="module")
def descending(problem, tiny) -> NeuralLearner:
    """Return a learner by plain full-batch descent, compiled once for 200 rows and two members."""
    return NeuralLearner(tiny(batch=10**6, **DESCENT))


def test_state_and_progress_have_the_shapes_of_the_contract(problem, descending):
    spec, blocks = problem()
    state = begun(descending, spec, blocks)
    assert all(array.shape[-1] == 2 for array in state.values())
    before = copied(state)
    after, (progress,) = passes(descending, spec, state, blocks, BOTH, range(1))
    equal(state, before)
    assert set(after) == set(state)
    assert progress.curves[0].train.shape == (2,)
    assert np.isfinite(progress.curves[0].validation[0])
    assert np.isnan(progress.curves[0].validation[1])
    assert progress.steps == 1
    names = {"gradient", "gradient_first", "gradient_last", "update", "apart", "rate", "dead"}
    assert set(progress.norms) == names
    margins = descending.margins(spec, after, blocks[0])
    assert margins.shape == (blocks[0].rows, 1, 2)
    assert margins.dtype == np.float64


def test_the_validation_loss_is_that_of_the_members_own_rows(problem, descending):
    spec, blocks = problem()
    state = begun(descending, spec, blocks)
    state, (progress,) = passes(descending, spec, state, blocks, BOTH, range(1))
    margin = np.concatenate([descending.margins(spec, state, block)[:, 0, 0] for block in blocks])
    own = together(blocks, "fold")[:, 0] == 0
    wanted = 0.5 * np.square(margin - together(blocks, "target"))[own].mean()
    assert progress.curves[0].validation[0] == pytest.approx(wanted, rel=1e-5)


def test_a_member_learns_nothing_from_the_rows_that_judge_it(problem, descending):
    spec, blocks = problem()
    other = changed(blocks, lambda b: {"target": np.where(b.fold[:, 0] == 0, 1e3, b.target).astype("f4")})
    first, second = trained(descending, spec, blocks), trained(descending, spec, other)
    np.testing.assert_array_equal(first["vector"][:, 0], second["vector"][:, 0])
    assert not np.allclose(first["vector"][:, 1], second["vector"][:, 1])


def test_a_member_is_a_training_without_the_rows_that_judge_it(problem, descending):
    spec, blocks = problem()
    without = changed(blocks, lambda b: {"weight": np.where(b.fold[:, 0] == 0, 0.0, b.weight).astype("f4")})
    # Starting weights look at rows of weight alone: both begin from the same ones.
    state = begun(descending, spec, blocks)
    first, _ = passes(descending, spec, state, blocks, BOTH, range(4))
    alone, _ = passes(fresh(descending), spec, copied(state), without, BOTH, range(4))
    np.testing.assert_allclose(first["vector"][:, 0], alone["vector"][:, 0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(alone["vector"][:, 0], alone["vector"][:, 1], rtol=1e-4, atol=1e-5)


def test_a_row_of_weight_2_is_two_rows(problem, descending):
    spec, blocks = problem(n=120)
    rng = np.random.default_rng(0)
    heavy = changed(blocks, lambda b: {"weight": (1.0 + rng.integers(0, 2, b.rows)).astype("f4")})
    twice = [b.take(np.repeat(np.arange(b.rows), b.weight.astype(int))) for b in heavy]
    twice = changed(twice, lambda b: {"weight": np.ones(b.rows, "f4")})
    state = begun(descending, spec, blocks)
    found = [passes(fresh(descending), spec, copied(state), rows, BOTH, range(5)) for rows in (heavy, twice)]
    np.testing.assert_allclose(found[0][0]["vector"], found[1][0]["vector"], rtol=1e-4, atol=1e-5)
    for first, second in zip(found[0][1], found[1][1], strict=True):
        np.testing.assert_allclose(first.curves[0].train, second.curves[0].train, rtol=1e-4)
        np.testing.assert_allclose(first.curves[0].validation, second.curves[0].validation, rtol=1e-4)


def test_the_order_of_the_table_means_nothing(problem, descending):
    spec, blocks = problem()
    rng = np.random.default_rng(0)
    mixed = [block.take(rng.permutation(block.rows)) for block in blocks[::-1]]
    equal(trained(descending, spec, blocks), trained(descending, spec, mixed))


def test_a_batch_larger_than_the_table_is_the_table(problem, tiny, descending):
    spec, blocks = problem()
    first = trained(descending, spec, blocks)
    exact = NeuralLearner(tiny(batch=200, **DESCENT))
    exact._cache["program"] = descending._cache["program"]
    equal(first, trained(exact, spec, blocks))


def test_another_seed_is_another_network(problem, descending):
    spec, blocks = problem()
    first = begun(descending, spec, blocks)
    second = begun(descending, spec, blocks, seed=2)
    assert not np.array_equal(first["vector"], second["vector"])
    equal(first, begun(descending, spec, blocks))
    np.testing.assert_array_equal(first["vector"][:, 0], first["vector"][:, 1])


def test_a_linear_model_by_descent_ends_at_the_exact_solution(problem, tiny):
    spec, blocks = problem(fields=())
    linear = NeuralLearner(
        tiny(hidden=(), optimizer="sgd", schedule="cosine", rate=1.0, batch=200, epochs=400)
    )
    state = linear.start(spec, blocks, (Member(-1),), 1)
    state, seen = passes(linear, spec, state, blocks, (Member(-1),), range(400))
    made = np.concatenate([linear.margins(spec, state, block)[:, 0, 0] for block in blocks])
    rows = linear._cache["course"].rows
    X = np.column_stack([rows.x, np.ones(rows.count)]).astype(np.float64)
    wanted = X @ np.linalg.lstsq(X, rows.target, rcond=None)[0]
    place = np.argsort(together(blocks, "key"))
    np.testing.assert_allclose(made[place], wanted, atol=1e-3)
    losses = [progress.curves[0].train[0] for progress in seen]
    assert losses[-1] == pytest.approx(0.5 * np.square(wanted - rows.target).mean(), rel=1e-4)


@pytest.mark.parametrize("batch", [16, 10**6], ids=["many steps", "one step"])
@pytest.mark.parametrize("rate", [1e4, 1e30])
def test_a_rate_that_diverges_goes_back_to_the_last_good_state_and_is_lowered(rate, batch, problem, tiny):
    spec, blocks = problem()
    learner = NeuralLearner(tiny(rate=rate, optimizer="sgd", schedule="constant", batch=batch))
    state = learner.start(spec, blocks, BOTH, 1)
    good = copied(state)
    for number in range(12):
        state, progress = learner.advance(spec, state, blocks, BOTH, number)
        assert np.isfinite(state["vector"]).all(), "a state that is no number was kept"
        if progress.failed is not None and progress.failed.all():
            break
    lowered = np.round(np.log(rate / state["rate"]) / np.log(3.0))
    np.testing.assert_array_equal(lowered, state["lowered"])
    assert state["lowered"].min() >= 1
    if progress.failed is not None and progress.failed.any():
        assert "no number even at a rate of" in progress.rule
        assert state["lowered"].max() > 6
    np.testing.assert_array_equal(good["front.scale"], state["front.scale"])


def test_constant_features_nan_and_unseen_codes_train(problem, tiny, descending):
    spec, blocks = problem()
    rng = np.random.default_rng(1)

    def odd(block: Block) -> dict[str, Any]:
        numeric = block.numeric.copy()
        numeric[:, 1] = 5.0
        numeric[rng.random(block.rows) < 0.3, 2] = np.nan
        return {"numeric": numeric, "codes": np.zeros_like(block.codes)}

    rows = changed(blocks, odd)
    state, seen = passes(descending, spec, begun(descending, spec, rows), rows, BOTH, range(4))
    assert all(np.isfinite(progress.curves[0].train).all() for progress in seen)
    assert np.isfinite(np.concatenate([descending.margins(spec, state, b) for b in blocks])).all()


def test_ten_thousand_categories_are_embedded_and_learnt(problem, tiny):
    spec, blocks = problem(n=400, p=1, fields=(10_002,))
    learner = NeuralLearner(tiny(batch=400, rate=0.3))
    state, seen = passes(
        learner, spec, learner.start(spec, blocks, (Member(-1),), 1), blocks, (Member(-1),), range(8)
    )
    assert learner.export(spec, state, 0)[1]["embed.0"].shape == (10_002, 8)
    assert seen[-1].curves[0].train[0] < 0.7 * seen[0].curves[0].train[0]


def test_no_rows_to_train_on_is_said(problem, descending):
    spec, blocks = problem()
    none = changed(blocks, lambda b: {"weight": 0 * b.weight})
    with pytest.raises(TrainingError, match="no rows to train on"):
        descending.start(spec, none, BOTH, 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "adma"}, "adma.*adam"),
        ({"schedule": "cosin"}, "cosin.*cosine"),
        ({"activation": "rellu"}, "rellu.*relu"),
        ({"options": {"b9": 1.0}}, "b9=1.0.*b1"),
    ],
)
def test_settings_that_do_not_exist_are_refused_before_the_first_pass(settings, message, problem, tiny):
    spec, blocks = problem()
    with pytest.raises(RecipeError, match=message):
        NeuralLearner(tiny(**settings)).start(spec, blocks, BOTH, 1)
