"""Groups are found by themselves; categories, smooth numbers and groups that say nothing are not groups."""

from __future__ import annotations

import numpy as np
import pytest

from justright.diagnose.rows.groups import groups, likeness
from justright.diagnose.rows.identifiers import set_aside

PEOPLE, EACH = 400, 4
ROWS = PEOPLE * EACH


def visits(seed=0, own=1.0, values=None):
    rng = np.random.default_rng(seed)
    person = rng.permutation(np.repeat(np.arange(PEOPLE), EACH))
    mood = rng.normal(size=PEOPLE)
    x, z = rng.normal(size=(2, ROWS))
    name = (rng.permutation(PEOPLE) * 7919 + 100_003)[person] if values is None else values[person]
    return {"person_id": name, "x": x, "z": z, "y": x + own * mood[person] + rng.normal(size=ROWS)}


def seen(one):
    return groups(one.data, one.judged, one.sample, set_aside(one.source, one.schema, one.data))


def test_identifier_with_repeated_rows_is_found(made):
    one = made(visits())
    found = seen(one)
    assert [(f.id, f.severity, f.evidence["column"]) for f in found] == [
        ("rows-grouped", "warning", "person_id")
    ]
    # Half of what x leaves is the person's own.
    assert found[0].evidence["rho"] == pytest.approx(0.5, abs=0.08)
    assert found[0].next == "--by person_id"


def test_identifier_that_says_nothing_is_silent(made):
    for seed in range(4):
        assert seen(made(visits(seed, own=0.0))) == []


def test_noise_of_few_groups_is_silent(made):
    for seed in range(12):
        rng = np.random.default_rng(seed)
        name = [f"P{i:03d}" for i in rng.permutation(np.repeat(np.arange(40), 3))]
        x = rng.normal(size=120)
        table = {"person_id": name, "x": x, "y": x + rng.normal(size=120)}
        assert seen(made(table, kinds={"person_id": "identifier"})) == []


def test_folds_by_the_group_leave_nothing_to_say(made):
    assert seen(made(visits(), split={"by": ["person_id"]})) == []


def test_group_that_feeds_the_model_as_a_number_is_found(made):
    columns = visits()
    columns["house"] = columns.pop("person_id")
    # One in ten rows has a house of its own: new rows bring new houses.
    alone = np.random.default_rng(5).random(ROWS) < 0.15
    columns["house"] = np.where(alone, 5_000_011 + 13 * np.arange(ROWS), columns["house"])
    one = made(columns, kinds={"house": "numeric"})
    assert [f.evidence["column"] for f in seen(one)] == ["house"]


def test_smooth_number_is_no_group(made):
    rng = np.random.default_rng(0)
    size = np.round(rng.gamma(4.0, 200.0, ROWS))
    wave = np.sin(size / 40.0)
    columns = {"size": size, "x": rng.normal(size=ROWS), "y": 2.0 * wave + rng.normal(size=ROWS)}
    assert seen(made(columns)) == []


def test_category_whose_values_are_all_known_is_only_told(made):
    rng = np.random.default_rng(0)
    code = rng.integers(0, 60, ROWS)
    level = rng.normal(size=60)
    columns = {"code": [f"c{i}" for i in code], "x": rng.normal(size=ROWS)}
    columns["y"] = level[code] + rng.normal(size=ROWS)
    assert [(f.severity, f.evidence["new_values"]) for f in seen(made(columns))] == [("info", False)]


def test_likeness_is_the_plain_double_sum():
    rng = np.random.default_rng(0)
    errors, group = rng.normal(size=(60, 2)), rng.integers(0, 20, 60)
    centred = errors - errors.mean(axis=0)
    top = sum(
        float(centred[i] @ centred[j])
        for i in range(60)
        for j in range(60)
        if i != j and group[i] == group[j]
    )
    base = sum(((group == group[i]).sum() - 1) * float(centred[i] @ centred[i]) for i in range(60))
    assert likeness(errors, group).rho == pytest.approx(top / base)


def test_errors_of_chance_are_within_the_noise():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(300), 3)
    far = [likeness(rng.normal(size=(900, 1)), group) for _ in range(40)]
    beyond = sum(abs(each.rho) > 2.5 * each.noise for each in far)
    assert beyond <= 4
