"""Gradient descent as a Learner: plain loops, the exact optimum, independence, resumption, divergence."""

import dataclasses
import math

import msgspec
import numpy as np
import pytest

from justright.kernels.descent import FACTORS
from justright.models.linear.descent import DescentLinear, safe_rate
from justright.models.linear.exact import ExactLinear
from justright.models.linear.passes import evaluate
from justright.models.linear.shuffle import shuffled
from justright.optim.losses import Logistic, Squared
from justright.recipe import Descent
from justright.schema import Member
from justright.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from justright.training.loop import Trainer


def epochs(spec, blocks, members, count, seed=0, state=None, begin=0):
    learner = DescentLinear()
    state = learner.start(spec, blocks, members, seed) if state is None else state
    progress = None
    for number in range(begin, begin + count):
        state, progress = learner.advance(spec, state, blocks, members, number)
    return state, progress


def plain_rows(blocks):
    """Every row as (features, target, weight, fold), numbers only."""
    return [
        (
            block.numeric[i].astype(float).tolist(),
            float(block.target[i]),
            float(block.weight[i]),
            block.fold[i],
        )
        for block in blocks
        for i in range(block.rows)
    ]


def slope_of(spec, margin, target):
    if isinstance(spec.loss, Squared):
        return margin - target
    return 1 / (1 + math.exp(-margin)) - target


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_full_batch_equals_plain_loops(problem, loss):
    spec, blocks = problem(
        n=60, fields=(), loss=loss, batch=0, epochs=12, schedule="exponential", weighted=True
    )
    member = Member(fold=1, penalty=0.3, rate=0.2)
    state, _ = epochs(spec, blocks, [member], 12)
    w, b = [0.0] * 3, float(DescentLinear().start(spec, blocks, [member], 0)["theta"][-1, 0, 0])
    for number in range(12):
        rate, total = 0.2 * 0.01 ** (number / 12), 0.0
        gradient, by_bias = [0.0] * 3, 0.0
        for x, y, weight, fold in plain_rows(blocks):
            if fold[0] == 1:
                continue
            by = weight * slope_of(spec, b + sum(p * q for p, q in zip(w, x, strict=True)), y)
            gradient = [g + by * v for g, v in zip(gradient, x, strict=True)]
            by_bias, total = by_bias + by, total + weight
        w = [(v - rate * g / total) / (1 + rate * 0.3) for v, g in zip(w, gradient, strict=True)]
        b -= rate * by_bias / total
    assert np.allclose(state["theta"][:, 0, 0], [*w, b], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("batch", [1, 8])
def test_mini_batches_equal_plain_loops(problem, loss, batch):
    spec, blocks = problem(
        n=60, fields=(), loss=loss, batch=batch, epochs=3, schedule="inverse-time", weighted=True
    )
    member = Member(fold=2, penalty=0.1, rate=0.05)
    state, progress = epochs(spec, blocks, [member], 3, seed=5)
    assert progress.steps == -(-60 // batch)
    start = DescentLinear().start(spec, blocks, [member], 5)
    w, b = [0.0] * 3, float(start["theta"][-1, 0, 0])
    mean = np.mean([weight for _, _, weight, fold in plain_rows(blocks) if fold[0] != 2])
    for number in range(3):
        rows = plain_rows(list(shuffled(blocks, 5, number)))
        for begin in range(0, 60, batch):
            done = (number + (begin * FACTORS // 60) / FACTORS) / 3
            rate = 0.05 / (1 + 99 * done)
            chosen = [row for row in rows[begin : begin + batch] if row[3][0] != 2]
            if not chosen:
                continue
            gradient, by_bias = [0.0] * 3, 0.0
            for x, y, weight, _ in chosen:
                by = weight / mean * slope_of(spec, b + sum(p * q for p, q in zip(w, x, strict=True)), y)
                gradient = [g + by * v for g, v in zip(gradient, x, strict=True)]
                by_bias += by
            w = [(v - rate * g / len(chosen)) / (1 + rate * 0.1) for v, g in zip(w, gradient, strict=True)]
            b -= rate * by_bias / len(chosen)
    assert np.allclose(state["theta"][:, 0, 0], [*w, b], rtol=1e-10, atol=1e-12)


def objective(spec, blocks, member, theta):
    found = evaluate(spec, blocks, [member], theta, 1.0)
    weights = theta[:-1, :, 0]
    ridge = member.penalty * (1 - member.mix) * 0.5 * (weights**2).sum()
    return float(found.train[0]) + ridge + member.penalty * member.mix * np.abs(weights).sum()


def optimum(spec, blocks, member):
    exact = dataclasses.replace(spec, descent=Descent(epochs=300))
    every = [member, *(msgspec.structs.replace(member, fold=fold) for fold in range(3))]
    state = Trainer(ExactLinear()).fit(exact, every, blocks).state
    theta = state["theta"] if "theta" in state else np.concatenate([state["weights"], state["bias"][None]])
    return objective(spec, blocks, member, theta[..., :1])


HOWS = {
    "sgd": {"optimizer": "sgd", "batch": 16, "schedule": "cosine"},
    "one": {"optimizer": "sgd", "batch": 1, "schedule": "exponential"},
    "full": {"optimizer": "sgd", "batch": 0, "schedule": "constant"},
    "momentum": {"optimizer": "momentum", "batch": 16, "schedule": "cosine"},
    "ftrl": {"optimizer": "ftrl", "batch": 4, "schedule": "constant"},
    "rprop": {"optimizer": "rprop"},
}
RATES = {"sgd": 0.2, "one": 0.05, "full": 0.9, "momentum": 0.02, "ftrl": 0.5, "rprop": 0.05}


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("loss", ["squared", "logistic", "softmax", "poisson", "huber", "quantile"])
def test_reaches_the_exact_optimum(problem, how, loss):
    outputs = 3 if loss == "softmax" else 1
    spec, blocks = problem(
        n=300, slots=3, missing=True, loss=loss, outputs=outputs, epochs=100, n_blocks=1, **HOWS[how]
    )
    for mix in (0.0, 0.7):
        member = Member(penalty=0.02, mix=mix, rate=RATES[how])
        state, _ = epochs(spec, blocks, [member], 100)
        best = optimum(spec, blocks, member)
        got = objective(spec, blocks, member, state["theta"])
        start = objective(spec, blocks, member, DescentLinear().start(spec, blocks, [member], 0)["theta"])
        assert best - 1e-6 <= got <= best + 0.005 * (start - best), (mix, start, best, got)


def test_lasso_gives_exact_zeros(problem):
    spec, blocks = problem(n=600, p=8, epochs=60, batch=16, schedule="cosine")
    exact, _ = epochs(spec, blocks, [Member(penalty=0.2, mix=1.0, rate=0.1)], 60)
    assert 0 < (exact["theta"][:-1] == 0).sum() < exact["theta"][:-1].size


MEMBERS = (
    Member(fold=-1, setting=0, penalty=0.1, rate=0.1),
    Member(fold=0, setting=0, penalty=0.1, rate=0.1, repeat=1),
    Member(fold=1, setting=1, penalty=0.001, mix=0.5, rate=0.02),
    Member(fold=2, setting=1, penalty=0.001, mix=0.5, rate=0.02, forward=True),
)


@pytest.mark.parametrize("how", ["sgd", "one", "momentum", "ftrl"])
def test_members_are_independent_to_the_bit(problem, how):
    spec, blocks = problem(fields=(4, 5), loss="logistic", repeats=2, weighted=True, epochs=3, **HOWS[how])
    together, _ = epochs(spec, blocks, MEMBERS, 3)
    for place, member in enumerate(MEMBERS):
        alone, _ = epochs(spec, blocks, [member], 3)
        assert np.array_equal(alone["theta"][..., 0], together["theta"][..., place]), place


@pytest.mark.parametrize("how", ["full", "rprop"])
def test_members_are_independent_in_full_batch(problem, how):
    spec, blocks = problem(loss="softmax", outputs=3, repeats=2, epochs=5, **HOWS[how])
    together, _ = epochs(spec, blocks, MEMBERS, 5)
    for place, member in enumerate(MEMBERS):
        alone, _ = epochs(spec, blocks, [member], 5)
        assert np.allclose(alone["theta"][..., 0], together["theta"][..., place], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("how", ["sgd", "one", "full", "momentum", "ftrl", "rprop"])
def test_rows_that_do_not_train_a_member_do_not_touch_it(problem, how):
    spec, blocks = problem(repeats=2, epochs=3, **HOWS[how])
    before, _ = epochs(spec, blocks, MEMBERS, 3)
    for place, member in enumerate(MEMBERS):
        changed = []
        for block in blocks:
            fold = block.fold[:, member.repeat]
            unused = (fold == member.fold) | (member.forward & (fold > member.fold))
            changed.append(dataclasses.replace(block, target=np.where(unused, 99.0, block.target)))
        after, _ = epochs(spec, changed, MEMBERS, 3)
        assert np.allclose(after["theta"][..., place], before["theta"][..., place], rtol=1e-12, atol=0)
        used = [
            other for other in range(4) if other != place and MEMBERS[other].fold == -1 and member.fold >= 0
        ]
        assert all((after["theta"][..., other] != before["theta"][..., other]).any() for other in used)


def test_weight_is_repetition_in_full_batch(problem):
    # Not so rprop: its first step of the bias follows the sign of a rounding error.
    spec, blocks = problem(n=60, n_blocks=1, epochs=10, batch=0)
    times = np.arange(60) % 4
    heavy = [dataclasses.replace(blocks[0], weight=times.astype(np.float32))]
    repeated = [blocks[0].take(np.repeat(np.arange(60), times))]
    member = [Member(fold=1, penalty=0.1, rate=0.2)]
    one, _ = epochs(spec, heavy, member, 10)
    other, _ = epochs(dataclasses.replace(spec, rows=repeated[0].rows), repeated, member, 10)
    assert np.allclose(one["theta"], other["theta"], rtol=1e-9)


@pytest.mark.parametrize("how", HOWS)
def test_resumes_from_any_epoch_to_the_same_bits(problem, how, tmp_path):
    spec, blocks = problem(fields=(4,), loss="logistic", repeats=2, epochs=4, **HOWS[how])
    whole, _ = epochs(spec, blocks, MEMBERS, 4, seed=3)
    for stop in (1, 2, 3):
        state, _ = epochs(spec, blocks, MEMBERS, stop, seed=3)
        save_checkpoint(tmp_path / "c", Checkpoint(stop, 0, state, {}, {}, [], "q"))
        loaded = load_checkpoint(tmp_path / "c", "q").state
        again, _ = epochs(spec, blocks, MEMBERS, 4 - stop, state=loaded, begin=stop)
        assert again.keys() == whole.keys()
        assert all(np.array_equal(again[name], whole[name], equal_nan=True) for name in whole)


@pytest.mark.parametrize("how", ["sgd", "one"])
def test_another_seed_is_another_order(problem, how):
    spec, blocks = problem(epochs=2, **HOWS[how])
    one, _ = epochs(spec, blocks, MEMBERS[:1], 2, seed=1)
    same, _ = epochs(spec, blocks, MEMBERS[:1], 2, seed=1)
    other, _ = epochs(spec, blocks, MEMBERS[:1], 2, seed=2)
    assert np.array_equal(one["theta"], same["theta"])
    assert not np.array_equal(one["theta"], other["theta"])


def test_losses_are_exact_for_train_and_validation(problem):
    spec, blocks = problem(epochs=2, batch=16, weighted=True)
    members = [Member(fold=1, rate=0.1), Member(rate=0.1)]
    state, progress = epochs(spec, blocks, members, 2)
    rows = plain_rows(blocks)
    margins = np.concatenate([DescentLinear().margins(spec, state, block) for block in blocks])[:, 0, 0]
    value = [0.5 * (m - y) ** 2 * w for m, (_, y, w, _) in zip(margins, rows, strict=True)]
    for wanted, held in ((progress.curves[-1].train[0], False), (progress.curves[-1].validation[0], True)):
        chosen = [i for i, row in enumerate(rows) if bool(row[3][0] == 1) is held]
        mean = sum(value[i] for i in chosen) / sum(rows[i][2] for i in chosen)
        assert wanted == pytest.approx(mean, rel=1e-12)
    assert np.isnan(progress.curves[-1].validation[1])


def test_norms_are_those_of_gradient_and_move(problem):
    spec, blocks = problem(epochs=400, batch=0)
    member = [Member(penalty=0.1, rate=0.5)]
    state, progress = epochs(spec, blocks, member, 400)
    assert progress.norms["gradient"][0] < 1e-8
    assert progress.norms["step"][0] < 1e-8
    assert progress.steps == 1
    first, progress = epochs(spec, blocks, member, 1)
    start = DescentLinear().start(spec, blocks, member, 0)
    move = np.linalg.norm(first["theta"] - start["theta"])
    assert progress.norms["step"][0] == pytest.approx(move, rel=1e-12)


@pytest.mark.parametrize("how", ["sgd", "one", "full", "momentum"])
@pytest.mark.parametrize("loss", ["squared", "logistic", "softmax", "poisson", "huber"])
def test_divergence_is_named_with_a_rate_that_would_do(problem, how, loss):
    outputs = 3 if loss == "softmax" else 1
    spec, blocks = problem(loss=loss, outputs=outputs, epochs=30, **HOWS[how])
    members = [Member(rate=3e4, setting=0), Member(rate=1e-3, setting=1)]
    state, progress = epochs(spec, blocks, members, 30)
    assert progress.failed.tolist() == [True, False]
    assert "rate 30000 is too high" in progress.rule
    assert np.isfinite(state["theta"]).all()
    assert state["safe"][0] == safe_rate(spec, blocks)
    assert f"{state['safe'][0]:.2g} would do" in progress.rule
    alone, _ = epochs(spec, blocks, members[1:], 30)
    assert np.allclose(alone["theta"][..., 0], state["theta"][..., 1], rtol=1e-12)
    good, progress = epochs(spec, blocks, [Member(rate=float(state["safe"][0]))], 30)
    assert not progress.failed.any()
    assert progress.curves[-1].train[0] < good["first"][0]


def test_the_trainer_says_why_all_diverged(problem):
    from justright.errors import TrainingError

    spec, blocks = problem(epochs=30, batch=16)
    with pytest.raises(TrainingError, match=r"all 2 members diverged.*rate 5000 is too high.*would do"):
        Trainer(DescentLinear()).fit(spec, [Member(rate=5e3), Member(fold=1, rate=5e3)], blocks)


def test_strong_penalties_do_not_diverge(problem):
    spec, blocks = problem(epochs=5, batch=16)
    state, progress = epochs(spec, blocks, [Member(penalty=1e6, rate=0.1)], 5)
    assert not progress.failed.any()
    assert np.abs(state["theta"][:-1]).max() < 1e-4


def test_a_loss_of_ones_own_runs_without_the_kernel(problem):
    class Same:
        name, link = "mine", "logistic"

        def value(self, margin, target):
            return Logistic().value(margin, target)

        def gradient(self, margin, target):
            return Logistic().gradient(margin, target)

    spec, blocks = problem(fields=(4,), slots=5, missing=True, loss="logistic", epochs=2, batch=8)
    built_in, _ = epochs(spec, blocks, MEMBERS[:1], 2)
    own, _ = epochs(dataclasses.replace(spec, loss=Same()), blocks, MEMBERS[:1], 2)
    assert np.allclose(own["theta"], built_in["theta"], rtol=1e-10, atol=1e-12)


def test_exports_as_the_exact_learner(problem):
    spec, blocks = problem(epochs=1, repeats=2)
    state, _ = epochs(spec, blocks, MEMBERS, 1)
    front, arrays = DescentLinear().export(spec, state, 2)
    from justright.models.linear.forward import margins

    for block in blocks:
        wanted = DescentLinear().margins(spec, state, block)[:, :, 2]
        assert np.allclose(margins(front, arrays, block), wanted, rtol=1e-12)


def test_a_table_sorted_by_class_is_learned(problem):
    spec, blocks = problem(n=4000, loss="logistic", epochs=2, batch=1, n_blocks=1)
    order = np.argsort(blocks[0].target, kind="stable")
    ordered = blocks[0].take(order)
    cut = [ordered.slice(begin, begin + 500) for begin in range(0, 4000, 500)]
    member = [Member(penalty=1e-4, rate=0.02)]
    state, progress = epochs(spec, cut, member, 2)
    assert progress.curves[-1].train[0] < 1.03 * optimum(spec, cut, member[0])
