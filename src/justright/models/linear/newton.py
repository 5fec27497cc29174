"""Minimise any convex loss for a population at once: preconditioned L-BFGS on growing samples of the rows.

    minimise  mean over rows of loss(b + (x - m)'w, y)  +  penalty |w|^2 / 2      for every member

One pass over the rows gives loss and gradient of all members at their trial points; a member accepts
its trial point or halves its step. The first metric is the covariance of the features, shared by all
members (folds differ from it by sampling noise, penalties by a diagonal), so about ten passes reach
the optimum; L-BFGS pairs learn the rest (Nocedal 1980). No learning rate is set.

Shapes: d features, k outputs, M members; theta is (d + 1, k, M) with the bias in its last row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from justright.models.base import Curve, Progress, Spec, State
from justright.models.linear.design import layout_for, rows_of, sampled
from justright.models.linear.gram import GRAM_LIMIT
from justright.models.linear.passes import Evaluation, evaluate
from justright.schema import Block, FloatArray, Member

__all__ = ["advance", "start"]

_PAIRS: Final = 10
_PAIR_BYTES: Final = 1 << 28
_ARMIJO: Final = 1e-4
_LEVEL_PASSES: Final = 8  # a smaller sample only has to give a good start
_SMALLEST: Final = 4_000  # rows of the smallest sample
_MOMENT_ROWS: Final = 200_000  # rows that give the covariance: a metric, not a result


@dataclass(frozen=True)
class Moments:
    """Mean float64 (d,), and the metric: eigenvectors (d, d) and values (d,), or variances only."""

    mean: FloatArray
    vectors: FloatArray | None
    values: FloatArray


def start(spec: Spec, blocks: Sequence[Block], members: Sequence[Member]) -> State:
    """Return the state before the first pass: zero weights, the best bias, the metric of the features."""
    moments = _moments(spec, blocks)
    bias = _best_bias(spec, blocks)
    d, k, count = len(moments.mean), spec.outputs, len(members)
    theta = np.zeros((d + 1, k, count))
    theta[d] = bias[:, None]
    pairs = int(np.clip(_PAIR_BYTES // (16 * max(theta.size, 1)), 3, _PAIRS))
    levels = int(np.clip(np.floor(np.log2(max(spec.rows, 1) / max(_SMALLEST, 4 * d))), 0, 6))
    state: State = {
        "theta": theta,
        "trial": theta.copy(),
        "direction": np.zeros_like(theta),
        "gradient": np.zeros_like(theta),
        "objective": np.full(count, np.inf),
        "train": np.full(count, np.nan),
        "validation": np.full(count, np.nan),
        "step": np.ones(count),
        "done": np.zeros(count, bool),
        "failed": np.zeros(count, bool),
        "moves": np.zeros((pairs, *theta.shape)),
        "turns": np.zeros((pairs, *theta.shape)),
        "known": np.zeros((pairs, count), bool),
        "mean": moments.mean,
        "values": moments.values,
        "curvature": _curvature(spec, blocks, bias),
        "first": np.full(count, np.nan),
        "level": np.asarray(levels),
        "level_pass": np.asarray(0),
    }
    if moments.vectors is not None:
        state["vectors"] = moments.vectors
    return state


def advance(spec: Spec, state: State, blocks: Sequence[Block], members: Sequence[Member]) -> tuple[State, Progress]:
    """Evaluate all trial points in one pass, then accept or shorten each step."""
    new = {name: array.copy() for name, array in state.items() if name not in ("vectors", "moves", "turns")}
    for name in ("vectors", "moves", "turns"):
        if name in state:
            new[name] = state[name]
    share = 0.5 ** int(state["level"])
    active = np.flatnonzero(~state["done"])
    found = evaluate(spec, blocks, [members[i] for i in active], state["trial"][:, :, active], state["mean"], share)
    penalty = np.asarray([member.penalty for member in members])[active]
    objective, gradient = _penalised(found, state["trial"][:, :, active], penalty)
    accepted = _accept(new, active, found, objective, gradient, fresh=int(state["level_pass"]) == 0)
    _propose(new, active, accepted, penalty)
    decrement = _decrement(new, active)
    new["level_pass"] += 1
    _finish(spec, new, active, decrement, members)
    curve = Curve(share, new["train"].copy(), new["validation"].copy())
    norms = {"gradient": np.sqrt((new["gradient"] ** 2).sum(axis=(0, 1))), "step": new["step"] * _norm(new["direction"])}
    rule = "predicted decrease of the loss below the tolerance"
    return new, Progress((curve,), new["done"] & (int(new["level"]) == 0), norms, 1, rule, new["failed"])


def _norm(values: FloatArray) -> FloatArray:
    """Return the length of each member's vector."""
    return np.asarray(np.sqrt((values**2).sum(axis=(0, 1))))


