"""What runs in the container: it serves, it trains by the contract of the platform, it says how it is."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from justright.bundle.predictor import load
from justright.cli import image
from justright.cli.image import main


@pytest.fixture
def platform(run_folder: Path, table: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of an image that trains, with the rows in two files with a header each."""
    head, *rows = table.read_text().splitlines(keepends=True)
    for number, part in enumerate((rows[:100], rows[100:200])):
        (tmp_path / f"training-{number}.csv").write_text("".join([head, *part]))
    (tmp_path / "validation.csv").write_text("".join([head, *rows[200:]]))
    recipe = json.loads((run_folder / "recipe.json").read_text()) | {"table": ""}
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    return {
        "JUSTRIGHT_RECIPE": str(tmp_path / "recipe.json"),
        "AIP_TRAINING_DATA_URI": f"file://{tmp_path}/training-*.csv",
        "AIP_VALIDATION_DATA_URI": str(tmp_path / "validation.csv"),
        "AIP_MODEL_DIR": str(tmp_path / "out" / "model"),
        "AIP_DATA_FORMAT": "csv",
    }


def test_it_trains_where_rows_are_named(platform: dict[str, str], table: Path, capsys: Any) -> None:
    test = {"AIP_TEST_DATA_URI": str(table)}
    assert main([], platform | test) == 0
    folder = Path(platform["AIP_MODEL_DIR"])
    assert str(folder) in capsys.readouterr().out
    assert load(folder).classes == ("no", "yes")
    assert json.loads((folder / "run.json").read_text())["rows"]["train"] > 150
    assert json.loads((folder / "test.json").read_text())["rows"] == 240
    assert main(["train"], platform) == 7  # another training would overwrite the model
    assert "which holds a model" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"AIP_MODEL_DIR": ""}, 2, "no AIP_MODEL_DIR"),
        ({"AIP_DATA_FORMAT": "bigquery"}, 2, "allowed: csv, jsonl, parquet"),
        ({"AIP_TRAINING_DATA_URI": "gs://bucket/rows.csv"}, 7, "no buckets below /gcs"),
        ({"AIP_TRAINING_DATA_URI": "bq://project.rows"}, 7, "or an address of file:// or gs://"),
        ({"AIP_TRAINING_DATA_URI": "/nowhere/training-*.csv"}, 7, "which no file matches"),
        ({"JUSTRIGHT_RECIPE": "/nowhere/recipe.json"}, 7, "/nowhere/recipe.json"),
    ],
)
def test_what_it_cannot_train_on(
    platform: dict[str, str], capsys: Any, change: dict[str, str], code: int, said: str
) -> None:
    assert main(["train"], platform | change) == code
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1
    assert not Path(platform["AIP_MODEL_DIR"]).exists()


def test_buckets_are_where_they_are_mounted(
    platform: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (tmp_path / "gcs").mkdir()
    (tmp_path / "gcs" / "bucket").symlink_to(tmp_path)
    monkeypatch.setattr(image, "_MOUNT", tmp_path / "gcs")
    there = {
        "AIP_TRAINING_DATA_URI": "gs://bucket/training-*.csv",
        "AIP_VALIDATION_DATA_URI": "",
        "AIP_MODEL_DIR": "gs://bucket/made",
    }
    assert main(["train"], platform | there) == 0, capsys.readouterr().err
    assert (tmp_path / "made" / "manifest.json").is_file()


def test_an_image_without_the_extra_says_how_to_build_it(
    platform: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def lacking(environment: dict[str, str]) -> str:
        raise ModuleNotFoundError("No module named 'pyarrow'", name="pyarrow")

    monkeypatch.setattr(image, "_trained", lacking)
    assert main(["train"], platform) == 8
    assert "no library 'pyarrow'" in capsys.readouterr().err


def serving(monkeypatch: pytest.MonkeyPatch, options: list[str], environment: dict[str, str]) -> list[str]:
    seen: list[list[str]] = []
    monkeypatch.setattr("justright.cli.main", lambda arguments: seen.append(list(arguments)) or 0)
    assert main(["serve", *options], environment) == 0
    return seen[0]


def test_what_serve_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = {"JUSTRIGHT_NAME": "sold", "JUSTRIGHT_MODEL": "/app/model"}
    plain = ["serve", "sold=/app/model"]
    assert serving(monkeypatch, [], own) == [*plain, "--host", "0.0.0.0"]
    assert serving(monkeypatch, ["--no-token"], own) == [*plain, "--no-token", "--host", "0.0.0.0"]
    assert serving(monkeypatch, ["--host", "127.0.0.1"], own) == [*plain, "--host", "127.0.0.1"]
    assert serving(monkeypatch, [], own | {"JUSTRIGHT_NO_TOKEN": "1"})[-1] == "--no-token"
    stored = serving(monkeypatch, [], own | {"AIP_STORAGE_URI": f"file://{tmp_path}"})
    assert stored[1] == f"sold={tmp_path}"
    monkeypatch.setattr("justright.cli.bucket.fetch_model", lambda uri, folder, environment: folder)
    fetched = serving(monkeypatch, [], own | {"AIP_STORAGE_URI": "gs://shelf/model"})
    assert fetched[1].startswith("sold=/") and fetched[1].endswith("/model")
    (tmp_path / "token").write_text("x" * 32)
    monkeypatch.setattr(image, "_TOKEN", tmp_path / "token")
    assert serving(monkeypatch, [], own)[-2:] == ["--token-file", str(tmp_path / "token")]


@pytest.mark.parametrize("status", [200, 503])
def test_health_is_what_the_server_says(status: int) -> None:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *given: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        port = {"AIP_HTTP_PORT": str(server.server_port)}
        found = [
            main(["health"], port | more)
            for more in (
                {},
                {"AIP_HEALTH_ROUTE": "/h"},
                {"AIP_ENDPOINT_ID": "7", "AIP_DEPLOYED_MODEL_ID": "9"},
            )
        ]
        server.shutdown()
        thread.join()
    assert found == [0 if status == 200 else 1] * 3
    assert asked == ["/health", "/h", "/v1/endpoints/7/deployedModels/9"]


def test_nobody_answers(capsys: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert main(["health"], {"AIP_HTTP_PORT": str(free.getsockname()[1])}) == 1
    assert main(["dance"], {}) == 2
    assert "allowed: serve, train or health" in capsys.readouterr().err


def test_a_whole_life_as_the_platform_leads_it(run_folder: Path) -> None:
    """Start, become healthy, answer, end at SIGTERM."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {
        "JUSTRIGHT_NAME": "sold",
        "JUSTRIGHT_MODEL": str(run_folder / "model"),
        "AIP_HTTP_PORT": str(port),
        "AIP_HEALTH_ROUTE": "/alive",
        "AIP_PREDICT_ROUTE": "/ask",
    }
    code = [sys.executable, "-m", "justright.cli.image", "serve"]
    process = subprocess.Popen(code, env=os.environ | own, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        until = time.monotonic() + 60.0
        while main(["health"], own) and time.monotonic() < until and process.poll() is None:
            time.sleep(0.1)
        body = json.dumps({"instances": [{"size": 120.5, "colour": "red", "street": "street 3"}]}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/ask", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30.0) as answer:
            (found,) = json.loads(answer.read())["predictions"]
        assert found["label"] in ("no", "yes")
    finally:
        process.terminate()
        error = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 0, error
