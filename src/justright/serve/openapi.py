"""The OpenAPI document of a server: every route, with the columns of its models and an example that works."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from justright.bundle.predictor import Predictor
from justright.schema import Column
from justright.serve.dataplane import DataPlane
from justright.serve.routes import library_version
from justright.serve.scoring import Served

__all__ = ["document", "example_row"]

_TYPES: Final[Mapping[str, list[str]]] = {
    "number": ["number", "string", "boolean", "null"],
    "text": ["string", "number", "boolean", "null"],
    "boolean": ["boolean", "string", "number", "null"],
    "datetime": ["string", "null"],
}
_REFUSALS: Final = {
    "400": "a body or a row that cannot be understood: which row, which column, what is expected",
    "401": "no token that is known",
    "404": "no such model or version",
    "408": "a request that came too slowly",
    "413": "too many bytes or rows",
    "421": "a host that this server does not go by",
    "429": "too many requests wait; Retry-After says when to try again",
    "431": "headers that are too long",
    "500": "a fault of the server",
}
_MOMENT: Final = datetime(2024, 1, 31, 12, 0, tzinfo=UTC)


def document(plane: DataPlane, *, feedback: bool = False) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document as JSON values.

    Parameters
    ----------
    plane : DataPlane
        The models.
    feedback : bool, default False
        Labels are taken.

    Examples
    --------
    >>> document(DataPlane({}))["openapi"]
    '3.1.0'
    """
    paths: dict[str, Any] = {"/health": {"get": _get("Whether the models are loaded.", {}, auth=False)}}
    paths["/metrics"] = {"get": _get("Counters for Prometheus.", None)}
    paths["/v1/models"] = {"get": _get("Models with versions, aliases and shares of requests.", {})}
    schemas: dict[str, Any] = {"Refusal": _object({"error": {"type": "string"}}, ["error"])}
    for place, name in enumerate(plane.names):
        group = plane.group(name)
        served = group.served[group.default]
        row = f"Row{place + 1}"
        schemas[row] = _row(served.predictor)
        schemas[f"Prediction{place + 1}"] = _prediction(served)
        route = f"/v1/models/{name}"
        paths[f"{route}:predict"] = {"post": _predict(served, row, f"Prediction{place + 1}")}
        paths[route] = {"get": _get(f"Versions of {name}.", {})}
        paths[f"{route}/metadata"] = {"get": _get(f"Inputs and outputs of {name}.", {})}
    if feedback:
        paths["/v1/feedback"] = {"post": _feedback()}
    names = ", ".join(plane.names)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "justright serve",
            "version": library_version(),
            "description": f"Answers for: {names}.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"bearer": []}],
    }


def example_row(predictor: Predictor) -> dict[str, Any]:
    """Return a row that the model can answer: the mean of each number, the commonest category.

    Parameters
    ----------
    predictor : Predictor

    Returns
    -------
    dict
        A value for each column of the model, in its order.
    """
    data = predictor.plan.data
    found: dict[str, Any] = {name: _plain(column) for name, column in predictor.plan.columns.items()}
    for number in data.numeric:
        if not number.part and number.column.kind == "numeric" and number.column.form == "number":
            middle = float(f"{number.centre:.4g}")
            found[number.column.name] = int(middle) if middle.is_integer() and abs(middle) < 1e15 else middle
    for category in data.categorical:
        if not category.part and category.vocabulary:
            found[category.column.name] = _written(category.vocabulary[0], category.column)
    return found


def _plain(column: Column) -> Any:
    """Return a value that a column can hold."""
    if column.form == "datetime":
        return _MOMENT.strftime(column.format) if column.format else _MOMENT.date().isoformat()
    if column.form == "boolean":
        return True
    return "a text" if column.form == "text" else 1


def _written(text: str, column: Column) -> Any:
    """Return a canonical text as JSON would hold it."""
    if column.form == "boolean" and text in ("true", "false"):
        return text == "true"
    if column.form == "number":
        try:
            number = float(text)
        except ValueError:
            return text
        return int(number) if number.is_integer() and abs(number) < 1e15 else number
    return text


