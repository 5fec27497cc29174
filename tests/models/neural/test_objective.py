from __future__ import annotations

import math

import numpy as np
import pytest

from justright.errors import RecipeError
from justright.optim.losses import Huber, Logistic, Poisson, Quantile, Softmax, Squared, row_losses

jax = pytest.importorskip("jax", reason="networks train with jax: pip install 'justright[neural]'")
jnp = jax.numpy

from justright.models.neural.objective import OBJECTIVES, objective_for  # noqa: E402  (jax may be missing)

LOSSES = [Squared(), Huber(), Huber(0.2), Quantile(0.3, 0.5), Quantile(0.9, 0.01), Poisson(), Logistic()]
rng = np.random.default_rng(3)


def rows(loss, n=64, outputs=1):
    """Margins float32 and a target that the loss knows."""
    margin = rng.normal(0.0, 2.0, (n, outputs)).astype(np.float32)
    if loss.name in ("logistic", "softmax"):
        return margin, rng.integers(0, max(outputs, 2), n).astype(np.int32)
    if loss.name == "poisson":
        return margin, rng.poisson(2.0, n).astype(np.float32)
    return margin, rng.normal(size=n).astype(np.float32)


def named(loss):
    return f"{loss.name}-{getattr(loss, 'delta', getattr(loss, 'level', ''))}"


