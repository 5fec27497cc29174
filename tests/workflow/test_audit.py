"""The audit beside the split of a run."""

from __future__ import annotations

import pytest


def audit_of(run):
    return run.folder.read("split.json", dict)


def test_it_says_what_was_asked_and_what_became_of_it(trained, houses):
    run = trained(houses("price", rows=600), "price", split={"test": 20, "folds": 4, "salt": "s"})
    found = audit_of(run)
    definition = found["definition"]
    assert definition["by"] == "content of the features"
    assert (definition["test"], definition["folds"], definition["salt"]) == (20.0, 4, "s")
    assert [p["name"] for p in found["parts"]] == ["train", "test"]
    assert [p["rows"] for p in found["parts"]] == [run.summary.rows.train, run.summary.rows.test]
    assert sum(definition["fold_rows"][0]) == run.summary.rows.train
    assert found["rows"] == 600


def test_groups_never_stand_on_both_sides(trained, houses):
    found = audit_of(trained(houses("price"), "price", split={"by": ["street"], "test": 20}))
    assert found["definition"]["by"] == ["street"]
    assert found["groups_on_both_sides"] == 0
    assert sum(p["groups"] for p in found["parts"]) == 40


def test_periods_do_not_overlap(trained, houses):
    found = audit_of(trained(houses("price"), "price", split={"time": "year", "test": 20}))
    train, test = found["parts"]
    assert found["definition"]["by"] == "time: year"
    assert train["latest"] < test["earliest"]


@pytest.mark.parametrize("target", ["sold", "kind"])
def test_balance_of_classes(trained, houses, target):
    table = houses(target, rows=400)
    found = audit_of(trained(table, target))
    for name, share in found["parts"][0]["class_shares"].items():
        assert share == pytest.approx(table[target].count(name) / 400)


def test_every_repetition_has_its_folds(trained, houses):
    found = audit_of(trained(houses("price"), "price", split={"repeats": 3}))
    assert [len(counts) for counts in found["definition"]["fold_rows"]] == [5, 5, 5]
