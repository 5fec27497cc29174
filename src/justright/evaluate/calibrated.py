"""A calibration map, fitted on out-of-fold predictions and kept only where it helps on rows it has not seen.

For each fold the maps are fitted on the rows of the other folds and judged on its own: every row has then
a log loss without and with each map, by a map that has not seen the row. A map is a candidate where its
gain, paired by row, stands above zero at 97.5 % for all candidates together (Bonferroni). Of these the
simplest within one standard error of the best is fitted again on all rows. Mostly none is: a model that
minimised the log loss with a fair penalty is calibrated already, and nothing is done to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from justright.errors import TableError
from justright.evaluate.quantile import normal_quantile
from justright.metrics.log_loss import log_loss_rows
from justright.metrics.rows import ClassRows, class_rows, sum_by
from justright.optim.calibration_map import Calibration, CalibrationKind, calibrate, margins_of
from justright.schema import FloatArray, Value

__all__ = ["Calibration", "calibrate", "fit_calibration"]

_FEWEST: Final = 100  # rows, and
_RAREST: Final = 20  # rows of the rarest class: below, any map is a guess
_MOST: Final = 200_000  # rows that fit and judge: more change no digit that counts
_PARTS: Final = 5
_BINS: Final = 1000
_STEPS: Final = 50
_CLASSES: Final = 100  # above, one number a class is too many to fit
_EVEN: Final = 1.0  # rows that say "no change": keeps a map finite where the classes lie apart

_Fit: TypeAlias = Callable[[ClassRows], Calibration | None]


def fit_calibration(
    prediction: npt.ArrayLike,
    target: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    fold: npt.ArrayLike | None = None,
) -> Calibration | None:
    """Fit a calibration map and return it where it is proved to help, else None.

    Parameters
    ----------
    prediction : float (rows,) or (rows, classes)
        Out-of-fold probability of class 1, or of each class.
    target : int (rows,)
        Class numbers.
    weight : float (rows,), optional
        Weight of each row; None = each counts once.
    fold : integers (rows,), optional
        Fold of each row. None, or one fold only: five parts are dealt round by round.

    Returns
    -------
    Calibration or None
        None: no map lowers the log loss of rows it has not seen beyond noise, or there are fewer than 100
        rows or 20 of a class.

    Raises
    ------
    TableError
        The rows do not fit, or are no probabilities.

    Notes
    -----
    At most 200,000 rows, evenly taken, are used: below two seconds for two classes. Memory: about ten
    arrays of the size of `prediction`.

    References
    ----------
    C. Guo et al. (2017), "On calibration of modern neural networks", ICML (temperature, vector scaling);
    M. Kull et al. (2017), "Beta calibration", AISTATS; A. P. Oron and N. Flournoy (2017),
    doi:10.1214/17-EJS1267 (centred isotonic regression).

    Examples
    --------
    >>> stated = np.tile([0.01, 0.99], 500)   # far too sure: one row of ten is the other class
    >>> target = np.tile([0, 1] * 9 + [1, 0], 50)
    >>> found = fit_calibration(stated, target)
    >>> found.kind, calibrate(found, [0.01, 0.99]).round(2)
    ('temperature', array([0.1, 0.9]))
    """
    rows = class_rows(target, prediction, weight, probability=True)
    folds = _folds(fold, rows, weight)
    step = max(1, -(-rows.weight.shape[0] // _MOST))
    rows, folds = _some(rows, slice(None, None, step)), folds[::step]
    rows = ClassRows(rows.target, rows.prediction, rows.weight / rows.weight.mean())
    seen = np.bincount(rows.target, minlength=rows.n_classes)
    if rows.weight.shape[0] < _FEWEST or min(seen[seen > 0]) < _RAREST or np.count_nonzero(seen) < 2:
        return None
    return _kept(rows, folds, _candidates(rows))


def _folds(
    fold: npt.ArrayLike | None, rows: ClassRows, weight: npt.ArrayLike | None
) -> npt.NDArray[np.int64]:
    """Fold of each row that has weight, 0, 1, ...; dealt where there are no two."""
    n = rows.weight.shape[0]
    if fold is not None:
        numbers = np.asarray(fold)
        if weight is not None and numbers.shape == np.shape(weight):
            numbers = numbers[np.asarray(weight, dtype=np.float64) > 0.0]
        if numbers.shape != (n,):
            raise TableError(f"fold of shape {numbers.shape}", allowed=f"({n},)")
        distinct, place = np.unique(numbers, return_inverse=True)
        if distinct.shape[0] > 1:
            return place.ravel().astype(np.int64)
    return np.arange(n, dtype=np.int64) % _PARTS


def _some(rows: ClassRows, which: slice | npt.NDArray[np.bool_]) -> ClassRows:
    """Some of the rows."""
    return ClassRows(rows.target[which], rows.prediction[which], rows.weight[which])


def _candidates(rows: ClassRows) -> dict[str, _Fit]:
    """The maps to try, the simplest first."""
    if rows.prediction.ndim == 1:
        return {
            "temperature": lambda part: _line(part, "temperature"),
            "platt": lambda part: _line(part, "platt"),
            "beta": lambda part: _line(part, "beta"),
            "isotonic": _isotonic,
        }
    found: dict[str, _Fit] = {"temperature": lambda part: _softmax(part, "temperature")}
    if rows.n_classes <= _CLASSES:
        found["vector"] = lambda part: _softmax(part, "vector")
    return found


def _kept(rows: ClassRows, folds: npt.NDArray[np.int64], candidates: dict[str, _Fit]) -> Calibration | None:
    """The simplest of the maps that help, or None."""
    before = log_loss_rows(rows)
    after = {name: _cross_fitted(rows, folds, fit, before) for name, fit in candidates.items()}
    gains = {name: _paired(before - loss, rows.weight) for name, loss in after.items()}
    z = normal_quantile(1.0 - 0.05 / len(candidates))
    helping = [name for name, (gain, error) in gains.items() if gain > z * error]
    if not helping:
        return None
    best = max(helping, key=lambda name: gains[name][0])
    for name in helping:
        lag, noise = _paired(after[name] - after[best], rows.weight)
        if lag <= noise:
            break
    made = candidates[name](rows)
    if made is None:
        return None
    gain, error = gains[name]
    lost, left = (float(np.average(loss, weights=rows.weight)) for loss in (before, after[name]))
    half = normal_quantile(0.95) * error
    note = (
        f"{_WORDS[made.kind]} lowers the log loss of rows it has not seen from {lost:.4g} to {left:.4g} "
        f"(by {gain:.2g}, 95 % interval {gain - half:.2g} to {gain + half:.2g})"
    )
    return msgspec.structs.replace(
        made, before=lost, after=left, gain=Value(gain, gain - half, gain + half), note=note
    )


_WORDS: Final[dict[str, str]] = {
    "temperature": "one factor on all log odds",
    "platt": "a line through the log odds",
    "beta": "a line through the logarithms of both probabilities",
    "isotonic": "a rising curve through the observed shares",
    "vector": "a factor and an offset for each class",
}


def _cross_fitted(rows: ClassRows, folds: npt.NDArray[np.int64], fit: _Fit, before: FloatArray) -> FloatArray:
    """Log loss of each row by the map of the other folds; as before where these allow none."""
    loss = before.copy()
    for number in range(int(folds.max()) + 1):
        own = folds == number
        made = fit(_some(rows, ~own)) if own.any() and not own.all() else None
        if made is not None:
            part = _some(rows, own)
            mapped = calibrate(made, part.prediction)
            loss[own] = log_loss_rows(ClassRows(part.target, mapped, part.weight))
    return loss


def _paired(difference: FloatArray, weight: FloatArray) -> tuple[float, float]:
    """Mean of paired differences and its standard error."""
    total = float(weight.sum())
    mean = float(np.dot(weight, difference)) / total
    return mean, float(np.sqrt(np.dot(np.square(weight), np.square(difference - mean)))) / total


def _line(rows: ClassRows, kind: CalibrationKind) -> Calibration | None:
    """A logistic regression on the logarithms of the stated probabilities; None where it would turn round."""
    margin = margins_of(rows.prediction)[:, 0]
    if kind != "beta":
        columns = [margin] if kind == "temperature" else [margin, np.ones_like(margin)]
        found = _logistic(np.stack(columns, axis=1), np.eye(len(columns))[0], rows)
        if found is None or found[0] <= 0.0:
            return None
        a, c = float(found[0]), float(found[1]) if len(found) > 1 else 0.0
        return Calibration(kind, 1, slope=(a, a), offset=(c,))
    rest = np.log1p(np.exp(-np.abs(margin)))
    both = np.stack([np.minimum(margin, 0.0) - rest, np.maximum(margin, 0.0) + rest], axis=1)
    free = [0, 1]
    while free:
        design = np.column_stack([both[:, free], np.ones_like(margin)])
        found = _logistic(design, np.append(np.ones(len(free)), 0.0), rows)
        if found is None:
            return None
        slope = np.zeros(2)
        slope[free] = found[:-1]
        if (slope >= 0.0).all():
            a, b = slope.tolist()
            return Calibration(kind, 1, slope=(a, b), offset=(float(found[-1]),)) if a + b > 0.0 else None
        free = [place for place in free if slope[place] > 0.0]
    return None


def _logistic(design: FloatArray, start: FloatArray, rows: ClassRows) -> FloatArray | None:
    """Newton's method for the weighted log loss, held to `start` by the weight of one row."""

    def look(at: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        z = design @ at
        small = np.exp(-np.abs(z))
        p = np.where(z >= 0.0, 1.0, small) / (1.0 + small)
        lost = np.maximum(z, 0.0) + np.log1p(small) - rows.target * z
        slope = design.T @ (rows.weight * (p - rows.target)) + _EVEN * (at - start)
        curve = (design * (rows.weight * p * (1.0 - p))[:, None]).T @ design
        value = float(np.dot(rows.weight, lost)) + _EVEN / 2.0 * float(np.dot(at - start, at - start))
        return value, slope, curve + _EVEN * np.eye(len(at))

    return _newton(look, start)


def _softmax(rows: ClassRows, kind: CalibrationKind) -> Calibration | None:
    """A factor on all logarithms, or a factor and an offset for each class."""
    logs = margins_of(rows.prediction)
    k = logs.shape[1]
    hit = np.zeros_like(logs)
    hit[np.arange(logs.shape[0]), rows.target] = 1.0
    start = np.ones(1) if kind == "temperature" else np.repeat([1.0, 0.0], k)

    def look(at: FloatArray) -> tuple[float, FloatArray, FloatArray]:
        z = logs * at[0] if len(at) == 1 else logs * at[:k] + at[k:]
        z = z - z.max(axis=1, keepdims=True)
        p = np.exp(z)
        total = p.sum(axis=1, keepdims=True)
        p /= total
        value = float(np.dot(rows.weight, np.log(total[:, 0]) - (hit * z).sum(axis=1)))
        pull = rows.weight[:, None] * (p - hit)
        value += _EVEN / 2.0 * float(np.dot(at - start, at - start))
        if len(at) == 1:
            mean = (p * logs).sum(axis=1)
            curve = np.array([[np.dot(rows.weight, (p * np.square(logs)).sum(axis=1) - np.square(mean))]])
            slope = np.array([(pull * logs).sum()])
        else:
            slope = np.concatenate([(pull * logs).sum(axis=0), pull.sum(axis=0)])
            curve = _curve_of_classes(p, logs, rows.weight)
        return value, slope + _EVEN * (at - start), curve + _EVEN * np.eye(len(at))

    found = _newton(look, start)
    if found is None or (found[: max(len(found) // 2, 1)] <= 0.0).any():
        return None
    if kind == "temperature":
        return Calibration(kind, k, slope=(float(found[0]),) * k, offset=(0.0,) * k)
    return Calibration(kind, k, slope=tuple(found[:k].tolist()), offset=tuple(found[k:].tolist()))


def _curve_of_classes(p: FloatArray, logs: FloatArray, weight: FloatArray) -> FloatArray:
    """Second derivatives by factors and offsets of the classes, float64 (2 k, 2 k)."""
    both = np.concatenate([p * logs, p], axis=1)
    curve = -(both * weight[:, None]).T @ both
    k = logs.shape[1]
    first = np.arange(k)
    share = weight[:, None] * p
    curve[first, first] += (share * np.square(logs)).sum(axis=0)
    mixed = (share * logs).sum(axis=0)
    curve[first, first + k] += mixed
    curve[first + k, first] += mixed
    curve[first + k, first + k] += share.sum(axis=0)
    return np.asarray(curve)


def _newton(
    look: Callable[[FloatArray], tuple[float, FloatArray, FloatArray]], start: FloatArray
) -> FloatArray | None:
    """The minimum of a convex function, by Newton's method with halved steps; None where it is not found."""
    at = start.copy()
    value, slope, curve = look(at)
    for _ in range(_STEPS):
        move = np.linalg.solve(curve, slope)
        promised = float(np.dot(move, slope))
        if promised <= 1e-9 * (1.0 + abs(value)):
            return at
        for length in _halves():
            then = look(at - length * move)
            if then[0] <= value - 1e-4 * length * promised:
                break
        else:
            return at
        at = at - length * move
        value, slope, curve = then
    return None


def _halves() -> Iterator[float]:
    """1, 1/2, 1/4, ... to a billionth."""
    return (0.5**power for power in range(30))


def _isotonic(rows: ClassRows) -> Calibration | None:
    """A rising curve through the middles of the blocks of isotonic regression; None for a single block."""
    margin = margins_of(rows.prediction)[:, 0]
    edges = np.unique(np.quantile(margin, np.linspace(0.0, 1.0, _BINS + 1)[1:-1]))
    place = np.searchsorted(edges, margin, side="right")
    weight, hits, sure, centre = (
        sum_by(place, rows.weight * value, len(edges) + 1)
        for value in (np.ones_like(margin), rows.target, rows.prediction, margin)
    )
    full = weight > 0.0
    blocks = _pooled(np.stack([weight, hits, sure, centre])[:, full])
    # The share of a block is drawn to what the model says there, with the weight of one row.
    stated = blocks[3] / blocks[0]
    share = (blocks[1] + _EVEN * blocks[2] / blocks[0]) / (blocks[0] + _EVEN)
    observed = margins_of(np.maximum.accumulate(share))[:, 0]
    keep = np.append(True, np.diff(stated) > 1e-9)
    if np.count_nonzero(keep) < 2:
        return None
    return Calibration(
        "isotonic", 1, stated=tuple(stated[keep].tolist()), observed=tuple(observed[keep].tolist())
    )


def _pooled(sums: FloatArray) -> FloatArray:
    """Pool neighbours until the shares rise: sums (4, bins) of weight, hits, ... become (4, blocks)."""
    blocks: list[FloatArray] = []
    for column in sums.T:
        blocks.append(column)
        while len(blocks) > 1 and blocks[-2][1] * blocks[-1][0] >= blocks[-1][1] * blocks[-2][0]:
            last = blocks.pop()
            blocks[-1] = blocks[-1] + last
    return np.stack(blocks, axis=1)
