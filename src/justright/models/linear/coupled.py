"""Newton's step of a softmax over all classes together, for near-separated classes.

    H  =  sum over pairs a < b of  (e_a - e_b)(e_a - e_b)'  (x)  G_ab      G_ab = mean of p_a p_b x x'

Near-separated classes bend on few rows, other ones for each pair and each fold: a metric of the classes
apart, or one that the folds share, makes steps of a hundredth. So every G_ab has a sample of its own. A row
is taken in proportion to its curvature times its leverage (how rare its columns are) and weighted by the
inverse: the sum stays unbiased, and no direction that a row bends is lost. Curvature falls e-fold a step,
so it is taken anew at every step: a dozen steps reach the optimum.

Shapes: d features, k outputs, n rows; theta is (d + 1, k, members) with the bias in its last row.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from justright.kernels.blas import one_blas_thread
from justright.kernels.hashing import mix64
from justright.models.base import Spec, State, training_rows
from justright.models.linear.design import layout_for, rows_of
from justright.models.linear.telling import telling_rows
from justright.optim.losses import margins_to_predictions
from justright.schema import Block, FloatArray, Member

__all__ = ["Gathered", "curvature", "gather", "is_coupled", "newton_directions", "steps_of"]

_FEWEST: Final = 1_500  # parameters; up to them the metric couples the classes, see `metric`
_MOST: Final = 3_000  # parameters; a Cholesky of 2,760 takes 0.2 s
_ROWS_A_COLUMN: Final = 6  # of a pair's sample
_MOST_ROWS: Final = 150_000
_MOST_CELLS: Final = 20_000_000  # float64: 160 MB
_WRONG: Final = 0.1  # least share that the true class of a row counts with
_NOTHING: Final = 1e-8  # share of a pair's curvature below which a row is never taken


class Gathered(NamedTuple):
    """Rows to take curvature from.

    Parameters
    ----------
    columns : float64 (n, d + 1)
        The design, the bias last.
    leverage : float64 (n,)
        Sum of squares, each column's by its mean.
    block : Block
        The same rows.
    """

    columns: FloatArray
    leverage: FloatArray
    block: Block


def is_coupled(spec: Spec) -> bool:
    """Say whether steps may be over all classes together: a softmax of 1,500 to 3,000 parameters."""
    size = (layout_for(spec.plan, spec.clip).width + 1) * spec.outputs
    return spec.loss.link == "softmax" and spec.outputs > 1 and _FEWEST < size <= _MOST


def steps_of(
    spec: Spec,
    state: State,
    moved: npt.NDArray[np.int64],
    blocks: Sequence[Block],
    members: Sequence[Member],
    cache: dict[str, Any],
) -> FloatArray:
    """Return Newton steps of some members from a state of `newton`; `cache` keeps the rows."""
    if not len(moved):
        return np.zeros((*state["theta"].shape[:2], 0))
    level = int(state["level"])
    if cache.get("gathered_level") != level:
        cache["gathered_level"], cache["gathered"] = level, gather(spec, blocks, 0.5**level)
    with one_blas_thread():
        return newton_directions(
            cache["gathered"], state["theta"], state["gradient"], members, moved, alone=level == 0
        )


def gather(spec: Spec, blocks: Sequence[Block], share: float) -> Gathered:
    """Lay out the rows whose fingerprint falls below a share, or a weighted sample where they are many."""
    layout = layout_for(spec.plan, spec.clip)
    most = min(_MOST_ROWS, _MOST_CELLS / (layout.width + 1))
    sample = list(telling_rows(blocks, most, share))
    columns = np.ones((sum(block.rows for block in sample), layout.width + 1))
    begin = 0
    for block in sample:
        for rows in rows_of(block, layout, layout.width):
            end = begin + rows.block.rows
            columns[begin:end, : layout.dense] = rows.dense
            if rows.sparse is not None:
                columns[begin:end, layout.dense : -1] = rows.sparse.toarray()
            begin = end
    names = ("numeric", "codes", "target", "weight", "fold", "key")
    joined = {name: np.concatenate([getattr(block, name) for block in sample]) for name in names}
    weight = joined["weight"].astype(np.float64)
    squares = weight @ columns**2 / max(float(weight.sum()), 1e-300)
    leverage = columns**2 @ (1.0 / np.maximum(squares, 1e-12))
    return Gathered(columns, leverage, Block(**joined, tokens=None))


def newton_directions(
    rows: Gathered,
    theta: FloatArray,
    gradient: FloatArray,
    members: Sequence[Member],
    moved: npt.NDArray[np.int64],
    *,
    alone: bool,
) -> FloatArray:
    """Return the Newton steps of some members, (d + 1, k, moved).

    Parameters
    ----------
    rows : Gathered
        Where curvature is taken.
    theta, gradient : float64 (d + 1, k, members)
        Points, and gradients with the penalty.
    members : sequence of Member
        All members.
    moved : int64 (moved,)
        Whose step is wanted.
    alone : bool
        Whether a member takes the curvature of its own rows at its own point, which it needs near the
        optimum; else that of its setting's member on all rows.
    """
    whole = {member.setting: place for place, member in enumerate(members) if member.fold < 0}
    sources = [n if alone else whole.get(members[n].setting, n) for n in moved.tolist()]
    # Settings that stand at the same point share the sum, members with the same source its factor.
    groups: dict[tuple[int, int, bytes], dict[float, list[int]]] = {}
    for place, source in enumerate(sources):
        member = members[source]
        key = member.repeat, member.fold, theta[:, :, source].tobytes()
        groups.setdefault(key, {}).setdefault(member.penalty, []).append(place)
    made = np.empty((*theta.shape[:2], len(moved)))
    for penalties in groups.values():
        source = sources[next(iter(penalties.values()))[0]]
        weight = training_rows(rows.block, [members[source]])[:, 0]
        bent = curvature(rows, np.ascontiguousarray(theta[:, :, source]), weight)
        for penalty, places in penalties.items():
            made[:, :, places] = -_solve(bent, penalty, gradient[:, :, moved[places]])
    return made


def curvature(rows: Gathered, anchor: FloatArray, weight: FloatArray) -> FloatArray:
    """Return the mean curvature at an anchor (d + 1, k) over rows of weights (n,), without the penalty.

    Parameters of an output stand together: float64 (k (d + 1), k (d + 1)).
    """
    width, outputs = anchor.shape
    share = margins_to_predictions(rows.columns @ anchor, "softmax")
    target = rows.block.target
    # A row on the wrong side bends where its gradient ends, not where it is.
    if target.ndim == 1:
        places = np.arange(len(share)), target
        share[places] = np.maximum(share[places], _WRONG)
    else:
        share = np.maximum(share, _WRONG * target)
    bent = np.flatnonzero((weight > 0) & (share.max(axis=1) < 1.0 - 1e-12))
    share, scale = np.ascontiguousarray(share[bent].T), weight[bent] / max(float(weight.sum()), 1e-300)
    whole = np.zeros((outputs, width, outputs, width))
    for a, b in combinations(range(outputs), 2):
        found = _pair(rows, bent, scale * share[a] * share[b], a * outputs + b)
        whole[a, :, a] += found
        whole[b, :, b] += found
        whole[a, :, b] = whole[b, :, a] = -found
    return whole.reshape(outputs * width, -1)


def _pair(rows: Gathered, bent: npt.NDArray[np.int64], bend: FloatArray, number: int) -> FloatArray:
    """Return the sum of bend x x' over rows `bent`, from a sample of its own, (d + 1, d + 1)."""
    above = np.flatnonzero(bend > _NOTHING * bend.sum())
    chosen, bend = bent[above], bend[above]
    wanted = _ROWS_A_COLUMN * rows.columns.shape[1]
    if len(chosen) > wanted:
        odds = _odds(bend * rows.leverage[chosen], wanted)
        salt = mix64(np.asarray([number + 1], np.uint64))
        taken = mix64(rows.block.key[chosen] ^ salt) * 2.0**-64 < odds
        chosen, bend = chosen[taken], bend[taken] / odds[taken]
    own = rows.columns[chosen] * np.sqrt(bend)[:, None]
    return np.asarray(own.T @ own)


