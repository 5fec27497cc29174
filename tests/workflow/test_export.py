"""What leaves a training: it says how it was made and scores as the member of all rows."""

from __future__ import annotations

import json

import numpy as np
import pytest


@pytest.mark.parametrize("family", ["crossed", "linear"])
@pytest.mark.parametrize(
    ("target", "link"), [("price", "identity"), ("sold", "logistic"), ("kind", "softmax")]
)
def test_the_bundle_holds_what_is_needed_to_score(trained, houses, target, link, family):
    run = trained(houses(target), target, family=family)
    model = json.loads((run.path / "model" / "model.json").read_bytes())
    assert (model["family"], model["link"], model["task"]) == (family, link, run.summary.task)
    assert model["hyperparameters"]["penalty"] == run.summary.hyperparameters["penalty"]
    assert (model["threshold"] is not None) == (target == "sold")
    assert set(model["versions"]) >= {"python", "numpy"}
    assert model["metrics"][run.summary.metric]["value"] == run.summary.validation.value
    baseline = json.loads((run.path / "model" / "baseline.json").read_bytes())
    assert baseline["rows"] == run.summary.rows.train


def test_the_exported_model_is_the_member_of_all_rows(trained, houses):
    """With a single penalty it is the ridge of all rows, which no fold enters."""
    table = houses("price")
    run = trained(table, "price", penalty={"path": [0.1]}, drop=["street", "colour"])
    other = trained(table, "price", penalty={"path": [0.1]}, drop=["street", "colour"], split={"folds": 2})
    np.testing.assert_allclose(run.model.predict(table), other.model.predict(table), rtol=1e-9)
    X = np.column_stack([table[name] for name in ("size", "age", "year")]).astype(float)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y = table["price"]
    weights = np.linalg.solve(X.T @ X / 240 + 0.1 * np.eye(3), X.T @ (y - y.mean()) / 240)
    np.testing.assert_allclose(run.model.predict(table), X @ weights + y.mean(), rtol=1e-5)


def test_test_rows_do_not_enter_the_model(trained, houses):
    table = houses("price")
    split = {"test": 30, "by": ["street"]}
    run = trained(table, "price", split=split)
    from justright.split import farm_fingerprint, part_of

    part = part_of(farm_fingerprint(table["street"]), (70.0, 30.0))
    wild = table | {"price": np.where(part == 1, 9e5, table["price"])}
    other = trained(wild, "price", split=split)
    np.testing.assert_array_equal(run.model.predict(table), other.model.predict(table))


def test_the_card_speaks_of_the_rows(trained, houses):
    run = trained(houses("sold") | {"same": [1] * 240}, "sold", split={"test": 20})
    card = (run.path / "model" / "card.md").read_text()
    assert "sold" in card
    assert str(run.summary.rows.train) in card
    assert "same" in card
    assert f"{run.summary.rows.test} are kept for the test" in card
