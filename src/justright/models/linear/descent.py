"""Gradient descent for linear models: a Learner whose pass is one epoch, to see and to stream.

    sgd, momentum, ftrl    a step per batch of rows (1 = single row, 0 = full batch), see kernels.descent
    rprop                  a step per pass, the size of each weight's following the signs of its gradient

A step is rate * schedule * mean gradient over the batch's rows of the member; a row weighs as much as its
weight over the mean one. After each epoch the loss of every member is evaluated exactly, on its own
training and on its own validation rows. Diverged: the loss is not finite, or above ten times that at the
start; such a member is out, with the rate that would do.

Shapes: d features, k outputs, M members; theta is (d + 1, k, M) with the bias in its last row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from justright.kernels.descent import (
    FACTORS,
    OPTIMIZERS,
    SLOPES,
    Columns,
    Memory,
    Rows,
    Rule,
    descend,
    memory_for,
    step_numpy,
)
from justright.models.base import Curve, Progress, Spec, State, training_rows
from justright.models.linear import design
from justright.models.linear.alike import Alikeness
from justright.models.linear.design import sampled
from justright.models.linear.exact import export_linear, margins_of
from justright.models.linear.newton import best_bias
from justright.models.linear.passes import Evaluation, evaluate
from justright.models.linear.shuffle import shuffled
from justright.models.linear.steepness import safe_rate
from justright.optim.losses import Huber, Logistic, Loss, Poisson, Quantile, Softmax, Squared
from justright.schema import Block, FloatArray, Member

__all__ = ["DescentLinear", "safe_rate"]

_BIAS_ROWS: Final = 20_000
_DIVERGED: Final = 10.0  # times the loss at the start
# Rprop (Riedmiller and Braun 1993), the variant without backtracking of Igel and Huesken (2000).
_GROW, _HALVE, _SMALLEST, _LARGEST = 1.2, 0.5, 1e-9, 50.0


class DescentLinear:
    """Linear models by gradient descent; see `models.base.Learner`.

    Every array of the state has the members as its last axis, and a pass depends on nothing but the
    state, the rows and its number: a killed training goes on from its state to the same bits.

    Examples
    --------
    >>> from justright.features.numeric import NumericFeature
    >>> from justright.features.plan import FeaturePlan, PlanData
    >>> from justright.recipe import Descent
    >>> from justright.schema import Column
    >>> feature = NumericFeature(Column("x", "numeric", "number"), 0.0, 1.0, -2.0, 2.0)
    >>> plan = FeaturePlan(PlanData((feature,), (), (), None))
    >>> x = np.linspace(-2, 2, 200, dtype=np.float32)[:, None]
    >>> codes, fold = np.zeros((200, 0), np.int32), np.zeros((200, 1), np.int8)
    >>> ones, key = np.ones(200, np.float32), np.arange(200, dtype=np.uint64)
    >>> table = [Block(x, codes, 2 * x[:, 0] + 1, ones, fold, None, key)]
    >>> spec = Spec(Squared(), 1, plan, Descent("sgd", batch=10), lambda done: 1.0, 200)
    >>> learner, members = DescentLinear(), [Member(rate=0.1)]
    >>> state = learner.start(spec, table, members, 0)
    >>> for number in range(20):
    ...     state, progress = learner.advance(spec, state, table, members, number)
    >>> state["theta"][:, 0, 0].round(3).tolist(), progress.steps
    ([2.0, 1.0], 20)
    """

    resume: Literal["state", "replay"] = "state"
    early_stopping = True

    def start(self, spec: Spec, blocks: Sequence[Block], members: Sequence[Member], seed: int) -> State:
        """Return the state before the first pass: zero weights and the best bias.

        Parameters
        ----------
        spec, blocks, members
            See `models.base`.
        seed : int
            Seed of the order of rows, >= 0.
        """
        shape = design.layout_for(spec.plan, spec.clip).width + 1, spec.outputs, len(members)
        theta = np.zeros(shape)
        theta[-1] = _biases(spec, blocks, members)
        found = evaluate(spec, blocks, members, theta, 1.0)
        state: State = {
            "theta": theta,
            "seed": np.full(len(members), seed, np.uint64),
            "mean_weight": _mean_weight(blocks, members),
            "first": found.train,
            "failed": np.zeros(len(members), bool),
            "safe": np.full(len(members), np.nan),
        }
        if _full_batch(spec):
            state["gradient"] = found.gradient
        return state | _own_arrays(spec, theta, members)

    def advance(
        self, spec: Spec, state: State, blocks: Sequence[Block], members: Sequence[Member], number: int
    ) -> tuple[State, Progress]:
        """Make one epoch."""
        active = np.flatnonzero(~state["failed"])
        part = {name: np.ascontiguousarray(array[..., active]) for name, array in state.items()}
        chosen = [members[int(place)] for place in active]
        apart = float("nan")
        # A diverging member overflows; it is found below by its loss.
        with np.errstate(over="ignore", invalid="ignore"):
            if spec.descent.optimizer == "rprop":
                _rprop(part, chosen)
            elif _full_batch(spec):
                _full_step(spec, part, chosen, number)
            else:
                apart = _epoch(spec, part, blocks, chosen, number)
            found = evaluate(spec, blocks, chosen, part["theta"], 1.0)
            norms = _norms(part, found, chosen, state["theta"][..., active])
            if "gradient" in part:
                part["gradient"] = found.gradient
        new = {name: array.copy() for name, array in state.items()}
        failed = _diverged(part, found)
        for name, array in part.items():
            new[name][..., active[~failed]] = array[..., ~failed]
        if failed.any():
            new["failed"][active[failed]] = True
            new["safe"][active[failed]] = safe_rate(spec, blocks)
        steps = 1 if _full_batch(spec) else -(-spec.rows // spec.descent.batch)
        train, validation, gradient, step = np.full((4, len(members)), np.nan)
        train[active], validation[active] = found.train, found.validation
        gradient[active], step[active] = norms
        lengths = {"gradient": gradient, "step": step}
        if np.isfinite(apart):
            lengths["targets_apart"] = np.where(state["failed"], np.nan, apart)
        nobody = np.zeros(len(members), bool)
        curves = (Curve(1.0, train, validation),)
        return new, Progress(curves, nobody, lengths, steps, _story(new, members), new["failed"])

    def margins(self, spec: Spec, state: State, block: Block) -> FloatArray:
        """Return margins of a block, float64 (rows, outputs, members)."""
        return margins_of(spec, state, block)

    def export(
        self, spec: Spec, state: State, member: int
    ) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return front and arrays of one member."""
        return export_linear(spec, state, member)


