"""Does the order of the rows say something: neighbours alike, a target that wanders, folds that hide it.

Three looks, each beside what a shuffled file would give:

    alike      correlation of each row with the next one, target and columns
    wandering  share of the target's spread between twenty stretches of the file
    cost       the cheap model judged on stretches it has not seen, beside random folds

Only the third says that a score is too good; the first two say what the order is.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from justright.datamodule import DataModule
from justright.diagnose.rows.additive import row_errors
from justright.diagnose.rows.look import Look
from justright.diagnose.rows.sample import Sample, outcomes
from justright.schema import Finding, FloatArray

__all__ = ["Order", "order_of", "ordered"]

_STRETCHES: Final = 20
_BLOCKS: Final = 10
_NOISE: Final = 5.0  # standard errors
_ALIKE: Final = 0.1
_WANDERS: Final = 0.01  # share of the target's spread
_COST: Final = 0.1  # of what random folds promise
_SORTED: Final = 0.95
_ALONG: Final = 0.99  # correlation of a column's ranks with the place in the file
_TIMES: Final = 20  # values of such a column: fewer are parts of the table put one after the other
_MOST: Final = 2_000_000
_WINDOWS: Final = 20
_WINDOW: Final = 500
_FEWEST: Final = 200


class Order(NamedTuple):
    """What the order of the rows says.

    `alike` of the target, `columns` name -> alike (only those beyond noise), `wandering` share between
    stretches, `first` and `last` mean of the target in the first and last tenth (the commonest class),
    `times` columns that tell the time: moments that neighbours share, or numbers that climb with the file;
    `sorted` whether the target is what the file is sorted by.
    """

    alike: float
    columns: dict[str, float]
    wandering: float
    by_chance: float
    first: float
    last: float
    times: tuple[str, ...]
    sorted: bool
    noise: float


def order_of(data: DataModule, sample: Sample) -> Order:
    """Measure what the order of the file says.

    Parameters
    ----------
    data : DataModule
        Target of every row and the Blocks, in the order of the file.
    sample : Sample
        Task.
    """
    train = np.flatnonzero(data.facts.part == 0)[:_MOST]
    target = data.facts.target[train].astype(np.float64)
    outcome = outcomes(_ranks(target) if sample.task == "regression" else target, sample.task, sample.classes)
    means = _stretches(outcome, _STRETCHES)
    centre = outcome.mean(axis=0)
    spread = max(float(np.square(outcome - centre).sum(axis=1).mean()), 1e-300)
    sizes = len(outcome) / _STRETCHES
    shown = target if sample.task == "regression" else (target == _shown(target, sample)).astype(np.float64)
    tenth = max(len(shown) // 10, 1)
    columns, times = _columns(data, sample)
    return Order(
        _alike(outcome),
        columns,
        float(np.square(means - centre).sum(axis=1).mean()) / spread,
        1.0 / sizes,
        float(shown[:tenth].mean()),
        float(shown[-tenth:].mean()),
        times,
        _is_sorted(target, sample),
        1.0 / np.sqrt(max(len(outcome), 1)),
    )


def ordered(look: Look, seen: Order) -> list[Finding]:
    """Say whether the order of the rows is not random, and what that costs.

    Parameters
    ----------
    look : Look
        Sample and cheap model.
    seen : Order
        Of `order_of`.
    """
    sample = look.sample
    if sample.total < _FEWEST:
        return []
    if seen.sorted:
        sentence = (
            f"The file is sorted by {look.target}: its order says nothing of time, and is not looked into."
        )
        return [Finding("rows-sorted", "info", sentence, {})]
    strongest = max(seen.columns.items(), key=lambda item: item[1], default=("", 0.0))
    target_alike = seen.alike > max(_ALIKE, _NOISE * seen.noise)
    wanders = seen.wandering > _WANDERS + 4.0 * seen.by_chance
    alike = strongest[1] > _ALIKE or bool(seen.times)
    if not (target_alike or wanders or alike):
        return []
    random, stretched, error = _cost(look)
    lost = random - stretched
    costs = lost > _COST * max(random, 0.01) and lost > _NOISE * error
    evidence = {
        "target_alike": round(seen.alike, 4),
        "columns_alike": {k: round(v, 3) for k, v in list(seen.columns.items())[:5]},
        "wandering": round(seen.wandering, 4),
        "wandering_by_chance": round(seen.by_chance, 5),
        "first_tenth": round(seen.first, 4),
        "last_tenth": round(seen.last, 4),
        "times": list(seen.times[:5]),
        "random_folds": round(random, 4),
        "stretches": round(stretched, 4),
        "error": round(error, 4),
    }
    sentence = (
        "The order of the rows is not random: "
        + _told(look, seen, strongest)
        + _priced(random, stretched, costs)
    )
    move = (
        f"if new rows are later ones, split by time: --time {seen.times[0].partition('[')[0]}"
        if seen.times
        else "if rows are in the order of time, number them in a column and split by it: --time COLUMN"
    )
    return [Finding("rows-ordered", "warning" if costs else "info", sentence, evidence, move)]


def _told(look: Look, seen: Order, strongest: tuple[str, float]) -> str:
    """Tell what is seen of the order."""
    parts = []
    if seen.times:
        parts.append(f"{seen.times[0].partition('[')[0]} runs along the file")
    names = [(strongest[0], strongest[1])] if strongest[1] > _ALIKE else []
    if seen.alike > max(_ALIKE, _NOISE * seen.noise):
        names.append((look.target, seen.alike))
    if names:
        told = " and ".join(f"{name} ({value:.2f})" for name, value in names)
        parts.append(f"rows are like the next ones in {told}")
    if seen.wandering > _WANDERS + 4.0 * seen.by_chance:
        what = f"mean {look.target}" if look.sample.task == "regression" else "share of one class"
        parts.append(
            f"the {what} goes from {seen.first:.3g} in the first tenth to {seen.last:.3g} in the last"
        )
    return ", ".join(parts)


def _priced(random: float, stretched: float, costs: bool) -> str:
    """Tell what the order costs."""
    if not costs:
        return ". Judged on stretches it has not seen, a simple model loses nothing that stands out."
    return (
        f". Judged on stretches of the file it has not seen, a simple model explains {stretched:.0%} "
        "where random folds "
        f"say {random:.0%}: if new rows come later, or from elsewhere, expect the former."
    )


def _cost(look: Look) -> tuple[float, float, float]:
    """Return what the cheap model explains by random folds and by stretches, and the error of the "
    "difference."""
    sample = look.sample
    block = np.minimum(np.arange(sample.rows) * _BLOCKS // max(sample.rows, 1), _BLOCKS - 1)
    stretched = look.design.regrouped(block).out_of_fold(sample.outcome)
    weight = sample.weight
    mean = weight @ sample.outcome / weight.sum()
    base = row_errors(sample.outcome, mean[None, :])
    errors = [row_errors(sample.outcome, made) for made in (look.additive, stretched)]
    total = float(weight @ base)
    # Paired by row: the file as it is, not other files, is what the two ways of judging differ on.
    gap = weight * (errors[1] - errors[0])
    error = float(gap.std() * np.sqrt(len(gap)) / total)
    random, other = (1.0 - float(weight @ each) / total for each in errors)
    return random, other, error


def _columns(data: DataModule, sample: Sample) -> tuple[dict[str, float], tuple[str, ...]]:
    """Return how alike neighbours are in each column, the strongest first, and which tell the time."""
    starts = np.linspace(0, max(data.rows - _WINDOW, 0), _WINDOWS if data.rows > _WINDOWS * _WINDOW else 1)
    length = _WINDOW if data.rows > _WINDOWS * _WINDOW else data.rows
    places = np.unique(np.concatenate([np.arange(int(s), int(s) + length) for s in starts]))
    numeric, codes = [], []
    begin = 0
    for block in data.blocks:
        low, high = np.searchsorted(places, [begin, begin + block.rows])
        numeric.append(block.numeric[places[low:high] - begin])
        codes.append(block.codes[places[low:high] - begin])
        begin += block.rows
    numbers, texts = np.concatenate(numeric), np.concatenate(codes)
    joined = np.diff(places) == 1
    found, times = {}, []
    limit = _NOISE / np.sqrt(max(int(joined.sum()), 1))
    plan = data.plan.data
    for place, feature in enumerate(plan.numeric):
        if feature.part not in ("", "trend"):
            continue
        values = np.nan_to_num(numbers[:, place].astype(np.float64))
        alike = _alike(_ranks(values)[:, None], joined)
        if alike > limit:
            found[feature.name] = alike
        along = abs(float(np.corrcoef(_ranks(values), places)[0, 1])) if np.ptp(values) > 0.0 else 0.0
        dated = feature.column.kind == "datetime"
        if (dated and alike > 0.5) or (along > _ALONG and len(np.unique(values)) > _TIMES):
            times.append(feature.name)
    for place, category in enumerate(plan.categorical):
        if category.part:
            continue
        # The commonest categories as indicators; the rest as one.
        top = np.argsort(-np.bincount(texts[:, place], minlength=category.size))[:8]
        alike = _alike((texts[:, place][:, None] == top).astype(np.float64), joined)
        if alike > limit:
            found[category.name] = alike
    return dict(sorted(found.items(), key=lambda item: -item[1])), tuple(times)


def _alike(outcome: FloatArray, joined: npt.NDArray[np.bool_] | None = None) -> float:
    """Return the correlation of rows with the next one, over all outputs together."""
    away = outcome - outcome.mean(axis=0)
    square = float(np.square(away).sum(axis=1).mean())
    if len(away) < 3 or square <= 0.0:
        return 0.0
    products = (away[1:] * away[:-1]).sum(axis=1)
    return float((products if joined is None else products[joined]).mean()) / square


def _ranks(values: FloatArray) -> FloatArray:
    """Return mid-ranks in 0..1: a few huge values say nothing of the order."""
    distinct, place = np.unique(values, return_inverse=True)
    counts = np.bincount(place.ravel())
    ranks: FloatArray = ((np.cumsum(counts) - 0.5 * counts) / max(len(values), 1))[place.ravel()]
    return ranks


def _stretches(outcome: FloatArray, count: int) -> FloatArray:
    """Return the mean outcome of equal stretches of the file."""
    cuts = np.linspace(0, len(outcome), count + 1).astype(np.int64)[:-1]
    sizes = np.diff(np.r_[cuts, len(outcome)])
    sums: FloatArray = np.add.reduceat(outcome, np.minimum(cuts, len(outcome) - 1), axis=0)
    means: FloatArray = sums / np.maximum(sizes, 1)[:, None]
    return means


def _shown(target: FloatArray, sample: Sample) -> int:
    """Return the class whose share is told: the positive one, or the commonest."""
    return 1 if sample.task == "binary" else int(np.argmax(np.bincount(target.astype(np.int64))))


def _is_sorted(target: FloatArray, sample: Sample) -> bool:
    """Say whether the file is sorted by the target: hardly a step down (or up), or hardly more runs "
    "than classes."""
    step = np.diff(target)
    if sample.task == "regression":
        moved = int((step != 0).sum())
        return moved > 0 and max(int((step > 0).sum()), int((step < 0).sum())) >= _SORTED * moved
    runs = int((step != 0).sum()) + 1
    return runs <= 2 * sample.classes and len(target) > 20 * runs
