import json
import math

import msgspec
import numpy as np
import pytest

from justright.errors import RecipeError, TableError
from justright.evaluate.evaluation import Evaluation, evaluate, row_loss
from justright.evaluate.intervals import interval
from justright.evaluate.selection import Choice, validation_interval
from justright.evaluate.threshold import choose_threshold
from justright.metrics import metrics_for


def rows(task, n=400, seed=1):
    rng = np.random.default_rng(seed)
    if task == "regression":
        x = rng.normal(size=n)
        return x + rng.normal(0, 0.5, n), x
    k = 2 if task == "binary" else 3
    share = rng.dirichlet(np.ones(k), n)
    target = (share.cumsum(axis=1) < rng.uniform(size=(n, 1))).sum(axis=1)
    return target, share[:, 1] if k == 2 else share


CLASSES = {"regression": (), "binary": ("no", "yes"), "multiclass": ("a", "b", "c")}


@pytest.mark.parametrize("task", list(CLASSES))
def test_everything_is_there_and_is_json(task):
    target, prediction = rows(task)
    features = {"half": (np.arange(400) % 2, ["even", "odd"])}
    found = evaluate(task, CLASSES[task], target, prediction, features=features)
    assert list(found.metrics) == [each.name for each in metrics_for(task)]
    assert (found.rows, found.level, found.findings) == (400, 0.95, ())
    assert len(found.slices) == 2
    assert bool(found.confusion) == bool(found.calibration) == (task != "regression")
    text = msgspec.json.encode(found)
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in the JSON"))
    assert msgspec.json.decode(text, type=Evaluation) == found


def test_metrics_are_those_of_fresh_rows_or_of_a_choice():
    target, prediction = rows("binary")
    fresh = evaluate("binary", CLASSES["binary"], target, prediction)
    assert fresh.metrics["roc_auc"] == interval("roc_auc", target, prediction)
    loss = row_loss("binary", target, prediction)
    choice = Choice(np.stack([loss, loss + 0.01], axis=1), loss="logistic", train_loss=loss.mean() - 0.05)
    chosen = evaluate("binary", CLASSES["binary"], target, prediction, choice=choice)
    assert chosen.metrics["brier"] == validation_interval("brier", target, prediction, choice)
    assert chosen.metrics["brier"] != fresh.metrics["brier"]


def test_the_threshold_reaches_labels_words_and_costs():
    target, prediction = rows("binary")
    threshold = choose_threshold(target, prediction, cost_fn=9.0)
    found = evaluate("binary", CLASSES["binary"], target, prediction, threshold=threshold)
    assert found.threshold == threshold
    flagged = prediction >= threshold.value
    assert found.confusion[0][1] == (flagged & (target == 0)).sum()
    assert found.metrics["recall"].value == pytest.approx((flagged & (target == 1)).sum() / target.sum())
    assert found.customer.figures["cost"].value == pytest.approx(threshold.cost)


def test_what_is_not_defined_is_said_and_left_out():
    found = evaluate("binary", CLASSES["binary"], [1, 1, 1], [0.2, 0.7, 0.9])
    assert "roc_auc" not in found.metrics
    (finding,) = found.findings
    assert finding.id == "metric-undefined" and "roc_auc" in finding.evidence["metrics"]
    one = evaluate("regression", (), [1.0], [2.0])
    assert one.metrics == {}


def test_a_lower_level_widens_and_weight_zero_is_no_row():
    target, prediction = rows("regression")
    usual = evaluate("regression", (), target, prediction)
    wide = evaluate("regression", (), target, prediction, level=0.99)
    assert wide.metrics["rmse"].high > usual.metrics["rmse"].high
    weight = np.r_[np.ones(300), np.zeros(100)]
    fewer = evaluate("regression", (), target, prediction, weight)
    assert fewer.rows == 300
    assert fewer.metrics == evaluate("regression", (), target[:300], prediction[:300]).metrics


def test_more_metrics_by_name():
    target, prediction = rows("regression")
    found = evaluate("regression", (), target, prediction, names=("pinball", "mae"), quantile=0.9)
    assert list(found.metrics) == ["rmse", "mae", "r2", "pinball"]
    with pytest.raises(RecipeError, match="metric='f1'"):
        evaluate("regression", (), target, prediction, names=("f1",))


def test_row_losses():
    np.testing.assert_array_equal(row_loss("regression", [1.0, 3.0], [2.0, 1.0]), [1.0, 2.0])
    np.testing.assert_allclose(row_loss("binary", [0, 1], [0.5, 0.25]), [math.log(2), math.log(4)])
    with pytest.raises(TableError, match="shape"):
        row_loss("regression", [1.0, 2.0], [1.0])


def test_single_rows_that_decide_are_said():
    target, prediction = rows("regression")
    assert evaluate("regression", (), target, prediction).findings == ()
    target = target.copy()
    target[7] += 1000.0
    (finding,) = evaluate("regression", (), target, prediction).findings
    assert finding.id == "few-rows-decide"
    assert finding.evidence["rows"] == 1 and finding.evidence["share"] > 0.9
    few = evaluate("regression", (), target[:50], prediction[:50])
    assert few.findings == ()  # of fifty rows one is two in a hundred