def _row(predictor: Predictor) -> dict[str, Any]:
    """Return the schema of a row."""
    columns = {}
    for name, column in predictor.plan.columns.items():
        said = f"{column.kind}, {'may be left out' if name in predictor.optional else 'null where unknown'}"
        columns[name] = {"type": _TYPES[column.form], "description": said}
    return _object(columns, [name for name in columns if name not in predictor.optional], more=True)


def _prediction(served: Served) -> dict[str, Any]:
    """Return the schema of an answer to one row."""
    described = served.described
    if described.task == "regression":
        whole = _object({"prediction": {"type": "number"}, **_wished()}, ["prediction"])
        return {"anyOf": [{"type": "number"}, whole]}
    shares = _object({name: {"type": "number"} for name in described.classes}, list(described.classes))
    label = {"enum": list(described.labels)}
    return _object({"label": label, "probabilities": shares, **_wished()}, ["label", "probabilities"])


def _wished() -> dict[str, Any]:
    """Return the schema of what is given on request."""
    adds = {"type": "object", "additionalProperties": {"type": "number"}}
    return {"interval": {"type": "array", "items": {"type": "number"}}, "contributions": adds}


def _predict(served: Served, row: str, prediction: str) -> dict[str, Any]:
    """Return the operation that predicts."""
    described = served.described
    wishes = {
        "contributions": {"type": ["boolean", "null"]},
        "interval": {"type": ["number", "boolean", "null"]},
    }
    names = list(described.names)
    listed = {
        "type": "array",
        "minItems": len(names),
        "maxItems": len(names),
        "description": "in this order: " + ", ".join(names[:50]),
    }
    body = _object(
        {
            "instances": {
                "type": "array",
                "minItems": 1,
                "items": {"anyOf": [{"$ref": f"#/components/schemas/{row}"}, listed]},
            },
            "parameters": {"type": ["object", "null"], "properties": wishes},
            "signature_name": {"enum": ["serving_default", "", None]},
        },
        ["instances"],
    )
    answer = _object(
        {"predictions": {"type": "array", "items": {"$ref": f"#/components/schemas/{prediction}"}}},
        ["predictions"],
    )
    example = {"instances": [example_row(served.predictor)]}
    return {
        "summary": f"Predict with {described.name}.",
        "operationId": f"predict_{described.name}",
        "x-model": described.name,
        "x-row": row,
        "x-explains": described.explains,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": body, "example": example}},
        },
        "responses": {"200": _answered("One prediction a row, in order.", answer), **_refused()},
    }


def _feedback() -> dict[str, Any]:
    """Return the operation that takes labels."""
    label = _object(
        {"id": {"type": "string"}, "label": {"type": ["number", "string", "boolean"]}},
        ["id", "label"],
        more=True,
    )
    body = _object({"labels": {"type": "array", "items": label}}, ["labels"])
    example = {"labels": [{"id": "REQUEST-ID/0", "label": 1}]}
    answer = _object({"added": {"type": "integer"}}, ["added"])
    return {
        "summary": "Labels that came later, by id of request and row.",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": body, "example": example}},
        },
        "responses": {"200": _answered("Labels on disk.", answer), **_refused()},
    }


def _get(summary: str, schema: dict[str, Any] | None, *, auth: bool = True) -> dict[str, Any]:
    """Return an operation that only looks."""
    kind = "text/plain" if schema is None else "application/json"
    found: dict[str, Any] = {
        "summary": summary,
        "responses": {
            "200": {"description": "OK", "content": {kind: {"schema": schema or {}}}},
            **_refused(),
        },
    }
    if not auth:
        found["security"] = []
    return found


def _refused() -> dict[str, Any]:
    """Return all refusals."""
    schema = {"$ref": "#/components/schemas/Refusal"}
    return {code: _answered(said, schema) for code, said in _REFUSALS.items()}


def _answered(said: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return one response."""
    return {"description": said, "content": {"application/json": {"schema": schema}}}


def _object(properties: dict[str, Any], required: list[str], *, more: bool = False) -> dict[str, Any]:
    """Return the schema of an object."""
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": more,
    }
