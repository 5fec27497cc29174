"""The judgements of a split audit: six questions, each asked by one function.

A finding is raised by rule, never by taste: the rule and its numbers stand in the function.
"""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import TYPE_CHECKING, Final

from justright.schema import Finding
from justright.values import figure

if TYPE_CHECKING:
    from justright.split.counts import PartAudit, SplitAudit

__all__ = ["judge"]

# Below so many keys of equal size, a tenth of them is off by a third of itself in one split of three.
_FEW_KEYS: Final = 100
# A difference that chance alone shows once in 16,000 comparisons.
_SURPRISE: Final = 4.0


def judge(seen: SplitAudit, *, grouped: bool, spread: float) -> tuple[Finding, ...]:
    """Return what a user must know about a split.

    Parameters
    ----------
    seen : SplitAudit
        The counts.
    grouped : bool
        Whether groups were given.
    spread : float
        Standard deviation of a numeric target; 0 without one.

    Returns
    -------
    tuple of Finding
        At most one for each question, in a fixed order; empty for a clean split.

    Examples
    --------
    >>> from justright.split.counts import PartAudit, SplitAudit
    >>> even = PartAudit("train", 800, 0.8), PartAudit("test", 200, 0.2)
    >>> judge(SplitAudit(1000, 0, even, keys=1000.0), grouped=False, spread=0.0)
    ()
    """
    rules: tuple[Callable[[], Finding | None], ...] = (
        lambda: _duplicates(seen, grouped),
        lambda: _groups(seen),
        lambda: _time(seen),
        lambda: _missing_moments(seen),
        lambda: _lumpy(seen, grouped),
        lambda: _balance(seen, spread),
    )
    return tuple(found for rule in rules if (found := rule()) is not None)


def _duplicates(seen: SplitAudit, grouped: bool) -> Finding | None:
    """Equal rows on both sides: the model is asked what it has been told."""
    hit = {p.name: p.duplicates for p in seen.parts if p.duplicates}
    if not hit:
        return None
    worst = max(p.duplicates / p.rows for p in seen.parts if p.duplicates)
    first = seen.parts[0].name
    return Finding(
        "split-duplicates",
        "warning" if worst >= 0.01 else "info",
        f"{_later(hit)} equal in every column to a row of {first}.",
        {"rows": hit, "highest_share": worst, "repeated_rows": seen.repeated},
        "remove the repeated rows" if grouped else "leave out --by and --time: equal rows then share a part",
    )


def _groups(seen: SplitAudit) -> Finding | None:
    """A group on both sides: its rows are alike, so the score is too good."""
    if not seen.groups_on_both_sides:
        return None
    hit = {p.name: p.group_leaks for p in seen.parts if p.group_leaks}
    first = seen.parts[0].name
    return Finding(
        "split-groups-leak",
        "warning",
        f"{first.capitalize()} and a later part share {_count(seen.groups_on_both_sides, 'group')}.",
        {"groups": seen.groups_on_both_sides, "rows": hit},
        "split by the group's column: --by COLUMN",
    )


def _time(seen: SplitAudit) -> Finding | None:
    """Rows that judge and are not later than rows that train: the future is known."""
    hit = {p.name: p.early for p in seen.parts if p.early}
    if not hit:
        return None
    return Finding(
        "split-time-overlap",
        "warning",
        f"{_later(hit)} not later than the last row of {seen.parts[0].name}.",
        {"rows": hit, "latest_of_first": seen.parts[0].latest},
        "if the model will meet later rows, split by time: --time COLUMN",
    )


def _missing_moments(seen: SplitAudit) -> Finding | None:
    """Rows without a moment, which a split by time leaves out."""
    if not seen.without_moment:
        return None
    return Finding(
        "split-time-missing",
        "warning",
        f"{_count(seen.without_moment, 'row')} without readable moment; a split by time leaves them out.",
        {"rows": seen.without_moment, "share": seen.without_moment / max(seen.rows, 1)},
        "fill the time column, or choose another one: --time COLUMN",
    )


