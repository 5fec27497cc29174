from __future__ import annotations

import inspect
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from justright.errors import RecipeError
from justright.models.neural.schedules import (
    OPTAX_SCHEDULES,
    REFUSED_SCHEDULES,
    SCHEDULES,
    schedule_for,
)
from justright.optim import schedules as trunk

jax = pytest.importorskip("jax", reason="networks train with jax: pip install 'justright[neural]'")
optax = pytest.importorskip("optax", reason="networks train with optax: pip install 'justright[neural]'")
jnp = jax.numpy

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "optimizers.md"
STEPS = 1000
RATE = 0.2

# The same schedule as a user of optax writes it: in steps and rates.
PLAIN: dict[str, Any] = {
    "constant": lambda: optax.constant_schedule(RATE),
    "cosine": lambda: optax.cosine_decay_schedule(RATE, STEPS),
    "cosine_onecycle": lambda: optax.cosine_onecycle_schedule(STEPS, RATE),
    "exponential": lambda: optax.exponential_decay(RATE, STEPS, 0.01),
    "linear": lambda: optax.linear_schedule(RATE, 0.0, STEPS),
    "linear_onecycle": lambda: optax.linear_onecycle_schedule(STEPS, RATE),
    "piecewise_constant": lambda: optax.piecewise_constant_schedule(RATE, {600: 0.1, 850: 0.1}),
    "piecewise_interpolate": lambda: optax.piecewise_interpolate_schedule(
        "linear", RATE, {600: 0.1, 850: 0.1}
    ),
    "polynomial": lambda: optax.polynomial_schedule(RATE, 0.0, 2.0, STEPS),
    "sgdr": lambda: optax.sgdr_schedule(
        [
            {"init_value": 0.0, "peak_value": RATE, "warmup_steps": 0.1 * n, "decay_steps": n}
            for n in (STEPS / 15, 2 * STEPS / 15, 4 * STEPS / 15, 8 * STEPS / 15)
        ]
    ),
    "warmup_constant": lambda: optax.warmup_constant_schedule(0.0, RATE, 100),
    "warmup_cosine": lambda: optax.warmup_cosine_decay_schedule(0.0, RATE, 100, STEPS),
    "warmup_exponential": lambda: optax.warmup_exponential_decay_schedule(0.0, RATE, 100, 900, 0.01),
}


