"""Who is compared: how each is started, what is sent to it, and how its answer is read.

Every peer serves the same fitted pipeline in the way its own documentation gives, one process that answers
where it lets us choose, no access log. Our server is asked in three of its dialects: in the form of
TensorFlow Serving, and with the very bytes that MLServer and MLflow get.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import problem
from peers import peer_python
from pinned import HERE, free_port
from prepare import JUSTRIGHT, WORK

Rows = problem.Rows
Command = tuple[list[str], dict[str, str]]  # what to run, and what to add to its environment


@dataclass(frozen=True)
class Side:
    """One server."""

    name: str
    words: str
    command: Callable[[str, int], Command]  # model and port
    route: Callable[[int], str]  # rows of the request
    body: Callable[[Rows], Any]
    read: Callable[[Any], list[float]]  # the probabilities of `yes`
    truth: str
    environment: str = ""  # whose packages it runs on; empty = ours
    packages: tuple[str, ...] = field(default=())


def body_of(side: Side, rows: Rows) -> bytes:
    """Return the bytes of a request, compact as clients send them."""
    return json.dumps(side.body(rows), separators=(",", ":")).encode()


def _instances(rows: Rows) -> Any:
    """TensorFlow Serving's rows."""
    return {"instances": rows}


def _split(rows: Rows) -> Any:
    """The fastest of MLflow's forms: columns once, then values."""
    return {"dataframe_split": {"columns": list(problem.NAMES), "data": [list(r.values()) for r in rows]}}


def _inputs(rows: Rows) -> Any:
    """Open Inference v2: an input a column."""
    made = []
    for name in problem.NAMES:
        kind = "FP64" if name in problem.NUMBERS else "BYTES"
        entry = {"name": name, "shape": [len(rows), 1], "datatype": kind, "data": [row[name] for row in rows]}
        made.append(entry if kind == "FP64" else entry | {"parameters": {"content_type": "str"}})
    return {"parameters": {"content_type": "pd"}, "inputs": made}


def _pairs(answer: Any) -> list[float]:
    """Predictions that are pairs of probabilities."""
    return [row[1] for row in answer["predictions"]]


def _labelled(answer: Any) -> list[float]:
    """Predictions of ours: label and probabilities."""
    return [row["probabilities"]["yes"] for row in answer["predictions"]]


def _records(answer: Any) -> list[float]:
    """Predictions of ours in the form of MLflow: a record a row."""
    return [row["probability_yes"] for row in answer["predictions"]]


def _columns(answer: Any) -> list[float]:
    """Outputs of ours in Open Inference v2: one a class."""
    (found,) = (output["data"] for output in answer["outputs"] if output["name"] == "probability_yes")
    return list(found)


def _outputs(answer: Any) -> list[float]:
    """The one output of MLServer: flat, two numbers a row."""
    (output,) = answer["outputs"]
    return list(output["data"][1::2])


def _ours(model: str, port: int) -> Command:
    """`justright serve`, without a line a request as the peers."""
    return [JUSTRIGHT, "serve", str(WORK / f"ours-{model}"), "--port", str(port), "--quiet"], {}


def _echo(model: str, port: int) -> Command:
    """The bare echo of what our server said (written when that was checked)."""
    answers = [str(answer_file(model, rows)) for rows in (1, 100)]
    return [str(Path(JUSTRIGHT).parent / "python"), str(HERE / "echo.py"), str(port), *answers], {}


def answer_file(model: str, rows: int) -> Path:
    """Return where an answer of our server lies."""
    return WORK / f"answer-{model}-{rows}.json"


def _uvicorn(app: str, suffix: str) -> Callable[[str, int], Command]:
    """Return how an application of ours for a peer is started."""

    def command(model: str, port: int) -> Command:
        tool = peer_python("plain").parent / "uvicorn"
        options = ["--port", str(port), "--no-access-log", "--log-level", "warning", "--app-dir", str(HERE)]
        return [str(tool), app, *options], {"MODEL": str(WORK / f"{model}.{suffix}")}

    return command


