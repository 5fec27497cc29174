from __future__ import annotations

import functools
import inspect
import re
from pathlib import Path

import pytest

from justright.errors import RecipeError
from justright.models.neural.optimizer_table import (
    OPTIMIZERS,
    REFUSED_OPTIMIZERS,
    WRAPPERS,
    elementwise,
    needs_value_fn,
    packable,
    row_of,
)

optax = pytest.importorskip("optax", reason="networks train with optax: pip install 'justright[neural]'")

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "optimizers.md"


def origin(value: object) -> str:
    """The module in which a function, or what it is part of, was written."""
    return getattr(value.func if isinstance(value, functools.partial) else value, "__module__", "")


def offered() -> set[str]:
    """Every optimizer of optax, and what is public in its contrib but parts of optimizers."""
    aliases = {name for name in dir(optax) if origin(getattr(optax, name)) == "optax._src.alias"}
    contrib = {name for name, value in vars(optax.contrib).items() if inspect.isfunction(value)}
    return {name for name in aliases | contrib if not name.startswith(("_", "scale_by_"))}


def test_every_optimizer_of_optax_is_taken_or_refused_with_a_reason() -> None:
    """Fails when optax gains or loses one."""
    assert offered() == set(OPTIMIZERS) | set(REFUSED_OPTIMIZERS)
    assert not set(OPTIMIZERS) & set(REFUSED_OPTIMIZERS)
    assert list(OPTIMIZERS) == sorted(OPTIMIZERS)
    assert set(WRAPPERS) <= set(OPTIMIZERS)


def test_the_page_names_every_optimizer_and_what_the_table_says_of_it() -> None:
    cells = r" \| ".join([r"^\| `(\w+)`", *5 * [r"([^|]*)"]]) + r" \|"
    rows = re.findall(cells, PAGE.read_text(), re.MULTILINE)
    expected = [
        (name, f"{row.rate:g}", row.scope, row.decay, row.reads or "-", "yes" if row.scheduled else "no")
        for name, row in OPTIMIZERS.items()
    ]
    assert rows == expected


def test_the_page_names_what_is_refused() -> None:
    text = PAGE.read_text()
    assert [name for name in REFUSED_OPTIMIZERS if f"`{name}`" not in text] == []


@pytest.mark.parametrize("question", [elementwise, packable, needs_value_fn, row_of])
def test_an_unknown_name_is_refused(question: object) -> None:
    assert callable(question)
    with pytest.raises(RecipeError, match="received optimizer='adan2'; allowed: one of: adan"):
        question("adan2")


def test_what_reads_the_function_of_the_loss() -> None:
    assert [name for name in OPTIMIZERS if needs_value_fn(name)] == ["lbfgs", "sam", "sophia"]
