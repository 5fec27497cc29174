import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from justright.errors import RecipeError, TableError
from justright.evaluate.intervals import interval, wilson
from justright.metrics import METRICS

CASES = [(name, task) for name, each in METRICS.items() for task in each.tasks]


def rows_for(task, seed, n=200):
    rng = np.random.default_rng(seed)
    if task == "regression":
        mean = rng.gamma(4.0, 1.0, n) + 0.1
        return mean * rng.gamma(10, 0.1, n), mean
    k = 2 if task == "binary" else 4
    share = rng.dirichlet(np.ones(k), n)
    target = (share.cumsum(axis=1) < rng.uniform(size=(n, 1))).sum(axis=1)
    return target, share[:, 1] if k == 2 else share


@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 10), (50, 100), (100, 100), (997, 1000)])
def test_wilson_equals_scipy(k, n):
    expected = stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
    found = wilson(k / n, n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_accuracy_precision_and_recall_are_wilson():
    target = np.array([1] * 30 + [0] * 70)
    prediction = np.array([0.9] * 24 + [0.1] * 6 + [0.8] * 8 + [0.2] * 62)
    for name, hits, of in (("accuracy", 86, 100), ("precision", 24, 32), ("recall", 24, 30)):
        expected = wilson(hits / of, of)
        found = interval(name, target, prediction)
        assert (found.value, found.low, found.high) == pytest.approx(
            (expected.value, expected.low, expected.high), rel=1e-9
        )


@pytest.mark.parametrize(("name", "task"), CASES)
def test_the_value_is_the_metric_and_lies_inside(name, task):
    for seed in range(5):
        target, prediction = rows_for(task, seed)
        found = interval(name, target, prediction)
        assert found.value == pytest.approx(METRICS[name].function(target, prediction), rel=1e-12)
        assert METRICS[name].low <= found.low <= found.value <= found.high <= METRICS[name].high
        assert found.low < found.high


@pytest.mark.parametrize(("name", "task"), CASES)
def test_more_rows_narrow_and_a_higher_level_widens(name, task):
    small, large = (interval(name, *rows_for(task, 3, n)) for n in (200, 3200))
    assert (large.high - large.low) < 0.55 * (small.high - small.low)
    wide = interval(name, *rows_for(task, 3), level=0.99)
    assert wide.low <= small.low and wide.high >= small.high


@pytest.mark.parametrize(("name", "task"), CASES)
def test_doubled_rows_in_groups_say_no_more(name, task):
    target, prediction = rows_for(task, 11)
    once = interval(name, target, prediction)
    groups = np.tile(np.arange(len(target)), 2)
    twice = interval(name, np.tile(target, 2), np.concatenate([prediction, prediction]), groups=groups)
    naive = interval(name, np.tile(target, 2), np.concatenate([prediction, prediction]))
    assert twice.high - twice.low == pytest.approx(once.high - once.low, rel=0.06)
    # A calibration error hides its noise behind zero: its interval need not shrink by the full factor.
    assert naive.high - naive.low < (1.1 if name == "calibration_error" else 0.9) * (twice.high - twice.low)


@pytest.mark.parametrize(("name", "task"), CASES)
@settings(max_examples=25)
@given(seed=st.integers(0, 1000))
def test_order_scale_of_weights_and_zero_weights_do_not_matter(name, task, seed):
    target, prediction = rows_for(task, seed, 40)
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0.5, 2.0, 40)
    found = interval(name, target, prediction, weight)
    order = rng.permutation(40)
    other = interval(name, target[order], prediction[order], 3.0 * weight[order])
    more = interval(
        name,
        np.r_[target, target[:5]],
        np.concatenate([prediction, prediction[:5]]),
        np.r_[weight, np.zeros(5)],
    )
    for again in (other, more):
        expected = (found.value, found.low, found.high)
        assert (again.value, again.low, again.high) == pytest.approx(
            expected, rel=1e-6, abs=1e-9, nan_ok=True
        )