def _biases(spec: Spec, blocks: Sequence[Block], members: Sequence[Member]) -> FloatArray:
    """Return the best bias without features of each member's own training rows (of a sample), (k, M)."""
    few = list(sampled(blocks, min(1.0, _BIAS_ROWS / max(spec.rows, 1)))) or blocks[:1]
    found: dict[tuple[int, int], FloatArray] = {}
    for member in members:
        if (member.fold, member.repeat) not in found:
            own = [
                replace(block, weight=training_rows(block, [member])[:, 0].astype(np.float32))
                for block in few
            ]
            found[member.fold, member.repeat] = best_bias(spec, own)
    return np.stack([found[member.fold, member.repeat] for member in members], axis=1)


def _full_batch(spec: Spec) -> bool:
    """Say whether a pass is one step."""
    return spec.descent.optimizer == "rprop" or spec.descent.batch == 0 or spec.descent.batch >= spec.rows


def _own_arrays(spec: Spec, theta: FloatArray, members: Sequence[Member]) -> State:
    """Return what the optimizer keeps beside the weights."""
    optimizer = spec.descent.optimizer
    if optimizer == "momentum":
        return {"pull": np.zeros_like(theta)}
    rate = np.asarray([member.rate for member in members])
    if optimizer == "rprop":
        return {"sizes": np.zeros_like(theta) + rate, "before": np.zeros_like(theta)}
    if optimizer == "ftrl":
        stiff = np.zeros_like(theta) + 1.0 / rate
        steps = np.zeros(len(members))
        return {"pull": -stiff * theta, "squares": np.zeros_like(theta), "stiff": stiff, "steps": steps}
    return {}