def _penalised(found: Evaluation, theta: FloatArray, penalty: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Add the ridge penalty to loss and gradient; the bias is free."""
    weights = theta[:-1]
    objective = found.train + 0.5 * penalty * (weights**2).sum(axis=(0, 1))
    gradient = found.gradient.copy()
    gradient[:-1] += penalty * weights
    return objective, gradient


def _accept(
    new: State, active: FloatArray, found: Evaluation, objective: FloatArray, gradient: FloatArray, *, fresh: bool
) -> FloatArray:
    """Move the members whose trial point is good enough; halve the step of the others. Sets `new`."""
    slope = (new["gradient"][:, :, active] * new["direction"][:, :, active]).sum(axis=(0, 1))
    before = new["objective"][active]
    # Rounding: near the optimum the objective cannot tell steps apart any more.
    slack = 1e-13 * np.abs(np.where(np.isfinite(before), before, 0.0))
    bound = before + _ARMIJO * new["step"][active] * slope + slack
    good = np.isfinite(objective) & (np.full(len(active), fresh) | (objective <= bound))
    good &= np.isfinite(gradient).all(axis=(0, 1))
    moved = active[good]
    if not fresh:
        _remember(new, moved, new["trial"][:, :, moved] - new["theta"][:, :, moved], gradient[:, :, good])
    new["theta"][:, :, moved] = new["trial"][:, :, moved]
    new["gradient"][:, :, moved] = gradient[:, :, good]
    new["objective"][moved] = objective[good]
    new["train"][moved], new["validation"][moved] = found.train[good], found.validation[good]
    new["first"][moved] = np.where(np.isnan(new["first"][moved]), objective[good], new["first"][moved])
    stuck = active[~good]
    new["step"][stuck] *= 0.5
    new["failed"][stuck] |= new["step"][stuck] < 1e-12
    new["done"] |= new["failed"]
    return good


def _remember(new: State, moved: FloatArray, move: FloatArray, gradient: FloatArray) -> None:
    """Put the newest pair (move, turn of the gradient) of each moved member in front. Sets `new`."""
    turn = gradient - new["gradient"][:, :, moved]
    bent = (move * turn).sum(axis=(0, 1)) > 1e-12 * (turn**2).sum(axis=(0, 1))
    moves, turns, known = new["moves"].copy(), new["turns"].copy(), new["known"]
    moves[1:, :, :, moved], turns[1:, :, :, moved] = moves[:-1, :, :, moved], turns[:-1, :, :, moved]
    known[1:, moved] = known[:-1, moved]
    moves[0][:, :, moved], turns[0][:, :, moved] = move, turn
    known[0, moved] = bent
    new["moves"], new["turns"] = moves, turns


def _propose(new: State, active: FloatArray, accepted: FloatArray, penalty: FloatArray) -> None:
    """Choose the next trial point: a full step in a new direction, or a shorter one in the old. Sets `new`."""
    moved = active[accepted]
    if len(moved):
        new["direction"][:, :, moved] = -_inverse(new, moved, penalty[accepted])
        new["step"][moved] = 1.0
    new["trial"] = new["theta"] + new["step"] * new["direction"]


def _inverse(new: State, chosen: FloatArray, penalty: FloatArray) -> FloatArray:
    """Return inverse curvature times gradient by the two-loop recursion, (d + 1, k, chosen)."""
    q = new["gradient"][:, :, chosen].copy()
    pairs = len(new["known"])
    share = np.zeros((pairs, len(chosen)))
    inverse = np.zeros((pairs, len(chosen)))
    for pair in range(pairs):
        move, turn = new["moves"][pair][:, :, chosen], new["turns"][pair][:, :, chosen]
        product = (move * turn).sum(axis=(0, 1))
        inverse[pair] = np.where(new["known"][pair][chosen], 1.0 / np.where(product > 0, product, 1.0), 0.0)
        share[pair] = inverse[pair] * (move * q).sum(axis=(0, 1))
        q -= share[pair] * turn
    q = _metric(new, q, penalty)
    for pair in reversed(range(pairs)):
        move, turn = new["moves"][pair][:, :, chosen], new["turns"][pair][:, :, chosen]
        q += (share[pair] - inverse[pair] * (turn * q).sum(axis=(0, 1))) * move
    return q


def _metric(state: State, gradient: FloatArray, penalty: FloatArray) -> FloatArray:
    """Apply the inverse of (curvature * covariance + penalty), the bias apart."""
    d, k, count = gradient.shape[0] - 1, gradient.shape[1], gradient.shape[2]
    curvature, values = state["curvature"], state["values"]
    upper = gradient[:d].reshape(d, k * count)
    stiff = curvature[None, :, None] * values[:, None, None] + penalty
    # A direction without spread and without penalty has no gradient either: leave it.
    stiff = np.where(stiff > 1e-14 * max(float(values.max(initial=0.0)), 1e-300), stiff, np.inf)
    out = np.empty_like(gradient)
    if "vectors" in state:
        turned = (state["vectors"].T @ upper).reshape(d, k, count) / stiff
        out[:d] = (state["vectors"] @ turned.reshape(d, k * count)).reshape(d, k, count)
    else:
        out[:d] = gradient[:d] / stiff
    out[d] = gradient[d] / curvature[:, None]
    return out


def _decrement(new: State, active: FloatArray) -> FloatArray:
    """Return the decrease of the objective that a full step promises, per active member."""
    return np.asarray(-0.5 * (new["gradient"][:, :, active] * new["direction"][:, :, active]).sum(axis=(0, 1)))


def _finish(spec: Spec, new: State, active: FloatArray, decrement: FloatArray, members: Sequence[Member]) -> None:
    """Mark members as done at this level, and go to the next level when all are. Sets `new`."""
    level = int(new["level"])
    scale = np.maximum(np.abs(new["first"][active]), 1e-12)
    if level:
        # A sample of n rows knows the loss no better than about d / n: more exactness there is wasted.
        rows = spec.rows * 0.5**level
        tolerance = np.maximum(0.05 * len(new["mean"]) / rows, spec.descent.tolerance) * scale
    else:
        tolerance = spec.descent.tolerance * 0.1 * scale
    new["done"][active] |= (decrement < tolerance) & (new["step"][active] == 1.0)
    exhausted = level > 0 and int(new["level_pass"]) >= _LEVEL_PASSES
    if level and (new["done"].all() or exhausted):
        new["level"], new["level_pass"] = np.asarray(level - 1), np.asarray(0)
        new["done"] = new["failed"].copy()
        new["trial"] = new["theta"].copy()
        new["step"] = np.ones(len(members))


def _moments(spec: Spec, blocks: Sequence[Block]) -> Moments:
    """Return mean and covariance of the features over a sample of the rows."""
    layout = layout_for(spec.plan)
    d = layout.width
    share = min(1.0, max(_MOMENT_ROWS, 20 * d) / max(spec.rows, 1))
    count, mean, square = 0.0, np.zeros(d), np.zeros(d)
    full = d <= GRAM_LIMIT
    products = np.zeros((d, d)) if full else np.zeros((0, 0))
    for block in sampled(blocks, share):
        for rows in rows_of(block, layout, 1):
            weight = rows.block.weight.astype(np.float64)
            count += float(weight.sum())
            mean += rows.transposed_times(weight[:, None])[:, 0]
            if full:
                products += rows.gram(weight)
            else:
                square[: layout.dense] += weight @ rows.dense**2
                if rows.sparse is not None:
                    square[layout.dense :] += rows.sparse.power(2).T @ weight
    mean /= max(count, 1e-300)
    if not full:
        return Moments(mean, None, np.maximum(square / max(count, 1e-300) - mean**2, 0.0))
    values, vectors = np.linalg.eigh(products / max(count, 1e-300) - np.outer(mean, mean))
    return Moments(mean, vectors, np.maximum(values, 0.0))


def _best_bias(spec: Spec, blocks: Sequence[Block]) -> FloatArray:
    """Return the bias of the model without features, float64 (k,), by Newton steps on a sample of targets."""
    bias = np.zeros(spec.outputs)
    for _ in range(30):
        slope, bend = _bias_slope(spec, blocks, bias)
        step = np.clip(slope / np.maximum(bend, 1e-9), -2.0, 2.0)
        bias = bias - step
        if np.abs(step).max() < 1e-9:
            break
    return bias - bias.mean() if spec.outputs > 1 else bias


def _curvature(spec: Spec, blocks: Sequence[Block], bias: FloatArray) -> FloatArray:
    """Return the mean second derivative of the loss at the bias, float64 (k,), never below 1e-4."""
    return np.maximum(_bias_slope(spec, blocks, bias)[1], 1e-4)


def _bias_slope(spec: Spec, blocks: Sequence[Block], bias: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return first and second derivative of the mean loss by each bias, by central differences of the gradient."""
    slope, bend, count, h = np.zeros(spec.outputs), np.zeros(spec.outputs), 0.0, 1e-4
    for block in sampled(blocks, min(1.0, 50_000 / max(spec.rows, 1))):
        target = block.target[:, None, None] if block.target.ndim == 1 else block.target[:, :, None]
        weight = block.weight.astype(np.float64)
        count += float(weight.sum())
        at = np.broadcast_to(bias[None, :, None], (block.rows, spec.outputs, 1))
        slope += weight @ spec.loss.gradient(at, target)[:, :, 0]
        for output in range(spec.outputs):
            up, down = at.copy(), at.copy()
            up[:, output], down[:, output] = up[:, output] + h, down[:, output] - h
            turn = spec.loss.gradient(up, target) - spec.loss.gradient(down, target)
            bend[output] += float(weight @ turn[:, output, 0]) / (2 * h)
    return slope / max(count, 1e-300), bend / max(count, 1e-300)
