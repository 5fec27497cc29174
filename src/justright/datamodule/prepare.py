"""Split, fit the features and encode: what stands between a source and a training.

    pass 1   keys, parts, and the statistics of the training rows      -> FeaturePlan
    pass 2   the same rows encoded with the plan, fold by fingerprint  -> Blocks

Invariant: test rows enter neither statistics nor Blocks. Bounded memory: what is kept of a row is its
fingerprints, part and fold (26 bytes), and its time where one is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.datamodule.rows import RowData, read_rows
from justright.errors import ColumnError, TrainingError, closest
from justright.features.blocks import BlockStore
from justright.features.fit import PlanFit
from justright.features.numeric import Moments
from justright.features.plan import Canonical, FeaturePlan
from justright.features.target import TargetFeature
from justright.kernels.hashing import mix64
from justright.recipe import Recipe
from justright.schema import Block, Finding, FloatArray, Schema, Target
from justright.source import Source
from justright.split import farm_fingerprint, folds, part_by_time, part_of, time_cutoffs

__all__ = ["TEST", "DataModule", "Facts", "parts_of", "prepare", "cutoffs_for"]

TRAIN: Final = 0
TEST: Final = 1
_MEMORY_CELLS: Final = 64_000_000  # encoded values kept in memory (256 MB; the canonical ones as much)
_HALVES: Final = np.uint64(0xA5A5_5A5A_C3C3_3C3C)  # parts a fold by other bits than those that made it
_MIDDLE: Final = np.uint64(1 << 63)
_FEWEST_KEYS: Final = 20  # a fold made of fewer keys than this is lumpy


@dataclass
class Facts:
    """What is known of every row of the source, in its order.

    `part` 0 train, 1 test, -1 left out; `fold` int8 (rows, repeats); `target` float32.
    """

    content: npt.NDArray[np.uint64]
    key: npt.NDArray[np.uint64]
    part: npt.NDArray[np.int8]
    target: npt.NDArray[np.float32]
    time: FloatArray
    fold: npt.NDArray[np.int8]
    unreadable: dict[str, int]


@dataclass(frozen=True)
class DataModule:
    """Encoded rows with their split.

    Parameters
    ----------
    blocks : list of Block
        All rows but test rows and rows without target, each with its validation fold.
    plan : FeaturePlan
        How they were encoded, target included.
    facts : Facts
        Fingerprints, part and target of every row of the source, for the audit.
    forward : bool
        Folds are periods and a member trains on earlier ones only.
    findings : tuple of Finding
        What a user must know about the split.
    """

    blocks: list[Block]
    plan: FeaturePlan
    facts: Facts
    forward: bool
    findings: tuple[Finding, ...] = ()

    @property
    def rows(self) -> int:
        """Number of training rows."""
        return int((self.facts.part == TRAIN).sum())

    @property
    def judging(self) -> int:
        """The fold that judges where a single part does: the first, or the last in time."""
        return max(int(block.fold[:, 0].max(initial=0)) for block in self.blocks) if self.forward else 0

    @property
    def trained(self) -> int:
        """Number of rows outside the part that judges."""
        return sum(int((block.fold[:, 0] != self.judging).sum()) for block in self.blocks)

    def one_part(self, *, half: bool = False) -> DataModule:
        """Return the same rows with a single held-out part, the fold `judging`; all other rows train.

        Of five folds that is a fifth of the rows; with `half` a tenth, by fingerprint.
        """
        blocks = []
        for block in self.blocks:
            held = block.fold[:, :1] == self.judging
            if half:
                held &= (mix64(block.key ^ _HALVES) < _MIDDLE)[:, None]
            blocks.append(replace(block, fold=np.where(held, self.judging, -2).astype(np.int8)))
        return replace(self, blocks=blocks)

    def only(self, place: npt.NDArray[np.int64], fold: npt.NDArray[np.int8]) -> DataModule:
        """Return some rows, by their rising numbers in the blocks, in folds (rows,) or (rows, repeats)."""
        blocks, begin = [], 0
        for block in self.blocks:
            low, high = np.searchsorted(place, [begin, begin + block.rows])
            if high > low:
                part = block.take(place[low:high] - begin)
                blocks.append(replace(part, fold=fold[low:high].reshape(high - low, -1)))
            begin += block.rows
        return replace(self, blocks=blocks)

    @property
    def test_rows(self) -> int:
        """Number of test rows."""
        return int((self.facts.part == TEST).sum())


def prepare(source: Source, schema: Schema, recipe: Recipe, *, loss: str, folder: Path | None) -> DataModule:
    """Split, fit the features and encode.

    Parameters
    ----------
    source : Source
        The rows; read twice when they are many, once when they are few.
    schema : Schema
        Kinds and target.
    recipe : Recipe
        Split and limits of the vocabulary.
    loss : str
        Counts (`poisson`) keep the target's own unit.
    folder : Path or None
        Where large encoded tables are written and mapped; None keeps everything in memory.

    Raises
    ------
    ColumnError
        A split column does not exist.
    TrainingError
        Too few rows are left to train on, or no column tells them apart.
    """
    for name in (*recipe.split.by, *([recipe.split.time] if recipe.split.time else [])):
        if name not in source.names:
            raise ColumnError(f"split column {name!r}", allowed=closest(name, source.names))
    stream = _Stream(source, schema, recipe)
    fit = PlanFit(schema.features, recipe.features)
    facts, scale = _first_pass(stream, recipe, schema, fit)
    if fit.rows < 2:
        raise TrainingError(
            f"{fit.rows} rows to train on", allowed="at least 2 rows with a target", next_step="add rows"
        )
    counts = loss == "poisson" or schema.target is None or schema.target.task != "regression"
    plan = fit.plan(_target_feature(schema, scale, counts=counts))
    if not plan.columns:
        raise TrainingError(
            "a table without a usable feature",
            allowed="at least one column whose values differ",
            next_step="justright profile TABLE",
        )
    findings = _assign_folds(facts, recipe)
    cells = fit.rows * max(len(plan.data.numeric) + len(plan.data.categorical), 1)
    with BlockStore(folder if cells > _MEMORY_CELLS else None) as store:
        begin = 0
        for rows in stream:
            place = slice(begin, begin + rows.rows)
            store.append(_encode(rows, plan, facts.part[place] == TRAIN, facts.fold[place]))
            begin += rows.rows
        blocks = store.blocks()
    return DataModule(blocks, plan, facts, bool(recipe.split.time), findings)


class _Stream:
    """The rows of a source, kept after the first reading while they are few."""

    def __init__(self, source: Source, schema: Schema, recipe: Recipe) -> None:
        self._open: Callable[[], Iterator[RowData]] = lambda: read_rows(source, schema, recipe.split)
        self._kept: list[RowData] | None = None

    def __iter__(self) -> Iterator[RowData]:
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[RowData] | None = []
        cells = 0
        for rows in self._open():
            cells += rows.rows * (len(rows.values) + 1)
            kept = None if kept is None or cells > _MEMORY_CELLS else [*kept, rows]
            yield rows
        self._kept = kept


def _first_pass(stream: _Stream, recipe: Recipe, schema: Schema, fit: PlanFit) -> tuple[Facts, Moments]:
    """Part every row, feed the training rows to `fit`, and return the facts and the moments of the target."""
    cutoffs = None
    if recipe.split.time and recipe.split.test:
        times: list[FloatArray] = [rows.time for rows in stream]
        cutoffs = cutoffs_for(np.concatenate([np.zeros(0), *times]), recipe)
    pieces: list[list[Any]] = [[] for _ in range(5)]
    scale = Moments()
    unreadable: dict[str, int] = {}
    for rows in stream:
        part = parts_of(rows, recipe, cutoffs)
        mask = part == TRAIN
        fit.add({name: _masked(value, mask) for name, value in rows.values.items()}, rows.weight[mask])
        scale.add(rows.target[mask].astype(np.float64), rows.weight[mask])
        key = rows.key if recipe.split.by else np.zeros(0, np.uint64)
        for column, made in zip(
            pieces, (rows.content, key, part, _narrow(rows.target), rows.time), strict=True
        ):
            column.append(made)
        for name, count in rows.unreadable.items():
            unreadable[name] = unreadable.get(name, 0) + count
    if not pieces[0]:
        raise TrainingError("a table without rows", allowed="at least two rows")
    content, key, part, target, time = (_joined(column) for column in pieces)
    key = key if recipe.split.by else content
    return Facts(content, key, part, target, time, np.zeros((0, 1), np.int8), unreadable), scale


def _joined(pieces: list[Any]) -> npt.NDArray[Any]:
    """Join arrays and let go of them: 30 million rows in pieces and whole at once are a gigabyte."""
    whole = np.concatenate(pieces)
    pieces.clear()
    return whole


def _shares(recipe: Recipe) -> tuple[float, float]:
    """Return the shares of training and test."""
    return 100.0 - recipe.split.test, recipe.split.test


def cutoffs_for(time: FloatArray, recipe: Recipe) -> FloatArray | None:
    """Return where in time the test begins, from the times of all rows; None without time or test."""
    return time_cutoffs(time, _shares(recipe)) if recipe.split.time and recipe.split.test else None


def parts_of(rows: RowData, recipe: Recipe, cutoffs: FloatArray | None) -> npt.NDArray[np.int8]:
    """Return the part of each row: 0 train, 1 test, -1 without target.

    By key columns it is the split of `justright split --by`; else rows of equal features share a part.
    """
    part = np.zeros(rows.rows, np.int8)
    if cutoffs is not None:
        part = part_by_time(rows.time, cutoffs)
    elif recipe.split.test and rows.part_key is not None:
        part = part_of(rows.part_key, _shares(recipe))
    elif recipe.split.test:
        salt = farm_fingerprint([f"test|{recipe.split.salt}"]).view(np.uint64)[0]
        part = part_of(mix64(rows.key ^ salt).view(np.int64), _shares(recipe))
    return np.where(rows.known, part, -1).astype(np.int8)


def _assign_folds(facts: Facts, recipe: Recipe) -> tuple[Finding, ...]:
    """Give every training row its validation fold; sets `facts.fold`."""
    split, train = recipe.split, facts.part == TRAIN
    if split.time:
        facts.fold = _periods(facts, train, split.folds)
        return ()
    key = facts.key
    findings: tuple[Finding, ...] = ()
    # Sorting is forty times faster than np.unique here (20 million keys: 0.3 s).
    ordered = np.sort(key if train.all() else key[train])
    distinct = int((ordered[1:] != ordered[:-1]).sum()) + 1
    if distinct < _FEWEST_KEYS * split.folds and distinct < train.sum() and not split.by:
        copies = distinct >= 2 * split.folds and _are_copies(facts, train, distinct)
        key = key if copies else _numbered(key)
        how = "copies of a row share a fold" if copies else "equal rows are spread over the folds"
        findings = (
            Finding(
                "split-few-contents",
                "info",
                f"The rows hold only {distinct} different contents: {how}.",
                {"distinct": distinct, "rows": int(train.sum())},
            ),
        )
    if split.by and distinct < split.folds:
        raise TrainingError(
            f"{distinct} different keys in {', '.join(split.by)}",
            allowed=f"at least {split.folds}, one for each fold",
            next_step=f"--set split.folds={max(distinct, 2)}" if distinct > 1 else "another key",
        )
    facts.fold = folds(key, split.folds, split.repeats, split.salt)
    _fill_empty_folds(facts, train, split.folds)
    return findings


def _are_copies(facts: Facts, train: npt.NDArray[np.bool_], distinct: int) -> bool:
    """Say whether every content has one target: one row repeated, not rows that look alike."""
    bits = facts.target[train].view(np.uint32).astype(np.uint64)
    return len(np.unique(facts.content[train] ^ mix64(bits))) == distinct


def _fill_empty_folds(facts: Facts, train: npt.NDArray[np.bool_], n_folds: int) -> None:
    """Deal the rows of a tiny table round by round where a fold would be empty. Sets `facts.fold`."""
    for repeat in range(facts.fold.shape[1]):
        own = facts.fold[train, repeat]
        if not all((own == fold).any() for fold in range(n_folds)):
            order = np.argsort(mix64(facts.content + np.uint64(repeat)), kind="stable")
            order = order[train[order]]
            facts.fold[order, repeat] = np.arange(len(order)) % n_folds


def _periods(facts: Facts, train: npt.NDArray[np.bool_], n_folds: int) -> npt.NDArray[np.int8]:
    """Cut the training rows into periods: the first is only trained on (-2), each later one is a fold."""
    cutoffs = time_cutoffs(facts.time[train], [1.0] * (n_folds + 1))
    period = part_by_time(facts.time, cutoffs).astype(np.int8)
    return np.where(period <= 0, -2, period - 1).astype(np.int8)[:, None]


def _numbered(key: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Mix each key with its occurrence number: equal rows part, a row added later moves none before it."""
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    first = np.r_[True, ordered[1:] != ordered[:-1]]
    begins = np.flatnonzero(first)
    number = np.arange(len(key)) - np.repeat(begins, np.diff(np.r_[begins, len(key)]))
    out = np.empty_like(key)
    out[order] = mix64(ordered + number.astype(np.uint64))
    return out


