"""`--plugin`: code that the user names, and nothing else, brings forwards."""

from __future__ import annotations

import sys

import pytest

from justright.cli.plugin import families_of
from justright.errors import RecipeError


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in ("good_plugin", "other_plugin", "bare_plugin", "odd_plugin", "broken_plugin"):
        sys.modules.pop(name, None)


def test_families_of_all_modules_are_gathered(here):
    (here / "good_plugin.py").write_text("families = {'a': len}\n")
    (here / "other_plugin.py").write_text("families = {'b': max}\n")
    assert families_of(["good_plugin", "other_plugin"]) == {"a": len, "b": max}
    assert families_of([]) == {}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("missing_plugin", None, "cannot be imported"),
        ("broken_plugin", "import nothing_of_that_name\n", "nothing_of_that_name"),
        ("bare_plugin", "x = 1\n", "without `families`"),
        ("odd_plugin", "families = {'a': 3}\n", "without `families`"),
    ],
)
def test_what_is_no_plugin_is_refused_with_the_reason(here, name, text, said):
    if text is not None:
        (here / f"{name}.py").write_text(text)
    with pytest.raises(RecipeError, match=said):
        families_of([name])
