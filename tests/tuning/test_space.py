from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.errors import RecipeError
from justright.recipe import Recipe, change
from justright.tuning.space import Choice, Range, applied, default_space, parse_space, values_at

TREES = Recipe(family="boosted")
NETWORK = Recipe(family="neural")
FAMILIES = ("linear", "crossed", "boosted", "neural", "wide-deep")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("boosting.leaves=8..64", Range(8, 64, whole=True)),
        ("boosting.leaves=8..64:log", Range(8, 64, log=True, whole=True)),
        ("boosting.rate=1e-3..0.5:log", Range(0.001, 0.5, log=True)),
        (" boosting.columns = 0.2 .. 1 ", Range(0.2, 1.0)),
        ("boosting.l2=0..5", Range(0.0, 5.0)),
        ("boosting.leaves=4,8,16", Choice((4, 8, 16))),
    ],
)
def test_what_is_written_is_read(text: str, expected: object) -> None:
    (found,) = parse_space([text], TREES).values()
    assert found == expected


def test_lists_of_words_and_of_lists() -> None:
    assert parse_space(["penalty.kind=l1, l2"], Recipe(family="linear")) == {
        "penalty.kind": Choice(("l1", "l2"))
    }
    assert parse_space(["network.hidden=[64],[64, 32]"], NETWORK) == {
        "network.hidden": Choice(([64], [64, 32]))
    }
    assert parse_space(["network.residual=true,false"], NETWORK) == {
        "network.residual": Choice((True, False))
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("boosting.leafs=8..64", "one of: boosting.leaves"),
        ("leaves=8..64", "one of: boosting.leaves"),
        ("boosting.rate=0.5..0.1", "LOW below HIGH"),
        ("boosting.rate=0.1..0.1", "LOW below HIGH"),
        ("boosting.rate=0.1..inf", "LOW below HIGH"),
        ("boosting.l2=0..5:log", "LOW above 0, for a logarithm"),
        ("boosting.l2=-1..5:log", "LOW above 0, for a logarithm"),
        ("boosting.rate=low..high", "numbers LOW..HIGH"),
        ("boosting.leaves=8.5..64", "whole numbers LOW..HIGH"),
        ("boosting.rate=0.1..0.5:lin", "LOW..HIGH:log, or LOW..HIGH"),
        ("boosting.rate=0.1..5", "at most 1"),
        ("boosting.rate=0.1,5", "at most 1"),
        ("boosting.leaves=word,other", "does not fit"),
        ("boosting.leaves=8", "two different values"),
        ("boosting.leaves=8,8", "two different values"),
        ("boosting.leaves=8,,9", "two different values"),
        ("boosting.leaves", "KEY=LOW..HIGH"),
        ("=1..2", "KEY=LOW..HIGH"),
        ("boosting.leaves=", "KEY=LOW..HIGH"),
        ("boosting.rounds=10..100", "effort that halving deals out"),
        ("network.dropout=0..0.5", "the family boosted does not read"),
        ("split.folds=3..10", "which all trials share"),
        ("target=a,b", "which all trials share"),
        ("seed=1..5", "which all trials share"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_would(text: str, said: str) -> None:
    with pytest.raises(RecipeError) as refused:
        parse_space([text], TREES)
    assert said in str(refused.value)


def test_a_key_that_takes_no_numbers_has_no_range() -> None:
    with pytest.raises(RecipeError, match="takes no numbers"):
        parse_space(["network.activation=1..2"], NETWORK)


def test_a_key_twice_is_refused() -> None:
    with pytest.raises(RecipeError, match="twice"):
        parse_space(["boosting.leaves=8..64", "boosting.leaves=4..8"], TREES)


@pytest.mark.parametrize("family", FAMILIES)
def test_both_ends_of_every_default_space_are_recipes(family: str) -> None:
    recipe = change(Recipe(), [f"family={family}"])
    for key, one in default_space(family).items():
        for value in values_at(one):
            assert applied(recipe, {key: value}) is not None


def test_a_family_without_a_space_says_what_to_do() -> None:
    with pytest.raises(RecipeError, match="--space KEY=LOW"):
        default_space("mine")


@given(st.floats(1e-6, 1e3), st.floats(1.001, 1e3), st.booleans(), st.floats(0, 1))
def test_every_share_of_a_range_is_inside(low: float, times: float, log: bool, share: float) -> None:
    part = Range(low, low * times, log)
    assert part.holds(part.at(share))


def test_a_logarithm_is_halved_in_the_middle() -> None:
    assert Range(1.0, 100.0, log=True).at(0.5) == pytest.approx(10.0)
    assert Range(1, 99).at(0.5) == 50
    assert values_at(Range(1, 2, whole=True), 9) == (1, 2)
