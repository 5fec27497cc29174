"""How the model was made: the choices that differ from the defaults, all choices, times and versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from justright.recipe import Recipe
from justright.report.facts import Facts
from justright.report.parts import Section, Table
from justright.report.wording import listed, number, plain

__all__ = ["making"]


def making(facts: Facts) -> Section:
    """Return the section of recipe, times and versions."""
    summary = facts.summary
    lede = [f"Run {plain(facts.name)}; model {plain(summary.model_id)[:16]}."]
    tables = [_times(facts)]
    chosen = tuple(
        (plain(name), number(v) if isinstance(v, float) else plain(v))
        for name, v in summary.hyperparameters.items()
    )
    if chosen:
        tables.append(Table("Chosen by measurement", ("setting", "value"), chosen))
    folded: list[Table] = []
    if facts.recipe is None:
        lede.append(facts.why_not("recipe.json"))
    else:
        every = dict(_flat(msgspec.to_builtins(facts.recipe)))
        default = dict(_flat(msgspec.to_builtins(Recipe())))
        own = tuple((name, _shown(value)) for name, value in every.items() if value != default.get(name))
        if own:
            tables.insert(0, Table("Choices that are not the default", ("choice", "value"), own, (0, 1)))
        rows = tuple((name, _shown(value)) for name, value in every.items())
        folded.append(Table("Every choice of the recipe", ("choice", "value"), rows, (0, 1)))
    if facts.bundle is not None and facts.bundle.model.versions:
        versions = tuple(
            (plain(name), plain(version)) for name, version in facts.bundle.model.versions.items()
        )
        tables.append(Table("Versions", ("library", "version"), versions, (0, 1)))
    return Section(
        "making", "Recipe and versions", (" ".join(lede),), tables=tuple(tables), folded=tuple(folded)
    )


def _times(facts: Facts) -> Table:
    """Wall times."""
    seconds = facts.summary.seconds
    rows = (
        ("reading", f"{seconds.read:.2f} s"),
        ("features", f"{seconds.features:.2f} s"),
        ("training", f"{seconds.train:.2f} s"),
        ("all together", f"{seconds.total:.2f} s"),
    )
    return Table("Time", ("step", "wall time"), rows)


def _flat(values: Mapping[str, Any], head: str = "") -> Iterator[tuple[str, Any]]:
    """Yield nested choices under dotted names."""
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{head}{name}.")
        else:
            yield f"{head}{plain(name)}", value


def _shown(value: Any) -> str:
    """A choice as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple | dict):
        return listed(value, 12) if value else "none"
    return plain(value, 200) if value != "" else "none"
