"""Newton's method for logistic regression on a dense table: all penalties and folds in the same few passes.

    minimise  mean over rows of loss(b + z'w, y)  +  penalty |w|^2 / 2      for every penalty and fold

A sample of the rows brings a path of penalties near its optimum, at the cost of a small part of a pass; on
all rows one or two steps are left, for which the bends of the sample may do. Slopes and bends are summed by
fold, so that the pass that steps the path also gives every fold its own Newton step from there: a fold's
training rows are all but its own, and its optimum is a sampling error away. Bends are taken at some of the
penalties and interpolated in between. Steps end when the decrease that the next one can still bring, by the
rate at which promises fell, is below the tolerance (Daneshmand, Lucchi and Hofmann 2016; Boyd and
Vandenberghe 2004, section 9.5).

Shapes: d columns, P penalties, K folds, G = K + 1 groups (the last holds rows of no fold); theta (d + 1, P).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from justright.kernels.dense import Numbers, Rows, evaluate, rows_of
from justright.schema import FloatArray

__all__ = ["MOST_COLUMNS", "Answer", "Pass", "solve"]

MOST_COLUMNS: Final = 300
"""Above, a bend costs more than the handful of passes that it saves."""

_SAMPLE: Final = 20_000
_ROWS_A_COLUMN: Final = 60  # of the sample, at least
_FEW: Final = 200  # rows of the rarer class that a sample must have
_ANCHORS: Final = 8  # penalties a bend
_BEND_CELLS: Final = 16_000_000  # float64 kept for bends: 128 MB
_STEPPED: Final = 40  # most passes of a path
_SHARED: Final = 6  # most passes in which folds use the bends of the path
_MEMBERS: Final = 256  # evaluated together
_ARMIJO: Final = 1e-4
_FAR: Final = 0.01  # promise above which a first step leads where bends differ
_SLOW: Final = 0.05  # share of its promise that a step leaves, above which bends are taken anew
_SAFE: Final = 10.0  # factor on the decrease that is foreseen
_JUDGED: Final = 1e-9  # of the entropy: members of folds give a loss and no weights, exact to so much
_LOOSE: Final = 1e-8  # tolerance below which bends of all rows are cheaper than the steps that they save
_JITTER: Final = 1e-10  # of the largest bend: copies of columns share their weight


class Pass(NamedTuple):
    """What one pass saw: share of the rows, members, and their losses and whether they were done.

    Members are numbered with the penalties innermost: those of all rows, then fold by fold.
    """

    share: float
    members: npt.NDArray[np.int64]
    train: FloatArray
    held: FloatArray
    done: npt.NDArray[np.bool_]


class Answer(NamedTuple):
    """theta float64 (d + 1, P) of all rows, held-out losses (P, K), and the passes."""

    theta: FloatArray
    losses: FloatArray
    passes: list[Pass]


@dataclass
class _Course:
    """What all parts of a training share."""

    penalty: FloatArray
    tolerance: float
    budget: float
    passes: list[Pass] = field(default_factory=list)

    @property
    def spent(self) -> bool:
        """Whether the passes are used up."""
        return sum(one.share for one in self.passes) >= self.budget


@dataclass
class _Bends:
    """Bends of some members, float64 (anchors, G, d + 1, d + 1), by group."""

    members: npt.NDArray[np.int64]
    values: FloatArray

    def steps(
        self,
        keeps: npt.NDArray[np.bool_],
        weight: float,
        penalty: FloatArray,
        gradient: FloatArray,
        members: Any,
    ) -> FloatArray:
        """Return Newton steps (d + 1, members) of members trained on the groups `keeps`."""
        bends = self.values[:, keeps].sum(axis=1) / weight
        place = np.interp(members, self.members, np.arange(len(self.members)))
        low = np.minimum(place.astype(np.int64), max(len(bends) - 2, 0))
        part = (place - low)[:, None, None]
        metric = bends[low] if len(bends) == 1 else (1.0 - part) * bends[low] + part * bends[low + 1]
        width = metric.shape[1]
        diagonal = np.arange(width)
        jitter = _JITTER * metric[:, diagonal, diagonal].max(axis=1)
        metric[:, diagonal, diagonal] += jitter[:, None]
        metric[:, diagonal[:-1], diagonal[:-1]] += penalty[members][:, None]
        return np.asarray(-np.linalg.solve(metric, gradient.T[:, :, None])[:, :, 0].T)


@dataclass
class _Path:
    """Members on the same rows, at points where slopes by group are known."""

    theta: FloatArray
    direction: FloatArray
    objective: FloatArray
    promised: FloatArray
    loss: FloatArray
    gradient: FloatArray
    done: npt.NDArray[np.bool_]
    bends: _Bends


def solve(
    X: Numbers,
    y: npt.NDArray[Any],
    weight: FloatArray,
    fold: npt.NDArray[Any] | None,
    centre: FloatArray,
    factor: FloatArray,
    penalties: Sequence[float],
    *,
    tolerance: float,
    most: float,
) -> Answer | None:
    """Train every penalty on all rows and on all but each fold.

    Parameters
    ----------
    X : float32 or float64 (n, d), C order
        Finite numbers.
    y : (n,)
        0 or 1.
    weight : float64 (n,)
        Above 0.
    fold : integers (n,) or None
        0..K-1, negative = in no fold; None = nothing is to be chosen.
    centre, factor : float64 (d,)
        z = (x - centre) * factor.
    penalties : sequence of float >= 0
        From strong to weak.
    tolerance : float
        Steps end where the objective can fall by less than this share of the entropy of the classes.
    most : float
        Most passes over the rows; a sample counts its share.

    Returns
    -------
    Answer or None
        None where Newton's method does not settle, or a class is missing: another solver must go on.

    Notes
    -----
    On 500,000 rows of 50 columns: two passes, the first with bends, 0.1 s of one core. BLAS should be held to
    one thread: threads are outside.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 400)[:, None]
    >>> y = (np.sin(40 * x[:, 0]) + x[:, 0] > 0).astype(float)
    >>> centre, factor = np.zeros(1), np.ones(1)
    >>> found = solve(x, y, np.ones(400), None, centre, factor, [0.1], tolerance=1e-12, most=50)
    >>> found.theta.round(3).tolist(), len(found.passes)
    ([[0.702], [0.0]], 3)
    """
    rate = float(weight @ y / weight.sum())
    if not 0.0 < rate < 1.0:
        return None
    entropy = -(rate * np.log(rate) + (1 - rate) * np.log1p(-rate))
    course = _Course(np.asarray(penalties, np.float64), tolerance * entropy, most)
    start = np.zeros((X.shape[1] + 1, len(penalties)))
    start[-1] = np.log(rate / (1 - rate))
    folds = 0 if fold is None else max(int(fold.max()) + 1, 0)
    start, bends = _sampled(course, X, y, weight, centre, factor, start)
    group = None if fold is None or not folds else np.where(fold < 0, folds, fold)
    rows = rows_of(X, y, weight, group, folds + 1, centre, factor)
    if folds or tolerance < _LOOSE:
        bends = None
    path = _descend(course, rows, np.arange(len(penalties)), start, bends=bends)
    if path is None:
        return None
    losses = np.full((len(penalties), folds), np.nan)
    judged = replace(course, tolerance=max(tolerance, _JUDGED) * entropy)
    if folds and not _cross(judged, rows, path, losses):
        return None
    return Answer(path.theta + path.direction, losses, course.passes)


def _sampled(
    course: _Course,
    X: Numbers,
    y: npt.NDArray[Any],
    weight: FloatArray,
    centre: FloatArray,
    factor: FloatArray,
    start: FloatArray,
) -> tuple[FloatArray, _Bends | None]:
    """Return where a sample of the rows ends, and its bends as those of all rows.

    Where there are too few rows for a sample, the start and None.
    """
    few = max(_SAMPLE, _ROWS_A_COLUMN * len(start))
    if len(X) < 2.5 * few:
        return start, None
    # One row of each of as many stretches: no order of the rows is special to random places.
    chosen = ((np.arange(few) + np.random.default_rng(0).random(few)) * (len(X) / few)).astype(np.int64)
    if not _FEW <= np.count_nonzero(y[chosen]) <= few - _FEW:
        return start, None
    rows = rows_of(X[chosen], y[chosen], weight[chosen], None, 1, centre, factor)
    # A sample knows the loss no better than about d / n: more exactness is wasted.
    small = _Course(course.penalty, max(course.tolerance, 0.02 * len(start) / few), np.inf)
    path = _descend(small, rows, np.arange(start.shape[1]), start)
    course.passes += [one._replace(share=few / len(X), done=np.zeros_like(one.done)) for one in small.passes]
    if path is None:
        return start, None
    share = float(weight.sum() / rows.weight.sum())
    return path.theta + path.direction, _Bends(path.bends.members, path.bends.values * share)


def _anchors(active: npt.NDArray[np.int64], theta: FloatArray, groups: int) -> npt.NDArray[np.int64]:
    """Return the places among the active members at which bends are taken."""
    if (theta == theta[:, :1]).all():
        return np.zeros(1, np.int64)
    room = max(2, _BEND_CELLS // (groups * len(theta) ** 2))
    count = min(len(active), room, max(3, 2 + (len(active) - 1) // _ANCHORS))
    return np.unique(np.linspace(0, len(active) - 1, count).round().astype(np.int64))


def _descend(
    course: _Course,
    rows: Rows,
    numbers: npt.NDArray[np.int64],
    start: FloatArray,
    without: int = -1,
    bends: _Bends | None = None,
) -> _Path | None:
    """Take Newton steps with the penalties `numbers` on all groups but one; None where they do not settle.

    At the end a last step is promised to lead below the tolerance: it is left in `direction`.
    """
    every = rows.weights()
    keeps = np.arange(rows.groups) != without
    weight, count = float(every[keeps].sum()), len(numbers)
    zeros = np.zeros_like(start)
    path = _Path(
        start.copy(),
        zeros.copy(),
        np.full(count, np.inf),
        np.full(count, np.inf),
        np.zeros((rows.groups, count)),
        np.zeros((rows.groups, *start.shape)),
        np.zeros(count, bool),
        bends or _Bends(np.zeros(0, np.int64), np.zeros(0)),
    )
    step, fresh, first = np.ones(count), bends is None, (without + 1) * len(course.penalty)
    for _ in range(_STEPPED):
        active = np.flatnonzero(~path.done)
        trial = path.theta[:, active] + step[active] * path.direction[:, active]
        anchors = _anchors(active, trial, rows.groups) if fresh else np.zeros(0, np.int64)
        sums = evaluate(rows, trial, anchors.tolist())
        penalty = course.penalty[numbers[active]]
        train = sums.loss[keeps].sum(axis=0) / weight
        objective = train + 0.5 * penalty * (trial[:-1] ** 2).sum(axis=0)
        good = _improved(path, active, step[active], objective)
        moved = active[good]
        path.theta[:, moved], path.objective[moved] = trial[:, good], objective[good]
        path.loss[:, moved], path.gradient[:, :, moved] = sums.loss[:, good], sums.gradient[:, :, good]
        step[moved], step[active[~good]] = 1.0, 0.3 * step[active[~good]]
        if len(anchors) and good[anchors].all():
            path.bends = _Bends(numbers[active[anchors]], sums.bends)
        slow = _step(course, path, moved, numbers, keeps, weight) if len(moved) else False
        path.done |= step < 1e-8
        course.passes.append(_pass(path, active, first + numbers[active], every, train, without))
        if path.done.all():
            return path if np.isfinite(path.objective).all() else None
        if course.spent:
            return path
        fresh = slow or not good.all()
    return None


def _improved(
    path: _Path, active: npt.NDArray[np.int64], step: FloatArray, objective: FloatArray
) -> npt.NDArray[np.bool_]:
    """Say whose trial point is good enough."""
    before = path.objective[active]
    first = ~np.isfinite(before)
    with np.errstate(invalid="ignore"):
        bound = before + 1e-13 * np.abs(before) - 2.0 * _ARMIJO * step * path.promised[active]
        return np.asarray(np.isfinite(objective) & (first | (objective <= bound)))


def _step(
    course: _Course,
    path: _Path,
    moved: npt.NDArray[np.int64],
    numbers: npt.NDArray[np.int64],
    keeps: npt.NDArray[np.bool_],
    weight: float,
) -> bool:
    """Choose the next steps of the moved members; say whether new bends would pay. Sets `path`."""
    gradient = path.gradient[:, :, moved][keeps].sum(axis=0) / weight
    gradient[:-1] += course.penalty[numbers[moved]] * path.theta[:-1, moved]
    path.direction[:, moved] = path.bends.steps(keeps, weight, course.penalty, gradient, numbers[moved])
    promised = -0.5 * (gradient * path.direction[:, moved]).sum(axis=0)
    before = path.promised[moved]
    left, settled = _settled(promised, before, course.tolerance)
    path.promised[moved] = promised
    path.done[moved] = settled
    slow = np.where(np.isfinite(before), left > _SLOW, promised > _FAR)
    return bool(slow[~settled].any())


def _settled(
    promised: FloatArray, before: FloatArray, tolerance: float
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Return what share of its promise the last step left, and who needs no pass after the next step."""
    left = np.where(np.isfinite(before), promised / np.maximum(before, 1e-300), 1.0)
    foreseen = _SAFE * promised * left
    return left, np.asarray((promised < tolerance) | ((left < 0.1) & (foreseen < tolerance)))


