"""The last rung on real trainings: what it is judged on, what it leaves, what it refuses."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from justright.bundle.format import read_bundle
from justright.bundle.predictor import load
from justright.bundle.tensors import pack
from justright.errors import BundleError
from justright.workflow import train
from justright.workflow.blend import _folds

pytest.importorskip("lightgbm", reason="trees are a part")

# A line that trees see in steps, and a step that a line does not see: each family misses what the other has.
LADDER = {"budget": 600.0, "choose": "best", "rungs": ["linear", "boosted", "blend"]}


def table(task="regression", n=900, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6))
    line = x[:, :4] @ [1.5, -1.5, 1.0, 1.0] + 1.6 * (x[:, 4] * x[:, 5] > 0)
    y = line + 0.7 * rng.normal(size=n)
    rows = {f"x{k}": x[:, k].tolist() for k in range(6)}
    cut = {"regression": y, "binary": np.where(y > 1.0, "yes", "no")}
    if task == "multiclass":
        cut["multiclass"] = np.array(["low", "mid", "high"])[np.digitize(y, [0.0, 2.0])]
    return rows | {"y": cut[task].tolist()}


@pytest.fixture(scope="module", params=["regression", "binary", "multiclass"])
def blended(request, tmp_path_factory):
    rows = table(request.param)
    return rows, train(rows, target="y", out=tmp_path_factory.mktemp("runs"), family="ladder", ladder=LADDER)


def test_a_blend_of_what_differs_is_better_than_each_part(blended):
    _, run = blended
    (why,) = [found for found in run.findings if found.id == "rung-chosen"]
    loss = {rung["name"]: rung["loss"] for rung in why.evidence["rungs"]}
    assert run.summary.family == "blend" and set(loss) == {"linear", "boosted", "blend"}
    assert loss["blend"] < 0.995 * min(loss["linear"], loss["boosted"])


def test_a_bundle_says_the_weighted_mean_of_its_parts(blended):
    rows, run = blended
    bundle = read_bundle(run.path / "model")
    told = bundle.model.front["parts"]
    assert {part["family"] for part in told} == {"linear", "boosted"}
    assert sum(part["weight"] for part in told) == pytest.approx(1.0)
    margins = run.model.margins(rows)
    plan = run.model.plan
    columns = {name: rows[name] for name in plan.columns}
    block, _ = plan.transform_rows(columns, len(rows["y"]))
    from justright.bundle.families import FAMILIES

    total = 0.0
    for place, part in enumerate(told):
        head = f"part{place}."
        own = {n.removeprefix(head): a for n, a in bundle.arrays.items() if n.startswith(head)}
        total = total + part["weight"] * FAMILIES[part["family"]]().forward(part["front"], own, block)
    assert np.allclose(margins, total, rtol=1e-9)
    weights = {part["family"]: part["weight"] for part in told}
    assert run.summary.hyperparameters == {f"weight_{name}": w for name, w in weights.items()}
    assert "weighted mean of 2 models" in (run.path / "model" / "card.md").read_text()


def test_its_held_out_rows_are_those_of_the_table(blended):
    import pyarrow.parquet as pq

    rows, run = blended
    held = pq.read_table(run.path / "out_of_fold.parquet")
    assert held["row"].to_pylist() == list(range(len(rows["y"])))
    stated = held["target"].to_pylist()
    if run.summary.task == "regression":
        assert np.allclose(stated, rows["y"], rtol=1e-5)
    else:
        assert stated == rows["y"]


def test_parts_that_lie_are_refused(blended, tmp_path):
    _, run = blended
    good = read_bundle(run.path / "model")

    def broken(change):
        front = json.loads(json.dumps(good.model.front))
        change(front)
        from justright.bundle.blend import check

        check(front, good.arrays, good.model.outputs)

    def weigh(front):
        front["parts"][0]["weight"] = 0.9

    def nest(front):
        front["parts"][0]["family"] = "blend"

    def name(front):
        front["parts"][0]["family"] = "os.system"

    def empty(front):
        front["parts"] = []

    def negative(front):
        front["parts"][0]["weight"], front["parts"][1]["weight"] = -0.5, 1.5

    def cut(front):
        del front["parts"][1]["front"]

    for change, told in (
        (weigh, "sum to"), (nest, "'blend'"), (name, "os.system"), (empty, "without parts"),
        (negative, "weight -0.5"), (cut, "front"),
    ):  # fmt: skip
        with pytest.raises(BundleError, match=told):
            broken(change)


def test_it_is_served_as_it_was_judged(blended, tmp_path):
    rows, run = blended
    shutil.copytree(run.path / "model", tmp_path / "moved")
    moved = load(tmp_path / "moved")
    assert pack(read_bundle(tmp_path / "moved").arrays) == pack(read_bundle(run.path / "model").arrays)
    one = {name: values[0] for name, values in rows.items() if name != "y"}
    np.testing.assert_allclose(moved.margins([one])[0], run.model.margins(rows)[0], rtol=1e-12)


def test_rows_that_judged_all_are_cut_into_folds_of_their_own(tmp_path):
    pytest.importorskip("jax", reason="a network is judged on one part")
    rows = table(n=1_500)
    # A budget in which the network has no time for folds.
    network = {"hidden": [8], "ensemble": 1, "epochs": 12, "cv": 0}
    ladder = {"rungs": ["linear", "neural", "blend"], "choose": "best", "budget": 12.0}
    run = train(rows, target="y", out=tmp_path, family="ladder", ladder=ladder, network=network)
    (why,) = [found for found in run.findings if found.id == "rung-chosen"]
    tried = {rung["name"]: rung for rung in why.evidence["rungs"]}
    assert "neural" in tried
    held = [rung for rung in run.summary.ladder if rung.family == "neural"][0].judged
    assert held < 0.3 * len(rows["y"])
    # All that were compared, a blend too where it is not one part alone, were judged on that part.
    assert {rung.family for rung in run.summary.ladder} >= {"linear", "neural"}


def test_folds_of_a_part_are_drawn_by_fingerprint_and_whole_folds_are_kept():
    from types import SimpleNamespace

    def made(fold):
        key = np.random.default_rng(1).integers(0, 2**63, len(fold)).astype(np.uint64)
        held = SimpleNamespace(place=np.arange(len(fold)), fold=np.asarray(fold, np.int8), key=key)
        return [SimpleNamespace(judgement=SimpleNamespace(held=held))]

    place = np.arange(100)
    whole = np.arange(100) % 5
    assert _folds(made(whole), place, 5).tolist() == whole.tolist()
    part = _folds(made(np.zeros(100)), place, 5)
    assert set(part.tolist()) == {0, 1, 2, 3, 4} and np.bincount(part).min() > 8


def test_balanced_parts_are_taken_back_once(tmp_path):
    rows = table("binary")
    rare = np.asarray(rows["y"]) == "yes"
    kept = np.flatnonzero(~rare | (np.arange(len(rare)) % 3 == 0))
    rows = {name: [values[at] for at in kept] for name, values in rows.items()}
    run = train(rows, target="y", out=tmp_path, family="ladder", ladder=LADDER, balance="weights")
    assert run.summary.family == "blend"
    share = np.mean(np.asarray(rows["y"]) == "yes")
    assert share < 0.25
    assert np.mean(run.model.predict_proba(rows)[:, 1]) == pytest.approx(share, abs=0.03)


def test_periods_are_blended_too(tmp_path):
    rows = table() | {"day": list(range(900))}
    run = train(
        rows, target="y", out=tmp_path, family="ladder", ladder=LADDER, split={"time": "day"}, drop=["day"]
    )
    assert run.summary.family == "blend"
    weights = [value for name, value in run.summary.hyperparameters.items() if name.startswith("weight_")]
    assert len(weights) == 2 and min(weights) > 0.1
