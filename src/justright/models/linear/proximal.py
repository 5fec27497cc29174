"""Lasso and elastic net for any smooth convex loss: damped proximal Newton steps.

    minimise  mean loss(b + x'w, y)  +  penalty (mix |w|_1 + (1 - mix) |w|_2^2 / 2)

Each pass gives loss and gradient at every member's trial point. From an accepted point the next step
minimises the quadratic model of the loss with the penalty itself, by coordinate descent (Lee, Sun and
Saunders 2014); its curvature is taken at the current point of each setting every few passes and shared
by the folds. A step that does not keep what it promised is made anew on a stiffer model. With more than
2,000 encoded columns the curvature is its diagonal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from justright.kernels.coordinate import elastic_net
from justright.models.base import Curve, Progress, Spec, State
from justright.models.linear.design import layout_for, rows_of
from justright.models.linear.metric import second_derivatives
from justright.models.linear.newton import LOOK_BACK, best_bias, decided, exhausted
from justright.models.linear.passes import Evaluation, evaluate
from justright.models.linear.telling import telling_rows
from justright.schema import Block, FloatArray, Member

__all__ = ["advance", "start"]

_FULL: Final = 2_000  # encoded columns with a full curvature; above, its diagonal
_FEWEST: Final = 20_000  # rows of the sample that gives the curvature
_RENEW: Final = (1, 2, 4, 6, 9, 13, 18, 25, 35, 50, 70)
_KEPT: Final = 0.1  # share of its promise that a step must keep
_RULE: Final = "the promised decrease of the loss is below the tolerance"


class _Model(NamedTuple):
    """The quadratic model of a setting, by output: curvature of the bias (k,), centre (k, d), and the
    curvature of the weights at the best bias, (d, d) or its diagonal (d,)."""

    bend: FloatArray
    centre: FloatArray
    curvature: tuple[FloatArray, ...]


def start(spec: Spec, blocks: Sequence[Block], members: Sequence[Member]) -> State:
    """Return the state before the first pass: zero weights and the best bias."""
    d, k, count = layout_for(spec.plan, spec.clip).width, spec.outputs, len(members)
    theta = np.zeros((d + 1, k, count))
    theta[d] = best_bias(spec, blocks)[:, None]
    settings = 1 + max(member.setting for member in members)
    return {
        "theta": theta,
        "trial": theta.copy(),
        "gradient": np.zeros_like(theta),
        "promised": np.zeros(count),
        "stiff": np.ones(count),
        "objective": np.full(count, np.inf),
        "train": np.full(count, np.nan),
        "validation": np.full(count, np.nan),
        "first": np.full(count, np.nan),
        "done": np.zeros(count, bool),
        "failed": np.zeros(count, bool),
        "anchor": theta[:, :, :1].repeat(settings, axis=2),
        "anchor_done": np.zeros(count, bool),
        "level_pass": np.asarray(0),
        "best": np.full(LOOK_BACK, np.inf),
    }


def advance(
    spec: Spec, state: State, blocks: Sequence[Block], members: Sequence[Member], cache: dict[str, Any]
) -> tuple[State, Progress]:
    """Evaluate all trial points in one pass, then accept or shorten; `cache` keeps the quadratic models."""
    new = {name: array.copy() for name, array in state.items()}
    active = np.flatnonzero(~state["done"])
    asked = [members[i] for i in active.tolist()]
    found = evaluate(spec, blocks, asked, state["trial"][:, :, active], 1.0)
    for place, number in enumerate(active.tolist()):
        value = float(found.train[place]) + _penalty(new["trial"][:-1, :, number], members[number])
        _accept(new, number, value, found, place)
    new["level_pass"] += 1
    if int(new["level_pass"]) in _RENEW:
        for place, member in enumerate(members):
            if member.fold < 0:
                new["anchor"][:, :, member.setting] = new["theta"][:, :, place]
        new["anchor_done"] = new["done"].copy()
    models = _models(spec, blocks, new, members, cache)
    for number in active.tolist():
        if not new["done"][number]:
            _propose(spec, new, number, members[number], models[members[number].setting])
    new["done"][active] |= decided(new, active, -new["promised"][active], members)
    rule = _RULE
    if exhausted(new, members) and not new["done"].all():
        new["done"][:] = True
        rule = "the validation loss no longer falls"
    curve = Curve(1.0, new["train"].copy(), new["validation"].copy())
    norms = {"step": np.sqrt(((new["trial"] - new["theta"]) ** 2).sum(axis=(0, 1)))}
    return new, Progress((curve,), new["done"].copy(), norms, 1, rule, new["failed"])


def _accept(new: State, number: int, value: float, found: Evaluation, place: int) -> None:
    """Move a member to its trial point if that kept its promise, else stiffen its model. Sets `new`."""
    before = float(new["objective"][number])
    slack = 1e-13 * abs(before) if np.isfinite(before) else 0.0
    if np.isfinite(value) and value <= before + _KEPT * new["promised"][number] + slack:
        new["theta"][:, :, number] = new["trial"][:, :, number]
        new["gradient"][:, :, number] = found.gradient[:, :, place]
        new["objective"][number] = value
        new["train"][number], new["validation"][number] = found.train[place], found.validation[place]
        new["stiff"][number] = max(0.6 * new["stiff"][number], 1.0)
        if np.isnan(new["first"][number]):
            new["first"][number] = value
        return
    new["stiff"][number] *= 2.5
    if new["stiff"][number] > 1e9:
        new["failed"][number] = not np.isfinite(before)
        new["done"][number] = True


def _propose(spec: Spec, new: State, number: int, member: Member, model: _Model) -> None:
    """Choose the next trial point of a member, or end it. Sets `new`."""
    at, gradient, stiff = (
        new["theta"][:, :, number],
        new["gradient"][:, :, number],
        float(new["stiff"][number]),
    )
    goal = _solve(model, at, gradient, member, stiff)
    direction = goal - at
    promised = float((gradient * direction).sum()) + _penalty(goal[:-1], member) - _penalty(at[:-1], member)
    new["promised"][number] = promised
    new["trial"][:, :, number] = goal
    # A stiff model promises little because it goes nowhere: its promise counts in proportion.
    new["done"][number] = -promised * stiff < 0.1 * spec.descent.tolerance * abs(new["first"][number])


def _penalty(weights: FloatArray, member: Member) -> float:
    """Return the elastic-net penalty of weights (d, k)."""
    lasso, ridge = member.penalty * member.mix, member.penalty * (1 - member.mix)
    return float(lasso * np.abs(weights).sum() + 0.5 * ridge * (weights**2).sum())


def _solve(model: _Model, at: FloatArray, gradient: FloatArray, member: Member, stiff: float) -> FloatArray:
    """Minimise the quadratic model with the penalty from the point `at`, (d + 1, k).

    At the best bias for given weights the gradient by them is g_w - centre * g_b.
    """
    goal = at.copy()
    lasso, ridge = member.penalty * member.mix, member.penalty * (1 - member.mix)
    for output in range(at.shape[1]):
        weights, centre, curvature = at[:-1, output], model.centre[output], stiff * model.curvature[output]
        slope = gradient[:-1, output] - centre * gradient[-1, output]
        if curvature.ndim == 1:
            free = curvature * weights - slope
            solved = np.sign(free) * np.maximum(np.abs(free) - lasso, 0.0) / (curvature + ridge)
        else:
            solved = elastic_net(curvature, curvature @ weights - slope, lasso, ridge, weights, sweeps=200)
        goal[:-1, output] = solved
        goal[-1, output] -= gradient[-1, output] / (stiff * model.bend[output]) + centre @ (solved - weights)
    return goal


def _models(
    spec: Spec, blocks: Sequence[Block], new: State, members: Sequence[Member], cache: dict[str, Any]
) -> dict[int, _Model]:
    """Return the quadratic model of each setting at its anchor, from the cache where none has moved."""
    key = new["anchor"].tobytes() + new["anchor_done"].tobytes()
    if cache.get("key") != key:
        made: dict[int, _Model] = {}
        known: dict[bytes, _Model] = {}
        going = {m.setting for m, done in zip(members, new["anchor_done"], strict=True) if not done}
        for setting in sorted(going):
            anchor = np.ascontiguousarray(new["anchor"][:, :, setting])
            found = known.get(anchor.tobytes()) or _model(spec, blocks, anchor)
            known[anchor.tobytes()] = made[setting] = found
        cache["key"], cache["models"] = key, made
    models: dict[int, _Model] = cache["models"]
    return models


def _model(spec: Spec, blocks: Sequence[Block], anchor: FloatArray) -> _Model:
    """Return the quadratic model at an anchor (d + 1, k), from a sample of the rows."""
    layout = layout_for(spec.plan, spec.clip)
    d, k = layout.width, spec.outputs
    count, bend, centre = 0.0, np.zeros(k), np.zeros((k, d))
    total = [np.zeros((d, d) if d <= _FULL else d) for _ in range(k)]
    for block in telling_rows(blocks, max(_FEWEST, 20 * d), 1.0):
        for rows in rows_of(block, layout, k):
            weight = rows.block.weight.astype(np.float64)
            bends = second_derivatives(spec, rows.times(anchor[:-1]) + anchor[-1], rows.block)
            bends *= weight[:, None]
            count += float(weight.sum())
            bend += bends.sum(axis=0)
            centre += rows.transposed_times(bends).T
            for output in range(k):
                total[output] += (
                    rows.gram(bends[:, output]) if d <= _FULL else _squares(rows, bends[:, output])
                )
    safe = np.maximum(bend, 1e-12 * max(count, 1e-300))
    centre /= safe[:, None]
    found = []
    for output in range(k):
        mean = centre[output]
        away = np.outer(mean, mean) if d <= _FULL else mean**2
        curvature = (total[output] - bend[output] * away) / max(count, 1e-300)
        found.append(curvature if d <= _FULL else np.maximum(curvature, 1e-9))
    return _Model(safe / max(count, 1e-300), centre, tuple(found))


def _squares(rows: Any, weight: FloatArray) -> FloatArray:
    """Return the weighted sum of squares of each column, (d,)."""
    dense = weight @ rows.dense**2
    return dense if rows.sparse is None else np.concatenate([dense, rows.sparse.power(2).T @ weight])