def along(schedule: Any, points: int = 51) -> np.ndarray:
    """The rates at some steps."""
    return np.asarray(jax.vmap(schedule)(jnp.linspace(0, STEPS - 1, points).astype(jnp.int32)))


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_each_schedule_is_that_of_optax_over_the_same_steps(name: str) -> None:
    np.testing.assert_allclose(
        along(schedule_for(name, RATE, STEPS)), along(PLAIN[name]()), rtol=2e-4, atol=2e-6
    )


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_members_with_traced_rates_and_steps_share_one_program(name: str) -> None:
    compiled = jax.jit(jax.vmap(lambda rate, steps, step: schedule_for(name, rate, steps)(step)))
    rates, steps = np.float32([1.0, 0.1]), np.int32([100, 1000])
    found = compiled(rates, steps, steps * 3 // 10)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found[0], 10 * found[1], rtol=1e-5)
    assert compiled._cache_size() == 1
    np.testing.assert_array_equal(compiled(rates, steps, steps), compiled(rates, steps, steps * 2))


def test_every_schedule_of_optax_is_taken_or_refused_with_a_reason() -> None:
    """Fails when optax gains or loses one."""
    offered = {name for name, value in vars(optax.schedules).items() if inspect.isfunction(value)}
    assert offered == set(OPTAX_SCHEDULES) | set(REFUSED_SCHEDULES)
    assert set(OPTAX_SCHEDULES.values()) == set(PLAIN) | {"join"}


def test_coslog4_at_known_points() -> None:
    """Zero where 1 + 15 t is 1, 2, 4, 8, 16; one where it is 2^.5; half where it is 2^.25."""
    schedule = schedule_for("coslog4", 1.0, 15_000)
    shares = [0.0, 1 / 15, 3 / 15, 7 / 15, 1.0, (math.sqrt(2) - 1) / 15, (2**0.25 - 1) / 15]
    found = [float(schedule(round(15_000 * share))) for share in shares]
    np.testing.assert_allclose(found, [0, 0, 0, 0, 0, 1, 0.5], atol=2e-3)


def test_flat_cos_at_known_points() -> None:
    schedule = schedule_for("flat_cos", 0.15, 100)
    np.testing.assert_allclose(
        [float(schedule(step)) for step in (0, 50, 75, 100)], [0.15, 0.15, 0.075, 0.0], atol=1e-7
    )
    np.testing.assert_allclose(
        along(schedule_for("join", 1.0, STEPS)), along(schedule_for("flat_cos", 1.0, STEPS)), atol=1e-6
    )


@pytest.mark.parametrize("name", sorted(set(trunk.SCHEDULES)))
def test_the_names_of_linear_models_mean_the_same_here(name: str) -> None:
    shares = np.linspace(0, 0.999, 41)
    expected = [trunk.SCHEDULES[name](float(share)) for share in shares]
    found = [float(schedule_for(name, 1.0, 1.0)(share)) for share in shares]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_options_are_shares_of_the_steps_and_factors_of_the_rate() -> None:
    ours = schedule_for("warmup_cosine", RATE, STEPS, warmup_steps=0.25, end_value=0.1, init_value=0.5)
    theirs = optax.warmup_cosine_decay_schedule(0.5 * RATE, RATE, 250, STEPS, 0.1 * RATE)
    np.testing.assert_allclose(along(ours), along(theirs), rtol=1e-5)
    texts = schedule_for("piecewise_constant", 1.0, STEPS, boundaries_and_scales={"0.5": 0.1})
    assert [round(float(texts(step)), 6) for step in (499, 500)] == [1.0, 0.1]


def test_joined_parts_run_each_from_start_to_end() -> None:
    parts = [["linear", {"init_value": 0.0, "end_value": 1.0}], "cosine"]
    schedule = schedule_for("join", 2.0, 100, schedules=parts, boundaries=[0.2])
    found = [float(schedule(step)) for step in (0, 10, 20, 60, 100)]
    np.testing.assert_allclose(found, [0.0, 1.0, 2.0, 1.0, 0.0], atol=1e-6)


def test_names_of_optax_and_own_functions_are_understood() -> None:
    assert float(schedule_for("cosine_decay_schedule", 0.4, 100)(50)) == pytest.approx(0.2)
    own = optax.constant_schedule(0.3)
    assert schedule_for(own, 1.0, 100) is own


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("cosin", {}, "received schedule='cosin'; allowed: one of: cosine"),
        ("inject_hyperparams", {}, "which makes an option of an optimizer change"),
        (
            "cosine",
            {"power": 2},
            r"received power=2 \(in schedule cosine\); allowed: one of: alpha, exponent",
        ),
        ("coslog4", {"power": 2}, r"\(in schedule coslog4\); allowed: no option"),
        ("warmup_cosine", {"warmup_steps": 500}, "warmup_steps=500 .*a share of all steps.*Next: divide it"),
        ("warmup_cosine", {"warmup_steps": 0}, "warmup_steps=0"),
        ("linear", {"transition_steps": "half"}, "transition_steps='half'"),
        ("flat_cos", {"flat": -0.1}, "flat=-0.1"),
        (
            "sgdr",
            {"cosine_kwargs": [{"decay_steps": 90, "warmup_steps": 0.1}]},
            "decay_steps=90 .*each cycle",
        ),
        ("sgdr", {"cosine_kwargs": [{"decay_steps": 0.5, "warmup_steps": 0.1, "peak": 1}]}, "optax refuses"),
        ("piecewise_constant", {"boundaries_and_scales": {0.5: -1}}, "optax refuses: .*non-negative"),
        ("piecewise_interpolate", {"interpolate_type": "spline"}, "optax refuses: .*'cosine' or 'linear'"),
        ("join", {"boundaries": [0.5, 0.2]}, r"boundaries=\[0.5, 0.2\] for 2 schedules"),
        ("join", {"schedules": ["cosin", "linear"]}, "received schedule='cosin'"),
    ],
)
def test_what_is_refused_says_what_is_allowed(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        schedule_for(name, 0.1, 100, **options)


def test_the_page_names_every_schedule_and_option() -> None:
    text = PAGE.read_text()
    for name, options in SCHEDULES.items():
        line = next((line for line in text.splitlines() if line.startswith(f"| `{name}` | ")), "")
        assert line, name
        assert [option for option in options if f"`{option}" not in line] == [], name