def _pass(path: _Path, active: Any, members: Any, every: FloatArray, train: FloatArray, without: int) -> Pass:
    """Note what a pass saw."""
    held = np.full(len(active), np.nan)
    if without >= 0:
        held = path.loss[without, active] / max(every[without], 1e-300)
    return Pass(1.0, members, train, held, path.done[active].copy())


@dataclass
class _Folds:
    """All members of all folds, fold by fold with the penalties innermost."""

    fold: npt.NDArray[np.int64]
    number: npt.NDArray[np.int64]
    theta: FloatArray
    gradient: FloatArray
    objective: FloatArray
    promised: FloatArray
    held: FloatArray
    done: npt.NDArray[np.bool_]
    lost: npt.NDArray[np.bool_]


def _cross(course: _Course, rows: Rows, path: _Path, losses: FloatArray) -> bool:
    """Train the members of all folds from the path of all rows; sets `losses` (P, K)."""
    every = rows.weights()
    count, folds = losses.shape
    known = np.flatnonzero(every[:folds] > 0)
    all_of = _spread(course, path, known, every)
    for _ in range(_SHARED):
        active = np.flatnonzero(~all_of.done & ~all_of.lost)
        if not len(active):
            break
        for begin in range(0, len(active), _MEMBERS):
            _advance(course, rows, path, all_of, active[begin : begin + _MEMBERS], every)
        if course.spent:
            all_of.done[:] = True
    losses[all_of.number, all_of.fold] = all_of.held
    for fold in known.tolist():
        left = np.flatnonzero((all_of.fold == fold) & ~all_of.done)
        if not len(left):
            continue
        own = _descend(course, rows, all_of.number[left], all_of.theta[:, left], without=fold)
        if own is None:
            return False
        turn = (own.gradient[fold] * own.direction).sum(axis=0)
        losses[all_of.number[left], fold] = (own.loss[fold] + turn) / every[fold]
    return True


