"""A network in training: its compiled steps (`steps`) with the arrays that do not learn.

batches    x (S, B, inputs), codes, target, weight, fold: contiguous      shared by the members
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from justright.models.neural.net import Net
from justright.models.neural.rule import Rule
from justright.models.neural.steps import Carry, steps_for
from justright.optim.losses import Loss

__all__ = ["Batches", "Carry", "Program"]


@dataclass(frozen=True)
class Batches:
    """Rows of some steps: (steps, rows, ...) each; `offset` is added to their margins."""

    x: Any
    codes: Any
    target: Any
    weight: Any
    fold: Any
    offset: Any = None

    @property
    def steps(self) -> int:
        """Number of steps."""
        return int(self.weight.shape[0])

    @property
    def parts(self) -> tuple[Any, ...]:
        """All arrays in order."""
        return self.x, self.codes, self.target, self.weight, self.fold, self.offset

    def first(self, steps: int) -> Batches:
        """Return the first so many steps."""
        return Batches(*jax.tree.map(lambda part: part[:steps], self.parts))


class Program:
    """The compiled functions of one network under one rule, for one table.

    Parameters
    ----------
    net : Net
        The network.
    fixed : mapping of str to array
        Arrays that do not learn (`numbers.edges`).
    loss : Loss
        What is minimised, and how an ensemble is averaged.
    rule : Rule
        How the weights move.
    smoothing : float
        Label smoothing, 0..1.
    """

    def __init__(
        self, net: Net, fixed: Mapping[str, Any], loss: Loss, rule: Rule, smoothing: float = 0.0
    ) -> None:
        self.net = net
        self.rule = rule
        self.fixed = jax.device_put(dict(fixed))
        self.steps = steps_for(net, loss, smoothing, rule)

    def start(self, vectors: Any, statistics: Mapping[str, Any], rates: Any, steps: int) -> Carry:
        """Return the carry before the first step, from starting vectors (M, P)."""
        vectors, members = jax.device_put(vectors), len(vectors)
        repeated = {n: np.repeat(np.asarray(a)[None], members, axis=0) for n, a in statistics.items()}
        return {
            "vector": vectors,
            "optimizer": self.steps.begun(vectors, np.asarray(rates, np.float32), np.float32(steps)),
            "statistics": jax.device_put(repeated),
        }

    def train(self, carry: Carry, batches: Batches, told: Mapping[str, Any]) -> tuple[Carry, dict[str, Any]]:
        """Take the steps of some batches.

        Parameters
        ----------
        carry : dict
            As `start` made it.
        batches : Batches
            Rows, shared by all members.
        told : mapping
            `rate`, `fold`, `repeat`, `forward` (M,); `first`, `steps`, `seed` scalars.

        Returns
        -------
        carry, sums
            Sums (M,) over the steps: `loss` and `weight` of the rows; over every eighth step, of the
            matrices alone: `gradient` norms, `update` ratios, and their number `norms`.
            Of these, `first` and `last` are the gradients of the first hidden layer and of the last layer.
            `between` is how far the losses of batches are apart, `within` how far those of mixed rows would
            be, both squared.
        """
        made: tuple[Carry, dict[str, Any]] = self.steps.train(carry, self.fixed, batches.parts, dict(told))
        return made

    def judged(self, carry: Carry) -> tuple[Any, Any]:
        """Return the vectors to judge and export (M, P), and the running statistics."""
        return self.steps.evaluated(carry["optimizer"], carry["vector"]), carry["statistics"]

    def margins(
        self, vectors: Any, statistics: Mapping[str, Any], rows: tuple[Any, ...], places: Any = None
    ) -> Any:
        """Return margins (M, rows, outputs) of rows, as in service, of the members at `places`.

        `rows` are inputs, codes, and what is added to the margins (rows, outputs) or None.
        """
        return self.steps.margins(places, vectors, dict(statistics), self.fixed, rows)
