"""Rare classes: what training sees, and that probabilities are those of the table as it is."""

from __future__ import annotations

import numpy as np
import pytest

from justright.bundle.format import read_bundle
from justright.errors import RecipeError
from justright.workflow import train


def table(n=6_000, seed=0, classes=2):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    if classes == 2:
        p = 1.0 / (1.0 + np.exp(3.0 - 1.5 * x[:, 0]))
        y = np.where(rng.uniform(size=n) < p, "yes", "no")
        return {"a": x[:, 0].tolist(), "b": x[:, 1].tolist(), "y": y.tolist()}, p
    margins = np.stack([np.zeros(n), -2.0 + x[:, 0], -3.0 + x[:, 1]], axis=1)
    p = np.exp(margins) / np.exp(margins).sum(axis=1, keepdims=True)
    y = np.array(["often", "rare", "rarer"])[(rng.uniform(size=(n, 1)) > p.cumsum(axis=1)).sum(axis=1)]
    return {"a": x[:, 0].tolist(), "b": x[:, 1].tolist(), "y": y.tolist()}, p


@pytest.mark.parametrize("family", ["linear", "crossed", "boosted"])
@pytest.mark.parametrize("balance", ["weights", "sampling"])
def test_probabilities_are_those_of_the_table(family, balance, tmp_path):
    rows, truth = table()
    run = train(rows, target="y", out=tmp_path, family=family, baseline=False, balance=balance)
    stated = run.model.predict_proba(rows)[:, 1]
    assert np.mean(stated) == pytest.approx(np.mean(truth), abs=0.02)
    assert np.mean(np.abs(stated - truth)) < 0.045
    assert run.summary.metrics["roc_auc"].value > 0.75


def test_without_the_correction_they_would_be_far_off(tmp_path):
    rows, truth = table()
    run = train(rows, target="y", out=tmp_path, family="linear", baseline=False, balance="weights")
    bundle = read_bundle(run.path / "model")
    (offset,) = bundle.model.offset
    rare = np.mean(np.asarray(rows["y"]) == "yes")
    # Equal weights of both classes move the odds by those of the classes.
    assert offset == pytest.approx(np.log(rare / (1.0 - rare)), abs=1e-6)
    raw = run.model.margins(rows)[:, 0] - offset
    assert np.mean(1.0 / (1.0 + np.exp(-raw))) > 0.35 > 2.0 * np.mean(truth)
    assert "all classes weighed the same" in (run.path / "model" / "card.md").read_text()


@pytest.mark.parametrize("balance", ["weights", "sampling"])
def test_three_classes(balance, tmp_path):
    rows, truth = table(classes=3)
    run = train(rows, target="y", out=tmp_path, family="linear", baseline=False, balance=balance)
    stated = run.model.predict_proba(rows)
    order = [run.model.classes.index(name) for name in ("often", "rare", "rarer")]
    assert np.allclose(stated[:, order].mean(axis=0), truth.mean(axis=0), atol=0.03)
    assert np.mean(np.abs(stated[:, order] - truth)) < 0.04


def test_the_parts_of_an_explanation_still_add_up(tmp_path):
    from justright.bundle.explaining import Explainer

    rows, _ = table(2_000)
    run = train(rows, target="y", out=tmp_path, family="linear", baseline=False, balance="weights")
    import pyarrow as pa

    batch = pa.RecordBatch.from_pydict({name: rows[name][:50] for name in ("a", "b")})
    explainer = Explainer(run.model)
    told = explainer.explain_batch(batch)
    assert np.allclose(told.terms.sum(axis=1) + explainer.intercept, told.margins, atol=1e-6)


def test_numbers_have_no_classes(tmp_path):
    rows = {"a": [k % 7 for k in range(60)], "y": [0.5 * k for k in range(60)]}
    with pytest.raises(RecipeError, match=r"balance='weights'.*--weight COL"):
        train(rows, target="y", out=tmp_path, family="linear", balance="weights")