def _target_feature(schema: Schema, scale: Moments, *, counts: bool) -> TargetFeature | None:
    """Return the target with its training scale."""
    if schema.target is None:
        return None
    if counts:
        _require_counts(schema.target, scale)
        return TargetFeature(schema.target)
    spread = np.sqrt(scale.squares / scale.weight) if scale.weight > 0 else 0.0
    if not spread > 1e-12 * max(abs(scale.low), abs(scale.high), 1e-300):
        raise TrainingError(
            f"target={schema.target.column.name!r} with a single value {scale.mean:g}",
            allowed="a target whose values differ",
            next_step="choose another --target",
        )
    return TargetFeature(schema.target, float(scale.mean), float(spread))


def _require_counts(target: Target, scale: Moments) -> None:
    """Refuse negative values as counts: their loss has no least."""
    if target.task == "regression" and scale.low < 0:
        raise TrainingError(
            f"loss='poisson' for {target.column.name!r}, whose least value is {scale.low:g}",
            allowed="counts, which are 0 or more",
            next_step="--set loss=squared",
        )


def _narrow(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return values as float32, those beyond it at its largest number."""
    limit = float(np.finfo(np.float32).max)
    return np.clip(values.astype(np.float64), -limit, limit).astype(np.float32)


def _masked(value: Canonical, mask: npt.NDArray[np.bool_]) -> Canonical:
    """Return some rows of canonical values."""
    numbers = None if value.numbers is None else value.numbers[mask]
    codes = None if value.codes is None else value.codes[mask]
    return Canonical(numbers, codes, value.texts, None)


def _encode(
    rows: RowData, plan: FeaturePlan, mask: npt.NDArray[np.bool_], fold: npt.NDArray[np.int8]
) -> Block:
    """Encode the chosen rows of a batch."""
    block, _ = plan.encode(
        {name: _masked(value, mask) for name, value in rows.values.items()}, int(mask.sum())
    )
    target = plan.data.target
    values = rows.target[mask]
    if target is not None and target.target.task == "regression":
        values = target.scaled(values)
    return Block(
        block.numeric,
        block.codes,
        values,
        rows.weight[mask].astype(np.float32),
        np.ascontiguousarray(fold[mask]),
        block.tokens,
        # The order of rows and the samples of them must not follow the fold: another mix of the content.
        mix64(rows.content[mask] ^ np.uint64(0x6F72646572)),
    )