def _spread(course: _Course, path: _Path, known: npt.NDArray[np.int64], every: FloatArray) -> _Folds:
    """Return every fold one Newton step away from the path of all rows."""
    count = len(course.penalty)
    fold, number = np.repeat(known, count), np.tile(np.arange(count), len(known))
    gradient = np.empty((len(path.theta), len(fold)))
    objective, held = np.empty((2, len(fold)))
    for place, without in enumerate(known.tolist()):
        of = slice(place * count, (place + 1) * count)
        weight = every.sum() - every[without]
        gradient[:, of] = (path.gradient.sum(axis=0) - path.gradient[without]) / weight
        objective[of] = (path.loss.sum(axis=0) - path.loss[without]) / weight
        held[of] = path.loss[without] / every[without]
    theta = path.theta[:, number]
    gradient[:-1] += course.penalty[number] * theta[:-1]
    objective += 0.5 * course.penalty[number] * (theta[:-1] ** 2).sum(axis=0)
    made = _Folds(
        fold,
        number,
        theta,
        gradient,
        objective,
        np.full(len(fold), np.inf),
        held,
        np.zeros(len(fold), bool),
        np.zeros(len(fold), bool),
    )
    direction = _fold_steps(course, path, made, np.arange(len(fold)), every)
    made.promised = -0.5 * (gradient * direction).sum(axis=0)
    made.theta = theta + direction
    return made


