"""`justright monitor`: codes, the table, JSON, the page, the webhook, acceptance."""

from __future__ import annotations

import csv
import http.server
import json
import threading
from pathlib import Path

import msgspec
import pytest

from justright.bundle.predictor import load
from justright.cli import app
from justright.cli.monitor import monitor
from justright.monitor.drift import FIELDS
from justright.prediction_log import PredictionLog, add_labels
from justright.serve.exchange import Question
from justright.serve.scoring import Served


@pytest.fixture(autouse=True)
def _verb(monkeypatch):
    if monitor not in app.VERBS:
        monkeypatch.setattr(app, "VERBS", (*app.VERBS, monitor))


@pytest.fixture(scope="module")
def watched(tmp_path_factory, table: Path) -> tuple[Path, Path]:
    """A run, and a table in which every house is larger."""
    from justright.workflow.train import train

    folder = tmp_path_factory.mktemp("monitor")
    run = train(str(table), target="sold", out=folder, family="linear", baseline=False).path
    moved = folder / "moved.csv"
    with table.open() as source, moved.open("w", newline="") as target:
        rows = list(csv.reader(source))
        # Without the target: with it, the loss of quality stays an alarm whatever inputs are accepted.
        place = rows[0].index("sold")
        for number, row in enumerate(rows):
            size = row[0] if number == 0 else f"{float(row[0]) + 90:.1f}"
            csv.writer(target).writerow([size, *row[1:place], *row[place + 1 :]])
    return run, moved


def test_no_drift_is_code_0_and_drift_is_code_3_with_the_next_command(call, watched, table):
    run, moved = watched
    said = call("monitor", run, table)
    assert (said.code, said.err) == (0, "")
    assert "no drift" in said.out
    said = call("monitor", run, moved)
    assert said.code == 3
    assert "ALARM" in said.out
    out = said.out.replace("\n", " ")
    assert (
        f"next: first add the labels to {moved} as the column 'sold'; then justright register {run} --" in out
    )
    assert f"justright retrain NAME --with {moved}" in said.out


def test_json_has_the_promised_fields(call, watched):
    run, moved = watched
    said = call("monitor", run, moved, "--json")
    assert said.code == 3
    first = said.json["results"][0]
    assert tuple(first) == FIELDS
    assert first["is_anomaly"]
    assert said.json["retrain"].endswith(f"--with {moved}")
    assert "moved" not in json.dumps(said.json["windows"])


def test_acceptance_ends_with_0_and_silences_the_next_monitor(call, watched):
    run, moved = watched
    said = call("monitor", run, moved, "--accept", "--why", "a new quarter")
    assert said.code == 0
    assert "accepted as the new normal" in said.err
    assert call("monitor", run, moved).code == 0
    for path in (run / "baselines").glob("*.json"):
        path.unlink()
    assert call("monitor", run, moved).code == 3


def test_few_rows_are_not_accepted_and_not_judged_in_silence(call, watched, tmp_path):
    run, moved = watched
    few = tmp_path / "few.csv"
    few.write_text("".join(moved.read_text().splitlines(keepends=True)[:11]))
    said = call("monitor", run, few, "--html", tmp_path / "page.html")
    assert said.code == 0
    assert "NOTHING COULD BE JUDGED" in said.out
    assert "10 rows; 20 are needed" in said.out
    assert "10 rows; 20 are needed" in (tmp_path / "page.html").read_text()
    assert call("monitor", run, few, "--json").json["not_judged"][0]["input"] == "(all)"
    said = call("monitor", run, few, "--accept")
    assert (said.code, "20 rows or more" in said.err) == (2, True)
    assert call("monitor", run, moved).code == 3


