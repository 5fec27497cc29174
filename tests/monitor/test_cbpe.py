"""Performance without labels: right where the model still holds, wrong where the world has turned."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss, precision_score, recall_score, roc_auc_score

from justright.monitor.baseline import Proof, baseline
from justright.monitor.cbpe import estimate, judged_by
from justright.monitor.counters import Counters
from justright.monitor.frame import frame_of, sure_bins, sure_middles
from justright.monitor.performance import of_performance, with_labels


def expit(margin):
    return 1.0 / (1.0 + np.exp(-margin))


def drawn(rng, rows, shift=0.0, turned=1.0):
    """Stated probabilities and labels; `turned` scales the true margin, `shift` moves the rows."""
    margin = 1.6 * rng.normal(size=rows) - 1.0 + shift
    return expit(margin), (rng.random(rows) < expit(turned * margin)).astype(int)


def outcome_of(said, target, task="binary"):
    from justright.features.plan import FeaturePlan, PlanData

    plan = FeaturePlan(PlanData((), (), (), None))
    names = ("(prediction)",) if said.ndim == 1 else tuple("abc")
    made = baseline(plan, [_block(len(target))], proof=Proof(task, said, target, np.ones(len(target)), names))
    return made, frame_of(made, plan), plan


def _block(rows):
    from justright.schema import Block

    zeros = np.zeros((rows, 0), np.float32)
    one = np.ones(rows, np.float32)
    return Block(
        zeros, zeros.astype(np.int32), one, one, np.zeros((rows, 1), np.int8), None, np.zeros(rows, np.uint64)
    )


def counts_for(frame, plan, said, task="binary"):
    scorer = SimpleNamespace(
        plan=plan, bundle=SimpleNamespace(model=SimpleNamespace(task=task)), expected=lambda m: said
    )
    counters = Counters(frame, scorer)
    counters.add(_block(len(said)), np.zeros((len(said), 1)))
    return counters.snapshot()


TRUTH = {
    "roc_auc": roc_auc_score,
    "log_loss": log_loss,
    "accuracy": lambda y, p: accuracy_score(y, p >= 0.4),
    "precision": lambda y, p: precision_score(y, p >= 0.4),
    "recall": lambda y, p: recall_score(y, p >= 0.4),
    "f1": lambda y, p: f1_score(y, p >= 0.4),
}


def test_metrics_of_bins_are_those_of_rows():
    rng = np.random.default_rng(0)
    said, target = drawn(rng, 20_000)
    at = sure_bins(said)
    rows = np.bincount(at, minlength=1000).astype(float)
    hits = np.bincount(at, weights=target, minlength=1000)
    found = judged_by("binary", rows, hits[None], sure_middles(), 0.4)
    for name, function in TRUTH.items():
        assert found[name].item() == pytest.approx(function(target, said), abs=2e-3), name


@pytest.mark.parametrize("shift", [0.0, -1.0, 1.2])
def test_the_interval_holds_the_truth_when_only_the_rows_move(shift):
    rng = np.random.default_rng(7)
    inside = dict.fromkeys(TRUTH, 0)
    for _ in range(40):
        made, frame, plan = outcome_of(*drawn(rng, 2000))
        said, target = drawn(rng, 600, shift)
        for each in estimate("binary", frame, counts_for(frame, plan, said), made["outcome"], threshold=0.4):
            inside[each.metric] += each.low <= TRUTH[each.metric](target, said) <= each.high
    for name, count in inside.items():
        assert count >= 33, (name, count)


def test_a_model_that_overstates_is_set_right_by_its_held_out_rows():
    rng = np.random.default_rng(1)
    made, frame, plan = outcome_of(*drawn(rng, 5000, turned=0.5))
    said, target = drawn(rng, 3000, turned=0.5)
    (loss,) = [
        each
        for each in estimate("binary", frame, counts_for(frame, plan, said), made["outcome"])
        if each.metric == "log_loss"
    ]
    assert loss.low <= log_loss(target, said) <= loss.high
    naive = [
        e for e in estimate("binary", frame, counts_for(frame, plan, said), None) if e.metric == "log_loss"
    ]
    assert not naive[0].low <= log_loss(target, said) <= naive[0].high


def test_it_cannot_see_a_change_of_concept_and_labels_withdraw_it():
    rng = np.random.default_rng(2)
    made, frame, plan = outcome_of(*drawn(rng, 3000))
    said, target = drawn(rng, 1000, turned=-0.5)
    (auc,) = [
        each
        for each in estimate("binary", frame, counts_for(frame, plan, said), made["outcome"])
        if each.metric == "roc_auc"
    ]
    assert auc.value > 0.75
    truth = roc_auc_score(target, said)
    assert truth < 0.5
    judged = with_labels(auc, truth, 1000, 1000)
    assert judged.withdrawn
    (row,) = of_performance("binary", [judged], 1000, 3000, labelled=1000)
    assert (row.found.metric, row.large, row.found.p < 1e-6) == ("realized_roc_auc_drop", True, True)
    (silent,) = of_performance("binary", [auc], 1000, 3000)
    assert silent.found.p > 0.01


def test_numbers_take_the_errors_of_held_out_rows():
    rng = np.random.default_rng(3)

    def rows(n, high):
        said = rng.uniform(0, high, n)
        return said, said + rng.normal(size=n) * (0.5 + said)

    made, frame, plan = outcome_of(*rows(5000, 4.0), task="regression")
    said, target = rows(1500, 2.0)
    found = {
        e.metric: e
        for e in estimate("regression", frame, counts_for(frame, plan, said, "regression"), made["outcome"])
    }
    errors = target - said
    assert found["mae"].low <= np.abs(errors).mean() <= found["mae"].high
    assert found["rmse"].low <= np.sqrt(np.mean(errors**2)) <= found["rmse"].high
    assert found["mae"].expected > found["mae"].value


def test_several_classes_have_an_accuracy():
    rng = np.random.default_rng(4)
    said = rng.dirichlet(np.ones(3), 3000)
    target = (rng.random((3000, 1)) > np.cumsum(said, axis=1)).sum(axis=1)
    made, frame, plan = outcome_of(said, target, task="multiclass")
    (found,) = estimate("multiclass", frame, counts_for(frame, plan, said, "multiclass"), made["outcome"])
    assert found.low <= (said.argmax(axis=1) == target).mean() <= found.high
    assert found.expected == pytest.approx(found.value, abs=0.03)


def test_too_few_rows_and_unknown_outcomes_give_nothing():
    rng = np.random.default_rng(5)
    made, frame, plan = outcome_of(*drawn(rng, 500))
    assert estimate("binary", frame, counts_for(frame, plan, drawn(rng, 19)[0]), made["outcome"]) == []
    assert estimate("regression", frame, counts_for(frame, plan, drawn(rng, 90)[0], "regression"), None) == []
