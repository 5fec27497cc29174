"""The loop closed: a challenger by the same recipe, and the alias moves only if harm is excluded."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from justright.errors import ColumnError, RecipeError, StorageError, TableError
from justright.registry import Registry, open_registry
from justright.workflow import train
from justright.workflow.retrain import retrain


def write(path: Path, begin: int, end: int, slope: float = 2.0, **more: Any) -> Path:
    """Rows `begin` to `end` of a table without end: `price` by `size`, later rows on later days."""
    dice = np.random.default_rng(1)
    size, noise = dice.uniform(0.0, 10.0, 4000), dice.normal(0.0, 1.0, 4000)
    day = np.arange(4000) // 10
    columns = {"size": size, "price": slope * size + noise, "day": day}
    columns = {name: values[begin:end] for name, values in (columns | more).items()}
    pq.write_table(pa.table(columns), path)
    return path


@pytest.fixture
def shop(tmp_path: Path) -> tuple[Registry, Path]:
    """A registry whose champion `price` was trained on rows 0 to 800."""
    table = write(tmp_path / "old.parquet", 0, 800)
    run = train(table, target="price", family="linear", baseline=False, drop=("day",), out=tmp_path / "runs")
    models = open_registry(tmp_path / "models", user="ann", now=lambda: "2026-11-22T08:00:00Z")
    models.register(run.path, "price", "champion")
    return models, tmp_path


def test_as_good_it_takes_the_place_of_the_champion(shop):
    models, place = shop
    new = write(place / "new.parquet", 800, 3200)
    found = retrain("price", str(new), registry=models, out=place / "runs", promote=True)
    assert found.not_worse and found.promoted
    assert (found.champion, found.challenger, models.aliases("price")) == (1, 2, {"champion": 2})
    assert found.rows.old == 800 and found.rows.new == 2400 and found.rows.already == 0
    assert found.rows.trained + found.rows.judged == 3200
    assert 600 < found.rows.judged < 840
    first = found.differences[0]
    assert (first.metric, found.harm) == ("rmse", pytest.approx(0.01 * first.first))
    assert first.difference.high <= found.harm
    last = models.history("price")[-1]
    assert (last.what, last.before, last.version, last.why) == ("move", 1, 2, found.sentence)
    assert "now points to version 2" in found.sentence
    assert found.next == "justright register price@champion --rollback"
    assert models.rollback("price").version == 1


def test_without_promote_the_command_is_said(shop):
    models, place = shop
    new = write(place / "new.parquet", 800, 3200)
    found = retrain("price@champion", str(new), registry=models, out=place / "runs")
    assert found.not_worse and not found.promoted
    assert models.aliases("price") == {"champion": 1}
    assert found.next == "justright register price@2 --alias champion"
    assert (models.history("price")[-1].what, models.history("price")[-1].why) == ("note", found.sentence)


def test_harm_that_is_not_excluded_moves_nothing(tmp_path):
    """The early new rows are broken, the later ones, which judge, are not."""
    table = write(tmp_path / "old.parquet", 0, 800)
    run = train(
        table, target="price", family="linear", baseline=False, split={"time": "day"}, out=tmp_path / "runs"
    )
    models = open_registry(tmp_path / "models")
    models.register(run.path, "price", "champion")
    good = pq.read_table(write(tmp_path / "new.parquet", 800, 2000))
    price = np.asarray(good["price"]).copy()
    price[:800] = 5.0
    pq.write_table(good.set_column(1, "price", pa.array(price)), tmp_path / "new.parquet")
    found = retrain(
        "price", str(tmp_path / "new.parquet"), registry=models, out=tmp_path / "runs", promote=True
    )
    assert "the latest by day" in found.judged_by
    assert not found.not_worse and not found.promoted
    assert found.differences[0].better == "first"
    assert models.aliases("price") == {"champion": 1}
    assert models.history("price")[-1].why.startswith("Harm is not excluded: rmse of price@2 less that of")


def test_another_law_is_learned_and_a_second_time_goes_on_from_there(shop):
    models, place = shop
    for begin, slope, version in ((800, 5.0, 2), (2000, 5.0, 3)):
        new = write(place / f"new-{begin}.parquet", begin, begin + 1200, slope)
        found = retrain("price", str(new), registry=models, out=place / "runs", promote=True)
        assert (found.champion, found.challenger, found.not_worse) == (version - 1, version, True)
    assert found.rows.old == 2000
    record = models.record(models.resolve("price@3"))
    assert [Path(table.path).name for table in record.tables] == [
        "old.parquet",
        "new-800.parquet",
        "new-2000.parquet",
    ]
    assert record.recipe["family"] == "linear" and record.recipe["table"] == ""
    assert json.loads((Path(record.run) / "run.json").read_text())["rows"]["train"] == found.rows.trained


def test_rows_of_before_are_left_out(shop):
    models, place = shop
    new = write(place / "dump.parquet", 0, 2000)
    found = retrain("price", str(new), registry=models, out=place / "runs")
    assert (found.rows.already, found.rows.trained + found.rows.judged) == (800, 2000)


def test_a_csv_goes_with_parquet(shop):
    import pyarrow.csv as pacsv

    models, place = shop
    pacsv.write_csv(pq.read_table(write(place / "new.parquet", 400, 2000)), place / "new.csv")
    found = retrain("price", str(place / "new.csv"), registry=models, out=place / "runs")
    assert (found.rows.already, found.not_worse) == (400, True)


def test_a_table_that_is_gone_or_has_changed(shop):
    models, place = shop
    new = str(write(place / "new.parquet", 800, 2000))
    shutil.copy(place / "old.parquet", place / "kept.parquet")
    write(place / "old.parquet", 0, 801)
    with pytest.raises(StorageError, match="which has changed.*--old TABLE"):
        retrain("price", new, registry=models, out=place / "runs")
    (place / "old.parquet").unlink()
    with pytest.raises(StorageError, match="which is gone.*--old TABLE"):
        retrain("price", new, registry=models, out=place / "runs")
    with pytest.raises(StorageError, match="which has changed"):
        retrain("price", new, registry=models, out=place / "runs", old=new)
    found = retrain("price", new, registry=models, out=place / "runs", old=str(place / "kept.parquet"))
    assert found.rows.old == 800
    assert [step.what for step in models.history("price")] == ["register", "move", "register", "note"]


def test_a_table_is_known_by_what_it_was_at_the_training_not_at_the_registration(tmp_path, monkeypatch):
    table, new = write(tmp_path / "old.parquet", 0, 800), str(write(tmp_path / "new.parquet", 800, 2000))
    models, data = open_registry(tmp_path / "models"), table.read_bytes()
    run = train(table, target="price", family="linear", baseline=False, drop=("day",), out=tmp_path / "runs")
    facts = json.loads((run.path / "table.json").read_bytes())
    sha = hashlib.sha256(data).hexdigest()
    assert facts == {"path": str(table), "sql": "", "bytes": len(data), "sha256": sha, "note": ""}
    write(table, 0, 801)  # other rows by now
    entry = models.register(run.path, "price", "champion")
    (kept,) = models.record(entry).tables
    assert (kept.sha256, kept.note) == (facts["sha256"], "")
    with pytest.raises(StorageError, match="which has changed"):
        retrain("price", new, registry=models, out=tmp_path / "runs")
    table.write_bytes(data)  # the same bytes again, written later
    assert retrain("price", new, registry=models, out=tmp_path / "runs").rows.old == 800
    again = open_registry(tmp_path / "again")
    (tmp_path / "moved").mkdir()
    table.rename(tmp_path / "moved" / "old.parquet")
    recipe = json.loads((run.path / "recipe.json").read_bytes()) | {"table": "old.parquet"}
    (run.path / "recipe.json").write_text(json.dumps(recipe))
    monkeypatch.chdir(tmp_path / "moved")  # the whole place has moved: the recipe's path leads to the table
    (kept,) = again.record(again.register(run.path, "price")).tables
    assert (kept.path, kept.sha256) == (str(tmp_path / "moved" / "old.parquet"), facts["sha256"])


def test_a_run_of_an_earlier_version_and_a_damaged_one(tmp_path):
    table = write(tmp_path / "old.parquet", 0, 200)
    run = train(table, target="price", family="linear", baseline=False, out=tmp_path / "runs")
    (run.path / "table.json").write_bytes(b"{}")
    with pytest.raises(StorageError, match=r"table\.json"):
        open_registry(tmp_path / "models").register(run.path, "price")
    (run.path / "table.json").unlink()
    models = open_registry(tmp_path / "models")
    (kept,) = models.record(models.register(run.path, "price")).tables
    assert (kept.sha256, kept.note) == (hashlib.sha256(table.read_bytes()).hexdigest(), "")


def test_what_cannot_be_trained_again(shop):
    models, place = shop
    new = str(write(place / "new.parquet", 800, 2000))
    entry = models.resolve("price")
    shutil.copytree(entry.path, place / "alone", ignore=shutil.ignore_patterns("record.json"))
    models.register(place / "alone", "alone", "champion")
    memory = train(
        {"size": [i % 37 + 0.5 for i in range(90)], "price": [i % 37 * 2.0 + i % 3 for i in range(90)]},
        target="price", family="linear", baseline=False, out=place / "runs",
    )  # fmt: skip
    models.register(memory.path, "memory", "champion")
    for name, kind, said in (
        ("alone", RecipeError, "registered without its run"),
        ("memory", StorageError, "rows were given in memory"),
        ("price@1", RecipeError, "a version; allowed: NAME or NAME@ALIAS"),
        ("price@stage", StorageError, "an alias that is not set"),
        ("prize", StorageError, "one of: .*price"),
    ):
        with pytest.raises(kind, match=said):
            retrain(name, new, registry=models, out=place / "runs")
    with pytest.raises(RecipeError, match="--margin -1"):
        retrain("price", new, registry=models, out=place / "runs", margin=-1.0)
    with pytest.raises(TableError, match="0 new rows to judge on"):
        retrain("price", str(place / "old.parquet"), registry=models, out=place / "runs")
    pq.write_table(pa.table({"size": [1.0]}), place / "new.parquet")
    with pytest.raises(ColumnError, match="without the column 'price'"):
        retrain("price", new, registry=models, out=place / "runs")
    assert len(models.versions("price")) == 1


def test_broken_labels_are_learned_but_not_without_a_word(shop):
    models, place = shop
    sound = retrain(
        "price", str(write(place / "new.parquet", 800, 2000)), registry=models, out=place / "runs"
    )
    assert sound.caution == ""
    new = write(place / "broken.parquet", 2000, 3200, -2.0)
    found = retrain("price", str(new), registry=models, out=place / "runs")
    assert found.not_worse
    assert re.match(r"rmse of the champion is \d.* on these rows, and was \d", found.caution)


def test_an_alias_that_moved_meanwhile_stays(shop):
    models, place = shop
    new = write(place / "new.parquet", 800, 3200)
    found = retrain("price", str(new), registry=models, out=place / "runs")

    def moved(phase: str, run: Path) -> None:
        models.move("price", "champion", found.challenger)

    more = write(place / "more.parquet", 800, 3300)
    with pytest.raises(StorageError, match="price@champion at version 2, moved by somebody meanwhile"):
        retrain("price", str(more), registry=models, out=place / "runs", promote=True, on_phase=moved)
    assert models.aliases("price") == {"champion": 2}
    assert len(models.versions("price")) == 3
