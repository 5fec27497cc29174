"""Each finding on a table made to bring it about, and silence where nothing is wrong."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from justright.schema import Finding, Value
from justright.workflow import findings
from justright.workflow.findings import gain
from justright.workflow.summary import Baselines


def ids(run):
    return [finding.id for finding in run.findings]


def find(run, name) -> Finding:
    (found,) = [finding for finding in run.findings if finding.id == name]
    return found


@pytest.fixture
def line():
    """A clean linear law over 400 rows."""
    rng = np.random.default_rng(1)
    x, z = rng.normal(size=(2, 400))
    return {"x": x, "z": z, "y": 3 * x - z + rng.normal(size=400)}


@pytest.mark.parametrize("target", ["price", "sold", "kind"])
def test_a_clean_table_has_nothing_to_warn_of(trained, houses, target):
    run = trained(houses(target, rows=600), target)
    assert [f for f in run.findings if f.severity != "info"] == []


def test_noise_is_said_to_be_noise(trained, line):
    rng = np.random.default_rng(2)
    run = trained(line | {"y": rng.normal(size=400)}, "y")
    assert find(run, "nothing-learned").severity == "warning"
    assert "no better than the base rate" in run.summary.verdict or "base rate" in run.summary.verdict


def test_a_product_is_too_much_for_a_line(trained):
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 3000))
    table = {"a": a, "b": b, "y": a * b + a + 0.1 * rng.normal(size=3000)}
    run = trained(table, "y", baseline=True, family="linear")
    found = find(run, "model-too-simple")
    assert found.evidence["boosted"] < found.evidence["value"] < found.evidence["base_rate"]
    assert "too simple" in run.summary.verdict
    assert run.summary.baselines.boosted == found.evidence["boosted"]
    assert "--family crossed" in found.next
    crossed = trained(table, "y", baseline=True)
    assert [(p.first, p.second) for p in crossed.summary.crosses.pairs if p.verdict == "kept"] == [("a", "b")]
    assert "model-too-simple" not in ids(crossed)


def test_a_line_is_not_too_simple_for_a_line(trained, line):
    run = trained(line, "y", baseline=True, family="linear")
    assert "model-too-simple" not in ids(run)
    assert "a linear model is enough" in run.summary.verdict
    assert "model-too-simple" not in ids(trained(line, "y", baseline=True))


def test_ragged_lines_are_counted_with_their_place(trained, tmp_path):
    rows = "\n".join(f"{i},{i % 7},{2 * i + i % 3}" for i in range(200))
    path = tmp_path / "t.csv"
    path.write_text(f"a,b,y\n{rows}\n1,2\n1,2,3,4\n")
    run = trained(path, "y")
    found = find(run, "rows-ragged")
    assert found.evidence == {"lines": 2}
    assert "line 202" in found.sentence
    assert "line 203" in found.sentence
    assert run.summary.rows.train == 200


def test_unreadable_values_are_counted(trained, line):
    x = [str(round(v, 3)) for v in line["x"]]
    x[5] = x[9] = "old"
    run = trained(line | {"x": x}, "y", kinds={"x": "numeric"})
    assert find(run, "values-unreadable").evidence == {"column": "x", "values": 2}


def test_rows_without_target(trained, line):
    run = trained(line | {"y": [None if i < 30 else v for i, v in enumerate(line["y"])]}, "y")
    assert find(run, "rows-without-target").evidence == {"rows": 30}
    assert run.summary.rows.train == 370


def test_columns_set_aside_are_named_with_the_reason(trained, line):
    run = trained(line | {"id": [f"u{i:05d}" for i in range(400)], "same": ["a"] * 400}, "y")
    aside = {f.evidence["column"]: f.evidence["kind"] for f in run.findings if f.id == "column-set-aside"}
    assert aside == {"id": "identifier", "same": "constant"}


def test_copies_of_few_rows_are_said(trained, line):
    run = trained({name: np.tile(values[:80], 5) for name, values in line.items()}, "y")
    assert find(run, "split-few-contents").evidence == {"distinct": 80, "rows": 400}
    assert run.folder.read("split.json", dict)["repeated"] == 320


def test_copies_do_not_make_a_score_better(trained):
    """Forty columns of noise: a row seen in training is known by heart."""
    rng = np.random.default_rng(0)
    noise = {f"x{i}": rng.normal(size=90) for i in range(40)} | {"y": rng.normal(size=90)}
    run = trained({n: np.tile(values, 6) for n, values in noise.items()}, "y", penalty={"path": [1e-6]})
    assert run.summary.metrics["r2"].value < 0


def test_few_contents_are_said(trained):
    rng = np.random.default_rng(0)
    run = trained({"c": ["a", "b", "c"] * 100, "y": rng.normal(size=300)}, "y")
    assert "spread over the folds" in find(run, "split-few-contents").sentence


def test_a_training_cut_short_is_not_called_converged(trained, line):
    table = line | {"y": line["y"] > 0}
    run = trained(table, "y", descent={"epochs": 1})
    found = find(run, "training-not-converged")
    assert found.evidence == {"passes": 1}
    assert found.next == "--epochs 2"


def test_accuracy_on_a_rare_class_misleads(trained, line):
    run = trained(line | {"y": np.where(line["y"] > 5, "yes", "no")}, "y", metric="accuracy")
    assert find(run, "accuracy-misleads").severity == "warning"


def test_the_gravest_come_first(trained, line):
    run = trained(line | {"y": np.random.default_rng(0).normal(size=400), "same": [1] * 400}, "y")
    order = [("error", "warning", "info").index(f.severity) for f in run.findings]
    assert order == sorted(order)
    assert len(set(order)) > 1


@pytest.mark.parametrize(
    ("name", "better"), [("rmse", 1.0), ("roc_auc", -1.0), ("r2", -1.0), ("log_loss", 1.0)]
)
def test_gain_has_the_sign_of_the_metric(name, better):
    assert gain(name, 3.0, 2.0) == better


@pytest.mark.parametrize(("ours", "said"), [(1.06, True), (1.04, False), (0.9, False)])
def test_too_simple_is_below_95_percent_of_the_gain_of_trees(ours, said):
    judgement = SimpleNamespace(
        baselines=Baselines(2.0, 1.0), metric="rmse", validation=Value(1.0, 0.9, 1.1), same_rows=ours
    )
    assert [f.id for f in findings._result(judgement, "linear")] == ["model-too-simple"] * said


@pytest.mark.parametrize("target", ["y", "c"])
def test_two_rows_claim_no_certainty(trained, target):
    table = {"x": [0.5, 1.5], "y": [1.0, 4.5], "c": ["a", "b"]}
    run = trained(
        {"x": table["x"], target: table[target]}, target, metric="rmse" if target == "y" else "brier"
    )
    found = find(run, "interval-unknown")
    assert found.severity == "warning" and run.summary.metric in found.evidence["metrics"]
    assert "(95 % interval unknown)" in run.summary.verdict
    value = run.summary.validation  # the keys of the JSON stay numbers
    assert value.low == value.high == value.value
    card = (run.path / "model" / "card.md").read_text()
    assert "| unknown |" in card and f"{value.low:.3g} to {value.low:.3g}" not in card


def test_more_rows_know_their_intervals(trained, line):
    assert "interval-unknown" not in ids(trained({name: v[:6] for name, v in line.items()}, "y"))
    assert "interval-unknown" not in ids(trained(line, "y"))


def test_judging_two_rows_claims_no_certainty(trained, line):
    from justright.workflow import evaluate_model

    run = trained(line, "y")
    one = {"x": [0.5, 0.5], "z": [1.0, 1.0], "y": [2.0, 2.0]}
    found = evaluate_model(run.path, one).evaluation
    assert "interval-unknown" in [finding.id for finding in found.findings]
    assert "interval-unknown" not in [f.id for f in evaluate_model(run.path, line).evaluation.findings]


def test_a_rate_that_is_too_high_comes_with_one_that_would_do(trained, line):
    choices = {"optimizer": "sgd", "batch": 0, "epochs": 30}
    run = trained(line, "y", descent=choices | {"rate": 2.3})
    found = find(run, "training-diverged")
    safe = found.evidence["safe_rate"]
    assert found.evidence["rate"] == 2.3 and found.evidence["members"] > 0
    assert found.next == f"--rate {safe:.2g}" and f"a rate of {safe:.2g} would do" in found.sentence
    # Standardised columns without correlation: the steepest direction has a curvature of about one.
    assert 0.7 < safe < 1.05
    again = trained(line, "y", descent=choices | {"rate": float(f"{safe:.2g}")})
    assert "training-diverged" not in ids(again)
