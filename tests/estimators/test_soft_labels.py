"""Shares of classes as labels: the loss is the soft cross-entropy, and what is no share is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from justright.errors import ColumnError
from justright.estimators.soft_labels import hardened
from justright.optim.losses import Softmax

rng = np.random.default_rng(0)


def test_the_weighted_classes_have_the_cross_entropy_of_the_shares():
    shares, margin = rng.dirichlet(np.ones(4), 30), rng.normal(size=(30, 4))
    shares[3] = [0, 0, 1, 0]
    rows = hardened(margin, shares, None, None)
    hard = Softmax().value(rows.X[..., None], rows.y.reshape(-1, 1, 1))[:, 0, 0] @ rows.weight
    logs = margin - np.log(np.exp(margin).sum(axis=1, keepdims=True))
    assert hard == pytest.approx(-(shares * logs).sum(), rel=1e-12)
    assert len(rows.y) == 29 * 4 + 1


def test_weights_and_held_out_rows_follow_their_rows():
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index=[7, 8, 9])
    shares = pd.DataFrame({"no": [1.0, 0.5, 0.0], "yes": [0.0, 0.5, 1.0]})
    rows = hardened(frame, shares, [1.0, 2.0, 4.0], [1])
    assert rows.X["a"].tolist() == [1.0, 2.0, 2.0, 3.0]
    assert rows.y.tolist() == ["no", "no", "yes", "yes"]
    assert rows.weight.tolist() == [1.0, 1.0, 1.0, 4.0]
    assert rows.eval_rows.tolist() == [False, True, True, False]


def test_classes_pass_as_they_are():
    y = np.array(["a", "b"])
    assert hardened([[1], [2]], y, None, None).y is y
    column = y[:, None]
    assert hardened([[1], [2]], column, None, None).y is column


@pytest.mark.parametrize("bad", [[0.5, 0.6], [-0.1, 1.1], [np.nan, 1.0], [0.0, 0.0], [np.inf, 0.0]], ids=str)
def test_shares_that_are_none_are_refused_with_their_row(bad):
    with pytest.raises(ColumnError, match=r"row 1.*|.*sum to 1"):
        hardened(np.zeros((2, 1)), [[0.5, 0.5], bad], None, None)


def test_text_of_two_axes_is_refused():
    with pytest.raises(ColumnError, match="no numbers"):
        hardened(np.zeros((2, 1)), [["a", "b"], ["a", "b"]], None, None)


def test_lengths_that_differ_are_refused():
    with pytest.raises(ValueError, match="inconsistent"):
        hardened(np.zeros((3, 1)), [[0.5, 0.5], [1.0, 0.0]], None, None)


def test_a_network_learns_shares():
    pytest.importorskip("jax", reason="networks train with jax")
    from justright.estimators import NeuralClassifier

    x = rng.uniform(-2, 2, (800, 1))
    share = 1.0 / (1.0 + np.exp(-2.0 * x[:, 0]))
    shares = pd.DataFrame({"no": 1.0 - share, "yes": share})
    model = NeuralClassifier(
        hidden_layer_sizes=(16,), dropout=0.0, batch_size=32, max_iter=20, random_state=0
    )
    model.fit(x, shares)
    assert model.classes_.tolist() == ["no", "yes"]
    assert np.abs(model.predict_proba(x)[:, 1] - share).mean() < 0.03