def _mlflow(model: str, port: int) -> Command:
    """`mlflow models serve`, one worker, in the environment it is installed in."""
    tool = peer_python("mlflow").parent / "mlflow"
    place = ["-m", str(WORK / f"mlflow-{model}"), "-p", str(port)]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    return [str(tool), "models", "serve", *place, "--env-manager", "local", "-w", "1"], quiet


def _mlserver(model: str, port: int) -> Command:
    """`mlserver start`, inference in the process that answers (parallel_workers 0)."""
    tool = peer_python("mlserver").parent / "mlserver"
    settings = {
        "MLSERVER_HTTP_PORT": port,
        "MLSERVER_GRPC_PORT": free_port(),
        "MLSERVER_METRICS_PORT": free_port(),
        "MLSERVER_PARALLEL_WORKERS": 0,
        "MLSERVER_METRICS_DIR": WORK / "mlserver-metrics",
    }
    return [str(tool), "start", str(WORK / f"mlserver-{model}")], {k: str(v) for k, v in settings.items()}


def _bentoml(model: str, port: int) -> Command:
    """`bentoml serve`, one worker, no batching."""
    tool = peer_python("bentoml").parent / "bentoml"
    more = {
        "MODEL": str(WORK / f"{model}.joblib"),
        "BENTOML_HOME": str(WORK / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
    }
    command = ["serve", "serve_bento:Peer", "--port", str(port), "--working-dir", str(HERE)]
    return [str(tool), *command], more


def _always(route: str) -> Callable[[int], str]:
    """Return a route that does not depend on the number of rows."""
    return lambda rows: route


_PLAIN: Final = ("fastapi", "uvicorn", "pydantic", "scikit-learn", "lightgbm")
SIDES: Final = {
    side.name: side
    for side in (
        Side(
            "ours",
            "`justright serve --quiet`, rows as TensorFlow Serving takes them",
            *(_ours, _always("/v1/models/model:predict"), _instances, _labelled, "ours"),
            *("", ("justright", "numpy", "msgspec", "httptools", "uvloop")),
        ),
        Side(
            "ours-v2",
            "the same server, the very bytes that MLServer gets",
            *(_ours, _always("/v2/models/model/infer"), _inputs, _columns, "ours"),
        ),
        Side(
            "ours-mlflow",
            "the same server, the very bytes that MLflow gets",
            *(_ours, _always("/invocations"), _split, _records, "ours"),
        ),
        Side(
            "echo",
            "our connections and loop, which read the same body and answer a constant of the same size",
            *(_echo, lambda rows: f"/{rows}", _instances, _labelled, "ours"),
        ),
        Side(
            "fastapi-onnx",
            "FastAPI on uvicorn (uvloop, httptools), onnxruntime, no pandas",
            *(_uvicorn("serve_onnx:app", "onnx"), _always("/predict"), _instances, _pairs, "onnx"),
            *("plain", (*_PLAIN, "onnxruntime")),
        ),
        Side(
            "fastapi-joblib",
            "FastAPI on uvicorn (uvloop, httptools), the pipeline from joblib",
            *(_uvicorn("serve_joblib:app", "joblib"), _always("/predict"), _instances, _pairs, "sklearn"),
            *("plain", _PLAIN),
        ),
        Side(
            "bentoml",
            "`bentoml serve`, one worker, no batching",
            *(_bentoml, _always("/predict"), _instances, lambda told: [r[1] for r in told], "sklearn"),
            *("bentoml", ("bentoml", "scikit-learn", "lightgbm")),
        ),
        Side(
            "mlserver",
            "`mlserver start`, parallel_workers 0, one input a column",
            *(_mlserver, _always("/v2/models/model/infer"), _inputs, _outputs, "sklearn"),
            *("mlserver", ("mlserver", "fastapi", "scikit-learn", "lightgbm")),
        ),
        Side(
            "mlflow",
            "`mlflow models serve --env-manager local -w 1`, `dataframe_split`",
            *(_mlflow, _always("/invocations"), _split, _pairs, "sklearn"),
            *("mlflow", ("mlflow", "fastapi", "scikit-learn", "lightgbm")),
        ),
    )
}
