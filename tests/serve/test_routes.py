"""Every protocol over one plane: the same rows give the same probabilities, and each says no in its form."""

from __future__ import annotations

import json

import pytest

from justright.serve.dataplane import DataPlane, Group, load_plane
from justright.serve.limits import Limits
from justright.serve.server import Server, build_app


def texts(values):
    return [f"{value:g}" if isinstance(value, int | float) else value for value in values]


def test_all_protocols_answer_alike(client, golden, plane):
    rows = golden["rows"]
    names = plane.columns("buys")
    columns = {name: [row.get(name) for row in rows] for name in names}
    expected = [each["probabilities"]["yes"] for each in golden["predictions"]]
    by_row = client.post("/v1/models/buys:predict", {"instances": rows}).json()["predictions"]
    by_column = client.post("/v1/models/buys:predict", {"inputs": columns}).json()["outputs"]
    by_class = client.post("/v1/models/buys:classify", {"examples": rows}).json()["results"]
    frame = {"columns": list(names), "data": [list(row) for row in zip(*columns.values(), strict=True)]}
    by_frame = client.post(
        "/invocations", {"dataframe_split": frame}, {"content-type": "application/json"}
    ).json()["predictions"]
    tensors = [
        {"name": n, "shape": [4, 1], "datatype": "BYTES", "data": texts(v)} for n, v in columns.items()
    ]
    by_tensor = client.post("/v2/models/buys/infer", {"id": "7", "inputs": tensors})
    assert [each["probabilities"]["yes"] for each in by_row] == pytest.approx(expected, rel=1e-12)
    assert by_column["probability_yes"] == pytest.approx(expected, rel=1e-12)
    assert [dict(each)["yes"] for each in by_class] == pytest.approx(expected, rel=1e-12)
    assert [each["probability_yes"] for each in by_frame] == pytest.approx(expected, rel=1e-12)
    outputs = {each["name"]: each["data"] for each in by_tensor.json()["outputs"]}
    assert by_tensor.json()["id"] == "7"
    assert outputs["probability_yes"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/ping", 200), ("/version", 200), ("/v2", 200), ("/v2/health/live", 200), ("/v2/health/ready", 200),
        ("/v2/models/buys", 200), ("/v2/models/buys/versions/1", 200), ("/v2/models/buys/ready", 200),
        ("/v2/models/sells/ready", 404), ("/v2/models/buys/versions/9", 404), ("/v2/models/buys/infer", 405),
        ("/invocations", 405),
    ],
)  # fmt: skip
def test_looking_routes(client, path, status):
    assert client.get(path).status == status


@pytest.mark.parametrize("path", ["/v1/models/buys:predict", "/invocations", "/v2/models/buys/infer", "/ask"])
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"7", b'"x"', b"\xff\xfe", b'{"instances": 1}', b"[" * 100_000,
     b'{"a":' * 5000,
     b'{"inputs": [{"name": "age", "shape": [1e400], "datatype": "FP64", "data": [1e400]}]}',
     b'{"instances": [{"seen": null, "seen": 1}]}', b'{"dataframe_split": {"data": [[1]]}, "inputs": {}}'],
)  # fmt: skip
def test_odd_bodies_get_the_form_of_the_protocol(plane, wired, path, body):
    client = wired.Client(Server(plane, vertex_routes=("/alive", "/ask")))
    answer = client.post(path, body, {"content-type": "application/json"})
    assert 400 <= answer.status < 500
    found = answer.json()
    assert list(found) == (["error_code", "message"] if path == "/invocations" else ["error"])
    assert "Traceback" not in answer.text


def test_content_types_of_mlflow(client, golden):
    body = json.dumps({"instances": golden["rows"]}).encode()
    for kind in ("text/plain", "application/json; charset=latin-1", ""):
        answer = client.post("/invocations", body, {"content-type": kind})
        assert (answer.status, answer.headers["content-type"]) == (415, "text/plain; charset=utf-8")
    assert client.post("/invocations", body, {"content-type": "application/json"}).status == 200
    lines = b"seen,colour\n2024-01-01,red\n,\n"
    assert len(client.post("/invocations", lines, {"content-type": "text/csv"}).json()["predictions"]) == 2


def test_compressed_bodies_are_refused(client):
    answer = client.post("/v1/models/buys:predict", b"\x1f\x8b", {"content-encoding": "gzip"})
    assert (answer.status, list(answer.json())) == (415, ["error"])


def test_versions_aliases_and_shares(bundle_path, golden, wired):
    one = load_plane({"m": bundle_path}).group("m").served["1"].predictor
    group = Group("m", {"3": one, "4": one}, {"champion": "3"}, "3", {"3": 90, "4": 10})
    server = build_app(DataPlane({"m": group}))
    client = wired.Client(server)
    assert client.get("/v1/models/m").json()["model_version_status"][0]["version"] == "4"
    assert client.get("/v1/models/m/labels/champion").json()["model_version_status"][0]["version"] == "3"
    assert client.get("/v1/models/m/versions/4/metadata").json()["model_spec"]["version"] == "4"
    told = client.get("/v1/models").json()["models"][0]
    assert (told["traffic"], told["aliases"], told["default"]) == ({"3": 90, "4": 10}, {"champion": "3"}, "3")
    picked = [group.pick(key=f"id-{i}").version for i in range(2000)]
    assert picked == [group.pick(key=f"id-{i}").version for i in range(2000)]
    assert 1740 <= picked.count("3") <= 1860
    drawn = [group.pick().version for _ in range(2000)]
    assert 1740 <= drawn.count("3") <= 1860


def test_contributions_sum_to_the_margin(client, golden, plane):
    asked = {"instances": golden["rows"], "parameters": {"contributions": True}}
    answer = client.post("/v1/models/buys:predict", asked)
    assert answer.status == 200, answer.text
    model = plane.group("buys").served["1"].predictor
    margins = model.margins_of(model.encoder.rows(golden["rows"]))[:, 0]
    for found, margin in zip(answer.json()["predictions"], margins, strict=True):
        assert sum(found["contributions"].values()) == pytest.approx(margin, rel=1e-9, abs=1e-9)


def test_no_protocol_takes_more_rows_than_the_limit(golden, plane, wired):
    client = wired.Client(build_app(plane, limits=Limits(rows=2)))
    rows = golden["rows"][:3]
    names = plane.columns("buys")
    columns = {name: [row.get(name) for row in rows] for name in names}
    tensors = [
        {"name": n, "shape": [3, 1], "datatype": "BYTES", "data": texts(v)} for n, v in columns.items()
    ]
    asked = {
        "/v1/models/buys:predict": {"instances": rows},
        "/v1/models/buys:classify": {"examples": rows},
        "/invocations": {"dataframe_records": rows},
        "/v2/models/buys/infer": {"inputs": tensors},
    }
    for path, body in asked.items():
        refused = client.post(path, body, {"content-type": "application/json"})
        assert refused.status == 413 and "rows" in refused.text, path