def test_the_page_of_a_batch_names_the_windows_that_alarmed(call, watched, table, tmp_path):
    run, moved = watched
    with table.open() as source, moved.open() as other:
        plain, far = list(csv.DictReader(source)), list(csv.DictReader(other))
    names = list(far[0])
    with (tmp_path / "mixed.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows([*far[:120], *plain[:120]])
    said = call("monitor", run, tmp_path / "mixed.csv", "--window", "120", "--html", tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert said.code == 3
    assert "next: " in said.out
    assert '<p class="next">' in text
    assert '<p class="verdict bad">' in text
    assert "Alarm in window 0" in text


def test_the_command_of_an_alarm_of_a_log_runs(call, watched, table, tmp_path, monkeypatch):
    """Without labels it says how to send them; with labels it trains on them."""
    run, _ = watched
    monkeypatch.chdir(tmp_path)
    assert call("register", run, "--name", "houses", "--alias", "champion").code == 0
    served = Served("houses", "1", load(run / "model"))
    with table.open() as file:
        rows = [{**row, "size": float(row["size"]) + 90} for row in csv.DictReader(file)]
    question = Question(size=len(rows), rows=rows, id="a")
    with PredictionLog(tmp_path / "log", columns={"houses": served.described.names}) as keeper:
        keeper.record(question, served.answer(question), 1.0)
    said = call("monitor", "houses", "--log", "log", "--json")
    assert said.code == 3
    assert said.json["retrain"].startswith("first send labels")
    assert "/v1/feedback" in said.json["retrain"]
    add_labels(tmp_path / "log", [{"id": f"a/{n}", "label": row["sold"]} for n, row in enumerate(rows)])
    said = call("monitor", "houses", "--log", "log", "--json")
    assert said.json["retrain"] == "justright retrain houses --with log"
    done = call(*said.json["retrain"].split()[1:], "--quiet", "--json")
    assert done.code == 0
    assert done.json["rows"]["new"] == len(rows)


def test_a_page_is_written(call, watched, tmp_path):
    run, moved = watched
    said = call("monitor", run, moved, "--window", "80", "--html", tmp_path / "page.html")
    assert said.code == 3
    text = (tmp_path / "page.html").read_text()
    assert 5_000 < len(text) < 2_000_000
    assert "size" in text
    assert call("monitor", run, moved, "--html", tmp_path / "no" / "page.html").code == 7


def test_the_webhook_is_told_of_an_alarm_only(call, watched, table):
    heard = []

    class Hook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/hook"
    run, moved = watched
    try:
        assert call("monitor", run, table, "--webhook", url).code == 0
        assert heard == []
        assert call("monitor", run, moved, "--webhook", url).code == 3
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert heard[0]["anomalies"][0]["input"] in heard[0]["text"]
    said = call("monitor", run, moved, "--webhook", url)
    assert (said.code, "the webhook did not take the alarm" in said.err) == (3, True)
    assert call("monitor", run, moved, "--webhook", "ftp://x").code == 2


def test_wrong_use(call, watched):
    run, moved = watched
    assert call("monitor", run).code == 2
    assert call("monitor", run, moved, "--window", "soon").code == 2
    both = call("monitor", run, moved, "--log", "logs")
    assert (both.code, "one of the two" in both.err) == (2, True)
    assert call("monitor", run, moved, "--why", "because").code == 2
    assert call("monitor", run, moved, "--id", "number").code == 2
    assert call("monitor", run, "missing.csv").code in (4, 7)


def test_of_a_log_the_rows_that_this_version_answered(call, watched, table, tmp_path):
    """What another version answered lacks the columns that it does not need: none of that is drift."""
    run, _ = watched
    served = Served("houses", "1", load(run / "model"))
    with table.open() as file:
        rows = [{**row, "size": float(row["size"])} for row in csv.DictReader(file)]
    question = Question(size=len(rows), rows=rows, id="a")
    answers = served.answer(question)
    less = Question(size=len(rows), rows=[{**row, "size": None} for row in rows], id="b")
    needed = {"houses": served.described.names}
    for log, own in ((tmp_path / "both", True), (tmp_path / "others", False)):
        with PredictionLog(log, columns=needed) as keeper:
            if own:
                keeper.record(question, answers, 1.0)
            keeper.record(less, msgspec.structs.replace(answers, version="2", model_id="b" * 64), 2.0)
        said = call("monitor", run, "--log", log, "--json")
        assert (said.json["rows"], said.json["alarm"]) == (len(rows), not own)
