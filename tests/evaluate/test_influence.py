"""A pull is the weight times the derivative of the metric by the weight: checked by differences."""

import numpy as np
import pytest

from justright.evaluate.influence import Influence, class_influence, mean_influence, value_influence
from justright.metrics import METRICS
from justright.metrics.rows import ValueRows, class_rows, value_rows

CLASS_METRICS = [name for name, m in METRICS.items() if "binary" in m.tasks and name != "calibration_error"]
SMOOTHED = {"balanced_accuracy", "matthews"}


def difference(function, weight):
    """w_i d f / d w_i by central differences."""
    pulls = np.zeros(len(weight))
    for i in range(len(weight)):
        step = np.zeros(len(weight))
        step[i] = 1e-5 * weight[i]
        pulls[i] = (function(weight + step) - function(weight - step)) / 2e-5
    return pulls


def few(n):
    return np.sqrt(n / (n - 1))


@pytest.mark.parametrize("name", ["rmse", "mae", "r2", "mape", "poisson_deviance", "pinball"])
def test_numbers(name):
    rng = np.random.default_rng(4)
    target, prediction, weight = rng.gamma(2, 1, 30), rng.gamma(2, 1, 30) + 0.1, rng.uniform(0.5, 2, 30)

    def shown(w):
        value = METRICS[name].function(target, prediction, w)
        return value**2 if name == "rmse" else 1 - value if name == "r2" else value

    found = value_influence(name, value_rows(target, prediction, weight), 0.5)
    assert found.value == pytest.approx(shown(weight))
    np.testing.assert_allclose(found.pull, difference(shown, weight) * few(30), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("name", CLASS_METRICS)
@pytest.mark.parametrize("k", [2, 4])
def test_classes(name, k):
    rng = np.random.default_rng(5)
    n = 60
    target = np.arange(n) % k
    share = np.round(rng.dirichlet(np.ones(k), n), 1) + 0.02
    share[np.arange(n), target] += 0.3
    share /= share.sum(axis=1, keepdims=True)
    prediction = share[:, 1] if k == 2 else share
    weight = rng.uniform(0.5, 2, n)
    found = class_influence(name, class_rows(target, prediction, weight), 0.5)
    assert found.value == pytest.approx(METRICS[name].function(target, prediction, weight))
    expected = difference(lambda w: METRICS[name].function(target, prediction, w), weight)
    if METRICS[name].needs == "label" and (k > 2 or name in SMOOTHED) and name != "accuracy":
        # Careful rows are added there; with many rows they vanish.
        assert found.pull.shape == (n + k * k,)
        assert np.corrcoef(found.pull[:n], expected)[0, 1] > 0.97
        return
    scale = np.full(n, few(n))
    if name == "roc_auc" and k == 2:
        scale = np.where(target == 1, few(n // 2), few(n // 2))
    elif name == "roc_auc":
        np.testing.assert_allclose(found.pull, expected, rtol=0.08, atol=1e-4)  # the correction is by class
        return
    np.testing.assert_allclose(found.pull, expected * scale, rtol=1e-4, atol=1e-8)


@pytest.mark.parametrize("name", ["balanced_accuracy", "matthews", "f1", "precision", "recall"])
def test_added_rows_vanish_in_many(name):
    rng = np.random.default_rng(6)
    n, k = 50_000, 3
    target = rng.integers(0, k, n)
    prediction = rng.dirichlet(np.ones(k), n)
    prediction[np.arange(n), target] += 0.3
    rows = class_rows(target, prediction, None)
    found = class_influence(name, rows, 0.5)
    halves = [METRICS[name].function(target[i::500], prediction[i::500]) for i in range(500)]
    assert found.variance * 500 == pytest.approx(np.var(halves), rel=0.25)
    assert found.centre == pytest.approx(found.value, abs=1e-3)


def delong(target, score):
    """DeLong's variance, pair by pair."""
    ones, zeros = score[target == 1], score[target == 0]
    won = (ones[:, None] > zeros[None, :]) + 0.5 * (ones[:, None] == zeros[None, :])
    return won.mean(axis=1).var(ddof=1) / len(ones) + won.mean(axis=0).var(ddof=1) / len(zeros)


def test_the_roc_area_has_delongs_variance():
    rng = np.random.default_rng(7)
    target = (rng.uniform(size=80) < 0.3).astype(int)
    score = np.round(rng.normal(target, 1.0), 1)
    found = class_influence("roc_auc", class_rows(target, score, None), 0.5)
    assert found.variance == pytest.approx(delong(target, score), rel=1e-12)


def test_the_mean_has_the_textbook_variance():
    values = np.random.default_rng(8).gamma(1.0, 1.0, 50)
    assert mean_influence(values, np.ones(50)).variance == pytest.approx(values.var(ddof=1) / 50, rel=1e-12)


def test_freedom_is_that_of_normal_rows_and_small_for_few_large_ones():
    pull = np.random.default_rng(9).normal(0, 1, 20_000)
    assert Influence(0.0, pull, 1.0, 0.0).freedom == pytest.approx(20_000, rel=0.1)
    assert Influence(0.0, np.r_[np.full(3, 10.0), np.full(997, 0.01)], 1.0, 0.0).freedom < 8


def test_groups_add_their_rows():
    values, weight = np.array([1.0, 2.0, 5.0, 7.0]), np.ones(4)
    twice = mean_influence(np.repeat(values, 2), np.ones(8)).of_groups(np.repeat(np.arange(4), 2))
    assert twice.pull.shape == (4,)
    # Rows given twice say no more than once (the correction for few rows is that of both steps).
    assert twice.variance == pytest.approx(mean_influence(values, weight).variance * 8 / 7)


def test_the_bend_of_a_ratio_is_that_of_its_two_means():
    """Monte Carlo of the pivot's skew would be slow: the two ends of the rule are known in closed form."""
    rng = np.random.default_rng(8)
    target = np.where(np.arange(400) % 2 == 0, 1.0, -1.0)  # constant spread: a mean, no ratio
    error = rng.normal(size=400)
    error -= (error * target).mean() * target
    mean = value_influence("r2", ValueRows(target, target - error, np.ones(400)), 0.5)
    assert mean.bend == pytest.approx(1.0)
    target = rng.exponential(size=400)
    steady = np.where(np.arange(400) % 2 == 0, 0.3, -0.3)  # constant error: one over a mean
    inverse = value_influence("r2", ValueRows(target, target - steady, np.ones(400)), 0.5)
    assert inverse.bend == pytest.approx(-1.0)
    assert inverse.of_groups(np.arange(400) // 2).bend == inverse.bend
