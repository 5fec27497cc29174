"""Recipes: what is allowed, what is said otherwise, and that a recipe survives every file."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.errors import RecipeError, StorageError
from justright.recipe import Descent, Features, Penalty, Recipe, Split, change, from_data, read_recipe


def test_the_defaults_are_allowed():
    assert from_data({}) == Recipe()
    assert from_data(msgspec.to_builtins(Recipe())) == Recipe()


def test_groups_are_read():
    recipe = from_data(
        {
            "target": "y",
            "split": {"by": ["a", "b"], "test": 10},
            "penalty": {"kind": "elastic", "path": [1, 0.1]},
            "descent": {"optimizer": "sgd", "rate": 1},
            "kinds": {"zip": "categorical"},
        }
    )
    assert recipe.split == Split(by=("a", "b"), test=10.0)
    assert recipe.penalty.path == (1.0, 0.1)
    assert recipe.kinds == {"zip": "categorical"}


RECIPES = st.builds(
    Recipe,
    target=st.text(max_size=5),
    family=st.sampled_from(["auto", "linear"]),
    drop=st.lists(st.text(max_size=3), max_size=3).map(tuple),
    kinds=st.dictionaries(st.text(max_size=3), st.sampled_from(["numeric", "text"]), max_size=3),
    seed=st.integers(0, 2**31),
    quantile=st.floats(0.01, 0.99),
    split=st.builds(Split, test=st.floats(0, 90), folds=st.integers(2, 20), salt=st.text(max_size=3)),
    features=st.builds(Features, rare=st.integers(1, 99)),
    penalty=st.builds(Penalty, kind=st.sampled_from(["l1", "l2"]), path=st.lists(st.floats(0, 9)).map(tuple)),
    descent=st.builds(Descent, rate=st.floats(1e-6, 1e3), batch=st.integers(0, 10**6)),
)


@given(RECIPES)
def test_there_and_back_through_json(recipe):
    assert from_data(json.loads(msgspec.json.encode(recipe))) == recipe
    assert from_data(msgspec.to_builtins(recipe)) == recipe


def test_files_of_both_forms(tmp_path):
    wanted = Recipe(target="y", split=Split(folds=3), drop=("id",))
    (tmp_path / "r.toml").write_text('target = "y"\ndrop = ["id"]\n[split]\nfolds = 3\n')
    (tmp_path / "r.json").write_bytes(msgspec.json.encode(wanted))
    assert read_recipe(tmp_path / "r.toml") == wanted == read_recipe(str(tmp_path / "r.json"))


@pytest.mark.parametrize(
    ("name", "text"), [("r.toml", b"target ="), ("r.json", b"{"), ("r.toml", b"\xff"), ("r.json", b"[1]")]
)
def test_files_that_are_no_recipe(tmp_path, name, text):
    (tmp_path / name).write_bytes(text)
    with pytest.raises(RecipeError, match=r"r\.(toml|json)"):
        read_recipe(tmp_path / name)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(StorageError, match="No such file"):
        read_recipe(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"targett": "y"}, r"key 'targett'.*one of: target"),
        ({"split": {"fold": 3}}, r"key 'split.fold'.*folds"),
        ({"split": 3}, r"Expected `object`, got `int` - at `\$.split`"),
        ({"task": "forest"}, r"Invalid enum value 'forest' - at `\$.task`"),
        ({"seed": "one"}, r"Expected `int`, got `str` - at `\$.seed`"),
        ({"drop": "x"}, r"\$.drop"),
    ],
)
def test_keys_and_types_that_do_not_fit(data, said):
    with pytest.raises(RecipeError, match=said):
        from_data(data)


WRONG = {
    "split.test": [-1, 91, float("nan")],
    "split.folds": [1, 21],
    "split.repeats": [0, 11],
    "penalty.mix": [-0.1, 1.1, float("nan")],
    "penalty.path": [[-1.0], [float("inf")], [float("nan")]],
    "descent.rate": [0.0, -1.0, float("inf"), float("nan")],
    "descent.batch": [-1],
    "descent.epochs": [0],
    "descent.momentum": [1.0, -0.1],
    "descent.tolerance": [-1e-9],
    "descent.patience": [0.0],
    "features.rare": [0],
    "features.vocabulary": [1],
    "features.buckets": [0],
    "features.text_slots": [15],
    "quantile": [0.0, 1.0, float("nan")],
    "cost_fp": [-1.0, float("inf"), float("nan")],
    "cost_fn": [-1.0, float("inf")],
    "seed": [-1],
}


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in WRONG.items() for value in values]
)
def test_values_that_no_run_could_use(key, value):
    *group, name = key.split(".")
    with pytest.raises(RecipeError, match=rf"{key}=.*allowed: .*--set {key}=VALUE"):
        from_data({group[0]: {name: value}} if group else {name: value})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"split": {"by": ["a"], "time": "t"}}, "split.by and split.time"),
        ({"split": {"time": "t", "repeats": 2}}, "split.repeats with split.time"),
        ({"cost_fp": 0, "cost_fn": 0}, "one of them above 0"),
    ],
)
def test_choices_that_contradict(data, said):
    with pytest.raises(RecipeError, match=said):
        from_data(data)


def test_changes_by_key_and_value():
    start = Recipe(target="y", split=Split(folds=4))
    changed = change(
        start, ["penalty.kind=l1", "seed = 3", 'drop=["a","b"]', "kinds.zip=categorical", "salt=1"][:4]
    )
    assert changed.penalty.kind == "l1"
    assert (changed.seed, changed.drop, changed.kinds) == (3, ("a", "b"), {"zip": "categorical"})
    assert changed.split == start.split
    assert change(start, []) == start
    assert change(start, ["split.salt=07", "baseline=false"]).split.salt == "07"


def test_a_text_may_hold_an_equals_sign():
    assert change(Recipe(), ["sql=SELECT * FROM rows WHERE a = 1"]).sql == "SELECT * FROM rows WHERE a = 1"


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("seed", "key=value"),
        ("seed.a=1", "seed is a value, not a group"),
        ("nothing=1", "key 'nothing'"),
        ("split.nothing=1", "key 'split.nothing'"),
        ("seed=x", "Expected `int`"),
        ("=1", "key ''"),
    ],
)
def test_changes_that_do_not_fit(assignment, said):
    with pytest.raises(RecipeError, match=said):
        change(Recipe(), [assignment])


def test_a_recipe_is_frozen():
    with pytest.raises(AttributeError):
        Recipe().seed = 3
