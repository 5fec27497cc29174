"""The whole of a monitor on a small table: windows, labels, earlier rows, accepted baselines, log order."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from justright.bundle.predictor import load
from justright.errors import ColumnError, RecipeError, TableError
from justright.monitor.accepted import Accepted, baselines_of, newest
from justright.monitor.frame import Counts, frame_of
from justright.workflow.accepted import accept
from justright.workflow.monitor import monitor
from justright.workflow.train import train
from justright.workflow.watched import Span, read_labels, span_of


def rows(n, seed, *, shift=0.0, turned=1.0, days=0):
    rng = np.random.default_rng(seed)
    size = rng.normal(100 + 20 * shift, 20, n)
    colour = rng.choice(["red", "green", "blue"], n)
    margin = turned * ((size - 100) / 15 + (colour == "red"))
    bought = rng.random(n) < 1 / (1 + np.exp(-margin))
    table = {"size": size, "colour": colour, "bought": np.where(bought, "yes", "no")}
    if days:
        start = datetime.datetime(2026, 3, 1)
        table["at"] = [start + datetime.timedelta(days=days * k / n) for k in range(n)]
        table["id"] = [f"r{k}" for k in range(n)]
    return pa.table(table)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    return train(rows(1500, 0), target="bought", out=out, family="linear", baseline=False).path


def anomalies(seen):
    return {(row.input, row.kind) for row in seen.results if row.is_anomaly}


def test_rows_of_the_same_law_raise_no_alarm_and_the_estimate_is_near_the_truth(run):
    seen = monitor(run, rows(800, 1))
    assert not seen.alarm
    assert (seen.rows, seen.labelled, len(seen.windows)) == (800, 800, 1)
    assert all(each.realized is not None and not each.withdrawn for each in seen.estimates)
    auc = next(each for each in seen.estimates if each.metric == "roc_auc")
    assert auc.low <= auc.realized <= auc.high


def test_a_shift_is_found_in_the_windows_that_have_it(run):
    later = pa.concat_tables([rows(600, 2), rows(600, 3, shift=0.7)]).drop_columns(["bought"])
    seen = monitor(run, later, window="300")
    assert sorted({row.window for row in seen.results if row.is_anomaly and row.kind == "skew"}) == [2, 3]
    assert {row.window for row in seen.results if row.is_anomaly and row.kind == "drift"} == {2}
    assert [each.rows for each in seen.windows] == [300] * 4
    assert seen.labelled == 0


def test_windows_of_time_take_rows_in_any_order(run):
    table = rows(700, 4, days=7)
    mixed = table.take(pa.array(np.random.default_rng(0).permutation(700)))
    one, other = (monitor(run, each, window="1d", time="at") for each in (table, mixed))
    assert [each.rows for each in one.windows] == [100] * 7
    assert [each.numeric for each in one.windows] == [each.numeric for each in other.windows]
    assert one.windows[0].begin == datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC).timestamp()


def test_labels_that_come_later_are_joined_by_id(run):
    table = rows(500, 5, turned=-1.0, days=1)
    labels = read_labels(load(run / "model"), table.select(["id", "bought"]).slice(0, 300), "id")
    seen = monitor(run, table.drop_columns(["bought"]), labels=labels)
    assert seen.labelled == 300
    assert ("(performance)", "performance") in anomalies(seen)
    assert any(each.withdrawn for each in seen.estimates)
    assert {finding.id for finding in seen.findings} == {"monitor-estimate-withdrawn"}


def test_earlier_rows_take_the_place_of_the_training_rows(run):
    moved = rows(500, 6, shift=1.0).drop_columns(["bought"])
    seen = monitor(run, rows(500, 7, shift=1.0).drop_columns(["bought"]), against=moved)
    assert not seen.alarm
    assert {row.kind for row in seen.results} >= {"drift", "prediction"}


def test_an_accepted_baseline_is_what_later_rows_are_compared_with(run):
    moved = rows(900, 8, shift=1.0).drop_columns(["bought"])
    before = (run / "model" / "manifest.json").read_bytes()
    seen = monitor(run, moved)
    assert seen.alarm
    record = Accepted(seen.model_id, "2026-11-22T10:00:00Z", "me", "moved", "new shop", [], seen.windows[0])
    try:
        assert accept(run / "model", record) == run / "baselines" / "2026-11-22.json"
        assert accept(run / "model", record).name == "2026-11-22-02.json"
        again = monitor(run, rows(500, 9, shift=1.0).drop_columns(["bought"]))
        assert not again.alarm
        assert "accepted as normal on 2026-11-22 by me" in again.against
        assert (run / "model" / "manifest.json").read_bytes() == before
        assert json.loads((run / "baselines" / "2026-11-22.json").read_bytes())["why"] == "new shop"
        model = load(run / "model")
        assert newest(run / "model", "another model", frame_of(model.bundle.baseline, model.plan)) is None
    finally:
        for path in (run / "baselines").glob("*"):
            path.unlink()


def test_where_baselines_lie():
    assert baselines_of(Path("/m/churn/versions/3")) == Path("/m/churn/baselines")
    assert baselines_of(Path("/somewhere/else")) is None
    with pytest.raises(RecipeError, match="stands alone"):
        accept(Path("/somewhere/else"), Accepted("", "", "", "", "", [], Counts(0.0, [], [], [])))


def test_no_rows_are_no_normal(run):
    nothing = Accepted("", "2026-11-22T10:00:00Z", "", "", "", [], Counts(0.0, [], [], []))
    with pytest.raises(RecipeError, match="no rows"):
        accept(run / "model", nothing)
    assert not (run / "baselines" / "2026-11-22.json").exists()


def test_what_is_refused(run):
    with pytest.raises(RecipeError, match="without a column of time"):
        monitor(run, rows(50, 1), window="1d")
    with pytest.raises(ColumnError, match="'when'"):
        monitor(run, rows(50, 1), window="1d", time="when")
    for text in ("1x", "0", "-3", "d", "1.5h"):
        with pytest.raises(RecipeError):
            span_of(text)
    assert span_of("2w") == Span(seconds=14 * 86400)
    with pytest.raises(RecipeError, match="3000 windows"):
        monitor(run, rows(4000, 1), window="1")


def test_values_that_cannot_be_read_are_told(run):
    table = rows(100, 1).drop_columns(["bought"])
    size = [str(each) for each in table["size"].to_pylist()]
    size[:9] = ["large"] * 9
    seen = monitor(run, table.set_column(0, "size", pa.array(size)))
    assert "monitor-unreadable" in {finding.id for finding in seen.findings}
    assert ("size", "schema") in anomalies(seen)


def test_too_few_rows_are_no_normal_and_the_number_is_told(run):
    few = Accepted("", "2026-11-22T10:00:00Z", "", "", "", [], Counts(19.0, [], [], []))
    with pytest.raises(RecipeError, match="19 rows.*20 rows or more"):
        accept(run / "model", few)
    assert not list((run / "baselines").glob("*"))


def test_earlier_rows_that_are_too_few_to_compare_with_are_told(run):
    seen = monitor(run, rows(500, 1), against=rows(5, 2))
    assert [(each.input, each.reason) for each in seen.not_judged] == [
        ("(all)", "compared with 5 rows; 20 are needed")
    ]


def test_labels_of_an_unknown_class_alarm_and_are_told(run):
    table = rows(400, 1)
    maybe = table.set_column(2, "bought", pa.array(["maybe"] * 390 + ["yes"] * 10))
    seen = monitor(run, maybe)
    assert ("bought", "schema") in anomalies(seen)
    assert (seen.labelled, seen.unknown) == (10, {"maybe": 390})
    assert any("'maybe' (390)" in each.sentence for each in seen.findings)
    assert [(each.input, each.reason) for each in seen.not_judged] == [
        ("(performance)", "10 labels of a known class; 20 are needed")
    ]


def test_labels_by_id_of_an_unknown_class_are_labels(run):
    table = rows(300, 1, days=1)
    later = pa.table({"id": table["id"], "bought": ["maybe"] * 300})
    seen = monitor(run, table.drop_columns(["bought"]), labels=read_labels(load(run / "model"), later, "id"))
    assert seen.unknown == {"maybe": 300}
    assert seen.alarm
    with pytest.raises(TableError, match="both an id and a label"):
        read_labels(load(run / "model"), pa.table({"id": ["a"], "bought": pa.nulls(1, pa.string())}), "id")


def test_labels_of_one_class_alone_are_told(run):
    table = rows(400, 1)
    seen = monitor(run, table.set_column(2, "bought", pa.array(["yes"] * 400)))
    assert [(each.input, each.reason) for each in seen.not_judged] == [
        ("(performance)", "all 400 are of one class")
    ]
