"""Losses: finite differences, convexity, labels, smoothing, scikit-learn, the refusal of the wrong one."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from justright.errors import RecipeError
from justright.optim.losses import (
    LOSSES,
    Huber,
    Logistic,
    Poisson,
    Quantile,
    Softmax,
    Squared,
    loss_for,
    margins_to_predictions,
    row_losses,
)

SCALAR = {
    "squared": Squared(),
    "huber": Huber(),
    "huber-wide": Huber(3.0),
    "quantile": Quantile(0.3, 0.2),
    "median": Quantile(0.5),
    "poisson": Poisson(),
    "logistic": Logistic(),
    "logistic-smooth": Logistic(0.2),
}


def shaped(values):
    return np.asarray(values, np.float64)[:, None, None]


def targets(name, rng, n):
    if name.startswith("logistic"):
        return rng.random(n)
    return rng.poisson(3, n).astype(float) if name == "poisson" else rng.normal(size=n)


def difference(loss, margin, target, at, step):
    up, down = margin.copy(), margin.copy()
    up[:, at] += step
    down[:, at] -= step
    return ((loss.value(up, target) - loss.value(down, target)) / (2 * step))[:, 0]


@pytest.mark.parametrize("name", SCALAR)
def test_gradient_is_the_derivative_of_the_value(name):
    rng = np.random.default_rng(0)
    loss, target = SCALAR[name], shaped(targets(name, rng, 500))
    margin = 2 * rng.normal(size=(500, 1, 4))
    numeric = difference(loss, margin, target, 0, 1e-5)
    assert np.allclose(
        loss.gradient(margin, target)[:, 0], numeric, rtol=1e-5, atol=2e-4 if "med" in name else 1e-7
    )
    assert loss.value(margin, target).shape == (500, 1, 4)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("soft", [False, True])
def test_gradient_of_softmax_is_the_derivative_of_the_value(smoothing, soft):
    rng = np.random.default_rng(1)
    loss, margin = Softmax(smoothing), rng.normal(size=(200, 4, 3))
    target = rng.dirichlet(np.ones(4), 200)[:, :, None] if soft else rng.integers(0, 4, (200, 1, 1))
    gradient = loss.gradient(margin, target)
    for output in range(4):
        assert np.allclose(gradient[:, output], difference(loss, margin, target, output, 1e-6), atol=1e-8)
    assert np.allclose(gradient.sum(axis=1), 0.0, atol=1e-12)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(SCALAR)),
    st.floats(-30, 30),
    st.floats(-30, 30),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_convex_and_its_gradient_is_a_tangent(name, a, b, share, target):
    loss, y = SCALAR[name], shaped([target])
    value = lambda f: loss.value(shaped([f]), y).item()  # noqa: E731 - four uses
    slack = 1e-9 * (1 + abs(value(a)) + abs(value(b)))
    assert value(share * a + (1 - share) * b) <= share * value(a) + (1 - share) * value(b) + slack
    assert value(b) >= value(a) + loss.gradient(shaped([a]), y).item() * (b - a) - slack


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(SCALAR)), st.floats(-1e6, 1e6), st.floats(0, 1))
def test_finite_for_every_finite_margin(name, margin, target):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isfinite(SCALAR[name].value(shaped([margin]), shaped([target]))).all()
        assert np.isfinite(SCALAR[name].gradient(shaped([margin]), shaped([target]))).all()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-700, 700), min_size=2, max_size=5), st.floats(0, 0.5))
def test_softmax_is_finite_and_blind_to_a_common_shift(margins, smoothing):
    loss, margin = Softmax(smoothing), np.asarray(margins)[None, :, None]
    target = np.zeros((1, 1, 1), int)
    assert np.isfinite(loss.value(margin, target)).all()
    assert np.allclose(loss.value(margin + 100, target), loss.value(margin, target), rtol=1e-9, atol=1e-9)
    assert np.allclose(loss.gradient(margin + 100, target), loss.gradient(margin, target), atol=1e-9)


def test_members_are_told_apart_by_the_last_axis():
    rng = np.random.default_rng(2)
    for loss, k, target in (
        (Squared(), 1, rng.normal(size=(20, 1, 1))),
        (Softmax(), 3, rng.integers(0, 3, (20, 1, 1))),
    ):
        margin = rng.normal(size=(20, k, 5))
        for member in range(5):
            alone = margin[:, :, member : member + 1]
            assert np.array_equal(loss.value(alone, target)[..., 0], loss.value(margin, target)[..., member])
            assert np.array_equal(
                loss.gradient(alone, target)[..., 0], loss.gradient(margin, target)[..., member]
            )


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_soft_labels_equal_class_numbers(smoothing):
    rng = np.random.default_rng(3)
    margin, label = rng.normal(size=(50, 4, 2)), rng.integers(0, 4, (50, 1, 1))
    shares = np.eye(4)[label[:, 0, 0]][:, :, None]
    loss = Softmax(smoothing)
    assert np.allclose(loss.value(margin, shares), loss.value(margin, label), rtol=1e-13)
    assert np.allclose(loss.gradient(margin, shares), loss.gradient(margin, label), rtol=1e-13, atol=1e-15)


def test_label_smoothing_is_the_mixture_with_even_labels():
    rng = np.random.default_rng(4)
    margin, label = rng.normal(size=(50, 3, 1)), rng.integers(0, 3, (50, 1, 1))
    even = np.full((50, 3, 1), 1 / 3)
    mixture = 0.8 * Softmax().value(margin, label) + 0.2 * Softmax().value(margin, even)
    assert np.allclose(Softmax(0.2).value(margin, label), mixture, rtol=1e-12)
    two, y = margin[:, :1], (label > 0).astype(float)
    mixture = 0.8 * Logistic().value(two, y) + 0.2 * Logistic().value(two, np.full_like(y, 0.5))
    assert np.allclose(Logistic(0.2).value(two, y), mixture, rtol=1e-12)


def test_logistic_is_softmax_of_two():
    rng = np.random.default_rng(5)
    margin, label = rng.normal(size=(50, 1, 2)), rng.integers(0, 2, (50, 1, 1))
    two = np.concatenate([np.zeros_like(margin), margin], axis=1)
    assert np.allclose(Logistic().value(margin, label), Softmax().value(two, label), rtol=1e-12)
    assert np.allclose(Logistic().gradient(margin, label), Softmax().gradient(two, label)[:, 1:], rtol=1e-11)


def test_values_equal_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(6)
    margin, y = rng.normal(size=(300, 1)), rng.normal(size=300)
    half = np.mean(row_losses(Squared(), margin, y))
    assert half == pytest.approx(0.5 * metrics.mean_squared_error(y, margin[:, 0]), rel=1e-12)
    label = rng.integers(0, 2, 300)
    chance = margins_to_predictions(margin, "logistic")
    assert np.mean(row_losses(Logistic(), margin, label)) == pytest.approx(
        metrics.log_loss(label, chance), rel=1e-12
    )
    margins, label = rng.normal(size=(300, 4)), rng.integers(0, 4, 300)
    shares = margins_to_predictions(margins, "softmax")
    assert np.mean(row_losses(Softmax(), margins, label)) == pytest.approx(
        metrics.log_loss(label, shares), rel=1e-12
    )
    sharp = Quantile(0.2, 1e-9)
    pinball = metrics.mean_pinball_loss(y, margin[:, 0], alpha=0.2)
    assert np.mean(row_losses(sharp, margin, y)) == pytest.approx(pinball, rel=1e-6)
    counts = rng.poisson(2, 300).astype(float)
    rate = margins_to_predictions(margin, "log")
    saturated = counts - np.where(counts > 0, counts * np.log(np.maximum(counts, 1)), 0.0)
    deviance = 2 * np.mean(row_losses(Poisson(), margin, counts) - saturated)
    assert deviance == pytest.approx(metrics.mean_poisson_deviance(counts, rate), rel=1e-12)


def test_the_rounded_quantile_is_off_by_at_most_a_quarter_of_its_width():
    rng = np.random.default_rng(7)
    margin, y = 0.1 * rng.normal(size=(2000, 1)), 0.1 * rng.normal(size=2000)
    gap = row_losses(Quantile(0.3, 0.08), margin, y) - row_losses(Quantile(0.3, 1e-12), margin, y)
    assert gap.min() >= -1e-9 and gap.max() <= 0.02 + 1e-9


def test_the_constant_that_minimises_is_the_quantile():
    y = np.sort(np.random.default_rng(8).normal(size=1001))
    grid = np.linspace(-2, 2, 4001)
    for level in (0.1, 0.5, 0.9):
        mean = [np.mean(row_losses(Quantile(level, 1e-6), np.full((1001, 1), c), y)) for c in grid[::20]]
        assert grid[::20][int(np.argmin(mean))] == pytest.approx(np.quantile(y, level), abs=0.03)


def test_huber_joins_square_and_line():
    loss, y = Huber(1.0), shaped([0.0])
    assert loss.value(shaped([1.0]), y).item() == 0.5
    assert loss.value(shaped([3.0]), y).item() == 2.5
    assert loss.gradient(shaped([3.0]), y).item() == 1.0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-800, 800), min_size=1, max_size=6))
def test_links_give_predictions_of_their_kind(margins):
    column = np.asarray(margins)[:, None]
    assert np.array_equal(margins_to_predictions(column, "identity"), column[:, 0])
    chance = margins_to_predictions(column, "logistic")
    assert ((chance >= 0) & (chance <= 1)).all()
    assert (margins_to_predictions(column, "log") >= 0).all()
    shares = margins_to_predictions(np.hstack([column, -column, column * 0]), "softmax")
    assert np.allclose(shares.sum(axis=1), 1.0)
    assert np.allclose(chance + margins_to_predictions(-column, "logistic"), 1.0)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_for_its_tasks_and_no_other(name):
    for task in ("regression", "binary", "multiclass"):
        if task in LOSSES[name]:
            assert loss_for(name, task).name == name
        else:
            with pytest.raises(RecipeError, match=f"loss='{name}' for a {task} target"):
                loss_for(name, task)


def test_the_refusal_says_why_and_what_to_choose():
    with pytest.raises(RecipeError, match=r"treat class numbers as distances.*Next: --set loss=logistic"):
        loss_for("squared", "binary")
    with pytest.raises(RecipeError, match=r"cross-entropy needs classes.*Next: --set loss=squared"):
        loss_for("softmax", "regression")
    with pytest.raises(RecipeError, match="one of: squared"):
        loss_for("sqared", "regression")


def test_auto_and_the_quantile():
    assert [loss_for("auto", task).name for task in ("regression", "binary", "multiclass")] == [
        "squared",
        "logistic",
        "softmax",
    ]
    assert loss_for("quantile", "regression", 0.9).level == 0.9
    assert loss_for("absolute", "regression", 0.9).level == 0.5
