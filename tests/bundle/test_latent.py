"""Latent columns: what `predict --latent` and `Predictor.latent` give, and of which models."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from justright.bundle.format import Bundle, ModelFile, write_bundle
from justright.bundle.latent import latent_columns, latent_of
from justright.bundle.predictor import Predictor, load
from justright.bundle.scoring import score_file
from justright.errors import ColumnError, RecipeError, RowError
from justright.models.neural.design import Design, leaves_of
from justright.models.neural.network import layers
from justright.schema import Column, Schema, Target

NUMBERS = ("size", "age")
ROWS = {"size": [1.0, -2.0, None, 0.5], "age": [0.0, 3.0, 1.0, -1.0], "name": list("abcd")}


def network(path: Path, family: str = "neural", **settings: Any) -> Predictor:
    """Return a network of two numbers with random weights, written and loaded."""
    design = Design(2, 0, (), 1, **{"hidden": (5, 3), "numbers": "plain", "activation": "mish", **settings})
    rng = np.random.default_rng(0)
    arrays = {leaf.name: rng.normal(size=leaf.shape).astype(np.float32) for leaf in leaves_of(design)}
    arrays |= {"front.centre": np.zeros(2, np.float32), "front.scale": np.ones(2, np.float32)}
    columns = tuple(Column(name, "numeric", "number") for name in NUMBERS)
    numeric = [
        {"column": msgspec.to_builtins(c), "centre": 0.0, "scale": 1.0, "low": -3.0, "high": 3.0}
        for c in columns
    ]
    layout = {"numbers": 2, "missing": [], "columns": [], "embedded": []}
    model = ModelFile(
        schema=Schema(columns, Target(Column("price", "numeric", "number"), "regression")),
        features={"numeric": numeric, "categorical": [], "text": [], "target": None},
        family=family,
        front={"design": msgspec.to_builtins(design), "layout": layout, "link": "identity"},
        task="regression",
        outputs=1,
        link="identity",
    )
    write_bundle(path / "model", model, arrays, {}, "")
    return load(path / "model")


def wanted(predictor: Predictor, x: Any) -> Any:
    """Return the last hidden layer of inputs, the mean over the networks of an ensemble."""
    design = msgspec.convert(predictor.bundle.model.front["design"], Design)
    x = np.asarray(x, np.float32)
    x = x / np.sqrt(1 + np.square(x / 3))
    found = layers(np, design, predictor.bundle.arrays, x, np.zeros((len(x), 0), np.int32))[-1]
    return found if found.ndim == 2 else found.mean(axis=0)


@pytest.mark.parametrize("settings", [{}, {"ensemble": 4}, {"hidden": (6,)}], ids=["one", "ensemble", "flat"])
@pytest.mark.parametrize("family", ["neural", "wide-deep"])
def test_they_are_the_last_hidden_layer(tmp_path: Path, family: str, settings: dict[str, Any]) -> None:
    predictor = network(tmp_path, family, **settings)
    found = predictor.latent(ROWS)
    assert found.shape == (4, len(latent_columns(predictor.bundle))) and found.dtype == np.float64
    x = np.nan_to_num(np.array([ROWS["size"], ROWS["age"]], np.float64).T)
    np.testing.assert_allclose(found, wanted(predictor, x), rtol=1e-5, atol=1e-6)
    none, _ = predictor.plan.transform_rows({name: [] for name in NUMBERS}, 0)
    assert latent_of(predictor.bundle, none).shape == (0, found.shape[1])


@pytest.mark.parametrize("extension", [".csv", ".parquet", ".jsonl"])
def test_a_file_holds_them_after_the_prediction(tmp_path: Path, extension: str) -> None:
    predictor = network(tmp_path, ensemble=2)
    report = score_file(predictor, ROWS, tmp_path / f"out{extension}", keep=["name"], latent=True)
    assert report.columns == ("name", "prediction", "latent_0", "latent_1", "latent_2")
    table = load_rows(tmp_path / f"out{extension}")
    found = np.array([[float(row[f"latent_{place}"]) for place in range(3)] for row in table])
    np.testing.assert_allclose(found, predictor.latent(ROWS), rtol=1e-12)
    np.testing.assert_allclose(
        [float(row["prediction"]) for row in table], predictor.predict(ROWS), rtol=1e-12
    )
    assert [row["name"] for row in table] == list("abcd")


def load_rows(path: Path) -> list[dict[str, Any]]:
    """Read a file of scores."""
    if path.suffix == ".csv":
        with path.open() as file:
            return list(csv.DictReader(file))
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def test_a_row_that_cannot_be_read_has_none(tmp_path: Path) -> None:
    predictor = network(tmp_path)
    bad = {"size": ["1", "large", "2"], "age": [1.0, 2.0, 3.0]}
    report = score_file(predictor, bad, tmp_path / "out.jsonl", latent=True)
    rows = load_rows(tmp_path / "out.jsonl")
    assert report.bad_rows == 1 and rows[1]["latent_0"] is None and rows[2]["latent_0"] is not None
    with pytest.raises(RowError, match="size='large'"):
        predictor.latent(bad)


def test_names_that_the_output_has_already_are_refused(tmp_path: Path) -> None:
    predictor = network(tmp_path)
    table = {**ROWS, "latent_1": [1, 2, 3, 4]}
    with pytest.raises(ColumnError, match="latent_1.*has already"):
        score_file(predictor, table, tmp_path / "out.csv", keep=["latent_1"], latent=True)
    score_file(predictor, table, tmp_path / "out.csv", keep=["latent_1"])


def test_a_model_of_another_family_has_none(
    model: Predictor, rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    table = {name: [row.get(name) for row in rows] for name in rows[0]}
    with pytest.raises(RecipeError, match=r"family 'linear', which has none.*one of: neural, wide-deep"):
        model.latent(table)
    with pytest.raises(RecipeError, match="--family neural"):
        score_file(model, table, tmp_path / "out.csv", latent=True)
    assert list(tmp_path.glob("out*")) == []


def test_a_network_without_hidden_layers_has_none(tmp_path: Path) -> None:
    predictor = network(tmp_path, hidden=())
    with pytest.raises(RecipeError, match="without hidden layers"):
        latent_columns(predictor.bundle)


def test_a_family_of_the_user_has_none(tmp_path: Path) -> None:
    bundle = network(tmp_path).bundle
    own = Bundle(msgspec.structs.replace(bundle.model, family="mine"), bundle.arrays, {}, "", "")
    with pytest.raises(RecipeError, match="family 'mine'"):
        latent_of(own, None)  # type: ignore[arg-type] # the family is looked at first
