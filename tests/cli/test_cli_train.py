from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

QUICK = ("--no-baseline", "--family", "glass-box", "--set", "split.folds=3")


def recipe_of(run: str | Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((Path(run) / "recipe.json").read_text())
    return data


def test_json_is_the_only_thing_on_stdout(call: Any, table: Path, tmp_path: Path) -> None:
    said = call("train", table, "--target", "price", "--out", tmp_path, "--json", *QUICK)
    assert said.code == 0
    summary = said.json
    assert {
        "format",
        "run",
        "model",
        "model_id",
        "task",
        "family",
        "target",
        "rows",
        "folds",
        "metric",
    } <= set(summary)
    assert {
        "validation",
        "metrics",
        "baselines",
        "ladder",
        "threshold",
        "seconds",
        "verdict",
        "findings",
    } <= set(summary)
    assert summary["task"] == "regression" and summary["rows"] == {"train": 240, "test": 0, "held_out": 0}
    assert summary["metrics"]["r2"]["value"] > 0.9
    assert json.loads((Path(summary["run"]) / "run.json").read_text()) == summary
    assert Path(summary["model"]).is_dir()
    assert "training: pass 1" in said.err


def test_quiet_leaves_stderr_empty(call: Any, table: Path, tmp_path: Path) -> None:
    said = call("train", table, "--target", "price", "--out", tmp_path, "--quiet", *QUICK)
    assert said.code == 0 and said.err == ""
    assert said.out.startswith("A linear model of price reaches rmse ")


def test_every_option_reaches_the_recipe(call: Any, table: Path, tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text(
        'target = "price"\nseed = 5\ndrop = ["price"]\n[kinds]\nstreet = "categorical"\n[split]\nfolds = 4\n'
    )
    options = (
        "--target sold --drop price --drop colour --task binary --family linear --loss logistic --seed 9"
    )
    options += " --by street --test 10 --metric log_loss --cost-fp 2 --cost-fn 3 --no-baseline"
    options += " --optimizer exact"
    options += " --epochs 30 --rate 0.5 --batch 64 --schedule cosine --kind size=numeric"
    options += " --set penalty.kind=l2 --set features.rare=3 --set descent.epochs=40 --quiet --json"
    said = call("train", table, "--recipe", file, "--out", tmp_path / "runs", *options.split())
    assert said.code == 0, said.err
    recipe = recipe_of(said.json["run"])
    assert recipe["table"] == str(table) and recipe["target"] == "sold"
    assert recipe["drop"] == ["price", "colour"]
    assert recipe["kinds"] == {"street": "categorical", "size": "numeric"}
    assert (recipe["task"], recipe["family"], recipe["loss"], recipe["seed"]) == (
        "binary",
        "linear",
        "logistic",
        9,
    )
    assert recipe["split"] == {
        "by": ["street"],
        "time": "",
        "test": 10.0,
        "folds": 4,
        "repeats": 1,
        "salt": "",
    }
    assert (recipe["metric"], recipe["cost_fp"], recipe["cost_fn"], recipe["baseline"]) == (
        "log_loss",
        2.0,
        3.0,
        False,
    )
    descent = recipe["descent"]
    assert (descent["optimizer"], descent["rate"], descent["batch"]) == ("exact", 0.5, 64)
    assert (descent["schedule"], descent["epochs"], recipe["features"]["rare"]) == ("cosine", 40, 3)


def test_a_run_can_be_made_again_from_its_recipe(call: Any, run_folder: Path, tmp_path: Path) -> None:
    said = call("train", "--recipe", run_folder / "recipe.json", "--out", tmp_path, "--quiet", "--json")
    first = json.loads((run_folder / "run.json").read_text())
    assert said.code == 0 and said.json["model_id"] == first["model_id"]
    assert said.json["run"] != first["run"]


def test_sql(call: Any, table: Path, tmp_path: Path) -> None:
    query = "select size, colour, price from rows where size > 100"
    said = call("train", table, "--sql", query, "--target", "price", "--out", tmp_path, "--json", *QUICK)
    assert said.code == 0 and 0 < said.json["rows"]["train"] < 240


def test_a_column_name_with_an_equals_sign(call: Any, table: Path, tmp_path: Path) -> None:
    odd = tmp_path / "odd.csv"
    odd.write_text(table.read_text().replace("size,", "a=b,", 1))
    said = call(
        "train", odd, "--target", "price", "--kind", "a=b=numeric", "--out", tmp_path, "--json", *QUICK
    )
    assert said.code == 0 and recipe_of(said.json["run"])["kinds"] == {"a=b": "numeric"}


def test_a_finished_run_is_shown_again(call: Any, run_folder: Path) -> None:
    said = call("train", "--resume", run_folder, "--json")
    assert said.code == 0 and said.json == json.loads((run_folder / "run.json").read_text())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["{table}"], 2, "no target"),
        ([], 2, "no table.*Next: justright train TABLE --target COL"),
        (["{table}", "--target", "prize"], 4, "target='prize'.*price"),
        (["nowhere.csv", "--target", "y"], 7, "nowhere.csv"),
        (["{table}", "--target", "price", "--set", "nonsense"], 2, "key=value"),
        (["{table}", "--target", "price", "--set", "sed=3"], 2, "key 'sed'.*seed"),
        (["{table}", "--target", "price", "--kind", "size"], 2, "COL=KIND"),
        (["{table}", "--target", "price", "--kind", "=numeric"], 2, "COL=KIND"),
        (["{table}", "--target", "price", "--test", "95"], 2, "split.test=95"),
        (["{table}", "--target", "price", "--recipe", "nowhere.toml"], 7, "nowhere.toml"),
        (["--resume", "nowhere"], 7, "run='nowhere'"),
        (["--resume", "{run}", "--seed", "3"], 2, "--resume alone"),
        (["--resume", "{run}", "--set", "seed=3"], 2, "--resume alone"),
        (["{table}", "--resume", "{run}"], 2, "--resume alone"),
    ],
)
def test_refusals(
    arguments: list[str], code: int, said: str, call: Any, table: Path, run_folder: Path, tmp_path: Path
) -> None:
    import re

    words = [each.format(table=table, run=run_folder) for each in arguments]
    found = call("train", *words, "--out", tmp_path / "runs")
    assert found.code == code and re.search(said, found.err), found.err
    assert found.out == "" and found.err.startswith("error: ") and found.err.count("\n") == 1
