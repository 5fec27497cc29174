"""The compiled pass: one `lax.scan` over batches, all members of a wave side by side.

    carry      vector (M, P), optimizer state, running statistics             members first
    batches    x (S, B, inputs), codes, target, weight, fold: contiguous      shared by the members
    told       rate, fold, ... of each member; first step, all steps, seed    data, so that nothing recompiles

A row with weight 0 is padding. Time-dependent strengths (rate, dropout, decay) are functions of the share
of all steps that are done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from justright.models.neural.net import Net, pack, unpack
from justright.models.neural.network import Mode, combined
from justright.models.neural.objective import Objective
from justright.models.neural.optimizers import evaluated, guarded, optimizer_for, packable
from justright.models.neural.rule import Rule
from justright.models.neural.schedules import schedule_for
from justright.optim.losses import Loss

__all__ = ["Batches", "Carry", "Program"]

Carry: TypeAlias = dict[str, Any]

_TINY: Final = 1e-12


@dataclass(frozen=True)
class Batches:
    """Rows of some steps: (steps, rows, ...) each; numpy arrays, handed to jax without a copy."""

    x: Any
    codes: Any
    target: Any
    weight: Any
    fold: Any

    @property
    def steps(self) -> int:
        """Number of steps."""
        return int(self.weight.shape[0])

    def first(self, steps: int) -> Batches:
        """Return the first so many steps."""
        parts = (self.x, self.codes, self.target, self.weight, self.fold)
        return Batches(*(part[:steps] for part in parts))


class Program:
    """The compiled functions of one network under one rule.

    Parameters
    ----------
    net : Net
        The network.
    fixed : mapping of str to array
        Arrays that do not learn (`numbers.edges`).
    objective : Objective
        Loss of each row.
    link : str
        Of the loss: how an ensemble is averaged.
    rule : Rule
        How the weights move.
    """

    def __init__(
        self,
        net: Net,
        fixed: Mapping[str, Any],
        objective: Objective,
        loss: Loss,
        rule: Rule,
    ) -> None:
        self.net = net
        self.fixed = {name: jnp.asarray(array) for name, array in fixed.items()}
        self.objective = objective
        self.link = loss.link
        self.rule = rule
        own = isinstance(rule.optimizer, str)
        self._flat = own and packable(rule.optimizer, **dict(rule.options))
        leaves = net.leaves
        self._decayed = np.concatenate(
            [np.full(leaf.size, float(leaf.decayed), np.float32) for leaf in leaves]
        )
        self._factor = np.concatenate([np.full(leaf.size, leaf.rate, np.float32) for leaf in leaves])

    def start(self, vectors: Any, statistics: Mapping[str, Any], rates: Any, steps: int) -> Carry:
        """Return the carry before the first step, from starting vectors (M, P)."""
        vectors = jnp.asarray(vectors)

        def one(vector: Any, rate: Any) -> Any:
            return self._transform(rate, float(steps), 0.0).init(self._held(vector))

        members = vectors.shape[0]
        repeated = {n: jnp.repeat(jnp.asarray(a)[None], members, axis=0) for n, a in statistics.items()}
        return {
            "vector": vectors,
            "optimizer": jax.vmap(one)(vectors, jnp.asarray(rates)),
            "statistics": repeated,
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
            Sums (M,) over the steps: `loss` and `weight` of the rows, `gradient` norms, `update` ratios.
        """
        arrays = (batches.x, batches.codes, batches.target, batches.weight, batches.fold)
        made: tuple[Carry, dict[str, Any]] = self._compiled(carry, arrays, dict(told))
        return made

    def judged(self, carry: Carry) -> tuple[Any, Any]:
        """Return the vectors to judge and export (M, P), and the running statistics."""
        return self._evaluated(carry["optimizer"], carry["vector"]), carry["statistics"]

    def margins(self, vectors: Any, statistics: Mapping[str, Any], x: Any, codes: Any) -> Any:
        """Return margins (M, rows, outputs) of some rows, in service."""
        return self._margins(vectors, dict(statistics), x, codes)

    @cached_property
    def _compiled(self) -> Callable[..., Any]:
        """The pass of a wave."""
        axes = {"rate": 0, "fold": 0, "repeat": 0, "forward": 0, "first": None, "steps": None, "seed": None}

        def wave(carry: Carry, arrays: Any, told: dict[str, Any]) -> Any:
            if carry["vector"].shape[0] > 1:
                return jax.vmap(self._pass, in_axes=(0, None, axes))(carry, arrays, told)
            # A single member without its axis: products of matrices rather than of stacks of them.
            alone = {name: value[0] if axes[name] == 0 else value for name, value in told.items()}
            made = self._pass(jax.tree.map(lambda a: a[0], carry), arrays, alone)
            return jax.tree.map(lambda a: a[None], made)

        return jax.jit(wave)

    @cached_property
    def _margins(self) -> Callable[..., Any]:
        """The margins of a wave."""

        def one(vector: Any, statistics: Any, x: Any, codes: Any) -> Any:
            arrays = {**self.fixed, **statistics, **unpack(self.net.leaves, vector)}
            made = self.net.margins(jnp, arrays, x, codes, None)
            return combined(jnp, made, self.link) if self.net.several else made

        def wave(vectors: Any, statistics: Any, x: Any, codes: Any) -> Any:
            if vectors.shape[0] > 1:
                return jax.vmap(one, in_axes=(0, 0, None, None))(vectors, statistics, x, codes)
            return one(vectors[0], jax.tree.map(lambda a: a[0], statistics), x, codes)[None]

        return jax.jit(wave)

    @cached_property
    def _evaluated(self) -> Callable[..., Any]:
        """The weights to judge of a wave."""

        def one(state: Any, vector: Any) -> Any:
            name = self.rule.optimizer if isinstance(self.rule.optimizer, str) else None
            found = evaluated(name, state, self._held(vector))
            return self._packed(found)

        return jax.jit(jax.vmap(one))

    def _pass(self, carry: Carry, arrays: Any, told: dict[str, Any]) -> Any:
        """Take all steps with one member."""
        sums = {name: jnp.zeros(()) for name in ("loss", "weight", "gradient", "update")}
        (carry, sums, _), _ = jax.lax.scan(
            partial(self._step, told), (carry, sums, jnp.asarray(told["first"], jnp.int32)), arrays
        )
        return carry, sums

    def _step(self, told: dict[str, Any], state: Any, batch: Any) -> Any:
        """Take one step with one member."""
        carry, sums, number = state
        x, codes, target, weight, fold = batch
        own = fold[:, told["repeat"]]
        trains = (own != told["fold"]) & ~(told["forward"] & (own > told["fold"]))
        weight = weight * trains
        total = weight.sum()
        share = number / told["steps"]
        vector = carry["vector"]

        def objective(tree: Any) -> Any:
            mode = self._mode(weight, told["seed"], number, share)
            arrays = {**self.fixed, **carry["statistics"], **tree}
            made = self.net.margins(jnp, arrays, x, codes, mode)
            if self.net.several:
                rows = jax.vmap(self.objective, in_axes=(0, None))(made, target).mean(axis=0)
            else:
                rows = self.objective(made, target)
            return (weight * rows).sum() / jnp.maximum(total, _TINY), mode.statistics

        tree = unpack(self.net.leaves, vector)
        (loss, statistics), gradients = jax.value_and_grad(objective, has_aux=True)(tree)
        gradient = pack(jnp, self.net.leaves, gradients)
        transform = self._transform(told["rate"], told["steps"], share)
        held = self._held(vector)
        updates, optimizer = transform.update(
            gradient if self._flat else gradients,
            carry["optimizer"],
            held,
            value=loss,
            value_fn=lambda at: objective(self._tree(at))[0],
        )
        updates = self._packed(updates)
        new = {
            "vector": vector + updates,
            "optimizer": optimizer,
            "statistics": {**carry["statistics"], **statistics},
        }
        length = jnp.sqrt(jnp.vdot(gradient, gradient))
        moved = jnp.sqrt(jnp.vdot(updates, updates) / jnp.maximum(jnp.vdot(vector, vector), _TINY))
        sums = {
            "loss": sums["loss"] + loss * total,
            "weight": sums["weight"] + total,
            "gradient": sums["gradient"] + length,
            "update": sums["update"] + moved,
        }
        return (new, sums, number + 1), None

    def _mode(self, weight: Any, seed: Any, number: Any, share: Any) -> Mode:
        """Return what this step adds to a pass through the network."""
        key = None
        if self.rule.dropout > 0 and self.net.drops:
            key = jax.random.fold_in(jax.random.key(seed), number)
        return Mode(weight, key, self.rule.dropout * _late(share))

    def _transform(self, rate: Any, steps: Any, share: Any) -> Any:
        """Return the optimizer with its guards, for a traced rate."""
        rule = self.rule
        if not isinstance(rule.optimizer, str):
            return rule.optimizer
        schedule = _scheduled(rule.schedule, rate, steps)
        transform = optimizer_for(
            rule.optimizer,
            schedule,
            decay=rule.decay * _late(share) if rule.decay else 0.0,
            decayed=self._held(jnp.asarray(self._decayed)) if rule.decay else None,
            factor=self._held(jnp.asarray(self._factor)) if rule.groups else None,
            **dict(rule.options),
        )
        return guarded(transform, clip=rule.clip or None, average=rule.average)

    def _held(self, vector: Any) -> Any:
        """Return parameters as the optimizer holds them: one vector, or arrays by name."""
        return vector if self._flat else unpack(self.net.leaves, vector)

    def _tree(self, held: Any) -> dict[str, Any]:
        """Return parameters by name."""
        tree: dict[str, Any] = unpack(self.net.leaves, held) if self._flat else held
        return tree

    def _packed(self, held: Any) -> Any:
        """Return parameters as one vector."""
        return held if self._flat else pack(jnp, self.net.leaves, held)


def _scheduled(schedule: Any, rate: Any, steps: Any) -> Callable[[Any], Any]:
    """Return the rate as a function of the step, of a named schedule or of a user's own factor."""
    if not callable(schedule):
        return schedule_for(schedule, rate, steps)

    def own(number: Any) -> Any:
        return rate * schedule(number / steps)

    return own


def _late(share: Any) -> Any:
    """Return 1 for the first half of the work, then half a cosine to 0 (flat_cos of RealMLP)."""
    return 0.5 * (1.0 + jnp.cos(jnp.pi * jnp.clip(2.0 * share - 1.0, 0.0, 1.0)))
