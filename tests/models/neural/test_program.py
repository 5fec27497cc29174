from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from justright.optim.losses import Squared

jax = pytest.importorskip("jax", reason="networks train with jax: pip install 'justright[neural]'")

from justright.models.neural.design import Design  # noqa: E402  (jax may be missing)
from justright.models.neural.guards import Ema  # noqa: E402
from justright.models.neural.net import TableNet, pack, unpack  # noqa: E402
from justright.models.neural.program import Batches, Program  # noqa: E402
from justright.models.neural.rule import Rule  # noqa: E402

ROWS, NUMBERS, STEPS = 8, 3, 6
LINEAR = Design(NUMBERS, 0, (), 1, (), parametric=False, numbers="plain", front=False)
DEEP = Design(NUMBERS, 0, (5,), 1, (4,), numbers="plain", normalise="batch")
# Without batch norm: before it a bias has no slope but rounding, which adam would blow up to whole steps.
EVEN = Design(NUMBERS, 0, (5,), 1, (4,), numbers="plain")
SGD = Rule("sgd", (), "constant", groups=False)
rng = np.random.default_rng(11)


def batches_of(design: Design = LINEAR, steps: int = STEPS, rows: int = ROWS) -> Batches:
    """Return batches of a linear law, folds 0..2."""
    own = np.random.default_rng(3)
    x = own.normal(size=(steps, rows, NUMBERS)).astype(np.float32)
    codes = own.integers(0, 5, (steps, rows, len(design.embedded))).astype(np.int32)
    target = (x @ [1.0, -2.0, 0.5] + 0.1 * own.normal(size=(steps, rows))).astype(np.float32)
    weight = own.uniform(0.5, 2.0, (steps, rows)).astype(np.float32)
    return Batches(x, codes, target, weight, own.integers(0, 3, (steps, rows, 2)).astype(np.int8))


def told_of(members: int = 1, **changed: Any) -> dict[str, Any]:
    """Return what the program is told: all rows train, at a rate of 0.1."""
    told = {
        "rate": np.full(members, 0.1, np.float32),
        "fold": np.full(members, -100, np.int32),
        "repeat": np.zeros(members, np.int32),
        "forward": np.zeros(members, bool),
        "first": np.int32(0),
        "steps": np.float32(STEPS),
        "seed": np.uint32(0),
    }
    return {**told, **changed}


def vectors_of(program: Program, members: int = 1) -> Any:
    """Return starting vectors, each member its own."""
    own = np.random.default_rng(5)
    size = sum(leaf.size for leaf in program.net.leaves)
    return own.normal(size=(members, size)).astype(np.float32)


@pytest.fixture(scope="module")
def made() -> Callable[[Design, Rule], Program]:
    """Return a program, one for each design and rule in this file."""
    known: dict[Any, Program] = {}

    def make(design: Design, rule: Rule) -> Program:
        if (design, rule) not in known:
            known[design, rule] = Program(TableNet(design), {}, Squared(), rule)
        return known[design, rule]

    return make


def ran(program: Program, batches: Batches, told: dict[str, Any], vectors: Any = None) -> Any:
    """Return carry and sums after some batches."""
    vectors = vectors_of(program, len(told["rate"])) if vectors is None else vectors
    carry = program.start(vectors, program.net.statistics(), told["rate"], STEPS)
    return program.train(carry, batches, told)


def descended(batches: Batches, told: dict[str, Any], member: int, vector: Any) -> Any:
    """Return the vector and the mean loss after plain gradient descent, row by row in plain Python."""
    w, b = [float(v) for v in vector[:NUMBERS]], float(vector[NUMBERS])
    rate, scale = float(told["rate"][member]), NUMBERS**-0.5
    loss = weights = 0.0
    for step in range(batches.steps):
        slope, slope_b, total = [0.0] * NUMBERS, 0.0, 0.0
        for row in range(batches.weight.shape[1]):
            if batches.fold[step, row, told["repeat"][member]] == told["fold"][member]:
                continue
            weight = float(batches.weight[step, row])
            x = [float(v) for v in batches.x[step, row]]
            gap = scale * sum(a * c for a, c in zip(w, x, strict=True)) + b - float(batches.target[step, row])
            loss, weights, total = loss + weight * gap * gap / 2, weights + weight, total + weight
            slope = [s + weight * gap * scale * value for s, value in zip(slope, x, strict=True)]
            slope_b += weight * gap
        w = [value - rate * s / total for value, s in zip(w, slope, strict=True)]
        b -= rate * slope_b / total
    return np.asarray([*w, b]), loss / weights


