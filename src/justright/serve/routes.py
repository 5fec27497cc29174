"""What paths name: the routes of every protocol over one data plane.

GET  /health                       200 when the models are loaded, which is before the port opens
GET  /metrics, /openapi.json, /    counters, the schema of the models, a page to try them
POST /v1/feedback                  labels that came later, by id
/v1/models/NAME...                 TensorFlow Serving     (dialects/tfserving.py)
$AIP_PREDICT_ROUTE                 Vertex AI              (dialects/vertex.py)
/invocations, /ping, /version      MLflow and SageMaker   (dialects/mlflow.py)
/v2...                             Open Inference         (dialects/openinference.py)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from justright.errors import TableError, closest
from justright.serve.dataplane import DataPlane, Group
from justright.serve.dialects import mlflow, openinference, tfserving, vertex
from justright.serve.dialects.bodies import encode
from justright.serve.edge import Ask, Later, Refusal, Reply, Target
from justright.serve.exchange import Described, Question
from justright.serve.scoring import Served
from justright.serve.wire import PLAIN, Request

__all__ = ["Routes", "library_version"]

Plain = Callable[[Request], Reply]


class Routes:
    """Finds what a path names.

    Parameters
    ----------
    plane : DataPlane
        The models; the first one answers on routes that name none.
    plain : mapping of str to callable
        Paths of GET requests that the server answers by itself, such as /metrics.
    posts : mapping of str to Later, optional
        Paths of POST requests, such as /v1/feedback.
    vertex_routes : (str, str), optional
        Health and predict route of Vertex AI.
    busy : callable, optional
        True while the server ends: then it says that it is not ready.
    most_rows : int, default 65,536
        A body of more rows, and never of fewer than 65,536, is refused before anything is made of it.
    """

    def __init__(
        self,
        plane: DataPlane,
        plain: Mapping[str, Plain | Later],
        posts: Mapping[str, Later] | None = None,
        vertex_routes: tuple[str, str] = ("", ""),
        busy: Callable[[], bool] = lambda: False,
        most_rows: int = 65_536,
    ) -> None:
        self._plane = plane
        self._choice = _Choice(plane)
        self._busy = busy
        # Fewer are refused by the edge, with 413; this keeps what is made of a body within bounds.
        self._most_rows = max(most_rows, 65_536)
        ready = Target("other", {"GET": self._health}, tfserving.refuse, open=True)
        self._fixed: dict[str, Target] = {"/health": ready}
        for path, made in plain.items():
            # The page holds nothing of a model; it asks for a token by itself.
            self._fixed[path] = Target("other", {"GET": made}, tfserving.refuse, open=path == "/")
        for path, later in (posts or {}).items():
            self._fixed[path] = Target("other", {"POST": later}, tfserving.refuse)
        self._fixed["/v1/models"] = Target("tfserving", {"GET": self._models}, tfserving.refuse)
        health, predict = vertex_routes
        if health:
            self._fixed[health] = Target("vertex", {"GET": self._ready}, vertex.refuse, open=True)
        if predict:
            ask = Ask(self._choice.first, partial(_vertex, most_rows=self._most_rows), vertex.write)
            self._fixed[predict] = Target("vertex", {"POST": ask}, vertex.refuse)
        self._fixed |= self._mlflow() | self._openinference()

    def find(self, path: str) -> Target:
        """Return what a path names; one that names nothing is refused with status 404."""
        found = self._fixed.get(path)
        if found is not None:
            return found
        route = tfserving.route(path)
        if route is not None:
            return self._tfserving(route)
        inference = openinference.route(path)
        if inference is not None:
            return self._inference(inference)
        return Target("other", {}, tfserving.refuse)

    def _tfserving(self, route: tfserving.Route) -> Target:
        """Return what a path of TensorFlow Serving names."""
        if route.verb in ("predict", "classify", "regress"):
            read = partial(_tfserving, verb=route.verb, most_rows=self._most_rows)
            pick = partial(self._choice.pick, route.name, route.version, route.label)
            return Target("tfserving", {"POST": Ask(pick, read, tfserving.write)}, tfserving.refuse)
        answer = self._status if route.verb == "status" else self._metadata
        return Target("tfserving", {"GET": partial(answer, route)}, tfserving.refuse)

    def _mlflow(self) -> dict[str, Target]:
        """Return the routes of MLflow and SageMaker."""
        ask = Ask(self._choice.first, partial(_mlflow, most_rows=self._most_rows), mlflow.write)
        alive = Target("mlflow", {"GET": self._ping}, mlflow.refuse, open=True)
        told = Reply(200, mlflow.version(library_version()))
        return {
            "/invocations": Target("mlflow", {"POST": ask}, mlflow.refuse),
            "/ping": alive,
            "/version": Target("mlflow", {"GET": lambda request: told}, mlflow.refuse),
        }

    def _openinference(self) -> dict[str, Target]:
        """Return the routes of the Open Inference Protocol that name no model."""
        answers: dict[str, Plain] = {
            "/v2": lambda request: Reply(200, openinference.server(library_version())),
            "/v2/health/live": lambda request: Reply(200, openinference.live()),
            "/v2/health/ready": self._is_ready,
        }
        return {
            path: Target("openinference", {"GET": made}, openinference.refuse, open="health" in path)
            for path, made in answers.items()
        }

    def _inference(self, route: openinference.Route) -> Target:
        """Return what a path of the Open Inference Protocol names."""
        if route.verb == "infer":
            pick = partial(self._choice.pick, route.name, route.version, "")
            ask = Ask(pick, partial(_openinference, most_rows=self._most_rows), openinference.write)
            return Target("openinference", {"POST": ask}, openinference.refuse)
        return Target("openinference", {"GET": partial(self._inference_told, route)}, openinference.refuse)

    def _inference_told(self, route: openinference.Route, request: Request) -> Reply:
        """Say of a model that it is ready, or how to ask it."""
        served = self._choice.pick(route.name, route.version, "", request)
        if route.verb == "ready":
            return Reply(200, openinference.ready(route.name))
        return Reply(200, openinference.metadata(served.described))

    def _is_ready(self, request: Request) -> Reply:
        """Say that the models are loaded; 503 while the server ends."""
        return Reply(503 if self._busy() else 200, openinference.ready(is_ready=not self._busy()))

    def _ping(self, request: Request) -> Reply:
        """The same for MLflow and SageMaker."""
        return Reply(503 if self._busy() else 200, mlflow.PING, PLAIN)

    def _health(self, request: Request) -> Reply:
        """Say that the models are loaded; 503 while the server ends."""
        if self._busy():
            return Reply(503, encode({"status": "ending"}))
        return Reply(200, encode(self._plane.health()))

    def _ready(self, request: Request) -> Reply:
        """The same for Vertex AI."""
        return Reply(503 if self._busy() else 200, vertex.health())

    def _models(self, request: Request) -> Reply:
        """List the models with their versions, aliases and shares."""
        return Reply(200, encode({"models": [_told(self._plane.group(name)) for name in self._plane.names]}))

    def _status(self, route: tfserving.Route, request: Request) -> Reply:
        """Say which versions are there."""
        group = self._choice.group(route.name)
        versions = list(group.served)
        if route.version or route.label:
            served = group.pick(route.version, route.label)
            if served is None:
                raise self._choice.no_version(route.name, route.version or route.label)
            versions = [served.version]
        return Reply(200, tfserving.status([(version, "AVAILABLE") for version in reversed(versions)]))

    def _metadata(self, route: tfserving.Route, request: Request) -> Reply:
        """Say how to ask."""
        served = self._choice.group(route.name).pick(route.version, route.label, _key(request))
        if served is None:
            raise self._choice.no_version(route.name, route.version or route.label)
        return Reply(200, tfserving.metadata(served.described))


class _Choice:
    """Which version of which model answers a request."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane

    def pick(self, name: str, version: str, alias: str, request: Request) -> Served:
        """Return the version that answers a request, or refuse with status 404."""
        served = self.group(name).pick(version, alias, _key(request))
        if served is None:
            raise self.no_version(name, version or alias)
        return served

    def first(self, request: Request) -> Served:
        """Return what answers where no model is named."""
        return self.pick(self._plane.names[0], "", "", request)

    def group(self, name: str) -> Group:
        """Return the versions of a model, or refuse."""
        if name not in self._plane.names:
            allowed = closest(name, self._plane.names)
            raise Refusal(404, f"received model={name!r:.80}; allowed: {allowed}")
        return self._plane.group(name)

    def no_version(self, name: str, asked: str) -> Refusal:
        """Return the refusal for a version that is not loaded."""
        group = self._plane.group(name)
        allowed = closest(asked, [*group.served, *group.aliases])
        return Refusal(404, f"received version={asked!r:.60} of {name}; allowed: {allowed}")


