"""The data profile: each column once, the target first, values as a drawing or as the commonest ones."""

from __future__ import annotations

from dataclasses import replace

from justright.kinds import ColumnProfile, Profile
from justright.report.facts import Facts
from justright.report.sections.columns import columns


def number(name: str, **more: object) -> ColumnProfile:
    plain = {
        "minimum": 0.0,
        "maximum": 1000.0,
        "quantiles": (1.0, 25.0, 50.0, 75.0, 99.0),
        "role": "feature",
        **more,
    }
    return ColumnProfile(name, "numeric", "number", "why", 100, 25, 0, 90, True, **plain)  # type: ignore[arg-type]


def word(name: str, **more: object) -> ColumnProfile:
    plain = {"top": (("x", 60), ("y", 20), ("z", 10), ("w", 1)), "role": "feature", **more}
    return ColumnProfile(name, "categorical", "text", "why", 100, 0, 0, 9, False, **plain)  # type: ignore[arg-type]


def shown(facts: Facts, *seen: ColumnProfile, **more: object) -> Facts:
    return replace(facts, profile=Profile(100, 100, seen, **more))  # type: ignore[arg-type]


def test_the_target_comes_first(binary: Facts) -> None:
    section = columns(shown(binary, word("a"), number("b", role="target"), number("c", role="weight")))
    assert [one.name for one in section.columns] == ["b", "c", "a"]


def test_numbers_are_drawn_and_words_are_counted(binary: Facts) -> None:
    first, second = columns(shown(binary, number("n"), word("w"))).columns
    assert "<svg" in first.drawing
    assert first.top == ()
    assert first.facts == ("5 % below 1", "median 50", "5 % above 99")
    assert first.missing == "25 %"
    assert first.alarm
    assert second.drawing == ""
    assert second.top == (("x", "60 %", 0.6), ("y", "20 %", 0.2), ("z", "10 %", 0.1))
    assert second.facts == ("at least 6 more values",)
    assert not second.alarm


def test_where_the_rows_came_from(binary: Facts) -> None:
    source = {
        "format": "CSV",
        "paths": ["/data/a/b.csv"],
        "separator": "\t",
        "decimal": ",",
        "compression": "gzip",
    }
    section = columns(shown(binary, word("a"), source=source, skipped=3))
    assert section.lede[1] == "Read from b.csv (CSV; separator tab; decimal mark ,; gzip)."
    assert "3 lines were no rows." in section.lede[0]


def test_very_many_columns_are_cut(binary: Facts) -> None:
    section = columns(shown(binary, *(number(f"c{i}") for i in range(800))))
    assert len(section.columns) == 150
    assert "profile.json has them all" in section.lede[0]
