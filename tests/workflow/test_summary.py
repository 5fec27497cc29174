"""The one JSON object of a run: its form is a promise."""

from __future__ import annotations

import msgspec
import pytest

from justright.schema import Finding, Value
from justright.workflow.summary import Baselines, Passes, Rows, Rung, Seconds, Summary


@pytest.fixture
def summary():
    value = Value(1.0, 0.5, 1.5)
    return Summary(
        run="runs/a",
        model="runs/a/model",
        model_id="00",
        task="regression",
        family="linear",
        target="y",
        rows=Rows(10, 0),
        folds=5,
        metric="rmse",
        validation=value,
        metrics={"rmse": value},
        baselines=Baselines(2.0, None),
        ladder=[Rung("linear", 1.0, 0.5, 1.5, 0.1, True)],
        threshold=None,
        seconds=Seconds(0.1, 0.2, 0.3, 0.7),
        verdict="Fine.",
        findings=[Finding("a", "info", "A.", {"n": 1}, "b")],
    )


def test_there_and_back(summary):
    assert msgspec.json.decode(msgspec.json.encode(summary), type=Summary) == summary


def test_keys_of_a_later_version_are_passed_over(summary):
    data = msgspec.to_builtins(summary) | {"later": 1}
    data["rows"] = data["rows"] | {"validation": 3}
    assert msgspec.convert(data, Summary) == summary


def test_the_order_of_the_keys_is_that_of_the_promise(summary):
    assert list(msgspec.to_builtins(summary))[:18] == [
        "format", "run", "model", "model_id", "task", "family", "target", "rows", "folds", "metric",
        "validation", "metrics", "baselines", "ladder", "threshold", "seconds", "verdict", "findings",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("held_out", "folds", "said"),
    [
        (0, 5, "5 folds"),
        (200, 5, "one held-out fifth"),
        (241, 5, "one held-out fifth"),
        (260, 5, "one held-out part"),
        (101, 5, "one held-out tenth"),
        (140, 5, "one held-out part"),
        (510, 2, "one held-out half"),
        (100, 10, "one held-out tenth"),
        (143, 7, "one held-out part"),
    ],
)
def test_what_judged_the_model_has_a_name(summary, held_out, folds, said):
    made = msgspec.structs.replace(summary, rows=Rows(1000, 0, held_out), folds=folds)
    assert made.judged_by == said


def test_a_summary_of_an_earlier_version_has_no_passes(summary):
    data = msgspec.to_builtins(summary)
    del data["passes"], data["rows"]["held_out"]
    assert msgspec.convert(data, Summary) == summary
    made = msgspec.structs.replace(summary, passes=Passes(0.1, 8.0, 7.5, 80))
    assert msgspec.json.decode(msgspec.json.encode(made), type=Summary) == made