def test_a_pass_is_the_descent_written_out_and_spares_the_rows_of_its_fold(made):
    program, batches = made(LINEAR, SGD), batches_of()
    told = told_of(3, fold=np.asarray([-100, 0, 2], np.int32), repeat=np.asarray([0, 0, 1], np.int32))
    told["rate"] = np.asarray([0.1, 0.3, 0.05], np.float32)
    vectors = vectors_of(program, 3)
    carry, sums = ran(program, batches, told, vectors)
    for member in range(3):
        vector, loss = descended(batches, told, member, vectors[member])
        np.testing.assert_allclose(carry["vector"][member], vector, rtol=1e-5, atol=1e-6)
        assert float(sums["loss"][member] / sums["weight"][member]) == pytest.approx(loss, rel=1e-5)


def test_with_forward_the_folds_after_its_own_do_not_train_either(made):
    program, batches = made(LINEAR, SGD), batches_of()
    told = told_of(3, fold=np.asarray([1, 2, 0], np.int32), forward=np.ones(3, bool))
    _, sums = ran(program, batches, told)
    fold = batches.fold[..., 0]
    wanted = [batches.weight[fold < k].sum() for k in (1, 2)]
    np.testing.assert_allclose(np.asarray(sums["weight"])[:2], wanted, rtol=1e-6)
    assert float(sums["weight"][2]) == 0.0


def test_a_step_without_rows_moves_nothing(made):
    program, batches = made(LINEAR, SGD), batches_of()
    vectors = vectors_of(program)
    empty = Batches(batches.x, batches.codes, batches.target, 0 * batches.weight, batches.fold)
    carry, sums = ran(program, empty, told_of(), vectors)
    np.testing.assert_array_equal(np.asarray(carry["vector"]), vectors)
    found = {name: float(value[0]) for name, value in sums.items()}
    assert found == dict.fromkeys(sums, 0.0) | {"norms": 1.0}


@pytest.mark.parametrize("design", [LINEAR, DEEP], ids=["linear", "batch norm"])
def test_padding_changes_nothing(design, made):
    program, batches = made(design, SGD), batches_of(design)
    wide = [
        np.concatenate([part, np.full((STEPS, 4, *part.shape[2:]), 7).astype(part.dtype)], axis=1)
        for part in (batches.x, batches.codes, batches.target)
    ]
    weight = np.concatenate([batches.weight, np.zeros((STEPS, 4), np.float32)], axis=1)
    fold = np.concatenate([batches.fold, np.zeros((STEPS, 4, 2), np.int8)], axis=1)
    first, _ = ran(program, batches, told_of())
    second, _ = ran(program, Batches(*wide, weight, fold), told_of())
    np.testing.assert_allclose(first["vector"], second["vector"], rtol=2e-5, atol=1e-6)
    for name, value in first["statistics"].items():
        np.testing.assert_allclose(value, second["statistics"][name], rtol=2e-5, atol=1e-6)


