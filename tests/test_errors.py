"""Errors: four parts in a message, one table of codes, ours and the builtin's."""

from __future__ import annotations

import copy
import inspect
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright import errors
from justright.errors import JustrightError, closest, exit_code, http_code

OURS = [e for _, e in inspect.getmembers(errors, inspect.isclass) if issubclass(e, JustrightError)]
LEAVES = [e for e in OURS if e is not JustrightError]


def test_the_tree_is_the_one_that_is_drawn():
    drawn = dict(re.findall(r"\+-- (\w+)\((\w+)\)", errors.__doc__))
    assert drawn == {e.__name__: e.__mro__[2].__name__ for e in LEAVES}


@pytest.mark.parametrize("kind", LEAVES)
def test_every_error_has_its_codes(kind):
    assert exit_code(kind("x")) not in (0, 1, 3)
    assert 400 <= http_code(kind("x")) < 600


def test_exit_codes_never_change():
    assert {e.__name__: exit_code(e("x")) for e in LEAVES} == {
        "BundleError": 5,
        "ColumnError": 4,
        "MissingExtraError": 8,
        "RecipeError": 2,
        "RowError": 4,
        "StorageError": 7,
        "TableError": 4,
        "TrainingError": 6,
    }
    assert (exit_code(KeyboardInterrupt()), exit_code(ValueError()), exit_code(JustrightError("x"))) == (
        130,
        1,
        1,
    )
    assert (http_code(ValueError()), http_code(errors.RowError("x"))) == (500, 400)


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({}, "received a=1."),
        ({"allowed": "0"}, "received a=1; allowed: 0."),
        ({"where": "f.csv"}, "received a=1 (in f.csv)."),
        ({"next_step": "--a 0"}, "received a=1. Next: --a 0"),
        (
            {"allowed": "0.", "where": "f", "next_step": "mend it."},
            "received a=1 (in f); allowed: 0. Next: mend it",
        ),
    ],
)
def test_a_message_has_its_parts_in_order(parts, text):
    assert str(JustrightError("a=1", **parts)) == text


def test_the_parts_can_be_read():
    error = errors.RowError("a=1", allowed="b", where="c", next_step="d")
    assert (error.received, error.allowed, error.where, error.next_step) == ("a=1", "b", "c", "d")
    with pytest.raises(ValueError, match="a=1"):
        raise error


def test_a_storage_error_is_an_os_error_with_its_own_words():
    error = errors.StorageError("a file", where="disk: full")
    assert isinstance(error, OSError)
    assert str(error) == "received a file (in disk: full)."


@pytest.mark.parametrize("kind", LEAVES)
def test_an_error_survives_another_process(kind):
    again = copy.deepcopy(kind("a=1", allowed="b", where="c", next_step="d"))  # by the way of pickle
    assert type(again) is kind
    assert str(again) == str(kind("a=1", allowed="b", where="c", next_step="d"))


NAMES = st.lists(st.text("abc", min_size=1, max_size=4), max_size=12)


@given(st.text("abc", max_size=4), NAMES, st.integers(1, 10))
def test_the_closest_names_come_first(name, names, limit):
    said = closest(name, names, limit)
    every = list(dict.fromkeys(names))
    shown = said.removeprefix("one of: ").split(" and ")[0]
    listed = shown.split(", ") if shown else []
    assert set(listed) <= set(every)
    assert len(listed) == min(limit, len(every))
    if name in every:
        assert listed[0] == name
    assert (f"and {len(every) - limit} more" in said) == (len(every) > limit)
