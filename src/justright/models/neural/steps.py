"""What a training compiles: one step, a pass of them by `lax.scan`, and margins; all members side by side.

    carry      vector (M, P), optimizer state, running statistics             members first
    fixed      arrays that do not learn                                       shared by the members
    told       rate, fold, ... of each member; first step, all steps, seed    data, so that nothing recompiles

A row with weight 0 is padding. Time-dependent strengths (rate, dropout, decay) are functions of the share
of all steps that are done. Trainings of equal networks under equal rules share what is compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache, partial
from typing import Any, Final, TypeAlias

import jax
import jax.numpy as jnp

from justright.models.neural.net import Net, pack, unpack
from justright.models.neural.network import Mode, combined
from justright.models.neural.objective import objective_for
from justright.models.neural.optimizers import evaluated, guarded, optimizer_for, packable
from justright.models.neural.rule import Rule
from justright.models.neural.schedules import schedule_for
from justright.optim.losses import Loss

__all__ = ["Carry", "Steps", "steps_for"]

Carry: TypeAlias = dict[str, Any]

_TINY: Final = 1e-12
_APART: Final = 8  # steps between two looks at gradient and update: at each of them 8 % of a pass of 256^3
_SUMS: Final = ("loss", "weight", "norms", "gradient", "update", "first", "last")
_ENDS: Final = "body.0.weight", "head.weight"  # the first hidden layer, and what makes margins
_KEPT: Final = 32  # compiled questions that a process keeps
_AXES: Final = {"rate": 0, "fold": 0, "repeat": 0, "forward": 0, "first": None, "steps": None, "seed": None}


def steps_for(net: Net, loss: Loss, smoothing: float, rule: Rule) -> Steps:
    """Return the compiled functions of a question; of one asked before in this process, the same."""
    asked: Any = (_Question(net), loss, smoothing, rule)
    try:
        hash(asked)
    except TypeError:  # a user's own loss or options without a hash
        return Steps(net, loss, smoothing, rule)
    return _known(*asked)


class _Question:
    """A network that is equal to another one with the same key."""

    def __init__(self, net: Net) -> None:
        self.net = net

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Question) and self.net.key == other.net.key

    def __hash__(self) -> int:
        return hash(self.net.key)


@lru_cache(_KEPT)
def _known(question: _Question, loss: Loss, smoothing: float, rule: Rule) -> Steps:
    """Make the functions of a question once."""
    return Steps(question.net, loss, smoothing, rule)


class Steps:
    """The compiled functions of one network under one rule.

    Parameters
    ----------
    net : Net
        The network.
    loss : Loss
        What is minimised, and how an ensemble is averaged.
    smoothing : float
        Label smoothing.
    rule : Rule
        How the weights move.
    """

    def __init__(self, net: Net, loss: Loss, smoothing: float, rule: Rule) -> None:
        self.net, self.rule, self.link = net, rule, loss.link
        self.objective = objective_for(loss, smoothing)
        own = isinstance(rule.optimizer, str)
        self._flat = own and packable(rule.optimizer, **dict(rule.options))
        self._size = sum(leaf.size for leaf in net.leaves)
        # With biases and factors a look costs 12 us a step of 64-64, a fifth of it; matrices alone 1.
        matrices = tuple(leaf.name for leaf in net.leaves if len(leaf.shape) > 1)
        self._watched = matrices or tuple(leaf.name for leaf in net.leaves)
        # A user's own network has no first and last layer that we know of: all of it is both.
        known = all(name in self._watched for name in _ENDS)
        self._ends = tuple(self._watched.index(name) for name in _ENDS) if known else ()

    @cached_property
    def begun(self) -> Callable[..., Any]:
        """The state of the optimizer before the first step: vectors (M, P), rates (M,), steps -> state."""

        def one(vector: Any, rate: Any, steps: Any) -> Any:
            return self._closed(self._transform(rate, steps, 0.0).init(unpack(self.net.leaves, vector)))

        return jax.jit(jax.vmap(one, in_axes=(0, 0, None)))

    @cached_property
    def train(self) -> Callable[..., Any]:
        """The pass of a wave: carry, fixed, rows, told -> carry, sums."""

        def wave(carry: Carry, fixed: Mapping[str, Any], arrays: Any, told: dict[str, Any]) -> Any:
            if carry["vector"].shape[0] > 1:
                return jax.vmap(self._pass, in_axes=(0, None, None, _AXES))(carry, fixed, arrays, told)
            # A single member without its axis: products of matrices rather than of stacks of them.
            alone = {name: value[0] if _AXES[name] == 0 else value for name, value in told.items()}
            made = self._pass(jax.tree.map(lambda a: a[0], carry), fixed, arrays, alone)
            return jax.tree.map(lambda a: a[None], made)

        return jax.jit(wave)

    @cached_property
    def margins(self) -> Callable[..., Any]:
        """The margins of some members: places, vectors, statistics, fixed, rows -> (M, rows, outputs)."""

        def one(vector: Any, statistics: Any, fixed: Mapping[str, Any], rows: Any) -> Any:
            x, codes, offset = rows
            arrays = {**fixed, **statistics, **unpack(self.net.leaves, vector)}
            made = _from(offset, self.net.margins(jnp, arrays, x, codes, None))
            return combined(jnp, made, self.link) if self.net.several else made

        def wave(places: Any, vectors: Any, statistics: Any, fixed: Mapping[str, Any], rows: Any) -> Any:
            if places is not None:
                vectors, statistics = jax.tree.map(lambda a: a[places], (vectors, statistics))
            if vectors.shape[0] > 1:
                return jax.vmap(one, in_axes=(0, 0, None, None))(vectors, statistics, fixed, rows)
            return one(vectors[0], jax.tree.map(lambda a: a[0], statistics), fixed, rows)[None]

        return jax.jit(wave)

    @cached_property
    def evaluated(self) -> Callable[..., Any]:
        """The weights to judge of a wave: optimizer state, vectors -> vectors."""

        def one(state: Any, vector: Any) -> Any:
            name = self.rule.optimizer if isinstance(self.rule.optimizer, str) else None
            if self._flat:
                return evaluated(name, state, vector)
            return pack(jnp, self.net.leaves, evaluated(name, state, unpack(self.net.leaves, vector)))

        return jax.jit(jax.vmap(one))

    def _pass(self, carry: Carry, fixed: Mapping[str, Any], arrays: Any, told: dict[str, Any]) -> Any:
        """Take all steps with one member; inside, weights and what the optimizer holds are arrays by name."""
        sums = dict.fromkeys(_SUMS, jnp.zeros(()))
        inner = (
            unpack(self.net.leaves, carry["vector"]),
            jax.tree.map(self._opened, carry["optimizer"]),
            carry["statistics"],
        )
        (inner, sums, _), lost = jax.lax.scan(
            partial(self._step, fixed, told), (inner, sums, jnp.asarray(told["first"], jnp.int32)), arrays
        )
        tree, optimizer, statistics = inner
        sums |= _apart(*lost)
        vector = pack(jnp, self.net.leaves, tree)
        return {"vector": vector, "optimizer": self._closed(optimizer), "statistics": statistics}, sums

    def _step(self, fixed: Mapping[str, Any], told: dict[str, Any], state: Any, batch: Any) -> Any:
        """Take one step with one member."""
        (tree, optimizer, running), sums, number = state
        x, codes, target, weight, fold, offset = batch
        own = fold[:, told["repeat"]]
        trains = (own != told["fold"]) & ~(told["forward"] & (own > told["fold"]))
        weight = weight * trains
        total = weight.sum()
        share = number / told["steps"]

        def objective(tree: Any) -> Any:
            mode = self._mode(weight, told["seed"], number, share)
            made = _from(offset, self.net.margins(jnp, {**fixed, **running, **tree}, x, codes, mode))
            if self.net.several:
                rows = jax.vmap(self.objective, in_axes=(0, None))(made, target).mean(axis=0)
            else:
                rows = self.objective(made, target)
            mean = (weight * rows).sum() / jnp.maximum(total, _TINY)
            return mean, (mode.statistics, rows)

        (loss, (statistics, rows)), gradient = jax.value_and_grad(objective, has_aux=True)(tree)
        updates, optimizer = self._transform(told["rate"], told["steps"], share).update(
            gradient, optimizer, tree, value=loss, value_fn=lambda at: objective(at)[0]
        )
        looks = (number - told["first"]) % _APART == 0
        seen = [[arrays[name] for name in self._watched] for arrays in (gradient, updates, tree)]
        norms = jax.lax.cond(looks, partial(_norms, self._ends), lambda *_: (0.0,) * 5, *seen)
        new = (jax.tree.map(jnp.add, tree, updates), optimizer, {**running, **statistics})
        said = zip(_SUMS, (loss * total, total, *norms), strict=True)
        sums = {name: sums[name] + value for name, value in said}
        # What rows lost is summed up after the scan: within it, three members took 5 % longer.
        return (new, sums, number + 1), (rows, weight)

    def _mode(self, weight: Any, seed: Any, number: Any, share: Any) -> Mode:
        """Return what this step adds to a pass through the network."""
        key = None
        if self.rule.dropout > 0 and self.net.drops:
            key = jax.random.fold_in(jax.random.key(seed), number)
        return Mode(weight, key, self.rule.dropout * _late(share))

    def _transform(self, rate: Any, steps: Any, share: Any) -> Any:
        """Return the optimizer with its guards, for a traced rate."""
        rule, leaves = self.rule, self.net.leaves
        if not isinstance(rule.optimizer, str):
            return rule.optimizer
        schedule = _scheduled(rule.schedule, rate, steps)
        transform = optimizer_for(
            rule.optimizer,
            schedule,
            decay=rule.decay * _late(share) if rule.decay else 0.0,
            decayed={leaf.name: float(leaf.decayed) for leaf in leaves} if rule.decay else None,
            factor={leaf.name: leaf.rate for leaf in leaves} if rule.groups else None,
            **dict(rule.options),
        )
        return guarded(transform, clip=rule.clip or None, average=rule.average)

    def _opened(self, leaf: Any) -> Any:
        """Return what an optimizer holds of all weights, one vector, as arrays by name."""
        return unpack(self.net.leaves, leaf) if self._flat and leaf.shape == (self._size,) else leaf

    def _closed(self, optimizer: Any) -> Any:
        """Return the state of an optimizer with one vector where it holds arrays by name."""
        if not self._flat:
            return optimizer
        names = {leaf.name for leaf in self.net.leaves}

        def of_weights(node: Any) -> bool:
            return isinstance(node, dict) and node.keys() == names

        return jax.tree.map(
            lambda node: pack(jnp, self.net.leaves, node) if of_weights(node) else node,
            optimizer,
            is_leaf=of_weights,
        )


def _from(offset: Any, margins: Any) -> Any:
    """Return margins counted from an offset (rows, outputs), where there is one."""
    return margins if offset is None else margins + offset


def _norms(ends: tuple[int, ...], gradient: list[Any], updates: list[Any], weights: list[Any]) -> Any:
    """Return one look: 1, lengths of the gradient, of the step over the weights, of two layers' gradients."""

    def squares(arrays: list[Any]) -> list[Any]:
        return [jnp.vdot(array, array) for array in arrays]

    own = squares(gradient)
    moved = jnp.sqrt(sum(squares(updates)) / jnp.maximum(sum(squares(weights)), _TINY))
    first, last = (jnp.sqrt(own[place]) for place in ends) if ends else (0.0, 0.0)
    return 1.0, jnp.sqrt(sum(own)), moved, first, last


def _apart(rows: Any, weight: Any) -> dict[str, Any]:
    """Return how far the losses of batches are apart, and how far those of mixed rows would be, squared.

    Losses and weights are (steps, rows); a batch of mixed rows errs by what its own rows are apart.
    """
    total = weight.sum(axis=1)
    loss = (weight * rows).sum(axis=1) / jnp.maximum(total, _TINY)
    mean = (total * loss).sum() / jnp.maximum(total.sum(), _TINY)
    own = jnp.square(weight * (rows - loss[:, None])).sum(axis=1) / jnp.square(jnp.maximum(total, _TINY))
    some = total > 0
    return {"between": (some * jnp.square(loss - mean)).sum(), "within": (some * own).sum()}


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
