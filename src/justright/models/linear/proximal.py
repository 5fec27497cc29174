"""Lasso and elastic net for any smooth convex loss: accelerated proximal steps in the metric of the features.

    minimise  mean loss(b + x'w, y)  +  penalty (mix |w|_1 + (1 - mix) |w|_2^2 / 2)

Each pass gives the gradient at an extrapolated point; the step solves the quadratic model
curvature * covariance with the penalty by coordinate descent (FISTA of Beck and Teboulle 2009 in a
fixed metric, restarted when the objective rises). A member whose model was too flat raises its
curvature. With more than 2,000 encoded columns the metric is diagonal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from justright.kernels.coordinate import elastic_net
from justright.models.base import Curve, Progress, Spec, State
from justright.models.linear.design import layout_for, rows_of, sampled
from justright.models.linear.newton import best_bias, bias_curvature
from justright.models.linear.passes import evaluate
from justright.schema import Block, FloatArray, Member

__all__ = ["advance", "start"]

_FULL: Final = 2_000  # encoded columns with a full covariance; above, its diagonal
_MOMENT_ROWS: Final = 200_000


class _Moments(NamedTuple):
    """Mean float64 (d,), covariance (d, d) or None, variances (d,), curvature of the loss (k,)."""

    mean: FloatArray
    covariance: FloatArray | None
    variance: FloatArray
    curvature: FloatArray


def start(spec: Spec, blocks: Sequence[Block], members: Sequence[Member]) -> State:
    """Return the state before the first pass: zero weights and the best bias."""
    d, k, count = layout_for(spec.plan, spec.clip).width, spec.outputs, len(members)
    theta = np.zeros((d + 1, k, count))
    theta[d] = best_bias(spec, blocks)[:, None]
    return {
        "theta": theta,
        "trial": theta.copy(),
        "train": np.full(count, np.nan),
        "validation": np.full(count, np.nan),
        "objective": np.full(count, np.inf),
        "first": np.full(count, np.nan),
        "stiff": np.ones(count),
        "speed": np.ones(count),
        "done": np.zeros(count, bool),
        "failed": np.zeros(count, bool),
    }


def advance(
    spec: Spec, state: State, blocks: Sequence[Block], members: Sequence[Member], cache: dict[str, Any]
) -> tuple[State, Progress]:
    """Evaluate the extrapolated points in one pass and step from them; `cache` keeps the moments."""
    new = {name: array.copy() for name, array in state.items()}
    if "moments" not in cache:
        cache["moments"] = _moments(spec, blocks)
    moments: _Moments = cache["moments"]
    active = np.flatnonzero(~state["done"])
    found = evaluate(spec, blocks, [members[i] for i in active.tolist()], state["trial"][:, :, active], 1.0)
    for place, number in enumerate(active.tolist()):
        new["train"][number], new["validation"][number] = found.train[place], found.validation[place]
        _move(
            spec,
            new,
            moments,
            number,
            members[number],
            float(found.train[place]),
            found.gradient[:, :, place],
        )
    curve = Curve(1.0, new["train"].copy(), new["validation"].copy())
    move = np.sqrt(((new["theta"] - state["theta"]) ** 2).sum(axis=(0, 1)))
    return new, Progress(
        (curve,), new["done"].copy(), {"step": move}, 1, "the steps are below the tolerance", new["failed"]
    )


def _move(
    spec: Spec, new: State, moments: _Moments, number: int, member: Member, train: float, gradient: FloatArray
) -> None:
    """Step one member from its trial point, or go back to its best one with a stiffer model. Sets `new`."""
    at, before = new["trial"][:, :, number].copy(), new["theta"][:, :, number].copy()
    value = train + _penalty(at[:-1], member)
    if np.isnan(new["first"][number]):
        new["first"][number] = value
    if not value <= new["objective"][number] * (1 + 1e-12) + 1e-15:
        new["speed"][number] = 1.0
        new["stiff"][number] *= 1.5
        new["trial"][:, :, number] = before
        new["objective"][number] = np.inf
        new["failed"][number] = new["stiff"][number] > 1e12
        new["done"][number] = new["failed"][number]
        return
    new["objective"][number] = value
    step = _step(moments, at, gradient, member, float(new["stiff"][number]))
    speed = float(new["speed"][number])
    faster = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * speed * speed))
    new["theta"][:, :, number] = step
    new["trial"][:, :, number] = step + (speed - 1.0) / faster * (step - before)
    new["speed"][number] = faster
    limit = 0.1 * spec.descent.tolerance * abs(new["first"][number])
    new["done"][number] = _size(moments, step - at) < limit
    if new["done"][number]:
        new["trial"][:, :, number] = step


def _penalty(weights: FloatArray, member: Member) -> float:
    """Return the elastic-net penalty of weights (d, k)."""
    lasso, ridge = member.penalty * member.mix, member.penalty * (1 - member.mix)
    return float(lasso * np.abs(weights).sum() + 0.5 * ridge * (weights**2).sum())


def _step(
    moments: _Moments, at: FloatArray, gradient: FloatArray, member: Member, stiff: float
) -> FloatArray:
    """Minimise the quadratic model with the penalty from the point `at`, (d + 1, k).

    With centred features the bias parts from the weights: the gradient by w is g_w - mean * g_b.
    """
    new = at.copy()
    lasso, ridge = member.penalty * member.mix, member.penalty * (1 - member.mix)
    for output in range(at.shape[1]):
        bend = float(moments.curvature[output]) * stiff
        weights = at[:-1, output]
        slope = gradient[:-1, output] - moments.mean * gradient[-1, output]
        if moments.covariance is None:
            diagonal = np.maximum(bend * moments.variance, 1e-12)
            free = diagonal * weights - slope
            solved = np.sign(free) * np.maximum(np.abs(free) - lasso, 0.0) / (diagonal + ridge)
        else:
            pull = bend * (moments.covariance @ weights) - slope
            solved = elastic_net(bend * moments.covariance, pull, lasso, ridge, weights)
        new[:-1, output] = solved
        new[-1, output] += -gradient[-1, output] / bend - moments.mean @ (solved - weights)
    return new


def _size(moments: _Moments, move: FloatArray) -> float:
    """Return the quadratic term of a move, (d + 1, k): about how much the objective can still fall."""
    inner = move[:-1]
    shift = move[-1] + moments.mean @ inner
    if moments.covariance is None:
        bent = (moments.variance[:, None] * inner**2).sum(axis=0)
    else:
        bent = np.einsum("dk,dk->k", inner, moments.covariance @ inner)
    return float((moments.curvature * (bent + shift**2)).sum())


def _moments(spec: Spec, blocks: Sequence[Block]) -> _Moments:
    """Return the moments of the features over a sample of the rows."""
    layout = layout_for(spec.plan, spec.clip)
    d = layout.width
    full = d <= _FULL
    count, mean, square = 0.0, np.zeros(d), np.zeros(d)
    products = np.zeros((d, d)) if full else np.zeros((0, 0))
    for block in sampled(blocks, min(1.0, max(_MOMENT_ROWS, 20 * d) / max(spec.rows, 1))):
        for rows in rows_of(block, layout, 1):
            weight = rows.block.weight.astype(np.float64)
            count += float(weight.sum())
            mean += rows.transposed_times(weight[:, None])[:, 0]
            if full:
                products += rows.gram(weight)
                continue
            square[: layout.dense] += weight @ rows.dense**2
            if rows.sparse is not None:
                square[layout.dense :] += rows.sparse.power(2).T @ weight
    mean /= max(count, 1e-300)
    curvature = bias_curvature(spec, blocks)
    if not full:
        return _Moments(mean, None, np.maximum(square / max(count, 1e-300) - mean**2, 0.0), curvature)
    covariance = products / max(count, 1e-300) - np.outer(mean, mean)
    return _Moments(mean, covariance, np.maximum(np.diag(covariance), 0.0), curvature)
