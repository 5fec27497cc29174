"""Which of the new rows train a challenger, and which, seen by neither model, judge it.

A row is known again by the fingerprint of its features and its target. New rows that the old table holds
already are left out, copy by copy, unless they are as many as rows that are equal by chance. Of the others
the newest part judges: by time where the recipe has a time column (rows of one moment stay together), by key
where rows with equal keys belong together, else by the content of the rows, which no order can move.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.datamodule.rows import columns_to_read, read_rows
from justright.errors import ColumnError, RecipeError, TableError, closest
from justright.kernels.hashing import mix64
from justright.recipe import Recipe
from justright.schema import FloatArray, Schema
from justright.source import Source
from justright.split import farm_fingerprint, part_by_time, part_of, time_cutoffs
from justright.values import to_codes

__all__ = ["Apart", "Known", "Mask", "fresh_of", "known_rows", "set_apart"]

_SURPRISE: Final = 3.0  # standard deviations above the twins of chance
_FEWEST: Final = 30  # rows that judge: with fewer nothing can be said
_BLOCKS: Final = 20  # periods of the judging rows that are taken as one observation each

Keys = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Known:
    """Rows of a table, by what tells them apart.

    Parameters
    ----------
    row : uint64 (rows,)
        Fingerprint of features and target.
    key : uint64 (rows,)
        Fingerprint of the key columns, or of the features where there are none.
    time : float64 (rows,)
        Empty without a time column.
    known : bool (rows,)
        Rows with a target and a weight above 0.
    """

    row: Keys
    key: Keys
    time: FloatArray
    known: Mask


@dataclass(frozen=True)
class Apart:
    """What becomes of the rows of the new table.

    Parameters
    ----------
    trains, judges : bool (rows,)
        Rows that the challenger is trained on, and rows that judge.
    group : int64 (rows,) or None
        Rows with equal numbers depend on each other; None where every row stands alone.
    already : int
        Rows that the old tables hold.
    sentence : str
        How the judging rows were chosen.
    """

    trains: Mask
    judges: Mask
    group: npt.NDArray[np.int64] | None
    already: int
    sentence: str


def known_rows(source: Source, schema: Schema, recipe: Recipe) -> Known:
    """Read what tells the rows of a table apart, in the meaning that a model gives to its columns.

    Raises
    ------
    ColumnError
        A column of the training is missing, or a class that the model does not know is there.
    """
    for name in columns_to_read(schema, recipe.split):
        if name not in source.names:
            raise ColumnError(
                f"a table without the column {name!r} of the training", allowed=closest(name, source.names)
            )
    _check_classes(source, schema)
    pieces: list[tuple[Any, ...]] = []
    for rows in read_rows(source, schema, recipe.split):
        bits = rows.target.astype(np.float64).view(np.uint64)
        pieces.append((mix64(rows.content ^ mix64(bits)), rows.key, rows.time, rows.known))
    if not pieces:
        raise TableError("a table without rows", allowed="at least one row")
    return Known(*(np.concatenate(column) for column in zip(*pieces, strict=True)))


def fresh_of(old: Keys, new: Keys) -> Mask:
    """Say which new rows are not in the old tables, bool (new rows,).

    Parameters
    ----------
    old, new : uint64 (rows,)
        Fingerprints of features and target.

    Notes
    -----
    So many copies of a row as the old tables hold are taken as the same rows. Where new rows have a twin
    among the old no oftener than old rows have one among themselves, all of them are fresh.

    Examples
    --------
    >>> fresh_of(np.array([1, 2, 3], np.uint64), np.array([3, 3, 4], np.uint64)).tolist()
    [False, True, True]
    """
    ordered = np.sort(old)
    begins, ends = (np.searchsorted(ordered, new, side=side) for side in ("left", "right"))
    copies = (ends - begins).astype(np.int64)
    found = int((copies > 0).sum())
    chance = _twins(ordered)
    if found - chance * len(new) <= _SURPRISE * np.sqrt(chance * (1.0 - chance) * len(new)):
        return np.ones(len(new), bool)
    order = np.argsort(new, kind="stable")
    sorted_new = new[order]
    first = np.flatnonzero(np.r_[True, sorted_new[1:] != sorted_new[:-1]])
    number = np.arange(len(new)) - np.repeat(first, np.diff(np.r_[first, len(new)]))
    fresh = np.empty(len(new), bool)
    fresh[order] = number >= copies[order]
    return fresh


def set_apart(old: Sequence[Known], new: Known, recipe: Recipe, share: float) -> Apart:
    """Choose the new rows that judge.

    Parameters
    ----------
    old : sequence of Known
        The tables that trained the champion.
    new : Known
        The new table.
    recipe : Recipe
        Its split says what belongs together.
    share : float
        Per cent of the fresh rows that judge, above 0 and below 100.

    Raises
    ------
    RecipeError
        A share that is none.
    TableError
        Fewer than 30 rows are left to judge, or none to train on.
    """
    if not 0.0 < share < 100.0:
        raise RecipeError(
            f"--judge {share:g}", allowed="per cent, above 0 and below 100", next_step="--judge 30"
        )
    fresh = fresh_of(np.concatenate([table.row for table in old]), new.row)
    usable = fresh & new.known
    if int(usable.sum()) < _FEWEST:
        raise _too_few(int(usable.sum()), fresh)
    group: npt.NDArray[np.int64] | None = None
    if recipe.split.time:
        judges, group, how = _by_time(new, usable, recipe.split.time, share)
    elif recipe.split.by:
        judges, how = _by_key(old, new, usable, recipe, share)
        group = new.key.view(np.int64)
    else:
        judges, how = usable & _drawn(new.key, recipe.split.salt, share), "drawn by the content of the rows"
    count, trains = int(judges.sum()), fresh & ~judges
    if count < _FEWEST or not (trains & new.known).any():
        raise _too_few(count, fresh)
    said = f"{count:,} of {int(usable.sum()):,} new rows that neither saw, {how}"
    return Apart(trains, judges, group, int((~fresh).sum()), said)


def _too_few(count: int, fresh: Mask) -> TableError:
    """Say that nothing can be judged on so few rows."""
    return TableError(
        f"{count} new rows to judge on, of {len(fresh):,} of which the old table has {int((~fresh).sum()):,}",
        allowed=f"at least {_FEWEST} that neither model has seen, and others to train on",
        next_step="more new rows, or --judge 50",
    )


def _by_time(new: Known, usable: Mask, name: str, share: float) -> tuple[Mask, npt.NDArray[np.int64], str]:
    """Choose the latest rows, and cut them into periods; rows of one moment stay together."""
    moments = new.time[usable]
    if len(np.unique(moments[~np.isnan(moments)])) < 2:
        raise TableError(
            f"new rows of a single moment of {name!r}", allowed="two moments or more: the later ones judge"
        )
    cutoff = time_cutoffs(moments, [100.0 - share, share])
    judges = usable & (part_by_time(new.time, cutoff) == 1)
    late = new.time[judges]
    periods = min(_BLOCKS, len(np.unique(late)))
    group = np.full(len(new.time), -1, np.int64)
    group[judges] = part_by_time(late, time_cutoffs(late, [1.0] * periods)) if periods > 1 else 0
    return judges, group, f"the latest by {name}"


def _by_key(old: Sequence[Known], new: Known, usable: Mask, recipe: Recipe, share: float) -> tuple[Mask, str]:
    """Choose keys: of those that the old tables do not have where these suffice."""
    names = ", ".join(recipe.split.by)
    unseen = usable & ~np.isin(new.key, np.unique(np.concatenate([table.key for table in old])))
    wanted = share / 100.0 * usable.sum()
    if unseen.sum() > wanted:
        part = float(100.0 * wanted / unseen.sum())
        return unseen & _drawn(new.key, recipe.split.salt, part), f"drawn by {names} among new values of it"
    seen = 1.0 - float(unseen.sum()) / max(int(usable.sum()), 1)
    said = f"drawn by {names}: the champion has seen other rows of {100 * seen:.0f} % of its values"
    return usable & _drawn(new.key, recipe.split.salt, share), said


def _drawn(key: Keys, salt: str, share: float) -> Mask:
    """Draw a share of the keys, always the same ones."""
    own = farm_fingerprint([f"judge|{salt}"]).view(np.uint64)[0]
    return np.asarray(part_of(mix64(key ^ own).view(np.int64), [100.0 - share, share]) == 1)


def _twins(ordered: Keys) -> float:
    """Return the share of sorted fingerprints that stand more than once."""
    if len(ordered) < 2:
        return 0.0
    same = ordered[1:] == ordered[:-1]
    return float((np.r_[same, False] | np.r_[False, same]).mean())


def _check_classes(source: Source, schema: Schema) -> None:
    """Refuse a class that the champion does not know: the question is another one then."""
    target = schema.target
    assert target is not None
    if not target.classes:
        return
    for batch in source.batches([target.column.name]):
        _, texts = to_codes(batch.column(0), target.column)
        strange = sorted({text for text in texts if text is not None and text not in target.classes})
        if strange:
            raise ColumnError(
                f"the new class {strange[0]!r:.60} of {target.column.name!r}",
                allowed=f"the classes of the champion: {', '.join(target.classes):.200}",
                next_step="train a new model, and register it by hand",
            )
