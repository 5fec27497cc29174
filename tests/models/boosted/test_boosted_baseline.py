import sys

import numpy as np
import pytest

from justright.errors import MissingExtraError, RecipeError, TrainingError
from justright.metrics import roc_auc
from justright.models.boosted import boosted_baseline
from justright.schema import Block, Tokens


def block(numeric, target, *, codes=None, tokens=None, weight=None, fold=None, seed=0):
    n = len(target)
    rng = np.random.default_rng(seed)
    return Block(
        np.asarray(numeric, np.float32).reshape(n, -1),
        np.zeros((n, 0), np.int32) if codes is None else np.asarray(codes, np.int32).reshape(n, -1),
        np.asarray(target),
        np.ones(n, np.float32) if weight is None else np.asarray(weight, np.float32),
        (np.arange(n) % 5 if fold is None else np.asarray(fold)).astype(np.int8)[:, None],
        tokens,
        rng.integers(0, 2**64, n, dtype=np.uint64),
    )


def exclusive_or(n=1500, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    return x, ((x[:, 0] > 0) ^ (x[:, 1] > 0)).astype(np.int32)


def test_learns_what_a_line_cannot():
    x, y = exclusive_or()
    found = boosted_baseline([block(x, y)], "binary")
    np.testing.assert_array_equal(found.place, np.arange(0, len(y), 5))
    assert roc_auc(y[found.place], found.prediction) > 0.99
    assert (found.rounds, found.stopped, found.train_rows) == (100, False, 1200)


def test_equals_lightgbm_on_the_same_rows():
    import lightgbm

    x, y = exclusive_or(400)
    x[::7, 0] = np.nan
    codes = np.arange(400)[:, None] % 3
    fold = np.arange(400) % 5
    found = boosted_baseline([block(x, y, codes=codes)], "binary", fold=2)
    both = np.column_stack([x, codes]).astype(np.float32)
    data = lightgbm.Dataset(both[fold != 2], y[fold != 2], categorical_feature=[2], params={"verbosity": -1})
    params = {
        "objective": "binary",
        "verbosity": -1,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
    }
    rival = lightgbm.train(params, data, 100).predict(both[fold == 2])
    np.testing.assert_allclose(found.prediction, rival, rtol=1e-9)


def test_blocks_and_their_borders_do_not_matter():
    x, y = exclusive_or(600)
    whole = block(x, y)
    parts = [whole.slice(0, 250), whole.slice(250, 251), whole.slice(251, 600)]
    once, again = boosted_baseline([whole], "binary"), boosted_baseline(parts, "binary")
    np.testing.assert_array_equal(once.place, again.place)
    np.testing.assert_array_equal(once.prediction, again.prediction)


def test_several_classes_and_numbers():
    rng = np.random.default_rng(2)
    x = rng.uniform(0, 3, (900, 1))
    found = boosted_baseline([block(x, np.floor(x[:, 0]).astype(np.int32))], "multiclass", 3)
    assert found.prediction.shape == (180, 3)
    np.testing.assert_allclose(found.prediction.sum(axis=1), 1.0)
    assert (found.prediction.argmax(axis=1) == np.floor(x[found.place, 0])).mean() > 0.98
    values = boosted_baseline([block(x, (2 * x).astype(np.float32))], "regression")
    assert np.abs(values.prediction - 2 * x[values.place, 0]).mean() < 0.1


def test_words_of_a_text_are_seen():
    rng = np.random.default_rng(3)
    word = rng.integers(0, 4, 1000)
    tokens = Tokens(np.arange(1001), (word * 7).astype(np.int32), np.ones(1000, np.float32), 64)
    y = (word == 2).astype(np.int32)
    found = boosted_baseline([block(np.zeros((1000, 1)), y, tokens=tokens)], "binary")
    assert roc_auc(y[found.place], found.prediction) == 1.0


def test_time_that_is_out_leaves_one_tree():
    x, y = exclusive_or(500)
    found = boosted_baseline([block(x, y)], "binary", time_limit=0.0)
    assert (found.rounds, found.stopped) == (1, True)


def test_rows_without_weight_do_not_train():
    x, y = exclusive_or(600)
    lies = np.r_[y, 1 - y].astype(np.int32)
    weight = np.r_[np.ones(600), np.zeros(600)]
    found = boosted_baseline([block(np.r_[x, x], lies, weight=weight)], "binary")
    assert found.train_rows == 480
    own = found.place < 600
    assert roc_auc(y[found.place[own]], found.prediction[own]) > 0.95


def test_periods_train_on_the_past_only():
    x, y = exclusive_or(900)
    fold = np.repeat([0, 1, 2], 300)
    later = y.copy()
    later[600:] = 1 - y[600:]
    found = boosted_baseline([block(x, later, fold=fold)], "binary", fold=1, forward=True)
    assert found.train_rows == 300
    assert roc_auc(y[300:600], found.prediction) > 0.95


def test_large_tables_are_sampled(monkeypatch):
    import justright.models.boosted.baseline as boosted

    monkeypatch.setattr(boosted, "_CELLS", 800)
    monkeypatch.setattr(boosted, "_JUDGED", 100)
    x, y = exclusive_or(2000)
    found = boosted_baseline([block(x, y)], "binary")
    assert 320 < found.train_rows < 480
    assert 60 < len(found.place) < 140
    assert (np.diff(found.place) > 0).all() and (found.place % 5 == 0).all()


def test_without_the_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    x, y = exclusive_or(50)
    with pytest.raises(MissingExtraError, match=r"justright\[train\]"):
        boosted_baseline([block(x, y)], "binary")


def test_refusals():
    x, y = exclusive_or(50)
    with pytest.raises(TrainingError, match="0 to judge in fold 9"):
        boosted_baseline([block(x, y)], "binary", fold=9)
    with pytest.raises(RecipeError, match="task='ranking'"):
        boosted_baseline([block(x, y)], "ranking")