@pytest.mark.parametrize("loss", [*LOSSES, Softmax()], ids=named)
def test_values_are_those_of_the_loss(loss):
    margin, target = rows(loss, outputs=4 if loss.name == "softmax" else 1)
    made = np.asarray(objective_for(loss)(jnp.asarray(margin), jnp.asarray(target)))
    wanted = row_losses(loss, margin.astype(np.float64), target)
    np.testing.assert_allclose(made, wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("loss", [*LOSSES, Softmax()], ids=named)
def test_gradients_are_those_of_the_loss(loss):
    margin, target = rows(loss, outputs=4 if loss.name == "softmax" else 1)
    function = objective_for(loss)
    made = jax.grad(lambda m: function(m, jnp.asarray(target)).sum())(jnp.asarray(margin))
    wanted = loss.gradient(margin.astype(np.float64)[..., None], target[:, None, None])[..., 0]
    np.testing.assert_allclose(np.asarray(made), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("loss", [Squared(), Huber(), Quantile(0.3, 0.5), Logistic(), Softmax()], ids=named)
def test_gradients_are_finite_differences_of_the_values(loss, smoothing):
    outputs = 3 if loss.name == "softmax" else 1
    margin, target = rows(loss, n=6, outputs=outputs)
    function = objective_for(loss, smoothing)
    slope = np.asarray(jax.grad(lambda m: function(m, jnp.asarray(target)).sum())(jnp.asarray(margin)))
    step = np.float32(1e-2)  # in single precision rounding and curvature together are least about here
    for output in range(outputs):
        way = step * np.eye(outputs, dtype=np.float32)[output]
        ends = [np.asarray(function(jnp.asarray(margin + sign * way), target)) for sign in (1, -1)]
        np.testing.assert_allclose((ends[0] - ends[1]) / (2 * step), slope[:, output], atol=1e-3)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_class_numbers_and_shares_give_the_same_number(smoothing):
    margin, target = rows(Softmax(), outputs=5)
    function = objective_for(Softmax(), smoothing)
    shares = np.eye(5, dtype=np.float32)[target]
    sparse = np.asarray(function(jnp.asarray(margin), jnp.asarray(target)))
    np.testing.assert_allclose(sparse, function(jnp.asarray(margin), jnp.asarray(shares)), rtol=1e-6)


def test_soft_labels_are_the_mean_of_the_losses_of_the_classes():
    margin, _ = rows(Softmax(), outputs=3)
    function, shares = objective_for(Softmax()), np.asarray([0.2, 0.5, 0.3], np.float32)
    soft = function(jnp.asarray(margin), jnp.tile(shares, (len(margin), 1)))
    each = [function(jnp.asarray(margin), jnp.full(len(margin), k)) for k in range(3)]
    np.testing.assert_allclose(
        np.asarray(soft), sum(s * np.asarray(e) for s, e in zip(shares, each, strict=True)), rtol=1e-5
    )


def test_soft_labels_of_two_classes_are_shares_of_the_second():
    margin, _ = rows(Logistic())
    function = objective_for(Logistic())
    half = np.asarray(function(jnp.asarray(margin), jnp.full((len(margin), 1), 0.5)))
    ends = [np.asarray(function(jnp.asarray(margin), jnp.full(len(margin), k))) for k in (0, 1)]
    np.testing.assert_allclose(half, (ends[0] + ends[1]) / 2, rtol=1e-5)


def test_smoothing_has_its_least_loss_where_the_shares_are_smoothed():
    # 4 classes, smoothing 0.2: the right class has 0.8 + 0.05 and each other 0.05.
    best = np.log(np.asarray([[0.05, 0.85, 0.05, 0.05]], np.float32))
    function, target = objective_for(Softmax(), 0.2), jnp.asarray([1])
    entropy = -(0.85 * math.log(0.85) + 3 * 0.05 * math.log(0.05))
    assert float(function(jnp.asarray(best), target)[0]) == pytest.approx(entropy, rel=1e-6)
    slope = jax.grad(lambda m: function(m, target).sum())(jnp.asarray(best))
    assert float(np.abs(slope).max()) < 1e-6
    # Two classes, smoothing 0.2: the least loss is at log(0.9 / 0.1).
    slope = jax.grad(lambda m: objective_for(Logistic(), 0.2)(m, jnp.asarray([1.0])).sum())
    assert float(slope(jnp.full((1, 1), math.log(9.0)))[0, 0]) == pytest.approx(0.0, abs=1e-6)


def test_two_classes_by_softmax_are_logistic():
    margin, target = rows(Logistic())
    both = jnp.concatenate([jnp.zeros_like(margin), jnp.asarray(margin)], axis=1)
    one = objective_for(Logistic())(jnp.asarray(margin), jnp.asarray(target))
    np.testing.assert_allclose(
        np.asarray(objective_for(Softmax())(both, target)), np.asarray(one), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("loss", [Logistic(), Softmax(), Huber(), Quantile(0.5), Poisson()], ids=named)
def test_far_margins_have_finite_losses_and_slopes(loss):
    far = np.repeat(np.asarray([-1e30, -1e4, -200.0, 200.0, 1e4], np.float32), 2)[:, None]
    at = np.concatenate([far, 0 * far], axis=1) if loss.name == "softmax" else far
    function, target = objective_for(loss), jnp.asarray([0, 1] * 5)
    value, slope = jax.value_and_grad(lambda m: function(m, target).sum())(jnp.asarray(at))
    assert np.isfinite(value)
    assert np.isfinite(slope).all()


def test_an_own_loss_is_taken_by_its_jax_function():
    class Cubic:
        name, link = "cubic", "identity"

        def jax(self, margin, target):
            return jnp.abs(margin[:, 0] - target) ** 3

    assert objective_for(Cubic())(jnp.asarray([[3.0]]), jnp.asarray([1.0])).tolist() == [8.0]


def test_a_loss_that_jax_cannot_follow_is_refused_with_what_to_write():
    class Mine:
        name, link = "softmx", "identity"

    with pytest.raises(RecipeError, match=r"softmx.*softmax.*jax\(margin, target\)"):
        objective_for(Mine())


def test_every_loss_of_the_recipes_has_a_twin():
    from justright.optim.losses import LOSSES as ALL

    assert {loss.name for loss in (*LOSSES, Softmax())} | {"absolute"} >= set(ALL)
    assert set(OBJECTIVES) == {"squared", "logistic", "softmax", "poisson"}
