"""A model out of a bucket: the right objects, with the token, and every failure as one sentence."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from justright.bundle.format import LIMITS, read_bundle
from justright.cli import bucket
from justright.cli.bucket import fetch_model
from justright.errors import BundleError, StorageError

GOLDEN = Path(__file__).parents[1] / "golden" / "bundle-1"


class Cloud:
    """A bucket `shelf` with the golden model in `made/model`, and a metadata server, in one."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.tokens: set[str | None] = set()
        self.answer: bytes | None = b'{"access_token": "sesame"}'
        self.objects = {f"made/model/{each.name}": each.read_bytes() for each in GOLDEN.iterdir()}
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                data = cloud.get(urlsplit(self.path).path, urlsplit(self.path).query, self.headers)
                self.send_response(404 if data is None else 200)
                self.end_headers()
                self.wfile.write(data or b"")

            def log_message(self, *given: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"

    def get(self, path: str, query: str, headers: object) -> bytes | None:
        if path.startswith("/computeMetadata"):
            return self.answer if headers["Metadata-Flavor"] == "Google" else None
        start = "/storage/v1/b/shelf/o/"
        if not path.startswith(start) or query != "alt=media" or "/" in path.removeprefix(start):
            return None
        self.tokens.add(headers["Authorization"])
        name = unquote(path.removeprefix(start))
        self.asked.append(name)
        return self.objects.get(name)


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    made = Cloud()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.mark.parametrize("uri", ["gs://shelf/made/model", "gs://shelf/made/model/"])
def test_the_model_comes_whole_and_the_manifest_last(cloud: Cloud, tmp_path: Path, uri: str) -> None:
    folder = fetch_model(uri, tmp_path / "a" / "model", {"STORAGE_EMULATOR_HOST": cloud.host})
    assert read_bundle(folder).model_id == read_bundle(GOLDEN).model_id
    assert cloud.asked == [f"made/model/{name}" for name in (*LIMITS, "manifest.json")]
    assert cloud.tokens == {None}


def test_the_token_is_that_of_the_machine(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket, "_STORE", f"http://{cloud.host}")
    fetch_model("gs://shelf/made/model", tmp_path, {"GCE_METADATA_HOST": cloud.host})
    assert cloud.tokens == {"Bearer sesame"}
    cloud.answer = b"<html>"
    with pytest.raises(StorageError, match="an answer without a token"):
        fetch_model("gs://shelf/made/model", tmp_path, {"GCE_METADATA_HOST": cloud.host})


def test_what_cannot_be_read(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    emulator = {"STORAGE_EMULATOR_HOST": f"http://{cloud.host}"}
    with pytest.raises(StorageError, match="status 404 for gs://shelf/other/model.json"):
        fetch_model("gs://shelf/other", tmp_path, emulator)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="while keeping gs://shelf"):
        fetch_model("gs://shelf/made/model", tmp_path / "file", emulator)
    monkeypatch.setattr(bucket, "_MANIFEST", 10)
    with pytest.raises(BundleError, match="manifest.json of more than 10 bytes"):
        fetch_model("gs://shelf/made/model", tmp_path, emulator)
    with pytest.raises(StorageError, match="while reading gs://shelf/made/model/model.json"):
        fetch_model("gs://shelf/made/model", tmp_path, {"STORAGE_EMULATOR_HOST": "127.0.0.1:9"})


def test_a_damaged_object_is_found_when_it_is_loaded(cloud: Cloud, tmp_path: Path) -> None:
    cloud.objects["made/model/card.md"] += b"."
    folder = fetch_model("gs://shelf/made/model", tmp_path, {"STORAGE_EMULATOR_HOST": cloud.host})
    with pytest.raises(BundleError, match="card.md"):
        read_bundle(folder)
