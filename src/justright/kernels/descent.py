"""Steps of gradient descent for a population of linear models: the values they share, and the numpy twin.

    sgd        w <- soft(w - e g, e lasso) / (1 + e ridge)
    momentum   u <- m u + g;   w as sgd with u for g, and e / (1 - m) in the penalties
    ftrl       z <- z + g - (s' - s) w;   w <- -soft(z, t lasso) / (s' + t ridge)

g is the mean gradient of a batch over the rows that a column trains on, e the rate of the step,
soft(w, a) = sign(w) max(|w| - a, 0). In ftrl s' = max(s, (1 + sqrt(sum g^2)) / e) and t counts the
steps: McMahan (2011, 2013) with beta = 1, the penalty being that of t rows' loss, so that all three have
the optimum of mean loss + penalty as their fixed point. Penalties act as proximal steps: a strong one
cannot make a step diverge. The bias, the last row of theta, has no penalty.

Invariant: the compiled kernel and the twin agree to 1e-10 relative. The kernel touches only the weights
of the entries a batch has; the twin is the formula as it stands, and serves losses it cannot compile.

Shapes: d features, C columns (a column is one output of one member, outputs outermost); theta (d + 1, C).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from justright.schema import FloatArray

__all__ = [
    "FACTORS",
    "OPTIMIZERS",
    "SLOPES",
    "Columns",
    "Memory",
    "Rows",
    "Rule",
    "Slope",
    "compiled",
    "descend",
    "descend_numpy",
    "memory_for",
    "step_numpy",
]

FACTORS: Final = 1024
"""Moments of a pass at which the schedule is read."""

OPTIMIZERS: Final = {"sgd": 0, "momentum": 1, "ftrl": 2}
"""Number of each optimizer in a `Rule`."""

SLOPES: Final = {"squared": 0, "logistic": 1, "poisson": 2, "huber": 3, "quantile": 4, "softmax": 5}
"""Number of each compiled loss in a `Rule`; -1 is any other."""

Slope: TypeAlias = Callable[[FloatArray, npt.NDArray[Any]], FloatArray]
"""Gradient of a loss: margins (rows, outputs, members), target (rows, 1 or outputs, 1) -> as margins."""


class Rows(NamedTuple):
    """Some rows of a design matrix, in the order of the descent.

    `dense` float64 (rows, k); the other features as compressed rows: `starts` int64 (rows + 1,),
    `places` int32 (entries,) row numbers of theta, `values` float64 (entries,). `target` float64
    (rows, 1 or outputs), `weight` float64 (rows,), `fold` int8 (rows, repeats).
    """

    dense: FloatArray
    starts: npt.NDArray[np.int64]
    places: npt.NDArray[np.int32]
    values: FloatArray
    target: FloatArray
    weight: FloatArray
    fold: npt.NDArray[np.int8]


class Columns(NamedTuple):
    """What each column trains on and how: arrays of length C.

    A row trains a column unless its fold (of `repeat`) is `fold`, or is later in time where `forward`.
    `weight` is the mean weight of its training rows; `rate`, `lasso` and `ridge` are strengths.
    """

    fold: npt.NDArray[np.int64]
    repeat: npt.NDArray[np.int64]
    forward: npt.NDArray[np.bool_]
    weight: FloatArray
    rate: FloatArray
    lasso: FloatArray
    ridge: FloatArray


class Rule(NamedTuple):
    """How steps are made: numbers only.

    `rows` of a pass, `batch` rows a step, `members` of the population, factor of the rate at each of
    FACTORS moments of the pass, number of the loss (`SLOPES`) with its two parameters.
    """

    optimizer: int
    batch: int
    rows: int
    members: int
    momentum: float
    factors: FloatArray
    loss: int
    first: float
    second: float


class Memory(NamedTuple):
    """What the steps change, in place.

    `theta`, `pull` (velocity, or z of ftrl), `squares` and `stiff` (ftrl) float64 (d + 1, C) or (1, C)
    where unused; `steps` float64 (C,). The rest belongs to the open pass: `gradient` of the open batch and
    `trained` rows in it, `clock` int64 (4,) = rows of the pass, rows of the batch, places touched by the
    batch, dense features. The kernel alone uses the lazy penalties, weight = shrink * soft(theta, drop -
    seen) until the pass ends, the list of `touched` places with their `flags`, and room for one row.
    """

    theta: FloatArray
    pull: FloatArray
    squares: FloatArray
    stiff: FloatArray
    steps: FloatArray
    gradient: FloatArray
    trained: FloatArray
    clock: npt.NDArray[np.int64]
    shrink: FloatArray
    drop: FloatArray
    seen: FloatArray
    touched: npt.NDArray[np.int32]
    flags: npt.NDArray[np.bool_]
    margin: FloatArray
    slope: FloatArray
    rate: FloatArray
    inverse: FloatArray


def compiled(rule: Rule) -> bool:
    """Say whether the compiled kernel can run: the loss is one of `SLOPES` and numba is installed."""
    return rule.loss >= 0 and find_spec("numba") is not None


def memory_for(
    theta: FloatArray,
    pull: FloatArray,
    squares: FloatArray,
    stiff: FloatArray,
    steps: FloatArray,
    *,
    dense: int,
    lazy: bool,
) -> Memory:
    """Return the memory of a new pass around arrays (d + 1, C), which are not copied.

    Parameters
    ----------
    theta, pull, squares, stiff, steps : float64 arrays
        See `Memory`.
    dense : int
        Features that every row holds; they come first.
    lazy : bool
        Whether there is an L1 penalty, for which the kernel keeps one more number a weight.
    """
    rows, count = theta.shape
    return Memory(
        theta,
        pull,
        squares,
        stiff,
        steps,
        np.zeros_like(theta),
        np.zeros(count),
        np.asarray([0, 0, dense, dense], np.int64),
        np.ones(count),
        np.zeros(count),
        np.zeros((rows if lazy else 1, count)),
        np.arange(rows, dtype=np.int32),
        np.zeros(rows, np.bool_),
        *np.zeros((4, count)),
    )


def descend(rows: Rows, columns: Columns, memory: Memory, rule: Rule, slope: Slope) -> None:
    """Run the steps of some rows, in order; changes `memory`.

    Parameters
    ----------
    rows : Rows
        Rows in the order of the pass; a batch may begin in one call and end in the next. With the last
        of `rule.rows` rows the open batch, which may be shorter, is stepped, and every weight is up to date.
    columns, memory, rule
        See there.
    slope : callable
        Gradient of the loss, called where it is not one of the compiled ones.

    Notes
    -----
    Compiled: about 0.2 us a step of a single row of 20 numbers in one column, 0.1 us a row in batches of
    256 (benchmarks/training); compiling takes 5 s once, then a cache on disk serves. The twin takes
    about 60 us a batch, and O(d C) a batch whatever its entries.

    Examples
    --------
    One step of rate 0.5 for one feature, on two rows at once; the bias is the last row of theta.

    >>> none, zeros, ones = np.zeros((1, 1)), np.zeros(1), np.ones(1)
    >>> number = np.zeros(1, np.int64)
    >>> rows = Rows(np.asarray([[1.0], [3.0]]), np.zeros(3, np.int64), np.zeros(0, np.int32), np.zeros(0),
    ...             np.asarray([[2.0], [4.0]]), np.ones(2), np.zeros((2, 1), np.int8))
    >>> columns = Columns(number - 1, number, number > 0, ones, 0.5 * ones, zeros, zeros)
    >>> memory = memory_for(np.zeros((2, 1)), none, none, none, np.zeros(1), dense=1, lazy=False)
    >>> rule = Rule(OPTIMIZERS["sgd"], 2, 2, 1, 0.0, np.ones(FACTORS), SLOPES["squared"], 0.0, 0.0)
    >>> descend(rows, columns, memory, rule, lambda margin, target: margin - target)
    >>> memory.theta[:, 0].tolist()
    [3.5, 1.5]
    """
    if not compiled(rule):
        descend_numpy(rows, columns, memory, rule, slope)
        return
    from justright.kernels import compiled_descent

    compiled_descent.descend(rows, columns, memory, rule)


def descend_numpy(rows: Rows, columns: Columns, memory: Memory, rule: Rule, slope: Slope) -> None:
    """Do the same as `descend` without numba: its twin, slower."""
    begin, count = 0, len(rows.weight)
    while begin < count:
        end = min(count, begin + rule.batch - int(memory.clock[1]))
        _gather_gradient(_cut(rows, begin, end), columns, memory, rule, slope)
        memory.clock[:2] += end - begin
        if memory.clock[1] == rule.batch or memory.clock[0] == rule.rows:
            _step(columns, memory, rule)
        begin = end


def step_numpy(
    memory: Memory,
    columns: Columns,
    rule: Rule,
    gradient: FloatArray,
    factor: float,
    trained: npt.NDArray[np.bool_],
) -> None:
    """Make one step of every column that trained on a row and has a rate.

    Parameters
    ----------
    memory : Memory
        `theta` and what the optimizer keeps are changed.
    columns, rule
        Penalties, rates and optimizer.
    gradient : float64 (d + 1, C)
        Mean gradient of the loss.
    factor : float
        Of the rate.
    trained : bool (C,)
        Columns that a row of the batch trains; the others stay as they are.
    """
    rate = columns.rate * factor
    moves = np.flatnonzero((rate > 0) & trained)
    push = _Push(rate[moves], columns.lasso[moves], columns.ridge[moves])
    g, theta = gradient[:, moves], memory.theta[:, moves]
    memory.steps[moves] += 1
    if rule.optimizer == OPTIMIZERS["ftrl"]:
        memory.theta[:, moves] = _follow(memory, moves, push, g, theta)
        return
    reach = 1.0
    if rule.optimizer == OPTIMIZERS["momentum"]:
        g = rule.momentum * memory.pull[:, moves] + g
        memory.pull[:, moves] = g
        reach = 1.0 / (1.0 - rule.momentum)
    moved = theta - push.rate * g
    weights = _soft(moved[:-1], reach * push.rate * push.lasso) / (1.0 + reach * push.rate * push.ridge)
    memory.theta[:, moves] = np.concatenate([weights, moved[-1:]])


@dataclass(frozen=True)
class _Push:
    """Rate and penalties of the columns that move."""

    rate: FloatArray
    lasso: FloatArray
    ridge: FloatArray


def _follow(
    memory: Memory, moves: npt.NDArray[np.int64], push: _Push, g: FloatArray, theta: FloatArray
) -> FloatArray:
    """Make a step of ftrl and return the new weights."""
    squares = memory.squares[:, moves] + g * g
    # A feature that the batch does not hold stays as it is, also where the rate falls.
    stiff = np.where(
        g != 0.0,
        np.maximum(memory.stiff[:, moves], (1.0 + np.sqrt(squares)) / push.rate),
        memory.stiff[:, moves],
    )
    pull = memory.pull[:, moves] + g - (stiff - memory.stiff[:, moves]) * theta
    memory.squares[:, moves], memory.stiff[:, moves], memory.pull[:, moves] = squares, stiff, pull
    steps = memory.steps[moves]
    weights = -_soft(pull[:-1], steps * push.lasso) / (stiff[:-1] + steps * push.ridge)
    return np.concatenate([weights, -pull[-1:] / stiff[-1:]])


def _gather_gradient(rows: Rows, columns: Columns, memory: Memory, rule: Rule, slope: Slope) -> None:
    """Add the gradient of rows of the open batch to `memory`."""
    n, wide = rows.dense.shape
    sizes = np.diff(rows.starts)
    owner = np.repeat(np.arange(n), sizes)
    margin = rows.dense @ memory.theta[:wide] + memory.theta[-1]
    np.add.at(margin, owner, rows.values[:, None] * memory.theta[rows.places])
    shape = (n, -1, rule.members)
    by_margin = slope(margin.reshape(shape), rows.target[:, :, None]).reshape(n, -1)
    fold = rows.fold[:, columns.repeat]
    trains = (fold != columns.fold) & ~(columns.forward & (fold > columns.fold))
    # A row that does not train a column may have any gradient there, infinite ones too.
    by_margin = np.where(trains, by_margin * (rows.weight[:, None] / columns.weight), 0.0)
    memory.gradient[:wide] += rows.dense.T @ by_margin
    memory.gradient[-1] += by_margin.sum(axis=0)
    np.add.at(memory.gradient, rows.places, rows.values[:, None] * by_margin[owner])
    memory.trained[:] += trains.sum(axis=0)


def _step(columns: Columns, memory: Memory, rule: Rule) -> None:
    """Make the step of the open batch and open the next one."""
    begun = int(memory.clock[0] - memory.clock[1])
    factor = float(rule.factors[begun * FACTORS // rule.rows])
    mean = memory.gradient * (1.0 / np.maximum(memory.trained, 1.0))
    step_numpy(memory, columns, rule, mean, factor, memory.trained > 0)
    memory.gradient[:] = 0.0
    memory.trained[:] = 0.0
    memory.clock[1] = 0


def _cut(rows: Rows, begin: int, end: int) -> Rows:
    """Return some of the rows."""
    low, high = rows.starts[begin], rows.starts[end]
    return Rows(
        rows.dense[begin:end],
        rows.starts[begin : end + 1] - low,
        rows.places[low:high],
        rows.values[low:high],
        rows.target[begin:end],
        rows.weight[begin:end],
        rows.fold[begin:end],
    )


def _soft(values: FloatArray, by: FloatArray) -> FloatArray:
    """Return the values moved towards zero by `by`, at most to zero."""
    return np.asarray(np.sign(values) * np.maximum(np.abs(values) - by, 0.0))
