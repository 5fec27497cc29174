"""What the split really did: shares, balance, and what stands on both sides."""

from __future__ import annotations

from typing import Any, Final

from justright.report.facts import Facts
from justright.report.parts import Section, Table
from justright.report.wording import count, number, percent, plain
from justright.split import SplitAudit

__all__ = ["splits"]

_MOST_CLASSES: Final = 4


def splits(facts: Facts) -> Section:
    """Return the section of the split."""
    title, seen = "Split audit", facts.split
    if seen is None:
        return Section("split", title, absent=facts.why_not("split.json"))
    words = (*_words(seen), *_judged(facts))
    return Section("split", title, words, tables=(_table(seen), *_definition(seen)))


def _words(seen: SplitAudit) -> list[str]:
    """Say what was counted."""
    parts = f"{count(seen.rows)} rows in {len(seen.parts)} part{'' if len(seen.parts) == 1 else 's'}"
    first = (
        f"{parts}; {count(seen.unused)} rows are in none."
        if seen.unused
        else f"{parts}; every row is in one."
    )
    if seen.repeated:
        share = percent(seen.repeated / seen.rows)
        first += f" {count(seen.repeated)} rows ({share}) repeat the content of another."
    else:
        first += " No row repeats another."
    if seen.groups_on_both_sides is not None:
        first += f" Groups on both sides: {count(seen.groups_on_both_sides)}."
    if seen.without_moment:
        first += f" {count(seen.without_moment)} rows have no known moment."
    if seen.findings:
        first += (
            f" It gave {len(seen.findings)} finding{'s' if len(seen.findings) > 1 else ''}, listed below."
        )
    return [first]


def _judged(facts: Facts) -> list[str]:
    """Say what the folds are for where a single part judges."""
    held, folds = facts.summary.rows.held_out, facts.summary.folds
    if not held:
        return []
    rest = count(facts.summary.rows.train - held)
    return [f"Of {folds} folds one, of {count(held)} rows, judged the model; the other {rest} trained it."]


def _table(seen: SplitAudit) -> Table:
    """One row a part; columns that say nothing are left out."""
    classes = list(dict.fromkeys(name for part in seen.parts for name in part.class_shares))
    shown = classes[:_MOST_CLASSES] if len(classes) != 2 else classes[1:]
    parts = seen.parts
    columns: list[tuple[str, list[str]]] = [
        ("part", [plain(part.name) for part in parts]),
        ("rows", [count(part.rows) for part in parts]),
        ("share", [_share(part.share) for part in parts]),
        ("asked", [_share(part.asked) for part in parts]),
        ("mean of the target", [_optional(part.target_mean) for part in parts]),
        *(
            (f"share of {plain(name, 24)}", [_share(part.class_shares.get(name)) for part in parts])
            for name in shown
        ),
        (
            "rows also in the first part",
            [count(part.duplicates) if part.duplicates else "" for part in parts],
        ),
        ("rows of its groups in the first part", [_whole(part.group_leaks) for part in parts]),
        ("rows not later than the first part", [_whole(part.early) for part in parts]),
    ]
    kept = [(head, cells) for head, cells in columns if any(cells)]
    rows = tuple(zip(*(cells for _, cells in kept), strict=True))
    more = (
        f"and {len(classes) - len(shown)} more classes"
        if len(shown) < len(classes) and len(classes) != 2
        else ""
    )
    return Table("Parts of the split", tuple(head for head, _ in kept), rows, more=more)


def _definition(seen: SplitAudit) -> tuple[Table, ...]:
    """How the split was made."""
    rows = tuple(
        (plain(name).replace("_", " "), _shown(value))
        for name, value in seen.definition.items()
        if value not in ("", [], None)
    )
    return (Table("How it was made", ("choice", "value"), rows, texts=(0, 1)),) if rows else ()


def _optional(value: float | None) -> str:
    """A number, or nothing."""
    return "" if value is None else number(value)


def _share(value: float | None) -> str:
    """A share with one decimal, since parts differ by little; or nothing."""
    return "" if value is None else f"{100 * value:.1f} %"


def _whole(value: int | None) -> str:
    """A count, or nothing."""
    return "" if value is None else count(value)


def _shown(value: Any) -> str:
    """A piece of the definition as text: rows of folds as numbers, a line of several repeats."""
    if isinstance(value, list):
        nested = any(isinstance(one, list) for one in value)
        return ("; " if nested else ", ").join(_shown(one) for one in value)
    if isinstance(value, int) and not isinstance(value, bool):
        return count(value)
    return number(value) if isinstance(value, float) else plain(value, 200)
