"""Requests and responses that were kept: each protocol answers as it did, to the key and to the figure.

Run this file to write the responses anew, and read the difference before you keep it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from justright.errors import JustrightError, http_code
from justright.serve.dataplane import DataPlane, load_plane
from justright.serve.dialects import mlflow, openinference, tfserving, vertex

GOLDEN = Path(__file__).parents[2] / "golden"
FOLDER = GOLDEN / "dialects"
CASES: list[dict[str, str]] = json.loads((FOLDER / "cases.json").read_text(encoding="utf-8"))
DIALECTS: dict[str, Any] = {
    "tfserving": tfserving,
    "vertex": vertex,
    "mlflow": mlflow,
    "openinference": openinference,
}


def told(case: dict[str, str], plane: DataPlane) -> bytes:
    """Answer what takes no body."""
    described = plane.described("buys")
    if case["dialect"] == "tfserving":
        route = tfserving.route(case["path"])
        assert route is not None
        one = [(described.version, "AVAILABLE")]
        return tfserving.status(one) if route.verb == "status" else tfserving.metadata(described)
    bodies = {
        "/ping": mlflow.PING,
        "/v2": openinference.server("1.0"),
        "/v2/health/live": openinference.live(),
        "/v2/health/ready": openinference.ready(),
        "/v2/models/buys/ready": openinference.ready("buys"),
        "/v2/models/buys": openinference.metadata(described),
    }
    return bodies[case["path"]]


def respond(case: dict[str, str], plane: DataPlane) -> tuple[int, bytes]:
    """Answer as a server would, without one."""
    if case["method"] == "GET":
        return 200, told(case, plane)
    dialect = DIALECTS[case["dialect"]]
    body = (FOLDER / case["request"]).read_bytes()
    described = plane.described("buys")
    more: tuple[Any, ...] = ()
    if dialect is tfserving:
        route = tfserving.route(case["path"])
        assert route is not None
        more = (route.verb,)
    elif dialect is mlflow:
        more = (mlflow.media_of(case["content_type"]),)
    try:
        question = dialect.read(body, described, *more)
        return 200, dialect.write(question, plane.answer("buys", question))
    except JustrightError as error:
        return http_code(error), dialect.refuse(http_code(error), str(error))


def same(found: Any, expected: Any) -> bool:
    """Compare JSON values; figures may differ in the last digits from machine to machine."""
    if isinstance(expected, dict):
        return list(found) == list(expected) and all(same(found[key], expected[key]) for key in expected)
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, float):
        return type(found) is float and found == pytest.approx(expected, rel=1e-12, abs=1e-300)
    return type(found) is type(expected) and found == expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["response"])
def test_it_answers_as_it_did(case, plane):
    if case["content_type"] == "application/vnd.apache.parquet":
        pytest.importorskip("pyarrow")
    status, body = respond(case, plane)
    expected = (FOLDER / case["response"]).read_bytes()
    assert status == case["status"]
    if not expected.strip():
        assert body == expected
        return
    assert same(json.loads(body), json.loads(expected)), body


def test_every_file_belongs_to_a_case_and_every_dialect_refuses_something():
    files = {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*") if path.is_file()}
    named = {case.get(part, "") for case in CASES for part in ("request", "response")}
    assert files - {"cases.json"} == named - {""}
    assert {case["dialect"] for case in CASES if case["status"] == 400} == set(DIALECTS)


if __name__ == "__main__":
    plane = load_plane({"buys": GOLDEN / "bundle-1"})
    for case in CASES:
        status, body = respond(case, plane)
        case["status"] = status  # type: ignore[assignment]
        (FOLDER / case["response"]).write_bytes(body)
        sys.stdout.write(f"{status} {case['response']}\n")
    text = json.dumps(CASES, indent=1) + "\n"
    (FOLDER / "cases.json").write_text(text, encoding="utf-8")