def _odds(size: FloatArray, wanted: int) -> FloatArray:
    """Return min(1, c size) with c so that they sum to about `wanted`."""
    odds = np.minimum(1.0, size * (wanted / size.sum()))
    for _ in range(3):
        sure = odds >= 1.0
        rest = float(size[~sure].sum())
        if not sure.any() or rest <= 0:
            break
        odds = np.where(sure, 1.0, np.minimum(1.0, size * (max(wanted - int(sure.sum()), 1) / rest)))
    return np.asarray(odds)


def _solve(matrix: FloatArray, penalty: float, gradient: FloatArray) -> FloatArray:
    """Return the inverse of matrix + penalty times gradients (d + 1, k, m); the biases are free."""
    from scipy.linalg import LinAlgError, cho_solve, cholesky

    width, outputs, count = gradient.shape
    flat = gradient.transpose(1, 0, 2).reshape(outputs * width, count)
    free = np.tile(np.arange(width) == width - 1, outputs)
    lift = 1e-9 * max(float(np.trace(matrix)) / len(matrix), 1e-9)
    for _ in range(30):
        lifted = matrix.copy()
        lifted[np.diag_indices_from(lifted)] += np.where(free, 0.0, penalty) + lift
        try:
            factor = cholesky(lifted, lower=True, overwrite_a=True, check_finite=False)
        except LinAlgError:
            # A class without rows, or columns that copy each other: no curvature in some direction.
            lift *= 10.0
            continue
        solved = cho_solve((factor, True), flat, check_finite=False)
        return np.asarray(solved.reshape(outputs, width, count).transpose(1, 0, 2))
    raise AssertionError("a curvature matrix that no lift makes positive")
