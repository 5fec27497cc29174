"""The data plane: the answers of the predictor, and what a client must know to ask."""

import pytest

from justright.bundle.predictor import load
from justright.errors import BundleError, RowError, StorageError
from justright.serve.dataplane import load_plane


def test_answers_are_those_of_the_predictor(plane, golden, bundle_path):
    assert plane.predict("buys", golden["rows"]) == load(bundle_path).predict_rows(golden["rows"])


def test_what_is_described_says_how_to_ask(plane, golden):
    told = plane.described("buys")
    assert told.model_id == golden["model_id"]
    assert (told.task, told.classes, told.threshold) == ("binary", ("no", "yes"), 0.375)
    assert (told.version, told.versions, told.labels) == ("1", ("1",), ("no", "yes"))
    by_name = {column.name: column for column in told.columns}
    assert tuple(by_name) == plane.columns("buys")
    age = by_name["age"]
    assert (age.kind, age.form, age.optional) == ("numeric", "number", True)
    assert by_name["colour"].optional is False
    row = {name: None for name, column in by_name.items() if not column.optional}
    assert len(plane.predict("buys", [row])) == 1


def test_health_names_the_models(plane):
    assert plane.health() == {"status": "ok", "models": ["buys"]}
    assert plane.names == ("buys",)


def test_an_unknown_name_is_a_key_error(plane):
    for ask in (plane.described, plane.columns, lambda name: plane.predict(name, [])):
        with pytest.raises(KeyError):
            ask("other")


def test_several_models_answer_apart(bundle_path, golden):
    plane = load_plane({"a": bundle_path, "b": bundle_path})
    assert plane.predict("a", golden["rows"]) == plane.predict("b", golden["rows"])


def test_errors_come_through(plane, tmp_path):
    with pytest.raises(RowError, match="row 0"):
        plane.predict("buys", [{}])
    with pytest.raises(StorageError):
        load_plane({"m": tmp_path / "none"})
    with pytest.raises(BundleError):
        load_plane({"m": tmp_path})