def _mean_weight(blocks: Sequence[Block], members: Sequence[Member]) -> FloatArray:
    """Return the mean weight of each member's training rows."""
    total, count = np.zeros((2, len(members)))
    for block in blocks:
        total += training_rows(block, members).sum(axis=0)
        ones = np.ones_like(block.weight)
        count += training_rows(replace(block, weight=ones), members).sum(axis=0)
    return np.maximum(total, 1e-300) / np.maximum(count, 1.0)


def _epoch(spec: Spec, part: State, blocks: Sequence[Block], members: Sequence[Member], number: int) -> float:
    """Make one pass of steps in the order of the pass; changes the arrays of `part`.

    Returns how far the mean targets of its batches are apart, see `alike`.
    """
    layout = design.layout_for(spec.plan, spec.clip)
    count = spec.outputs * len(members)
    columns = _columns(part, members, spec.outputs)
    memory = _memory(part, columns, layout.dense, spec.outputs)
    count_of_rows = sum(block.rows for block in blocks)
    rule = _rule(spec, members, count_of_rows, number)
    alike = Alikeness(count_of_rows, spec.descent.batch, _classes(spec, blocks))
    for block in shuffled(blocks, int(part["seed"][0]), number):
        alike.add(block)
        for rows in design.rows_of(block, layout, count):
            descend(_kernel_rows(rows, layout.dense), columns, memory, rule, spec.loss.gradient)
    _keep_steps(part, memory)
    return alike.apart


def _classes(spec: Spec, blocks: Sequence[Block]) -> int:
    """Return the number of classes of a target, 0 for numbers, of which zero and one are two classes."""
    return spec.outputs if spec.loss.link == "softmax" and blocks[0].target.ndim == 1 else 0


def _full_step(spec: Spec, part: State, members: Sequence[Member], number: int) -> None:
    """Make one step from the gradient that the last evaluation left; changes the arrays of `part`."""
    columns = _columns(part, members, spec.outputs)
    memory = _memory(part, columns, 0, spec.outputs)
    gradient = part["gradient"].reshape(memory.theta.shape)
    rule = _rule(spec, members, 1, number)
    trained = np.ones(len(columns.rate), bool)
    step_numpy(memory, columns, rule, gradient, float(rule.factors[0]), trained)
    _keep_steps(part, memory)


def _columns(part: State, members: Sequence[Member], outputs: int) -> Columns:
    """Return what each output of each member trains on."""
    penalty = np.asarray([member.penalty for member in members])
    mix = np.asarray([member.mix for member in members])
    arrays = (
        np.asarray([member.fold for member in members], np.int64),
        np.asarray([member.repeat for member in members], np.int64),
        np.asarray([member.forward and member.fold >= 0 for member in members]),
        part["mean_weight"],
        np.asarray([member.rate for member in members]),
        penalty * mix,
        penalty * (1.0 - mix),
    )
    return Columns(*(np.tile(array, outputs) for array in arrays))


def _memory(part: State, columns: Columns, dense: int, outputs: int) -> Memory:
    """Return the kernel's memory around the arrays of `part`, which it changes."""
    theta = part["theta"].reshape(len(part["theta"]), -1)
    unused = np.zeros((1, theta.shape[1]))
    pull, squares, stiff = (
        part[name].reshape(theta.shape) if name in part else unused for name in ("pull", "squares", "stiff")
    )
    steps = np.tile(part["steps"], outputs) if "steps" in part else np.zeros(theta.shape[1])
    lazy = bool((columns.lasso > 0).any())
    return memory_for(theta, pull, squares, stiff, steps, dense=dense, lazy=lazy)


def _keep_steps(part: State, memory: Memory) -> None:
    """Copy the number of steps back, which is the same for all outputs of a member."""
    if "steps" in part:
        part["steps"] = memory.steps[: len(part["steps"])].copy()


