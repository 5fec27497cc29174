from __future__ import annotations

import msgspec
import pytest

from justright.cli.summary import write_summary
from justright.schema import Finding, Value
from justright.workflow.summary import Baselines, Passes, Rows, Rung, Seconds, Summary

SUMMARY = Summary(
    run="runs/a",
    model="runs/a/model",
    model_id="f" * 64,
    task="binary",
    family="linear",
    target="sold",
    rows=Rows(900, 100),
    folds=5,
    metric="roc_auc",
    validation=Value(0.81, 0.78, 0.84),
    metrics={"roc_auc": Value(0.82, 0.8, 0.84), "log_loss": Value(0.4, 0.35, 0.45)},
    baselines=Baselines(0.5, 0.86),
    ladder=[Rung("linear", 0.81, 0.78, 0.84, 1.5, True)],
    threshold=0.35,
    seconds=Seconds(0.5, 0.25, 1.5, 2.5),
    verdict="Good enough.",
    findings=[Finding("a-b", "warning", "Rows repeat.", {}, "--by street")],
)


def test_the_verdict_comes_first_and_the_figures_stand_beside_the_baselines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_summary(SUMMARY)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "Good enough."
    assert lines[2:5] == [
        "metric value 95 % interval base rate boosted trees",
        "roc_auc (validation) 0.81 0.78 to 0.84 0.5 0.86",
        "log_loss 0.4 0.35 to 0.45",
    ]
    assert lines[6:8] == ["warning Rows repeat. [a-b]", "next: --by street"]
    rest = "\n".join(lines[9:])
    for text in (
        "task binary of sold, linear, 5 folds",
        "threshold 0.35",
        "rows 900 in training, 100 kept for the test: justright evaluate runs/a",
        "seconds 2.5 (read 0.5, features 0.2, training 1.5)",
        "run runs/a",
        "justright predict runs/a",
    ):
        assert text in rest


def test_an_interrupted_training_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    write_summary(msgspec.structs.replace(SUMMARY, interrupted=True, threshold=None, findings=[]))
    said = capsys.readouterr().out
    assert "interrupted" in said and "threshold" not in said and "next: --by" not in said


def test_paths_are_never_broken(capsys: pytest.CaptureFixture[str]) -> None:
    path = "runs/" + "x" * 300
    write_summary(msgspec.structs.replace(SUMMARY, run=path))
    assert f"\nrun       {path}\n" in capsys.readouterr().out


def test_a_network_says_what_judged_it_and_how_it_was_trained(capsys: pytest.CaptureFixture[str]) -> None:
    passes = Passes(0.0791, 48.0, 40.0, 3216, 417, 1.25)
    write_summary(msgspec.structs.replace(SUMMARY, family="neural", rows=Rows(900, 0, 180), passes=passes))
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for line in (
        "task binary of sold, neural, one held-out fifth",
        "rows 720 in training, 180 that judge",
        "training rate 0.0791, 48 passes, the best after 40, 3,216 steps and 417 of the race for the rate",
        "seconds 2.5 (read 0.5, features 0.2, training 1.5, 1.2 of it compiling)",
    ):
        assert line in lines


def test_a_network_says_no_more_than_it_knows(capsys: pytest.CaptureFixture[str]) -> None:
    write_summary(msgspec.structs.replace(SUMMARY, passes=Passes(0.1, 1.0, 1.0, 5)))
    said = " ".join(capsys.readouterr().out.split())
    assert "training rate 0.1, 1 pass, 5 steps seconds" in said
    assert "race" not in said and "compiling" not in said and "best after" not in said