def _lumpy(seen: SplitAudit, grouped: bool) -> Finding | None:
    """Too few keys, an empty part, or shares off by more than a fifth of what was asked."""
    empty = [p.name for p in seen.parts if not p.rows]
    off = {p.name: p.share for p in seen.parts if p.asked is not None and _is_off(p)}
    by_time = seen.without_moment is not None and not any(p.early for p in seen.parts)
    few = 0 < seen.keys < _FEW_KEYS and not by_time
    if not (empty or off or few):
        return None
    if empty:
        sentence = f"No row fell into {' and '.join(empty)}."
    elif off:
        sentence = "Real shares differ from those asked for: " + _listed(seen, off) + "."
    else:
        what = "groups" if grouped else "distinct rows"
        sentence = (
            f"The split rests on about {seen.keys:.0f} {what} of equal size: another salt, another result."
        )
    return Finding(
        "split-lumpy",
        "error" if empty else "warning",
        sentence,
        {"keys": seen.keys, "empty": empty, "shares": {p.name: p.share for p in seen.parts}},
        "use a finer key, or look at another salt (split --salt; train --set split.salt=...)",
    )


def _is_off(part: PartAudit) -> bool:
    """Tell whether a share is off by more than a fifth of it, or of what it leaves to the others."""
    asked = part.asked or 0.0
    return abs(part.share - asked) > 0.2 * min(asked, 1 - asked)


def _listed(seen: SplitAudit, off: dict[str, float]) -> str:
    """Write real and asked shares in per cent."""
    asked = {p.name: p.asked or 0.0 for p in seen.parts}
    return ", ".join(f"{name} {100 * real:.1f} % for {100 * asked[name]:.1f} %" for name, real in off.items())


def _balance(seen: SplitAudit, spread: float) -> Finding | None:
    """A target that differs between the first part and a later one by more than chance and by a tenth."""
    first = seen.parts[0]
    worst: tuple[float, str, str, float, float] | None = None
    for part in seen.parts[1:]:
        for name, a, b, sd in _pairs(first, part, spread):
            error = sd * sqrt(1 / max(first.rows, 1) + 1 / max(part.rows, 1))
            size = abs(a - b) / sd if sd else 0.0
            if error and abs(a - b) > _SURPRISE * error and size > 0.1 and (worst is None or size > worst[0]):
                worst = (size, part.name, name, a, b)
    if worst is None:
        return None
    size, part_name, name, a, b = worst
    what = f"the share of class {name!r}" if name else "the mean of the target"
    return Finding(
        "split-imbalanced",
        "warning",
        f"In {part_name}, {what} is {figure(b)}; in {first.name} it is {figure(a)}.",
        {"part": part_name, "class": name, "first": a, "later": b, "difference_in_sd": size},
        "expected in a split by time or of few groups; else try another salt",
    )


def _pairs(first: PartAudit, part: PartAudit, spread: float) -> list[tuple[str, float, float, float]]:
    """Return (class or '', value in the first part, value in the later one, standard deviation)."""
    if first.target_mean is not None and part.target_mean is not None:
        return [("", first.target_mean, part.target_mean, spread)]
    if not part.rows:
        return []
    pairs = []
    for name, a in first.class_shares.items():
        b = part.class_shares[name]
        pooled = (a * first.rows + b * part.rows) / max(first.rows + part.rows, 1)
        pairs.append((name, a, b, sqrt(pooled * (1 - pooled))))
    return pairs


def _later(hit: dict[str, int]) -> str:
    """Begin a sentence about rows of the later parts."""
    n = sum(hit.values())
    return f"{_count(n, 'row')} of the later parts {'is' if n == 1 else 'are'}"


def _count(n: int, noun: str) -> str:
    """Write a count with its noun."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