def _fold_steps(
    course: _Course, path: _Path, all_of: _Folds, chosen: npt.NDArray[np.int64], every: FloatArray
) -> FloatArray:
    """Return Newton steps of some members of the folds, with the bends of the path."""
    out = np.empty((len(path.theta), len(chosen)))
    for fold in np.unique(all_of.fold[chosen]).tolist():
        own = np.flatnonzero(all_of.fold[chosen] == fold)
        keeps = np.arange(len(every)) != fold
        weight, of = float(every[keeps].sum()), chosen[own]
        out[:, own] = path.bends.steps(
            keeps, weight, course.penalty, all_of.gradient[:, of], all_of.number[of]
        )
    return out


def _advance(
    course: _Course, rows: Rows, path: _Path, all_of: _Folds, active: npt.NDArray[np.int64], every: FloatArray
) -> None:
    """Evaluate some members of the folds and step on; `lost` are those whom these bends do not help."""
    theta, fold, number = all_of.theta[:, active], all_of.fold[active], all_of.number[active]
    sums = evaluate(rows, theta)
    weight = every.sum() - every[fold]
    places = np.arange(len(active))
    own_loss, own_gradient = sums.loss[fold, places], sums.gradient[fold, :, places].T
    train = (sums.loss.sum(axis=0) - own_loss) / weight
    penalty = course.penalty[number]
    objective = train + 0.5 * penalty * (theta[:-1] ** 2).sum(axis=0)
    gradient = (sums.gradient.sum(axis=0) - own_gradient) / weight
    gradient[:-1] += penalty * theta[:-1]
    all_of.gradient[:, active] = gradient
    direction = _fold_steps(course, path, all_of, active, every)
    promised = -0.5 * (gradient * direction).sum(axis=0)
    left, settled = _settled(promised, all_of.promised[active], course.tolerance)
    slack = 1e-13 * np.abs(all_of.objective[active])
    worse = ~(objective <= all_of.objective[active] + slack)
    all_of.lost[active] = worse | (~settled & (left > 0.5))
    all_of.done[active] = settled & ~worse
    all_of.objective[active], all_of.promised[active] = objective, promised
    # The step that is not evaluated any more is taken to first order.
    all_of.held[active] = (own_loss + (own_gradient * direction).sum(axis=0)) / every[fold]
    all_of.theta[:, active] = np.where(worse, path.theta[:, number], theta + direction)
    course.passes.append(
        Pass(1.0, (fold + 1) * len(course.penalty) + number, train, own_loss / every[fold], settled & ~worse)
    )
