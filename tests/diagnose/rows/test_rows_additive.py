"""The cheap model: its effects are ridge's, and no row knows its own fold."""

from __future__ import annotations

import numpy as np
import pytest

from justright.diagnose.rows.additive import Additive, explained
from justright.diagnose.rows.sample import Feature


def feature(values, name="x"):
    return Feature(name, name, "", values, None, 0, float(np.nanstd(values)) or 1.0, False)


def problem(rows=300, seed=0):
    rng = np.random.default_rng(seed)
    columns = [feature(rng.normal(size=rows), f"x{i}") for i in range(3)]
    return rng, columns, rng.integers(0, 5, rows), rng.uniform(0.5, 2.0, rows)


def test_predictions_are_those_of_ridge_without_the_fold():
    rng, columns, fold, weight = problem()
    outcome = rng.normal(size=(300, 2)) + columns[0].values[:, None] * 3.0 + 100.0
    model = Additive(columns, weight, fold)
    got = model.out_of_fold(outcome, (), (30.0,))
    x, w = model.design.astype(float), weight / weight.mean()
    for number in range(5):
        rest, own = fold != number, fold == number
        middle = w[rest] @ x[rest] / w[rest].sum()
        level = w[rest] @ outcome[rest] / w[rest].sum()
        z = (x[rest] - middle) * np.sqrt(w[rest])[:, None]
        effect = np.linalg.solve(
            z.T @ z + 30.0 * np.eye(z.shape[1]), z.T @ ((outcome[rest] - level) * np.sqrt(w[rest])[:, None])
        )
        np.testing.assert_allclose(got[own], level + (x[own] - middle) @ effect, rtol=1e-3, atol=2e-3)


def test_own_outcome_does_not_enter():
    rng, columns, fold, weight = problem()
    outcome = rng.normal(size=(300, 1))
    changed = outcome.copy()
    changed[fold == 2] += 50.0 * rng.normal(size=(int((fold == 2).sum()), 1))
    model = Additive(columns, weight, fold)
    one, other = (model.out_of_fold(each, (), (30.0,)) for each in (outcome, changed))
    np.testing.assert_allclose(one[fold == 2], other[fold == 2], atol=1e-3)
    assert np.abs(one[fold != 2] - other[fold != 2]).max() > 0.1


def test_left_out_columns_say_nothing():
    _, columns, fold, weight = problem(1000)
    outcome = columns[1].values[:, None]
    model = Additive(columns, weight, fold)
    assert explained(outcome, model.out_of_fold(outcome), weight) > 0.95
    assert explained(outcome, model.out_of_fold(outcome, (1,)), weight) < 0.05


def test_bends_and_missing_values_are_seen():
    rng = np.random.default_rng(0)
    x = rng.normal(size=1000)
    gone = rng.random(1000) < 0.2
    outcome = np.where(gone, 5.0, np.abs(x))[:, None]
    model = Additive([feature(np.where(gone, np.nan, x))], np.ones(1000), np.arange(1000) % 5)
    assert explained(outcome, model.out_of_fold(outcome), np.ones(1000)) > 0.95


@pytest.mark.parametrize("columns", [1, 70, 300])
def test_width_is_bounded(columns):
    rng = np.random.default_rng(0)
    model = Additive([feature(rng.normal(size=60)) for _ in range(columns)], np.ones(60), np.arange(60) % 5)
    assert model.design.shape[1] <= 256 + 25


def test_other_folds_give_another_model_of_the_same_rows():
    rng, columns, fold, weight = problem()
    outcome = rng.normal(size=(300, 1))
    model = Additive(columns, weight, fold)
    before = model.out_of_fold(outcome)
    other = model.regrouped(np.arange(300) % 3)
    assert not np.allclose(other.out_of_fold(outcome), before)
    np.testing.assert_array_equal(model.out_of_fold(outcome), before)
