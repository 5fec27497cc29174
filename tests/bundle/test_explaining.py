"""A row explained: an intercept and its terms are the margin, whatever the family and whatever the row."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from justright.bundle.explaining import Explainer
from justright.bundle.format import write_bundle
from justright.bundle.predictor import Predictor, load
from justright.bundle.scoring import score_file
from justright.errors import BundleError, RecipeError
from justright.source import open_source


def table(rows: int = 120, seed: int = 1) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    size = random.gamma(2.0, 3.0, rows).round(2)
    holes = [None if i % 7 == 0 else float(v) for i, v in enumerate(random.normal(size=rows).round(3))]
    colour = [("red", "green", None)[i] for i in random.integers(0, 3, rows)]
    far = (3 * size + random.normal(size=rows)).round(3)
    return {"size": size.tolist(), "holes": holes, "colour": colour, "value": far.tolist()}


@pytest.fixture(scope="module", params=["linear", "crossed"])
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=["regression", "binary", "multiclass"])
def trained(request: pytest.FixtureRequest, family: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from justright.workflow import train

    data = table(240)
    cuts = {"regression": [], "binary": [15.0], "multiclass": [12.0, 22.0]}[request.param]
    if cuts:
        data["value"] = [("low", "mid", "high")[i] for i in np.digitize(data["value"], cuts)]
    out = tmp_path_factory.mktemp("runs")
    return train(data, target="value", family=family, baseline=False, out=out).path


def test_intercept_and_terms_are_the_margin(trained: Path) -> None:
    explainer = Explainer(load(trained))
    rows = table(seed=2)
    for batch in open_source(rows).batches(list(explainer.predictor.columns)):
        explained = explainer.explain_batch(batch)
        total = explainer.intercept + explained.terms.sum(axis=1)
        scale = 1 + np.abs(explained.margins).max()
        np.testing.assert_allclose(total, explained.margins, atol=1e-12 * scale)
        np.testing.assert_array_equal(explained.margins, explainer.predictor.margins(rows))


def test_terms_are_centred_on_the_training_rows(trained: Path) -> None:
    explainer = Explainer(load(trained))
    (batch,) = open_source(table(240)).batches(list(explainer.predictor.columns))
    terms = explainer.explain_batch(batch).terms
    if load(trained).bundle.model.family == "crossed":
        np.testing.assert_allclose(terms.mean(axis=0), 0.0, atol=1e-5 * (1 + np.abs(terms).max()))


def test_the_file_holds_a_column_a_term(trained: Path, tmp_path: Path) -> None:
    explainer = Explainer(load(trained))
    plain = score_file(trained, table(seed=2), tmp_path / "plain.csv")
    report = score_file(trained, table(seed=2), tmp_path / "explained.csv", keep=["colour"], explain=True)
    assert report.columns == ("colour", *plain.columns, *explainer.columns)
    with (tmp_path / "explained.csv").open() as file:
        rows = list(csv.DictReader(file))
    margins = explainer.predictor.margins(table(seed=2))
    k = margins.shape[1]
    for row, margin in zip(rows, margins, strict=True):
        every = np.array([float(row[name]) for name in explainer.columns]).reshape(-1, k)
        np.testing.assert_allclose(every.sum(axis=0), margin, rtol=1e-9, atol=1e-9)


def test_a_bad_row_keeps_its_line_without_numbers(trained: Path, tmp_path: Path) -> None:
    rows = table(seed=2)
    text = "\n".join(["size,holes,colour", "1.5,0.1,red", "large,0.1,red", f"{rows['size'][0]},,green"])
    (tmp_path / "bad.csv").write_text(text + "\n")
    report = score_file(trained, tmp_path / "bad.csv", tmp_path / "out.jsonl", explain=True)
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert (report.rows, report.bad_rows, len(lines)) == (3, 1, 3)
    assert all(value is None for value in lines[1].values())
    assert all(value is not None for value in lines[2].values())


def test_the_names_of_the_columns_differ_from_all_others(parts: dict[str, Any], tmp_path: Path) -> None:
    write_bundle(tmp_path / "model", **parts)
    explainer = Explainer(load(tmp_path / "model"))
    own = ("prediction", *(f"probability_{name}" for name in explainer.predictor.classes))
    assert len({*explainer.columns, *own}) == len(explainer.columns) + len(own)


def test_a_family_that_cannot_say_is_refused(model: Predictor) -> None:
    import msgspec

    strange = msgspec.structs.replace(model.bundle.model, family="mine")
    from dataclasses import replace

    model.bundle = replace(model.bundle, model=strange)
    with pytest.raises(RecipeError, match="no terms to show"):
        Explainer(model)


@pytest.mark.parametrize("means", [[[1.0]], "far", [["x"]], [[float("nan")]]])
def test_means_that_do_not_fit_are_refused(model: Predictor, means: Any) -> None:
    from dataclasses import replace

    import msgspec

    front = {**model.bundle.model.front, "means": means}
    model.bundle = replace(model.bundle, model=msgspec.structs.replace(model.bundle.model, front=front))
    with pytest.raises(BundleError, match="means"):
        Explainer(model)
