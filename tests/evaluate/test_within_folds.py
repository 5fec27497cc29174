import numpy as np
import pytest

from justright.evaluate.within_folds import area_within_folds
from justright.metrics import roc_auc


def rows(n=120, k=2, seed=1):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, k, n)
    share = rng.dirichlet(np.ones(k), n)
    share[np.arange(n), target] += 0.4
    return target, share[:, 1] if k == 2 else share, rng.integers(0, 4, n)


def test_is_the_area_of_the_folds_weighted_by_pairs():
    target, score, fold = rows()
    pairs = [(target[fold == f] == 1).sum() * (target[fold == f] == 0).sum() for f in range(4)]
    areas = [roc_auc(target[fold == f], score[fold == f]) for f in range(4)]
    found = area_within_folds(target, score, None, fold)
    assert found.value == pytest.approx(np.average(areas, weights=pairs))
    assert found.pull.sum() == pytest.approx(0.0, abs=1e-12)


def test_one_fold_is_the_plain_area():
    for k in (2, 3):
        target, score, _ = rows(k=k)
        found = area_within_folds(target, score, None, np.zeros(120))
        assert found.value == pytest.approx(roc_auc(target, score))


def test_weight_is_repetition_and_zero_is_none():
    target, score, fold = rows()
    weight = np.random.default_rng(2).integers(0, 3, 120)
    repeated = [np.repeat(x, weight) for x in (target, score, fold)]
    found = area_within_folds(target, score, weight.astype(float), fold)
    assert found.value == pytest.approx(area_within_folds(repeated[0], repeated[1], None, repeated[2]).value)
    assert found.pull.shape == ((weight > 0).sum(),)


def test_folds_of_one_class_say_nothing():
    target, score, _ = rows()
    assert np.isnan(area_within_folds(target, score, None, target).value)
    target, score, _ = rows(k=3)
    assert np.isnan(area_within_folds(target, score, None, np.arange(120)).value)