@pytest.mark.parametrize(("name", "task"), CASES)
@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 6))
def test_few_and_odd_rows_never_crash(name, task, seed, n):
    rng = np.random.default_rng(seed)
    if task == "regression":
        target, prediction = rng.choice([0.0, 1.0, 5.0], n), rng.choice([1.0, 5.0], n)
    else:
        k = 2 if task == "binary" else 3
        target = rng.integers(0, k, n)
        share = np.eye(k)[rng.integers(0, k, n)]
        prediction = share[:, 1] if k == 2 else share
    found = interval(name, target, prediction)
    if not math.isnan(found.value):
        assert found.low <= found.value <= found.high


def test_perfect_scores_are_not_claimed_to_be_sure():
    target = np.array([0] * 20 + [1] * 20)
    for name in ("roc_auc", "average_precision", "f1", "balanced_accuracy", "matthews"):
        found = interval(name, target, target.astype(float))
        assert found.value == found.high == 1.0
        assert 0.4 < found.low < 0.99


def test_what_is_not_defined():
    assert math.isnan(interval("roc_auc", [1, 1, 1], [0.1, 0.2, 0.3]).value)
    assert math.isnan(interval("r2", [2.0, 2.0], [1.0, 2.0]).low)
    assert math.isnan(interval("rmse", [2.0], [1.0]).high)
    assert math.isnan(interval("rmse", [2.0, 3.0], [1.0, 1.0], groups=[7, 7]).high)


def test_refusals():
    with pytest.raises(RecipeError, match="metric='rsme'; allowed: one of: rmse"):
        interval("rsme", [1.0], [1.0])
    with pytest.raises(RecipeError, match=r"level=95"):
        interval("rmse", [1.0, 2.0], [1.0, 3.0], level=95)
    with pytest.raises(TableError, match=r"groups of shape \(1,\)"):
        interval("rmse", [1.0, 2.0], [1.0, 2.0], groups=[1])
    with pytest.raises(TableError, match="counts >= 0"):
        interval("poisson_deviance", [-1.0, 2.0], [1.0, 2.0])


def binary_law(rng, n):
    margin = rng.normal(0, 1.5, n)
    return (rng.uniform(size=n) < 1 / (1 + np.exp(-margin))).astype(int), 1 / (1 + np.exp(-1.5 * margin))


def number_law(rng, n):
    mean = rng.normal(0, 1, n)
    return mean + rng.normal(0, 0.7, n), mean


def letters_law(rng, n):
    target = rng.integers(0, 26, n)
    margin = rng.normal(0, 1, (n, 26))
    margin[np.arange(n), target] += 2.5
    share = np.exp(margin)
    return target, share / share.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("law", "names"),
    [
        (letters_law, ("accuracy", "balanced_accuracy", "matthews", "log_loss")),
        (number_law, ("rmse", "mae", "r2")),
        (binary_law, ("roc_auc", "log_loss", "average_precision", "accuracy", "f1", "recall", "matthews")),
    ],
)
def test_coverage_is_what_is_promised(law, names):
    target, prediction = law(np.random.default_rng(0), 300_000)
    truth = {name: METRICS[name].function(target, prediction) for name in names}
    held = dict.fromkeys(names, 0)
    for repeat in range(400):
        target, prediction = law(np.random.default_rng((1, repeat)), 300)
        for name in names:
            found = interval(name, target, prediction)
            held[name] += found.low <= truth[name] <= found.high
    # Within four standard errors (1.1 points each) of 95 %.
    assert all(0.906 * 400 <= count <= 0.994 * 400 for count in held.values()), held


def test_r2_leans_down_for_far_errors_and_up_for_far_targets():
    """Log-normal targets: the spread is a few rows' and mostly seen too small, so r2 must reach up."""
    rng = np.random.default_rng(4)
    mean = rng.lognormal(0, 1, 300)
    far_targets = interval("r2", mean + rng.uniform(-1, 1, 300), mean)
    up = math.log((1 - far_targets.value) / (1 - far_targets.high))
    down = math.log((1 - far_targets.low) / (1 - far_targets.value))
    assert up > 1.1 * down
    mean = rng.uniform(-3, 3, 300)
    far_errors = interval("r2", mean + rng.standard_t(4, 300), mean)
    up = math.log((1 - far_errors.value) / (1 - far_errors.high))
    assert math.log((1 - far_errors.low) / (1 - far_errors.value)) > 1.1 * up
