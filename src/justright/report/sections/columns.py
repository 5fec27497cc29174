"""The data as they were seen: a line a column with its kind, its values, and what is missing."""

from __future__ import annotations

from typing import Final

from justright.kinds import ColumnProfile, Profile
from justright.report.facts import Facts
from justright.report.marks import range_strip
from justright.report.parts import ColumnRow, Section
from justright.report.wording import count, listed, percent, plain, short

__all__ = ["columns"]

_MOST: Final = 150
_TOP: Final = 3
_FEW: Final = 6


def columns(facts: Facts) -> Section:
    """Return the section of the data profile."""
    title, profile = "The data", facts.profile
    if profile is None:
        return Section("data", title, absent=facts.why_not("profile.json"))
    shown = sorted(
        profile.columns,
        key=lambda c: ("target", "weight").index(c.role) if c.role in ("target", "weight") else 2,
    )
    rows = tuple(_row(column, profile.sample) for column in shown[:_MOST])
    return Section("data", title, tuple(_words(profile)), columns=rows)


def _words(profile: Profile) -> list[str]:
    """Say how large the table is."""
    roles = [column.role for column in profile.columns]
    used = sum(role == "feature" for role in roles)
    aside = sum(role in ("set aside", "dropped") for role in roles)
    text = f"{count(profile.rows)} rows and {len(roles)} columns, of which {used} feed the model"
    text += f" and {aside} {'is' if aside == 1 else 'are'} left out." if aside else "."
    if profile.skipped:
        text += f" {count(profile.skipped)} lines were no rows."
    if profile.sample < profile.rows:
        text += f" Frequent values and quantiles are those of a sample of {count(profile.sample)} rows."
    if len(roles) > _MOST:
        text += f" The first {_MOST} columns are shown; profile.json has them all."
    text += " A bar spans the middle half of the values, its line nine tenths, the mark is the median."
    return [text, *_source(profile)]


def _source(profile: Profile) -> list[str]:
    """Say where the rows came from and how the files were read."""
    source = profile.source
    paths = [str(path).replace("\\", "/").rpartition("/")[2] for path in source.get("paths", ())]
    details = [str(source["format"])] if source.get("format") else []
    for key, words in (("separator", "separator"), ("encoding", "encoding"), ("decimal", "decimal mark")):
        if source.get(key):
            shown = "tab" if source[key] == "\t" else source[key]
            details.append(f"{words} {plain(shown, 20)}")
    if source.get("compression", "none") != "none":
        details.append(plain(source["compression"], 20))
    if not paths and not details:
        return []
    return [
        f"Read from {listed(paths, 3)} ({'; '.join(details)})."
        if paths
        else f"Read from {'; '.join(details)}."
    ]


def _row(column: ColumnProfile, sample: int) -> ColumnRow:
    """One column."""
    missing = column.missing / column.rows if column.rows else 0.0
    top = _top(column, sample)
    return ColumnRow(
        name=plain(column.name, 60),
        kind=column.kind,
        role=column.role,
        reason=plain(column.reason, 160),
        drawing="" if top else _strip(column),
        facts=tuple(_facts(column, bool(top))),
        top=top,
        missing=percent(missing) if column.missing else "",
        alarm=missing > 0.2 or column.unreadable + column.infinite > 0,
        notes=tuple(plain(note, 200) for note in column.notes),
    )


def _strip(column: ColumnProfile) -> str:
    """A drawing of the quantiles, a little wider than the middle 90 %."""
    if column.minimum is None or column.maximum is None or len(column.quantiles) != 5:
        return ""
    q05, q95 = column.quantiles[0], column.quantiles[-1]
    margin = 0.15 * (q95 - q05)
    return range_strip(max(column.minimum, q05 - margin), min(column.maximum, q95 + margin), column.quantiles)


def _top(column: ColumnProfile, sample: int) -> tuple[tuple[str, str, float], ...]:
    """The most frequent values with their shares, for columns that are no plain numbers."""
    numeric = column.minimum is not None and column.distinct > _FEW
    if numeric or not column.top or column.kind in ("identifier", "text"):
        return ()
    total = max(sample, sum(times for _, times in column.top))
    return tuple(
        (plain(text, 40) or "(blank)", percent(times / total), times / total)
        for text, times in column.top[:_TOP]
    )


def _facts(column: ColumnProfile, shown: bool) -> list[str]:
    """What is known of the values, in a few words each."""
    found = []
    least = "" if column.distinct_exact else "at least "
    others = column.distinct - min(len(column.top), _TOP)
    if shown and others > 0:
        found.append(f"{least}{count(others)} more value{'s' if others > 1 else ''}")
    if not shown and len(column.quantiles) == 5:
        q05, _, q50, _, q95 = (short(value) for value in column.quantiles)
        found += [f"5 % below {q05}", f"median {q50}", f"5 % above {q95}"]
    elif not shown and column.form != "number":
        found.append(f"{least}{count(column.distinct)} different values")
    if column.first:
        found.append(f"{plain(column.first, 30)} to {plain(column.last, 30)}")
    if column.unreadable:
        found.append(f"{count(column.unreadable)} unreadable")
    if column.infinite:
        found.append(f"{count(column.infinite)} infinite")
    return found
