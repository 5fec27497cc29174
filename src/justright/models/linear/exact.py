"""The exact Learner of linear models: no learning rate, one optimum.

Squared loss with up to 2,000 encoded columns is solved from sums of products in a single pass; every
other case runs L-BFGS to the optimum, repeated rows as one. Both hold losses per doubling of the rows, so
that there is always a curve to read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from justright.models.base import Progress, Spec, State
from justright.models.linear import gram, newton, proximal
from justright.models.linear.collapse import kept_collapsed
from justright.models.linear.design import layout_for, rows_of
from justright.schema import Block, FloatArray, Member

__all__ = ["ExactLinear", "export_linear", "margins_of", "parameters"]


class ExactLinear:
    """Linear models at their exact optimum; see `models.base.Learner`."""

    resume: Literal["state", "replay"] = "state"
    early_stopping = False

    def __init__(self) -> None:
        self._cache: dict[str, Any] = {}

    def start(self, spec: Spec, blocks: Sequence[Block], members: Sequence[Member], seed: int) -> State:
        """Return the state before the first pass; `seed` is not used, nothing is random."""
        if _by_sums(spec):
            d = layout_for(spec.plan, spec.clip).width
            return {"weights": np.zeros((d, 1, len(members))), "bias": np.zeros((1, len(members)))}
        spec, blocks = kept_collapsed(spec, blocks, self._cache)
        if any(member.mix > 0 for member in members):
            return proximal.start(spec, blocks, members)
        return newton.start(spec, blocks, members)

    def advance(
        self, spec: Spec, state: State, blocks: Sequence[Block], members: Sequence[Member], number: int
    ) -> tuple[State, Progress]:
        """Make one pass."""
        if "theta" in state:
            spec, blocks = kept_collapsed(spec, blocks, self._cache)
            advance = proximal.advance if "promised" in state else newton.advance
            return advance(spec, state, blocks, members, self._cache)
        solution = gram.solve(gram.sums(spec, blocks, members), members)
        new = {"weights": solution.weights[:, None, :], "bias": solution.bias[None, :]}
        done = np.ones(len(members), bool)
        return new, Progress(solution.curves, done, rule="solved exactly from sums of products")

    def margins(self, spec: Spec, state: State, block: Block) -> FloatArray:
        """Return margins of a block, float64 (rows, outputs, members)."""
        return margins_of(spec, state, block)

    def export(
        self, spec: Spec, state: State, member: int
    ) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return front and arrays of one member."""
        return export_linear(spec, state, member)


def parameters(state: State) -> tuple[FloatArray, FloatArray]:
    """Return weights (d, outputs, members) and bias (outputs, members) for features of a Block."""
    if "theta" not in state:
        return state["weights"], state["bias"]
    return state["theta"][:-1], state["theta"][-1]


def margins_of(spec: Spec, state: State, block: Block) -> FloatArray:
    """Return margins of a block under all members, float64 (rows, outputs, members)."""
    weights, bias = parameters(state)
    d, k, count = weights.shape
    flat = np.ascontiguousarray(weights.reshape(d, k * count))
    out = np.empty((block.rows, k * count))
    begin = 0
    for rows in rows_of(block, layout_for(spec.plan, spec.clip), k * count):
        out[begin : begin + rows.block.rows] = rows.times(flat) + bias.reshape(-1)
        begin += rows.block.rows
    return out.reshape(block.rows, k, count)


def export_linear(
    spec: Spec, state: State, member: int
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Return the front (layout and target scale) and the arrays `weights` (d, outputs), `bias` (outputs,)."""
    weights, bias = parameters(state)
    target = spec.plan.data.target
    front = layout_for(spec.plan, spec.clip).to_front()
    front["centre"] = target.centre if target else 0.0
    front["scale"] = target.scale if target else 1.0
    if spec.hold:
        ends = np.asarray([(each.low, each.high) for each in spec.plan.data.numeric]).reshape(-1, 2)
        centre = np.asarray([(each.centre, each.scale) for each in spec.plan.data.numeric]).reshape(-1, 2)
        most = min(spec.clip, float(np.finfo(np.float32).max))
        z = np.clip((ends - centre[:, :1]) / centre[:, 1:], -most, most)
        front["low"], front["high"] = z[:, 0].tolist(), z[:, 1].tolist()
    return front, {
        "weights": np.ascontiguousarray(weights[:, :, member]),
        "bias": np.ascontiguousarray(bias[:, member]),
    }


def _by_sums(spec: Spec) -> bool:
    """Say whether sums of products solve it."""
    return spec.loss.name == "squared" and layout_for(spec.plan, spec.clip).width <= gram.GRAM_LIMIT
