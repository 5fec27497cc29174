"""Lasso and elastic net for any smooth convex loss: accelerated proximal steps in the metric of the features.

    minimise  mean loss(b + (x - m)'w, y)  +  penalty (mix |w|_1 + (1 - mix) |w|_2^2 / 2)

Each pass gives the gradient at an extrapolated point; the step solves the quadratic model
curvature * covariance with the penalty by coordinate descent (FISTA of Beck and Teboulle 2009 in a
fixed metric, restarted when the objective rises). A member whose model was too flat raises its
curvature. With more than 2,000 encoded columns the metric is diagonal.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from justright.kernels.coordinate import elastic_net
from justright.models.base import Curve, Progress, Spec, State
from justright.models.linear import newton
from justright.models.linear.passes import evaluate
from justright.schema import Block, FloatArray, Member

__all__ = ["advance", "start"]


def start(spec: Spec, blocks: Sequence[Block], members: Sequence[Member]) -> State:
    """Return the state before the first pass."""
    state = newton.start(spec, blocks, members)
    kept = ("theta", "trial", "train", "validation", "done", "failed", "mean", "values", "vectors", "curvature", "first")
    new = {name: state[name] for name in kept if name in state}
    count = len(members)
    # At its best bias a loss is at its most curved for classes; counts may need more and get it.
    new["stiff"] = np.full(count, 1.0)
    new["speed"] = np.ones(count)
    new["objective"] = np.full(count, np.inf)
    return new


def advance(spec: Spec, state: State, blocks: Sequence[Block], members: Sequence[Member]) -> tuple[State, Progress]:
    """Evaluate the extrapolated points in one pass and step from them."""
    new = {name: array.copy() if name != "vectors" else array for name, array in state.items()}
    active = np.flatnonzero(~state["done"])
    found = evaluate(spec, blocks, [members[i] for i in active], state["trial"][:, :, active], state["mean"], 1.0)
    covariance = _covariance(state)
    for place, member_number in enumerate(active):
        member = members[member_number]
        at = state["trial"][:, :, member_number]
        value = float(found.train[place]) + _penalty(at[:-1], member)
        new["train"][member_number], new["validation"][member_number] = found.train[place], found.validation[place]
        if np.isnan(new["first"][member_number]):
            new["first"][member_number] = value
        if value > state["objective"][member_number] * (1 + 1e-12) + 1e-15:
            # The model was too flat or the extrapolation too bold: restart from the best point, stiffer.
            new["speed"][member_number] = 1.0
            new["stiff"][member_number] *= 1.5
            new["trial"][:, :, member_number] = state["theta"][:, :, member_number]
            new["objective"][member_number] = np.inf
            continue
        new["objective"][member_number] = value
        step = _step(state, covariance, at, found.gradient[:, :, place], member, float(new["stiff"][member_number]))
        before = state["theta"][:, :, member_number]
        speed = float(state["speed"][member_number])
        faster = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * speed * speed))
        new["theta"][:, :, member_number] = step
        new["trial"][:, :, member_number] = step + (speed - 1.0) / faster * (step - before)
        new["speed"][member_number] = faster
        gain = _model_gain(state, found.gradient[:, :, place], step - at)
        new["done"][member_number] = gain < 0.1 * spec.descent.tolerance * abs(new["first"][member_number])
    for member_number in np.flatnonzero(new["done"] & ~state["done"]):
        new["trial"][:, :, member_number] = new["theta"][:, :, member_number]
    curve = Curve(1.0, new["train"].copy(), new["validation"].copy())
    move = np.sqrt(((new["theta"] - state["theta"]) ** 2).sum(axis=(0, 1)))
    return new, Progress((curve,), new["done"].copy(), {"step": move}, 1, "step below the tolerance", new["failed"])


def _covariance(state: State) -> FloatArray | None:
    """Return the covariance of the features, None where only variances are kept."""
    if "vectors" not in state:
        return None
    return np.asarray((state["vectors"] * state["values"]) @ state["vectors"].T)


def _penalty(weights: FloatArray, member: Member) -> float:
    """Return the elastic-net penalty of weights (d, k)."""
    lasso, ridge = member.penalty * member.mix, member.penalty * (1 - member.mix)
    return float(lasso * np.abs(weights).sum() + 0.5 * ridge * (weights**2).sum())


def _step(
    state: State, covariance: FloatArray | None, at: FloatArray, gradient: FloatArray, member: Member, stiff: float
) -> FloatArray:
    """Minimise the quadratic model with the penalty from the point `at`, (d + 1, k)."""
    new = at.copy()
    lasso, ridge = member.penalty * member.mix, member.penalty * (1 - member.mix)
    for output in range(at.shape[1]):
        bend = float(state["curvature"][output]) * stiff
        new[-1, output] -= gradient[-1, output] / bend
        weights, slope = at[:-1, output], gradient[:-1, output]
        if covariance is None:
            diagonal = np.maximum(bend * state["values"], 1e-12)
            free = diagonal * weights - slope
            new[:-1, output] = np.sign(free) * np.maximum(np.abs(free) - lasso, 0.0) / (diagonal + ridge)
        else:
            pull = bend * (covariance @ weights) - slope
            new[:-1, output] = elastic_net(bend * covariance, pull, lasso, ridge, weights)
    return new


def _model_gain(state: State, gradient: FloatArray, move: FloatArray) -> float:
    """Return the size of the quadratic term of a move: how much the objective can still fall, roughly."""
    inner = move[:-1]
    if "vectors" in state:
        turned = state["vectors"].T @ inner
        bent = (state["values"][:, None] * turned**2).sum(axis=0)
    else:
        bent = (state["values"][:, None] * inner**2).sum(axis=0)
    return float((state["curvature"] * (bent + move[-1] ** 2)).sum())
