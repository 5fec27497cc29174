"""From a table to a bundle and back: rows with gaps and categories never seen score as LightGBM says."""

import numpy as np
import pytest

from justright.bundle.format import ModelFile, write_bundle
from justright.bundle.predictor import load
from justright.datamodule import prepare
from justright.kinds import infer_schema
from justright.models.base import Spec
from justright.models.boosted.columns import matrix
from justright.models.boosted.learner import BoostedLearner
from justright.optim.losses import loss_for
from justright.optim.schedules import schedule_for
from justright.recipe import Boosting, Descent, Recipe
from justright.schema import Member
from justright.source import open_source
from justright.training.loop import Trainer

LINKS = {"price": "identity", "kind": "softmax", "sold": "logistic"}


def houses(n=400, seed=0):
    rng = np.random.default_rng(seed)
    size = rng.uniform(20, 200, n).round(1)
    colour = rng.choice(["red", "green", "blue", "pink"], n)
    price = 3 * size + 40 * (colour == "red") + rng.normal(0, 20, n)
    words = np.array(["sunny old house", "dark flat near sea", "new villa with garden", "attic"])
    return {
        "size": [None if i % 11 == 0 else float(v) for i, v in enumerate(size)],
        "rooms": rng.integers(0, 6, n).tolist(),
        "colour": [None if i % 13 == 0 else str(v) for i, v in enumerate(colour)],
        "price": price.round(2).tolist(),
        "sold": np.where(price > 320, "yes", "no").tolist(),
        "kind": words[np.digitize(price + rng.normal(0, 60, n), [150, 300, 500])].tolist(),
    }


@pytest.mark.parametrize("target", ["price", "sold", "kind"])
def test_a_bundle_scores_as_lightgbm(tmp_path, target):
    table = {name: v for name, v in houses().items() if name == target or name not in LINKS}
    recipe = Recipe(target=target)
    source = open_source(table)
    schema, _ = infer_schema(source, target=target)
    task = schema.target.task
    loss = loss_for("auto", task)
    data = prepare(source, schema, recipe, loss=loss.name, folder=None)
    outputs = len(schema.target.classes) if loss.link == "softmax" else 1
    descent = Descent("sgd", epochs=1000, tolerance=0.0)
    spec = Spec(loss, outputs, data.plan, descent, schedule_for("constant"), data.rows)
    learner = BoostedLearner(Boosting(rounds=40, rows_a_leaf=5))
    members = (Member(-1), Member(0), Member(1))
    state = Trainer(learner).fit(spec, members, data.blocks).state
    front, arrays = learner.export(spec, state, 0)
    model = ModelFile(
        schema=schema,
        features=data.plan.to_data(),
        family="boosted",
        front=front,
        task=task,
        outputs=outputs,
        link=LINKS[target],
    )
    write_bundle(tmp_path / "model", model, arrays, {}, "")
    predictor = load(tmp_path)

    fresh = {name: v for name, v in houses(900, 1).items() if name not in LINKS}
    fresh["colour"][:50] = ["never seen"] * 50
    fresh["size"][50:60] = [0.0] * 5 + [1e9] * 5
    block, _ = data.plan.transform(next(open_source(fresh).batches()))
    booster = learner._growers[0]._booster
    rows = matrix(block, np.zeros(0, np.int64))
    rounds = int(state["rounds"][0])
    said = booster.predict(rows, raw_score=True, num_iteration=rounds).reshape(-1, outputs)
    if target == "price":
        said = data.plan.data.target.unscaled(said)
    np.testing.assert_allclose(predictor.margins(fresh), said, rtol=1e-6, atol=1e-9)
    one = {name: values[55] for name, values in fresh.items()}
    found = predictor.predict_rows([one])[0]
    whole = predictor.predict({name: values[:60] for name, values in fresh.items()})
    assert found == whole[55] if target == "price" else found["label"] == whole[55]