def _rule(spec: Spec, members: Sequence[Member], rows: int, number: int) -> Rule:
    """Return how the steps of a pass are made."""
    descent = spec.descent
    steps = 1 if _full_batch(spec) else -(-rows // descent.batch)
    # The schedule is read where steps begin, and at no more than FACTORS of them.
    read = np.arange(FACTORS) if steps >= FACTORS else np.arange(steps) * descent.batch * FACTORS // rows
    factors = np.zeros(FACTORS)
    factors[read] = [spec.schedule((number + float(place) / FACTORS) / descent.epochs) for place in read]
    optimizer = OPTIMIZERS[descent.optimizer]
    return Rule(
        optimizer, descent.batch, rows, len(members), descent.momentum, factors, *_compiled(spec.loss)
    )


def _compiled(loss: Loss) -> tuple[int, float, float]:
    """Return number and parameters of a loss that is compiled; a user's own has -1, whatever its name."""
    if type(loss) is Squared or type(loss) is Poisson:
        return SLOPES[loss.name], 0.0, 0.0
    if type(loss) is Logistic or type(loss) is Softmax:
        return SLOPES[loss.name], loss.smoothing, 0.0
    if type(loss) is Huber:
        return SLOPES["huber"], loss.delta, 0.0
    if type(loss) is Quantile:
        return SLOPES["quantile"], loss.level, loss.width
    return -1, 0.0, 0.0


def _kernel_rows(rows: design.Rows, dense: int) -> Rows:
    """Return rows as the kernel wants them."""
    block = rows.block
    target = np.asarray(block.target, np.float64).reshape(block.rows, -1)
    if rows.sparse is None:
        starts, places = np.zeros(block.rows + 1, np.int64), np.zeros(0, np.int32)
        values = np.zeros(0)
    else:
        starts = rows.sparse.indptr.astype(np.int64)
        places = (rows.sparse.indices + dense).astype(np.int32)
        values = rows.sparse.data
    weight, fold = block.weight.astype(np.float64), np.ascontiguousarray(block.fold)
    return Rows(np.ascontiguousarray(rows.dense), starts, places, values, target, weight, fold)


def _rprop(part: State, members: Sequence[Member]) -> None:
    """Step every weight by its own size, against the sign of its gradient; changes the arrays of `part`."""
    gradient = _penalised(part["gradient"], part["theta"], members)
    turn = np.sign(gradient) * np.sign(part["before"])
    grown = part["sizes"] * np.where(turn > 0, _GROW, np.where(turn < 0, _HALVE, 1.0))
    part["sizes"] = np.clip(grown, _SMALLEST, _LARGEST)
    # After a turn the next size is kept, and the sign is not compared again.
    part["before"] = np.where(turn < 0, 0.0, gradient)
    part["theta"] = part["theta"] - np.sign(part["before"]) * part["sizes"]


def _penalised(gradient: FloatArray, theta: FloatArray, members: Sequence[Member]) -> FloatArray:
    """Return the gradient of loss and penalty; for L1 the shortest of the subgradients."""
    penalty = np.asarray([member.penalty for member in members])
    mix = np.asarray([member.mix for member in members])
    weights, lasso = theta[:-1], penalty * mix
    slope = gradient[:-1] + penalty * (1.0 - mix) * weights
    free = np.sign(slope) * np.maximum(np.abs(slope) - lasso, 0.0)
    slope = np.where(weights == 0.0, free, slope + lasso * np.sign(weights))
    return np.concatenate([slope, gradient[-1:]])


def _norms(
    part: State, found: Evaluation, members: Sequence[Member], old: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the length of each member's gradient after the pass, penalty included, and of its move in it."""
    gradient = _penalised(found.gradient, part["theta"], members)
    move = part["theta"] - old
    return np.sqrt((gradient**2).sum(axis=(0, 1))), np.sqrt((move**2).sum(axis=(0, 1)))


def _diverged(part: State, found: Evaluation) -> npt.NDArray[np.bool_]:
    """Say which members diverged. A Poisson loss may be negative, so the start counts by its size."""
    first = part["first"]
    limit = first + (_DIVERGED - 1.0) * np.maximum(np.abs(first), 1e-6)
    finite = np.isfinite(part["theta"]).all(axis=(0, 1)) & np.isfinite(found.train)
    return np.asarray(~finite | (found.train > limit))


def _story(state: State, members: Sequence[Member]) -> str:
    """Say which members diverged and which rate would do; empty while all is well."""
    out = np.flatnonzero(state["failed"])
    if not len(out):
        return ""
    rates = ", ".join(f"{rate:g}" for rate in sorted({members[int(place)].rate for place in out}))
    return (
        f"the rate {rates} is too high: the loss of {len(out)} of {len(members)} members rose above ten "
        f"times that at the start or is not finite; a rate of {float(state['safe'][out].min()):.2g} would do"
    )
