from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import justright


def test_predictions_are_those_of_python(call: Any, run_folder: Path, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "scores.csv"
    said = call("predict", run_folder, table, "--out", out, "--keep", "street")
    assert said.code == 0 and said.err == "" and said.out.startswith("240 of 240 rows scored: ")
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["prediction"] for row in rows] == justright.load(run_folder / "model").predict(table).tolist()
    assert [row["street"] for row in rows[:2]] == ["street 0", "street 1"]
    assert all(abs(float(r["probability_no"]) + float(r["probability_yes"]) - 1) < 1e-9 for r in rows)


def test_a_bad_row_is_set_aside_and_said(call: Any, run_folder: Path, table: Path, tmp_path: Path) -> None:
    lines = table.read_text().splitlines()
    lines[3] = "large,red,street 1,yes,1"
    bad = tmp_path / "bad.csv"
    bad.write_text("\n".join(lines) + "\n")
    said = call("predict", run_folder / "model", bad, "--out", tmp_path / "scores.jsonl", "--json")
    assert said.code == 0 and said.json["bad_rows"] == 1 and said.json["scored"] == 239
    error = json.loads(Path(said.json["errors"]).read_text())
    assert error["line"] == 4 and "size='large'" in error["reason"]
    shown = call("predict", run_folder, bad, "--out", tmp_path / "scores.csv").out
    assert "1 could not be scored, with their reasons: " in shown


def test_out_must_be_given_and_of_a_known_form(call: Any, run_folder: Path, table: Path) -> None:
    assert call("predict", run_folder, table).code == 2
    said = call("predict", run_folder, table, "--out", "scores.xls")
    assert said.code == 2 and ".csv, .parquet, .jsonl" in said.err


def test_a_missing_column_is_named(call: Any, run_folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("colour,street\nred,a\n")
    said = call("predict", run_folder, other, "--out", tmp_path / "scores.csv")
    assert said.code == 4 and "'size'" in said.err
    assert not (tmp_path / "scores.csv").exists()


def test_latent_columns_of_a_network(call: Any, table: Path, tmp_path: Path) -> None:
    pytest.importorskip("jax", reason="networks train with jax: pip install 'justright[neural]'")
    small = ["network.hidden=[6,4]", "network.ensemble=2", "network.numbers=plain", "network.rate=0.05"]
    choices = [each for choice in [*small, "network.epochs=3"] for each in ("--set", choice)]
    common = [
        "--target",
        "sold",
        "--drop",
        "price",
        "--drop",
        "street",
        "--no-baseline",
        "--family",
        "glass-box",
        "--quiet",
    ]
    assert call("train", table, *common, "--family", "neural", *choices, "--out", tmp_path / "runs").code == 0
    run = next((tmp_path / "runs").iterdir())
    said = call("predict", run, table, "--out", tmp_path / "scores.csv", "--latent", "--json")
    assert said.code == 0 and said.json["scored"] == 240
    names = ["prediction", "probability_no", "probability_yes", *(f"latent_{place}" for place in range(4))]
    assert said.json["columns"] == names
    with (tmp_path / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == names
    found = [[float(row[f"latent_{place}"]) for place in range(4)] for row in rows]
    np.testing.assert_allclose(found, justright.load(run).latent(table), rtol=1e-12)


def test_latent_columns_of_an_autoencoder(call: Any, table: Path, tmp_path: Path) -> None:
    pytest.importorskip("jax", reason="networks train with jax: pip install 'justright[neural]'")
    model = justright.Autoencoder(2, hidden_layer_sizes=(8,), learning_rate_init=0.1, max_iter=3)
    frame = pd.read_csv(table)[["size", "colour", "price"]]
    model.fit(frame).save(tmp_path / "model")
    said = call("predict", tmp_path / "model", table, "--out", tmp_path / "scores.csv", "--latent")
    assert said.code == 0 and said.out.startswith("240 of 240 rows scored: ")
    found = pd.read_csv(tmp_path / "scores.csv")
    np.testing.assert_allclose(found["prediction"], -model.score_samples(frame), rtol=1e-12)
    np.testing.assert_allclose(found[["latent_0", "latent_1"]], model.transform(frame), rtol=1e-12)


def test_a_linear_model_has_no_latent_columns(
    call: Any, run_folder: Path, table: Path, tmp_path: Path
) -> None:
    said = call("predict", run_folder, table, "--out", tmp_path / "scores.csv", "--latent")
    assert said.code == 2 and said.err.count("\n") == 1
    assert "family 'linear', which has none" in said.err and "--family neural" in said.err
    assert not (tmp_path / "scores.csv").exists()


def test_a_folder_becomes_a_folder(call: Any, run_folder: Path, table: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    frame = pd.read_csv(table)
    frame[:100].to_parquet(tmp_path / "in" / "a.parquet")
    frame[100:].to_parquet(tmp_path / "in" / "b.parquet")
    said = call("predict", run_folder, tmp_path / "in", "--out", tmp_path / "scores", "--keep", "street")
    assert said.code == 0 and said.err == ""
    assert said.out == f"240 of 240 rows scored in 2 parts: {tmp_path / 'scores'}\n"
    found = pd.concat([pd.read_parquet(tmp_path / "scores" / f"{name}.parquet") for name in "ab"])
    assert found["prediction"].tolist() == justright.load(run_folder / "model").predict(frame).tolist()
    again = call("predict", run_folder, tmp_path / "in", "--out", tmp_path / "scores", "--keep", "street")
    assert "in 2 parts, 2 of them from before: " in again.out
    said = call("predict", run_folder, tmp_path / "in", "--out", tmp_path / "scores", "--json")
    assert said.json["kept"] == 0 and said.json["parts"] == 2
    frame.loc[0, "size"] = float("inf")
    frame[:100].to_parquet(tmp_path / "in" / "a.parquet")
    shown = call("predict", run_folder, tmp_path / "in", "--out", tmp_path / "scores").out
    assert "239 of 240 rows scored in 2 parts" in shown
    assert f"1 could not be scored, with their reasons: {tmp_path / 'scores' / 'errors_a.jsonl'}" in shown
