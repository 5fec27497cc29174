"""Every optimizer by name: as plain optax, with traced rates side by side, resumable, true to its scope."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from justright.errors import RecipeError
from justright.models.neural.optimizer_state import flat_state, state_of
from justright.models.neural.optimizer_table import OPTIMIZERS
from justright.models.neural.optimizers import (
    elementwise,
    evaluated,
    guarded,
    needs_value_fn,
    optimizer_for,
    own_decay,
    packable,
)

jax = pytest.importorskip("jax", reason="networks train with jax: pip install 'justright[neural]'")
optax = pytest.importorskip("optax", reason="networks train with optax: pip install 'justright[neural]'")
ravel_pytree = pytest.importorskip("jax.flatten_util").ravel_pytree
jnp = jax.numpy

NAMES = sorted(OPTIMIZERS)
JOLTED = 4
LATE = ("momo_adam", "prodigy")  # what ties the entries together acts only after many steps
MEMBERS = np.float32([0.5, 1.0, 1.2])
# Compiling is nearly all of the time of these tests; slow code of a tiny problem is fast enough.
QUICK = {"xla_backend_optimization_level": "0"}

rng = np.random.default_rng(7)
ROWS = jnp.asarray(rng.normal(size=(16, 4)), jnp.float32)
TARGET = jnp.asarray(rng.normal(size=(16, 3)) + 2.0, jnp.float32)
START = {
    "weight": jnp.asarray(rng.normal(size=(4, 3)), jnp.float32),
    "bias": jnp.full(3, 0.1, jnp.float32),
    "scale": jnp.full(2, -1.0, jnp.float32),
}
PACKED, unpacked = ravel_pytree(START)


def loss_of(params: Any) -> Any:
    """A convex problem with three leaves."""
    error = ROWS @ params["weight"] + params["bias"] - TARGET
    return jnp.mean(error**2) + 0.5 * jnp.sum((params["scale"] - 1.0) ** 2)


def packed_loss(vector: Any) -> Any:
    return loss_of(unpacked(vector))


slopes = jax.jit(jax.value_and_grad(loss_of))


def plain(name: str, rate: float) -> Any:
    """The transformation as a user of optax writes it."""
    contrib = optax.contrib
    uphill = optax.chain(optax.normalize_by_update_norm(), optax.sgd(0.05))
    special = {
        "mechanize": lambda: contrib.mechanize(optax.adam(rate)),
        "noisy_sgd": lambda: optax.noisy_sgd(rate, key=jax.random.key(0)),
        "polyak_sgd": lambda: optax.polyak_sgd(max_learning_rate=rate),
        "reduce_on_plateau": lambda: optax.chain(optax.adam(rate), contrib.reduce_on_plateau()),
        "sam": lambda: contrib.sam(optax.adam(rate), uphill, opaque_mode=True),
        "schedule_free": lambda: contrib.schedule_free(optax.sgd(rate), rate),
    }
    if name in special:
        return special[name]()
    factory = getattr(optax, name, None) or getattr(contrib, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # optimistic_adam
        return factory(rate)


def extras_of(name: str, loss: Callable[[Any], Any], value: Any, grads: Any) -> dict[str, Any]:
    """What plain optax asks for beside the gradient."""
    if name == "lbfgs":
        return {"value": value, "grad": grads, "value_fn": loss}
    if name == "sophia":
        return {"obj_fn": loss}
    if name == "sam":
        return {"grad_fn": lambda params, _: jax.grad(loss)(params)}
    return {"value": value} if name in ("momo", "momo_adam", "polyak_sgd", "reduce_on_plateau") else {}


@functools.cache
def stepper(name: str, packed: bool) -> tuple[Any, Any]:
    """Plain optax at the usual rate: the first state, and (grads, value, state, params) -> params, state."""
    transform = plain(name, OPTIMIZERS[name].rate)
    loss = packed_loss if packed else loss_of

    def step(grads: Any, value: Any, state: Any, params: Any) -> Any:
        updates, state = transform.update(grads, state, params, **extras_of(name, loss, value, grads))
        return optax.apply_updates(params, updates), state

    return transform.init(PACKED if packed else START), jax.jit(step, compiler_options=QUICK)


def plain_loop(name: str, packed: bool, steps: int) -> tuple[np.ndarray, Any]:
    """Weights, as one vector, and state after some steps of plain optax."""
    state, step = stepper(name, packed)
    params = PACKED if packed else START
    for _ in range(steps):
        value, grads = slopes(unpacked(params) if packed else params)
        params, state = step(ravel_pytree(grads)[0] if packed else grads, value, state, params)
    return np.asarray(params if packed else ravel_pytree(params)[0]), state


def replayed(name: str, jolt: float) -> np.ndarray:
    """Packed weights (3, entries) after each of three given gradients, the first one changed at one place."""
    state, step = stepper(name, True)
    value, tree = slopes(START)
    grads = ravel_pytree(tree)[0]
    params, path = PACKED, []
    for each in (grads.at[JOLTED].add(jolt), 0.7 * grads, 0.5 * grads):
        params, state = step(each, value, state, params)
        path.append(np.asarray(params))
    return np.stack(path)


def beginning(name: str, rates: np.ndarray) -> Any:
    """The carry of three members before the first step."""
    carries = [(START, optimizer_for(name, float(rate)).init(START)) for rate in rates]
    return jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *carries)


def population(name: str) -> Any:
    """Fifteen steps of three members with traced rates, compiled as one program."""

    def advance(rate: Any, carry: Any) -> Any:
        transform = optimizer_for(name, rate)

        def step(carry: Any, _: None) -> Any:
            params, state = carry
            value, grads = jax.value_and_grad(loss_of)(params)
            updates, state = transform.update(grads, state, params, value=value, value_fn=loss_of)
            return (optax.apply_updates(params, updates), state), value

        return jax.lax.scan(step, carry, None, length=15)

    return jax.jit(jax.vmap(advance), compiler_options=QUICK)


@pytest.mark.filterwarnings("ignore:`optimistic_adam` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", NAMES)
def test_traced_rates_match_plain_optax_and_a_resumed_run_ends_in_the_same_bits(name: str) -> None:
    rates = OPTIMIZERS[name].rate * MEMBERS
    advance = population(name)
    (params, state), early = advance(rates, beginning(name, rates))
    saved = flat_state(state)
    restored = state_of(jax.eval_shape(lambda: state), saved)
    ended, late = advance(rates, (params, state))
    resumed, _ = advance(rates, (params, restored))
    assert advance._cache_size() == 1, "compiled once for all of it"
    for one, other in zip(*map(numbers_of, (ended, resumed)), strict=True):
        np.testing.assert_array_equal(one, other)

    judged = jax.vmap(functools.partial(evaluated, name))(ended[1], ended[0])
    assert (np.asarray(jax.vmap(loss_of)(judged)) < np.asarray(early)[:, 0]).all()
    if name != "prodigy" and name != "dog":  # their first steps are a millionth long
        assert (np.asarray(late)[:, -1] < np.asarray(early)[:, 0]).all()

    expected, _ = plain_loop(name, packed=packable(name), steps=30)
    found = ravel_pytree(jax.tree.map(lambda leaf: leaf[1], ended[0]))[0]
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-6)


def numbers_of(carry: Any) -> list[np.ndarray]:
    return list(flat_state(carry).values())


def test_scopes_are_told_apart_by_name_and_base() -> None:
    assert elementwise("schedule_free") and not elementwise("schedule_free", base="lamb")
    assert packable("mechanize", base="lion") and not packable("mechanize", base="muon")


@pytest.mark.parametrize("name", NAMES)
def test_the_scope_is_true(name: str) -> None:
    """Packed as unpacked, or not (the test above compares the packed); one gradient moves others, or not."""
    if not packable(name):
        packed, state = plain_loop(name, packed=True, steps=5)
        tree, other = plain_loop(name, packed=False, steps=5)
        if name == "sophia":  # its random signs show in the curvature; the weights move by the clipped step
            packed, tree = state[0].nu, ravel_pytree(other[0].nu)[0]
        assert not np.allclose(packed, tree, rtol=1e-4, atol=1e-6)
        return
    calm, jolted = replayed(name, 0.0), replayed(name, 40.0)
    others = np.arange(PACKED.size) != JOLTED
    assert not np.array_equal(calm[:, JOLTED], jolted[:, JOLTED])
    if name not in LATE:
        assert np.array_equal(calm[:, others], jolted[:, others]) == elementwise(name)


def steps_of(transform: Any, params: Any, grads: Any, steps: int = 1, **extra: Any) -> Any:
    """Weights and state after some steps along one gradient, in one small program."""

    def walk(params: Any) -> Any:
        state = transform.init(params)
        for _ in range(steps):
            updates, state = transform.update(grads, state, params, **extra)
            params = optax.apply_updates(params, updates)
        return params, state

    return jax.jit(walk, compiler_options=QUICK)(params)


def step_of(transform: Any, params: Any, grads: Any, **extra: Any) -> Any:
    """Weights after one step."""
    return steps_of(transform, params, grads, **extra)[0]


def test_a_rate_of_the_step_equals_the_rates_one_by_one() -> None:
    """Also where optax itself takes a number only."""
    rates = (0.1, 0.02)
    grads = jnp.array([1.0, -2.0])
    start = jnp.array([1.0, 1.0])
    for name in ("sgd", "polyak_sgd"):  # a loss so high that Polyak takes the largest rate
        transform = optimizer_for(name, lambda step: jnp.where(step < 1, *rates))
        params, _ = steps_of(transform, start, grads, 2, value=1e9)
        np.testing.assert_allclose(params, start - sum(rates) * grads, rtol=1e-6)
    _, state = steps_of(optimizer_for("schedule_free_sgd", lambda step: rates[0] / (1 + step)), start, grads)
    np.testing.assert_allclose(state.z, start - rates[0] * grads, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:`optimistic_adam` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_takes_a_traced_function_of_the_step_for_its_rate(name: str) -> None:
    """Its program can be made; the types and shapes of the state stay what they were."""

    def run(rate: Any) -> Any:
        transform = optimizer_for(name, lambda step: rate / (1 + step))
        state = transform.init(START)
        updates, after = transform.update(START, state, START, value=1.0, value_fn=loss_of)
        return updates, state, after

    updates, state, after = jax.eval_shape(run, jnp.float32(0.1))
    assert jax.tree.map(jnp.shape, updates) == jax.tree.map(jnp.shape, START)
    assert jax.tree.map(lambda a: (a.shape, a.dtype), state) == jax.tree.map(
        lambda a: (a.shape, a.dtype), after
    )


@pytest.mark.parametrize(
    "name", ["adamw", "lion", "adamaxw", "madgrad", "dog", "momo", "schedule_free_adamw"]
)
def test_decay_on_all_entries_is_the_decay_of_optax_itself(name: str) -> None:
    """Where optax decays at the place that we choose; momo has a rule of its own."""
    params, grads = jnp.array([2.0, -3.0]), jnp.array([0.5, 0.25])
    rate = 0.1
    own = step_of(plain_with(name, rate, weight_decay=0.3), params, grads, value=0.4)
    ours = step_of(optimizer_for(name, rate, decay=0.3), params, grads, value=0.4)
    if name == "momo":
        assert (jnp.abs(ours) < jnp.abs(step_of(optimizer_for(name, rate), params, grads, value=0.4))).all()
    else:
        np.testing.assert_allclose(ours, own, rtol=1e-6)


def plain_with(name: str, rate: float, **options: Any) -> Any:
    factory = getattr(optax, name, None) or getattr(optax.contrib, name)
    return optax.with_extra_args_support(factory(rate, **options))


@pytest.mark.parametrize("name", ["adamw", "lamb", "mechanize", "momo", "schedule_free_sgd"])
def test_decay_spares_the_entries_that_are_not_marked(name: str) -> None:
    params = {"weight": jnp.full(2, 3.0), "bias": jnp.full(1, 3.0)}
    marks = {"weight": jnp.ones(2), "bias": jnp.zeros(1)}
    grads = jax.tree.map(jnp.zeros_like, params)

    transform = optimizer_for(name, 0.1, decay=0.5, decayed=marks)
    params, _ = steps_of(transform, params, grads, 3, value=1.0)
    np.testing.assert_allclose(params["bias"], [3.0], rtol=1e-6)
    assert (params["weight"] < 3.0).all()


def test_a_line_search_reaches_the_known_minimum_of_what_is_decayed_and_not_frozen() -> None:
    """|p - a|^2 / 2 + decay / 2 p_0^2: at a_0 / (1 + decay) and a_1; factors do not disturb the search."""
    centre, marks = jnp.array([3.0, 3.0, 3.0]), jnp.array([1.0, 0.0, 1.0])

    def value_fn(params: Any) -> Any:
        return 0.5 * jnp.sum((params - centre) ** 2)

    factor = jnp.array([6.0, 0.1, 0.0])
    transform = optimizer_for("lbfgs", 1.0, decay=0.5, decayed=marks, factor=factor)

    @functools.partial(jax.jit, compiler_options=QUICK)
    def step(params: Any, state: Any) -> Any:
        value, grads = jax.value_and_grad(value_fn)(params)
        updates, state = transform.update(grads, state, params, value=value, value_fn=value_fn)
        return optax.apply_updates(params, updates), state

    params = jnp.zeros(3) + 1.0
    state = transform.init(params)
    for _ in range(6):
        params, state = step(params, state)
    np.testing.assert_allclose(params, [2.0, 3.0, 1.0], rtol=1e-5)


def test_factors_scale_inside_schedule_free_so_that_the_average_follows() -> None:
    """Entries with factor f move as those of an optimizer with f times the rate."""
    params, grads = jnp.ones(2), jnp.array([1.0, 1.0])
    both = optimizer_for("schedule_free_sgd", 0.1, factor=jnp.array([1.0, 0.5]))
    slow = optimizer_for("schedule_free_sgd", 0.05)
    ends = []
    for transform in (both, slow):
        now, state = steps_of(transform, params, grads, 4)
        ends.append(np.asarray(evaluated("schedule_free_sgd", state, now)))
    np.testing.assert_allclose(ends[0][1], ends[1][1], rtol=1e-6)
    assert ends[0][0] < ends[0][1]


def test_no_option_of_optax_is_hidden_by_our_own() -> None:
    """Fails when an optimizer of optax gains an option of the name of one of ours."""
    ours = set(inspect.signature(optimizer_for).parameters) - {"options"}
    hidden = {
        (name, option)
        for name in NAMES
        for option in inspect.signature(getattr(optax, name, None) or getattr(optax.contrib, name)).parameters
        if option in ours
    }
    assert hidden == {("rmsprop", "decay"), ("reduce_on_plateau", "factor")}
    grads = jnp.array([2.0])
    ended = step_of(optimizer_for("rmsprop", 0.1, b2=0.75), jnp.ones(1), grads)
    np.testing.assert_allclose(ended, step_of(optax.rmsprop(0.1, decay=0.75), jnp.ones(1), grads), rtol=1e-6)
    plateau = optimizer_for("reduce_on_plateau", 0.1, base="sgd", shrink=0.5, patience=1)
    ended = steps_of(plateau, jnp.ones(1), grads, 2, value=1.0)[0]
    np.testing.assert_allclose(ended, 1.0 - 0.2 - 0.1, rtol=1e-6)


def test_own_decay_is_taken_from_optax() -> None:
    assert own_decay("adamw") == 1e-4 and own_decay("lion") == 1e-3 and own_decay("adafactor") == 0.0
    assert own_decay("sgd") == 0.0 and own_decay("dog") == 0.0 and own_decay("mechanize") == 0.0
    assert own_decay("adamw", weight_decay=0.5) == 0.5


def test_sam_amid_a_period_is_judged_at_its_centre() -> None:
    transform = optimizer_for("sam", 0.1, base="sgd", opaque_mode=False)
    assert not needs_value_fn("sam", opaque_mode=False) and needs_value_fn("sam")
    params = jnp.array([1.0, 0.0])
    updates, state = transform.update(jnp.array([2.0, 0.0]), transform.init(params), params, value=1.0)
    away = optax.apply_updates(params, updates)
    np.testing.assert_allclose(away, [1.05, 0.0], rtol=1e-5)  # a step of length rho uphill
    np.testing.assert_array_equal(evaluated("sam", state, away), params)
    updates, state = transform.update(jnp.array([2.0, 0.0]), state, away, value=1.0)
    back = optax.apply_updates(away, updates)
    np.testing.assert_allclose(back, [0.8, 0.0], rtol=1e-5)
    np.testing.assert_array_equal(evaluated("sam", state, back), back)


def test_sam_stands_still_where_the_gradient_is_zero() -> None:
    transform = optimizer_for("sam", 0.1, base="sgd")
    ended = step_of(transform, jnp.ones(2), jnp.zeros(2), value=0.0, value_fn=lambda p: 0.0 * p.sum())
    assert ended.tolist() == [1.0, 1.0]


def test_a_users_own_transformation_is_judged_as_it_is() -> None:
    params = jnp.ones(2)
    state = optax.adam(0.1).init(params)
    assert evaluated(None, state, params) is params
    averaged = guarded(optax.sgd(1.0), average=0.9)
    assert evaluated(None, averaged.init(params), params).tolist() == [1.0, 1.0]


def test_seeds_change_the_noise_and_nothing_else() -> None:
    params, grads = jnp.ones(3), jnp.ones(3)
    first, again, other = (
        step_of(optimizer_for("noisy_sgd", 0.1, seed=seed), params, grads).tolist() for seed in (1, 1, 2)
    )
    assert first == again != other


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("adm", {}, "received optimizer='adm'; allowed: one of: adam"),
        ("dpsgd", {}, "which needs the gradient of every row.*Next: --set optimizer=adam"),
        ("adam", {"beta1": 0.9}, r"received beta1=0.9 \(in optimizer adam\); allowed: one of: b1"),
        ("adam", {"learning_rate": 0.9}, "received learning_rate=0.9"),
        ("sign_sgd", {"b1": 0.9}, r"b1=0.9 \(in optimizer sign_sgd\); allowed: no option"),
        ("noisy_sgd", {"key": 3}, "allowed: one of: .*seed"),
        ("muon", {"ns_coeffs": "odd"}, r"options that optax refuses: Unknown.*\(in optimizer muon\)"),
        ("reduce_on_plateau", {"shrink": 2.0}, r"optax refuses: .*\(in optimizer reduce_on_plateau\)"),
        ("mechanize", {"base": "prodgy"}, "received optimizer='prodgy'; allowed: one of: prodigy"),
        ("mechanize", {"base": "sam"}, r"received base='sam' \(in optimizer mechanize\)"),
        ("sam", {"base": "momo"}, r"received base='momo' \(in optimizer sam\)"),
    ],
)
def test_what_is_refused_says_what_is_allowed(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        optimizer_for(name, 0.1, **options)


def test_two_decays_or_two_warm_ups_are_refused() -> None:
    with pytest.raises(RecipeError, match="weight_decay=0.1 and decay=0.2.*leave weight_decay out"):
        optimizer_for("adamw", 0.1, decay=0.2, weight_decay=0.1)
    with pytest.raises(RecipeError, match="warmup_steps=5 and a schedule"):
        optimizer_for("schedule_free_sgd", lambda step: 0.1, warmup_steps=5)