def _told(group: Group) -> dict[str, Any]:
    """Say of the versions of a model what an operator asks first."""
    return {
        "name": group.name,
        "default": group.default,
        "aliases": group.aliases,
        "traffic": group.traffic or {group.default: 100},
        "versions": [
            {"version": version, "model_id": served.described.model_id, "task": served.described.task}
            for version, served in group.served.items()
        ],
    }


def _key(request: Request) -> str:
    """Return the id that a request brought itself: what shares requests between versions."""
    return request.id if b"x-request-id" in request.headers else ""


def _tfserving(request: Request, described: Described, *, verb: Any, most_rows: int) -> Question:
    """Read a request of TensorFlow Serving."""
    return tfserving.read(request.body, described, verb, request_id=request.id, most_rows=most_rows)


def _vertex(request: Request, described: Described, *, most_rows: int) -> Question:
    """Read a request of Vertex AI."""
    return vertex.read(request.body, described, request_id=request.id, most_rows=most_rows)


def _mlflow(request: Request, described: Described, *, most_rows: int) -> Question:
    """Read a request of MLflow."""
    given = request.headers.get(b"content-type", b"").decode("latin-1")
    media = mlflow.media_of(given)
    if media is None:
        raise Refusal(415, "", body=mlflow.unsupported(given), kind=PLAIN)
    return mlflow.read(request.body, described, media, request_id=request.id, most_rows=most_rows)


def _openinference(request: Request, described: Described, *, most_rows: int) -> Question:
    """Read a request of the Open Inference Protocol."""
    size = request.headers.get(b"inference-header-content-length", b"0")
    if not size.isdigit() or len(size) > 12 or int(size) > len(request.body):
        received = f"Inference-Header-Content-Length={size[:40].decode('latin-1')!r}"
        raise TableError(received, allowed=f"0 to {len(request.body)}, the bytes of the body")
    return openinference.read(
        request.body, described, request_id=request.id, json_size=int(size), most_rows=most_rows
    )


@cache
def library_version() -> str:
    """Return the version of this library."""
    try:
        return version("justright")
    except PackageNotFoundError:
        return "0"
