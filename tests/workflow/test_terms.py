"""terms.json, the summary and the card tell what the model says."""

from __future__ import annotations

import json

import msgspec
import pytest

from justright.models.reading import Pair, Reading, Term
from justright.schema import Value
from justright.workflow.terms import crosses_of, front_of, sentences_of


def reading(pairs: int = 3, **more):
    terms = (
        Term(name="size", fields=("size",), kind="number", importance=Value(4.0, 3.0, 5.0)),
        Term(name="a x b", fields=("a", "b"), kind="cross", importance=Value(1.0, 0.5, 1.5)),
    )
    made = [Pair("a", "b", 3.0, 9.0, 0.001, "kept", "yes", 1)]
    made += [Pair("a", f"c{i}", 0.1, 0.2, 1.0, "refused", "no", 1) for i in range(pairs - 1)]
    given = {"family": "crossed", "link": "identity", "target": "price", "rows": 9.0}
    return Reading(**(given | more), terms=terms, pairs=tuple(made))


def test_crosses_are_counted_all_and_listed_in_part():
    made = crosses_of(reading(500), 0.25)
    assert (made.tried, made.kept, made.refused, made.seconds) == (500, 1, 499, 0.25)
    assert [pair.verdict for pair in made.pairs] == ["kept"] + ["refused"] * 100
    assert crosses_of(None, 1.0).tried == 0 and crosses_of(None, 1.0).pairs == []


def test_the_card_names_columns_crosses_and_the_unit():
    first, second, third = sentences_of(reading())
    assert "size 4 (3 to 5)" in first and "in the unit of price" in first
    assert "a x b 1 (0.5 to 1.5)" in second
    assert third == "3 pairs of columns were tried as crosses, 2 of them were refused."
    assert "odds" in sentences_of(reading(link="softmax"))[0] and sentences_of(None) == ()


def test_the_front_of_a_bundle_holds_importances_and_centres():
    assert front_of(None) == {}
    found = front_of(reading(means=[[0.5], [0.0]]))
    assert found == {
        "importance": {"size": [4.0, 3.0, 5.0], "a x b": [1.0, 0.5, 1.5]},
        "means": [[0.5], [0.0]],
    }


@pytest.mark.parametrize("family", ["linear", "crossed"])
@pytest.mark.parametrize("target", ["price", "sold", "kind"])
def test_a_run_holds_what_its_model_says(houses, trained, family, target):
    run = trained(houses(target), target, family=family)
    found = msgspec.json.decode((run.path / "terms.json").read_bytes(), type=Reading)
    assert found.family == family and found.target == target
    assert {"size", "age", "colour"} <= {term.name for term in found.terms}
    card = (run.path / "model" / "card.md").read_text()
    assert "## What moves the prediction" in card and "The strongest columns" in card
    summary = json.loads((run.path / "run.json").read_text())
    assert summary["crosses"]["tried"] == len(found.pairs)
    assert (summary["crosses"]["tried"] > 0) == (family == "crossed")


def test_a_descent_has_no_standard_errors(houses, trained):
    run = trained(houses("price"), "price", descent={"optimizer": "sgd", "epochs": 5})
    found = msgspec.json.decode((run.path / "terms.json").read_bytes(), type=Reading)
    assert not any(term.coefficients for term in found.terms)
