"""What a split really did: shares, balance, and whatever stands on both sides of it.

The first part is the one that trains; every later part is compared with it. Nothing here changes the
split: a finding says what was seen, with its numbers, and the next move.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from justright.errors import RecipeError
from justright.schema import FloatArray
from justright.split.counts import PartAudit, SplitAudit
from justright.split.findings import judge
from justright.split.parts import parse_shares

__all__ = ["PartAudit", "SplitAudit", "audit"]

Keys: TypeAlias = npt.NDArray[np.uint64]
Rows: TypeAlias = npt.NDArray[np.intp] | slice

_CHUNK: Final = 1 << 22  # keys at a time: what is made of them stays small


def audit(
    part: npt.NDArray[np.int8],
    content: Keys,
    target: npt.NDArray[Any] | None = None,
    classes: Sequence[str] | None = None,
    groups: Keys | None = None,
    moments: FloatArray | None = None,
    names: Sequence[str] = ("train", "validation", "test"),
    *,
    shares: str | Sequence[float] | None = None,
) -> SplitAudit:
    """Count what a split did and judge it.

    Parameters
    ----------
    part : int8 (rows,)
        Part of each row, -1 = none. Folds may be given as parts.
    content : uint64 (rows,)
        `content_key` of each row.
    target : float64 (rows,) or int (rows,) or None
        Values with NaN for unknown; with `classes` the class numbers, negative for unknown.
    classes : sequence of str or None
        Names of the classes.
    groups : uint64 (rows,) or None
        Key of the group of each row, for example a fingerprint viewed as unsigned.
    moments : float64 (rows,) or None
        NaN = unknown.
    names : sequence of str
        Name of each part; as many as there are parts, or more of which the first are taken.
    shares : str or sequence of float, optional
        The shares asked for; they also fix the number of parts, which else is the highest number in
        `part` plus one.

    Returns
    -------
    SplitAudit

    Raises
    ------
    RecipeError
        More parts than names.

    Notes
    -----
    Sorts the keys: n log n, memory of about two columns of keys beside the given ones.

    Examples
    --------
    >>> import numpy as np
    >>> seen = audit(np.array([0, 0, 0, 1], np.int8), np.array([7, 8, 9, 9], np.uint64))
    >>> seen.parts[1].duplicates, [finding.id for finding in seen.findings]
    (1, ['split-duplicates', 'split-lumpy'])
    """
    asked = None if shares is None else parse_shares(shares)
    n_parts = len(asked) if asked else int(part.max(initial=0)) + 1
    if n_parts > len(names):
        raise RecipeError(f"{n_parts} parts", allowed=f"as many as there are names: {', '.join(names)}")
    rows = [_chosen(part == i) for i in range(n_parts)]
    counts = [int((part == i).sum()) for i in range(n_parts)]
    used = sum(counts)
    duplicates = _standing_in_first(content, rows)
    leaks = None if groups is None else _standing_in_first(groups, rows)
    last = np.nan if moments is None or not n_parts else _last(moments[rows[0]])
    parts = tuple(
        PartAudit(
            name=names[i],
            rows=counts[i],
            share=counts[i] / max(used, 1),
            asked=asked[i] if asked else None,
            duplicates=duplicates[i],
            groups=None if groups is None else _sizes(groups[r])[0],
            group_leaks=None if leaks is None else leaks[i],
            **_balance(target, classes, r),
            **_times(moments, r, last, first=i == 0),
        )
        for i, r in enumerate(rows)
    )
    chosen = _chosen(part >= 0)
    distinct, squares = _sizes(content[chosen])
    if groups is not None:
        _, squares = _sizes(groups[chosen])
    seen = SplitAudit(
        rows=len(part),
        unused=len(part) - used,
        parts=parts,
        repeated=int((part >= 0).sum()) - distinct,
        groups_on_both_sides=None if groups is None else _on_both_sides(groups, rows),
        keys=float((part >= 0).sum()) ** 2 / squares if squares else 0.0,
        without_moment=None if moments is None else int(np.isnan(moments).sum()),
    )
    spread = _spread(target, classes, rows)
    return msgspec.structs.replace(seen, findings=judge(seen, grouped=groups is not None, spread=spread))


def _chosen(mask: npt.NDArray[np.bool_]) -> Rows:
    """Return which rows are meant, all of them as a slice: that copies nothing."""
    return slice(None) if mask.all() else np.flatnonzero(mask)


def _standing_in_first(keys: Keys, rows: list[Rows]) -> list[int]:
    """Count, per part, the rows whose key also stands in the first part."""
    if len(rows) < 2:
        return [0] * len(rows)
    first = np.sort(keys[rows[0]])
    return [0, *(int(_member(keys[later], first).sum()) for later in rows[1:])]


def _member(keys: Keys, known: Keys) -> npt.NDArray[np.bool_]:
    """Tell which keys, sorted first so that the look-ups run through memory, are among sorted ones."""
    if not len(known):
        return np.zeros(len(keys), np.bool_)
    keys = np.sort(keys)
    at = np.searchsorted(known, keys)
    found: npt.NDArray[np.bool_] = known[np.minimum(at, len(known) - 1)] == keys
    return found


def _on_both_sides(groups: Keys, rows: list[Rows]) -> int:
    """Count the groups of the first part that have rows in a later one."""
    later = np.sort(np.concatenate([groups[:0], *(groups[r] for r in rows[1:])]))
    distinct = later[_starts(later)]
    return int(_member(distinct, np.sort(groups[rows[0]])).sum())


def _sizes(keys: Keys) -> tuple[int, float]:
    """Return how many distinct keys there are, and the sum of their squared numbers of rows."""
    ordered, squares, distinct, open_run = np.sort(keys), 0.0, 0, 0
    for begin in range(0, len(ordered), _CHUNK):
        part = ordered[begin : begin + _CHUNK]
        ends = np.flatnonzero(_ends(ordered, begin, len(part)))
        runs = np.diff(np.concatenate([[-1 - open_run], ends])).astype(np.float64)
        distinct, squares = distinct + len(ends), squares + float(runs @ runs)
        open_run = len(part) - 1 - int(ends[-1]) if len(ends) else open_run + len(part)
    return distinct, squares


def _ends(ordered: Keys, begin: int, count: int) -> npt.NDArray[np.bool_]:
    """Say of some sorted keys which are the last of their kind."""
    last = begin + count == len(ordered)
    same = ordered[begin + 1 : begin + count + 1] != ordered[begin : begin + count - last]
    return np.append(same, True) if last else same


def _starts(keys: Keys) -> npt.NDArray[np.intp]:
    """Return where each distinct key begins among sorted ones (numpy's unique is thirty times slower)."""
    return np.flatnonzero(np.concatenate([np.ones(min(len(keys), 1), np.bool_), keys[1:] != keys[:-1]]))


def _last(moments: FloatArray) -> float:
    """Return the latest known moment, NaN where none is known."""
    known = moments[~np.isnan(moments)]
    return float(known.max()) if len(known) else np.nan


def _balance(target: npt.NDArray[Any] | None, classes: Sequence[str] | None, rows: Rows) -> dict[str, Any]:
    """Return the target's mean, or the share of each class, in some rows."""
    if target is None:
        return {}
    values = target[rows]
    if classes is None:
        known = values[~np.isnan(values)]
        return {"target_mean": float(known.mean(dtype=np.float64)) if len(known) else None}
    counts = np.zeros(len(classes), np.int64)
    for begin in range(0, len(values), _CHUNK):
        known = values[begin : begin + _CHUNK]
        counts += np.bincount(known[known >= 0].astype(np.int64), minlength=len(classes))
    total = max(int(counts.sum()), 1)
    return {"class_shares": {name: int(n) / total for name, n in zip(classes, counts, strict=True)}}


def _spread(target: npt.NDArray[Any] | None, classes: Sequence[str] | None, rows: list[Rows]) -> float:
    """Return the standard deviation of a numeric target over all parts; 0 without one."""
    if target is None or classes is not None:
        return 0.0
    known = np.concatenate([target[part][~np.isnan(target[part])] for part in rows])
    return float(known.std(dtype=np.float64)) if len(known) else 0.0


def _times(moments: FloatArray | None, rows: Rows, last: float, *, first: bool) -> dict[str, Any]:
    """Return the span of some rows in time and how many are not later than `last`."""
    if moments is None:
        return {}
    known = moments[rows]
    known = known[~np.isnan(known)]
    if not len(known):
        return {"early": 0}
    early = 0 if first else int((known <= last).sum())
    return {"earliest": float(known.min()), "latest": float(known.max()), "early": early}
