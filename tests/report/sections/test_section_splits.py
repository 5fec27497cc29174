"""The split audit: what was counted, and no column that says nothing."""

from __future__ import annotations

from dataclasses import replace

from justright.report.facts import Facts
from justright.report.sections.splits import splits
from justright.split import PartAudit, SplitAudit


def test_columns_that_say_nothing_are_left_out(binary: Facts) -> None:
    parts = (PartAudit("train", 800, 0.8, 0.8), PartAudit("test", 200, 0.2, 0.2, duplicates=3))
    section = splits(replace(binary, split=SplitAudit(1010, 10, parts, repeated=7)))
    table = section.tables[0]
    assert table.head == ("part", "rows", "share", "asked", "rows also in the first part")
    assert table.rows == (("train", "800", "80.0 %", "80.0 %", ""), ("test", "200", "20.0 %", "20.0 %", "3"))
    assert "10 rows are in none" in section.lede[0]
    assert "7 rows (0.7 %) repeat" in section.lede[0]


def test_groups_and_time(binary: Facts) -> None:
    parts = (
        PartAudit("train", 8, 0.8, groups=4, group_leaks=0),
        PartAudit("test", 2, 0.2, groups=2, group_leaks=1, early=2),
    )
    audit = SplitAudit(10, 0, parts, groups_on_both_sides=1, without_moment=5)
    section = splits(replace(binary, split=audit))
    assert section.tables[0].rows[1][-2:] == ("1", "2")
    assert "Groups on both sides: 1." in section.lede[0]
    assert "5 rows have no known moment." in section.lede[0]


def test_classes_are_named_or_counted(multiclass: Facts) -> None:
    shares = {f"c{i}": 0.1 for i in range(10)}
    audit = SplitAudit(10, 0, (PartAudit("all", 10, 1.0, class_shares=shares),))
    table = splits(replace(multiclass, split=audit)).tables[0]
    assert table.head[-1] == "share of c3"
    assert table.more == "and 6 more classes"


def test_the_definition_is_shown(binary: Facts) -> None:
    definition = {"by": ["a", "b"], "fold_rows": [[10_000, 5], [3, 4]], "salt": "", "test": 10.0}
    audit = SplitAudit(10, 0, (PartAudit("all", 10, 1.0),), definition=definition)
    assert splits(replace(binary, split=audit)).tables[1].rows == (
        ("by", "a, b"),
        ("fold rows", "10,000, 5; 3, 4"),
        ("test", "10"),
    )
