"""What a model may be called, and what is refused because a route or a path would read it."""

from __future__ import annotations

import pytest

from justright.errors import RecipeError
from justright.registry import Reference, read_reference
from justright.registry.reference import check_alias, check_name


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("churn", Reference("churn")),
        ("churn@champion", Reference("churn", alias="champion")),
        ("churn@12", Reference("churn", version=12)),
        ("2026.churn_a-b@x-1_y", Reference("2026.churn_a-b", alias="x-1_y")),
    ],
)
def test_there_and_back(text, found):
    assert read_reference(text) == found
    assert str(found) == text


@pytest.mark.parametrize(
    "text", ["", "@", "churn@", "@champion", "a/b", "a:b", "..", ".", ".a", "-a", "a b", "a@b@c", "a@0",
             "a@01", "a@-1", "a@1.5", "a@" + "9" * 10, "a" * 101, "a\n", "caf\u00e9", "a@b/c", "a\x00"]
)  # fmt: skip
def test_what_is_no_name(text):
    with pytest.raises(RecipeError):
        read_reference(text)


@pytest.mark.parametrize("alias", ["", "1", "1st", "a b", "a/b", "a@b", "-", "a" * 51])
def test_an_alias_is_never_read_as_a_version(alias):
    with pytest.raises(RecipeError, match="--alias champion"):
        check_alias(alias)


def test_names_say_what_is_allowed():
    with pytest.raises(RecipeError, match=r"name='a/b'; allowed: letters, digits and \. _ -"):
        check_name("a/b")
