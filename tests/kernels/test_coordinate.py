"""Coordinate descent: its conditions of the optimum, its twin, and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from justright.kernels import coordinate
from justright.kernels.coordinate import elastic_net, elastic_net_numpy


def sums(n, d, seed, rank=None):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    if rank:
        X = X[:, :rank] @ rng.normal(size=(rank, d))
    y = X @ rng.normal(size=d) + rng.normal(size=n)
    X, y = X - X.mean(axis=0), y - y.mean()
    return X, y, X.T @ X / n, X.T @ y / n


def unrest(C, c, lasso, ridge, w):
    slope = C @ w - c + ridge * w
    return np.where(w == 0, np.maximum(np.abs(slope) - lasso, 0), np.abs(slope + lasso * np.sign(w))).max()


PENALTY = st.sampled_from([0.0, 1e-3, 0.05, 0.5])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12), PENALTY, PENALTY, st.booleans())
def test_nothing_is_left_to_gain(seed, d, lasso, ridge, deficient):
    _, _, C, c = sums(30, d, seed, rank=max(1, d // 2) if deficient else None)
    found = elastic_net(C, c, lasso, ridge, np.zeros(d))
    # Along copies of a column nothing but a small penalty decides, and the descent is slow to.
    room = 1e-3 if deficient else 1e-5
    assert unrest(C, c, lasso, ridge, found) < room * (1 + np.abs(c).max())
    twin = elastic_net_numpy(C, c, lasso, ridge, np.zeros(d))
    np.testing.assert_allclose(found, twin, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("mix", [1.0, 0.3])
@pytest.mark.parametrize("alpha", [1.0, 0.1, 0.01])
def test_equal_to_scikit_learn(alpha, mix):
    from sklearn.linear_model import ElasticNet

    X, y, C, c = sums(200, 8, 1)
    rival = ElasticNet(alpha=alpha, l1_ratio=mix, tol=1e-14, max_iter=100_000, fit_intercept=False).fit(X, y)
    found = elastic_net(C, c, alpha * mix, alpha * (1 - mix), np.zeros(8), tolerance=1e-12)
    np.testing.assert_allclose(found, rival.coef_, atol=1e-8)
    assert ((found == 0) == (rival.coef_ == 0)).all()


def test_where_it_starts_does_not_matter():
    _, _, C, c = sums(100, 6, 2)
    far = np.random.default_rng(0).normal(size=6) * 100
    one, other = (elastic_net(C, c, 0.1, 0.1, s, tolerance=1e-13) for s in (np.zeros(6), far))
    np.testing.assert_allclose(one, other, atol=1e-9)
    assert far[0] != one[0]  # the start is not written into


def test_a_column_without_curvature_keeps_its_weight():
    C = np.diag([1.0, 0.0])
    assert elastic_net(C, np.array([2.0, 0.0]), 0.0, 0.0, np.zeros(2)).tolist() == [2.0, 0.0]
    assert elastic_net_numpy(C, np.array([2.0, 0.0]), 0.0, 0.0, np.zeros(2)).tolist() == [2.0, 0.0]


def test_ridge_alone_is_the_closed_form():
    _, _, C, c = sums(100, 5, 3)
    wanted = np.linalg.solve(C + 0.3 * np.eye(5), c)
    np.testing.assert_allclose(elastic_net(C, c, 0.0, 0.3, np.zeros(5), tolerance=1e-13), wanted, atol=1e-10)


def test_sums_of_any_memory_layout():
    _, _, C, c = sums(50, 4, 4)
    wanted = elastic_net(C, c, 0.1, 0.0, np.zeros(4))
    found = elastic_net(np.asfortranarray(C), np.repeat(c, 2)[::2], 0.1, 0.0, np.zeros(4))
    np.testing.assert_array_equal(found, wanted)


def test_the_sweeps_are_bounded():
    _, _, C, c = sums(50, 6, 5)
    one = elastic_net(C, c, 0.0, 0.0, np.zeros(6), sweeps=1)
    np.testing.assert_allclose(one, elastic_net_numpy(C, c, 0.0, 0.0, np.zeros(6), sweeps=1), rtol=1e-12)
    assert np.abs(one - elastic_net(C, c, 0.0, 0.0, np.zeros(6))).max() > 1e-6


def test_without_the_compiler_the_twin_answers(monkeypatch):
    monkeypatch.setattr(coordinate, "find_spec", lambda name: None)
    monkeypatch.setitem(__import__("sys").modules, "justright.kernels.compiled_coordinate", None)
    _, _, C, c = sums(50, 4, 6)
    np.testing.assert_array_equal(
        elastic_net(C, c, 0.1, 0.1, np.zeros(4)), elastic_net_numpy(C, c, 0.1, 0.1, np.zeros(4))
    )