def test_members_side_by_side_are_members_alone(made):
    rule = Rule("adam", (("b2", 0.95),), "coslog4", clip=1.0, decay=0.1, average=Ema(0.9), dropout=0.2)
    program, batches = made(EVEN, rule), batches_of(EVEN)
    told = told_of(3, fold=np.asarray([0, 1, -100], np.int32), seed=np.uint32(9))
    told["rate"] = np.asarray([0.1, 0.01, 0.3], np.float32)
    vectors = vectors_of(program, 3)
    together, sums = ran(program, batches, told, vectors)
    judged, _ = program.judged(together)
    for member in range(3):
        own = {name: value[member : member + 1] if np.ndim(value) else value for name, value in told.items()}
        alone, own_sums = ran(program, batches, own, vectors[member : member + 1])
        np.testing.assert_allclose(together["vector"][member], alone["vector"][0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(judged[member], program.judged(alone)[0][0], rtol=1e-4, atol=1e-5)
        for name, value in sums.items():
            assert float(value[member]) == pytest.approx(float(own_sums[name][0]), rel=1e-4), name


def test_the_pass_in_two_parts_is_the_pass_to_the_bit(made):
    rule = Rule("adam", (), "coslog4", dropout=0.2)
    program, batches = made(DEEP, rule), batches_of(DEEP)
    vectors = vectors_of(program)
    whole, _ = ran(program, batches, told_of(), vectors)
    carry = program.start(vectors, program.net.statistics(), told_of()["rate"], STEPS)
    parts = (batches.x, batches.codes, batches.target, batches.weight, batches.fold)
    for first in (0, 3):
        half = Batches(*(part[first : first + 3] for part in parts))
        carry, _ = program.train(carry, half, told_of(first=np.int32(first)))
    np.testing.assert_array_equal(np.asarray(carry["vector"]), np.asarray(whole["vector"]))


def test_nothing_that_changes_between_passes_compiles_again(made):
    program, batches = made(LINEAR, Rule("adam", (), "cosine", decay=0.1)), batches_of()
    carry, _ = ran(program, batches, told_of())
    compiled = program.steps.train
    before = compiled._cache_size()
    for number in range(3):
        told = told_of(rate=np.full(1, 0.2 + number, np.float32), seed=np.uint32(number))
        told |= {"first": np.int32(number * STEPS), "steps": np.float32(100 + number)}
        told["fold"] = np.full(1, number, np.int32)
        carry, _ = program.train(carry, batches, told)
    assert compiled._cache_size() == before


def test_dropout_is_a_function_of_seed_and_step(made):
    rule = Rule("adam", (), "coslog4", dropout=0.2)
    program, batches = made(DEEP, rule), batches_of(DEEP)
    seen = [
        np.asarray(
            ran(program, batches, told_of(seed=np.uint32(s), first=np.int32(f)))[0]["vector"]
        ).tobytes()
        for s, f in ((0, 0), (0, 0), (1, 0), (0, 1))
    ]
    assert seen[0] == seen[1]
    assert len(set(seen)) == 3


def test_the_gradient_norm_and_the_update_ratio_of_one_step_are_those_of_the_step(made):
    program, batches = made(LINEAR, SGD), batches_of(steps=1)
    vectors = vectors_of(program)
    carry, sums = ran(program, batches, told_of(), vectors)
    step = np.asarray(carry["vector"][0]) - vectors[0]
    (weight,) = (leaf.size for leaf in program.net.leaves if leaf.name == "head.weight")
    assert [leaf.name for leaf in program.net.leaves] == ["head.weight", "head.bias"]
    moved = np.linalg.norm(step[:weight])
    assert float(sums["gradient"][0]) == pytest.approx(moved / 0.1, rel=1e-4)
    assert float(sums["update"][0]) == pytest.approx(moved / np.linalg.norm(vectors[0][:weight]), rel=1e-4)


def test_every_eighth_step_is_looked_at_from_the_first_one_on(made):
    program, batches = made(LINEAR, SGD), batches_of(steps=20)
    _, whole = ran(program, batches, told_of(first=np.int32(3)))
    lengths = []
    carry = program.start(vectors_of(program), program.net.statistics(), told_of()["rate"], STEPS)
    for step in range(20):
        one = Batches(*(a if a is None else a[step : step + 1] for a in batches.parts))
        carry, sums = program.train(carry, one, told_of(first=np.int32(3 + step)))
        lengths.append(float(sums["gradient"][0]))
    assert float(whole["norms"][0]) == 3.0
    assert float(whole["gradient"][0]) == pytest.approx(lengths[0] + lengths[8] + lengths[16], rel=1e-5)


def test_clipping_bounds_the_step(made):
    program, batches = made(LINEAR, Rule("sgd", (), "constant", clip=1e-3, groups=False)), batches_of(steps=1)
    vectors = vectors_of(program)
    carry, _ = ran(program, batches, told_of(), vectors)
    step = np.asarray(carry["vector"][0]) - vectors[0]
    assert np.linalg.norm(step) == pytest.approx(1e-4, rel=1e-2)


def test_decay_shrinks_weights_and_spares_biases(made):
    program = made(LINEAR, Rule("sgd", (), "constant", decay=0.5, groups=False))
    batches = batches_of(steps=1)
    empty = Batches(batches.x, batches.codes, batches.target, 0 * batches.weight, batches.fold)
    vectors = vectors_of(program)
    carry, _ = ran(program, empty, told_of(), vectors)
    wanted = vectors[0] * np.asarray([1 - 0.1 * 0.5] * NUMBERS + [1.0])
    np.testing.assert_allclose(carry["vector"][0], wanted, rtol=1e-6)


def test_a_users_own_transformation_and_schedule_are_taken_as_they_are(made):
    import optax

    program, batches = made(LINEAR, Rule(optax.sgd(0.1), (), "constant")), batches_of()
    vectors = vectors_of(program)
    own, _ = ran(program, batches, told_of(rate=np.full(1, 77.0, np.float32)), vectors)
    named, _ = ran(made(LINEAR, SGD), batches, told_of(), vectors)
    np.testing.assert_allclose(own["vector"], named["vector"], rtol=1e-6)
    falling = made(LINEAR, Rule("sgd", (), _falling, groups=False))
    carry, _ = ran(falling, batches, told_of(), vectors)
    once, _ = ran(falling, batches.first(1), told_of(), vectors)
    np.testing.assert_array_equal(np.asarray(carry["vector"]), np.asarray(once["vector"]))


def _falling(share: Any) -> Any:
    """A schedule of one step: 1 at the start and 0 after it."""
    return jax.numpy.where(share <= 0, 1.0, 0.0)


def test_arrays_packed_and_unpacked_are_the_same():
    leaves = TableNet(DEEP).leaves
    arrays = {leaf.name: rng.normal(size=leaf.shape).astype(np.float32) for leaf in leaves}
    back = unpack(leaves, pack(np, leaves, arrays))
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array)
