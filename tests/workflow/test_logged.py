"""The log of a server as rows to watch and to train on: columns left out, hashed, and of unlucky names."""

from __future__ import annotations

import datetime

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from justright.bundle.predictor import load
from justright.errors import ColumnError, TableError
from justright.prediction_log import LogOptions, PredictionLog, add_labels
from justright.serve.exchange import Question
from justright.serve.scoring import Served
from justright.source import open_source
from justright.workflow.logged import is_log, labelled_rows, logged
from justright.workflow.monitor import monitor
from justright.workflow.train import train

KEY = b"k" * 32
MONTH = [
    LogOptions(make_parts=False),
    LogOptions(make_parts=False, leave_out=("colour",)),
    LogOptions(make_parts=False, hashed=("colour",), key=KEY),
]


def rows(n, seed, *, shift=0.0, red=1 / 3):
    rng = np.random.default_rng(seed)
    size = rng.normal(100 + 20 * shift, 20, n)
    colour = rng.choice(["red", "green", "blue"], n, p=[red, (1 - red) / 2, (1 - red) / 2])
    bought = rng.random(n) < 1 / (1 + np.exp(-(size - 100) / 15 - (colour == "red")))
    return pa.table(
        {
            "size": size,
            "colour": colour,
            "_time": rng.normal(0, 1, n),
            "bought": np.where(bought, "yes", "no"),
        }
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    return train(rows(1500, 0), target="bought", out=out, family="linear", baseline=False).path


@pytest.fixture(scope="module")
def model(run):
    return load(run / "model")


@pytest.fixture
def log(model, tmp_path):
    """Write tables into a log, as a server does, one request each."""
    served = Served("shop", "1", model)

    def write(*tables, options=MONTH[0], name="log", labels=False):
        folder = tmp_path / name
        with PredictionLog(folder, options, columns={"shop": served.described.names}) as keeper:
            for number, table in enumerate(tables):
                sent = table.select(list(model.columns)).to_pylist()
                question = Question(size=len(sent), rows=sent, id=f"{name}{number}")
                keeper.record(question, served.answer(question), 1.7e9 + 3600 * number)
                if labels:
                    told = enumerate(table["bought"].to_pylist())
                    add_labels(folder, [{"id": f"{name}{number}/{row}", "label": each} for row, each in told])
        return folder

    return write


def anomalies(seen):
    return {(row.input, row.kind) for row in seen.results if row.is_anomaly}


def asked(seen):
    return {(row.input, row.kind) for row in seen.results}


def told(seen):
    return {(each.input, each.question) for each in seen.not_judged}


@pytest.mark.parametrize("options", MONTH, ids=["whole", "left out", "hashed"])
def test_rows_of_the_same_law_raise_no_alarm_and_predictions_are_judged(run, model, log, options):
    seen = monitor(run, logged(log(rows(800, 1), options=options, labels=True), model))
    assert not seen.alarm
    assert {("size", "skew"), ("_time", "skew"), ("(prediction)", "prediction")} <= asked(seen)
    assert (seen.rows, seen.labelled) == (800, 800)
    assert all(each.realized is not None and not each.withdrawn for each in seen.estimates)


@pytest.mark.parametrize("options", MONTH[1:], ids=["left out", "hashed"])
def test_what_was_answered_is_counted_as_what_scoring_gives(run, model, log, options):
    table = rows(700, 2, shift=0.8)
    whole = monitor(run, logged(log(table, name="a"), model))
    part = monitor(run, logged(log(table, options=options, name="b"), model))
    assert part.windows[0].said == whole.windows[0].said
    assert part.windows[0].sure == whole.windows[0].sure
    assert anomalies(part) == {each for each in anomalies(whole) if each[1] != "attribution"}
    assert ("size", "skew") in anomalies(part)
    assert whole.not_judged == []
    assert ("(contributions)", "what each term adds") in told(part)
    assert ("colour", "skew") not in asked(part)
    assert any(each.input == "colour" for each in part.not_judged)
    (finding,) = [each for each in part.findings if each.id == "monitor-log-columns"]
    assert "colour" in finding.sentence


def test_a_column_left_out_from_some_time_on_is_not_taken_for_missing(run, model, log):
    log(rows(400, 3), name="x")
    folder = log(rows(400, 4), options=MONTH[1], name="x")
    seen = monitor(run, logged(folder, model))
    assert (seen.rows, seen.alarm) == (800, False)
    assert ("colour", "values, missing values") in told(seen)


def test_of_a_hashed_column_missing_values_and_shares_between_windows_are_judged(run, model, log):
    gone = rows(600, 5)
    colour = [None if row % 4 == 0 else each for row, each in enumerate(gone["colour"].to_pylist())]
    gone = gone.set_column(1, "colour", pa.array(colour))
    seen = monitor(run, logged(log(gone, options=MONTH[2], name="gone"), model))
    assert ("colour", "schema") in anomalies(seen)
    folder = log(rows(600, 6), rows(600, 7), rows(600, 8, red=0.8), options=MONTH[2], name="red")
    seen = monitor(run, logged(folder, model), window="600")
    found = {
        (row.window, row.is_anomaly) for row in seen.results if (row.input, row.kind) == ("colour", "drift")
    }
    assert found == {(1, False), (2, True)}


def test_a_column_named_as_one_of_the_log_is_read_back_as_the_models(run, model, log):
    found = logged(log(rows(300, 9)), model)
    batch = next(iter(open_source(found.table).batches([found.time, "_time"])))
    assert found.time != "_time"
    assert pa.types.is_timestamp(batch.schema.field(found.time).type)
    assert pa.types.is_floating(batch.schema.field("_time").type)
    seen = monitor(run, found, window="1d")
    begin = datetime.datetime.fromtimestamp(1.7e9, datetime.UTC).replace(hour=0, minute=0, second=0)
    assert [each.begin for each in seen.windows] == [begin.timestamp()]


def test_predictions_of_another_version_are_not_judged(run, model, log, tmp_path):
    served = Served("shop", "1", model)
    sent = rows(300, 12).select(list(model.columns)).to_pylist()
    question = Question(size=300, rows=sent, id="q")
    with PredictionLog(tmp_path / "other", MONTH[1], columns={"shop": served.described.names}) as keeper:
        answers = msgspec.structs.replace(served.answer(question), version="2", model_id="b" * 64)
        keeper.record(question, answers, 1.7e9)
    seen = monitor(run, logged(tmp_path / "other", model))
    assert {"(prediction)", "(performance)", "(contributions)", "colour"} <= {each[0] for each in told(seen)}
    assert seen.estimates == []
    assert anomalies(seen) == set()


def test_labelled_rows_are_a_table_to_train_on(model, log, tmp_path):
    table = rows(200, 11)
    folder = log(table, labels=True)
    out = tmp_path / "runs"
    path = labelled_rows(str(folder), model, "shop", out)
    assert labelled_rows(str(folder), model, "shop", out) == path
    assert [each.name for each in out.iterdir()] == [path.name]
    import pyarrow.parquet as pq

    back = pq.read_table(path)
    assert back.select(table.column_names).to_pydict() == table.to_pydict()
    assert is_log(folder)
    assert not is_log(out)


def test_a_log_that_cannot_be_trained_on_says_why(model, log, tmp_path):
    with pytest.raises(TableError, match="without labels"):
        labelled_rows(str(log(rows(50, 1), name="bare")), model, "shop", tmp_path)
    hashed = log(rows(50, 1), options=MONTH[2], name="hashed", labels=True)
    with pytest.raises(ColumnError, match="'colour'"):
        labelled_rows(str(hashed), model, "shop", tmp_path)
