from __future__ import annotations

import pytest

from justright.errors import RecipeError, StorageError
from justright.serve.access import Access, read_tokens
from justright.serve.server import Server

TOKEN = "0123456789abcdef"


@pytest.fixture
def guarded(plane, wired):
    return wired.Client(Server(plane, access=Access([TOKEN, "another-token-here"], ["localhost", "::1"])))


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        TOKEN,
        "Bearer",
        "Bearer ",
        f"Basic {TOKEN}",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN} x",
        "Bearer \xff",
    ],
)
def test_without_a_token_nothing_is_said(guarded, header):
    for path in ("/metrics", "/v1/models", "/openapi.json", "/v1/models/none", "/nothing"):
        answer = guarded.get(path, {"authorization": header} if header is not None else {})
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert "buys" not in answer.text


@pytest.mark.parametrize("header", [f"Bearer {TOKEN}", "bearer another-token-here"])
def test_each_token_is_known(guarded, header):
    assert guarded.get("/v1/models", {"authorization": header}).status == 200


def test_health_and_the_empty_page_ask_for_none(guarded):
    for path in ("/health", "/ping", "/v2/health/live", "/v2/health/ready", "/"):
        assert guarded.get(path).status == 200


@pytest.mark.parametrize(
    ("host", "status"), [("localhost:80", 200), ("[::1]:80", 200), ("evil.example", 421), ("", 421)]
)
def test_hosts(plane, wired, host, status):
    server = Server(plane, access=Access([], ["localhost", "::1"]))
    sent = wired.raw("GET", "/health").replace(b"host: localhost", b"host: " + host.encode())
    assert wired.Client(server).together([sent])[0].status == status


def test_token_files(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"# ours\n\n{TOKEN}\n  another-token-here  \n", encoding="utf-8")
    assert read_tokens(path) == [TOKEN, "another-token-here"]
    for text in ("", "# none", "short", "with a blank in it, long", "\u00e4" * 20):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(RecipeError, match="token"):
            read_tokens(path)
    with pytest.raises(StorageError):
        read_tokens(tmp_path / "none")
    path.write_bytes(b"\xff" * 20)
    with pytest.raises(StorageError):
        read_tokens(path)
