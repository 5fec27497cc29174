"""Our own bare loop: one jitted `lax.scan` a pass and Adam by hand: the floor of what ours may cost.

`train` is one network; `train_members` a population by `vmap`, each member with its own rows and rate.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from problem import BATCH, RATE, Array, Work

Tree = Any


def start(hidden: tuple[int, ...], features: int, seed: int) -> Tree:
    """Return weights and biases as PyTorch starts them, with Adam's two means of zeros."""
    rng = np.random.default_rng(seed)
    sizes = (features, *hidden, 1)
    weights = [
        tuple(jnp.asarray(rng.uniform(-1, 1, shape) / np.sqrt(a), jnp.float32) for shape in ((a, b), (b,)))
        for a, b in zip(sizes[:-1], sizes[1:], strict=True)
    ]
    first, second = (jax.tree.map(jnp.zeros_like, weights) for _ in range(2))
    return weights, first, second, jnp.zeros((), jnp.float32)


def forward(weights: Tree, x: Any) -> Any:
    """Return the predictions of rows."""
    for weight, bias in weights[:-1]:
        x = jax.nn.relu(x @ weight + bias)
    weight, bias = weights[-1]
    return (x @ weight + bias)[:, 0]


def loss(weights: Tree, x: Any, y: Any, w: Any) -> Any:
    """Return the mean squared error of the rows that have weight."""
    return jnp.sum(w * (forward(weights, x) - y) ** 2) / jnp.sum(w)


def step(rate: Any, state: Tree, batch: Any) -> tuple[Tree, Any]:
    """Make one step of Adam."""
    weights, first, second, count = state
    value, slope = jax.value_and_grad(loss)(weights, *batch)
    count = count + 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, slope)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, slope)
    a, b = rate / (1 - 0.9**count), 1 / (1 - 0.999**count)
    weights = jax.tree.map(lambda p, m, v: p - a * m / (jnp.sqrt(v * b) + 1e-8), weights, first, second)
    return (weights, first, second, count), value


@partial(jax.jit, donate_argnums=0)
def one_pass(state: Tree, x: Any, y: Any, order: Any, x_held: Any, y_held: Any) -> tuple[Tree, Any, Any]:
    """Make one pass over the rows in the order given, padded by -1; returns the losses too."""
    w = (order >= 0).astype(jnp.float32)
    batches = (x[order].reshape(-1, BATCH, x.shape[1]), y[order].reshape(-1, BATCH), w.reshape(-1, BATCH))
    state, losses = jax.lax.scan(partial(step, RATE), state, batches)
    return state, losses.mean(), jnp.mean((forward(state[0], x_held) - y_held) ** 2)


def padded(order: Array, steps: int) -> Array:
    """Return the order of rows filled up to whole batches by -1."""
    return np.concatenate([order, np.full(steps * BATCH - len(order), -1)]).astype(np.int32)


def train(work: Work) -> list[list[float]]:
    """Train one network; returns the losses of each pass."""
    rows = work.rows
    state = start(work.hidden, rows.x.shape[1], 0)
    x, y, x_held, y_held = (jnp.asarray(each) for each in (rows.x, rows.y, rows.x_held, rows.y_held))
    steps = -(-len(rows.x) // BATCH)
    history = []
    for number in range(work.passes):
        order = padded(np.random.default_rng((1, number)).permutation(len(rows.x)), steps)
        state, fit, held = one_pass(state, x, y, jnp.asarray(order), x_held, y_held)
        history.append([float(fit), float(held)])
        work.tick()
    return history


@partial(jax.jit, donate_argnums=0)
def one_pass_members(
    state: Tree, x: Any, y: Any, orders: Any, held: Any, rate: Any, fold: Any
) -> tuple[Tree, Any]:
    """Make one pass of all members; `orders` (steps, folds, batch), `held` (folds, rows) end in -1."""

    def advance(state: Tree, order: Any) -> tuple[Tree, Any]:
        batch = (x[order], y[order], (order >= 0).astype(jnp.float32))
        return jax.vmap(step)(rate, state, tuple(part[fold] for part in batch))

    state, _ = jax.lax.scan(advance, state, orders)
    looked = (x[held], y[held], (held >= 0).astype(jnp.float32))
    return state, jax.vmap(lambda weights, own: loss(weights, *(part[own] for part in looked)))(
        state[0], fold
    )


def train_members(work: Work, fold_of_row: Array, rates: Array) -> Array:
    """Train a network for each fold and rate; returns the last held-out losses (folds, rates)."""
    rows, count = work.rows, int(fold_of_row.max()) + 1
    fold = np.repeat(np.arange(count), len(rates))
    rate = jnp.asarray(np.tile(rates, count), jnp.float32)
    one = start(work.hidden, rows.x.shape[1], 0)
    state = jax.tree.map(lambda leaf: jnp.repeat(leaf[None], len(fold), axis=0), one)
    x, y = jnp.asarray(rows.x), jnp.asarray(rows.y)
    mine = [np.flatnonzero(fold_of_row != each) for each in range(count)]
    theirs = [np.flatnonzero(fold_of_row == each) for each in range(count)]
    steps = -(-max(map(len, mine)) // BATCH)
    held = jnp.asarray(np.stack([padded(each, -(-max(map(len, theirs)) // BATCH)) for each in theirs]))
    losses = np.zeros(len(fold))
    for number in range(work.passes):
        rng = np.random.default_rng((1, number))
        orders = np.stack(
            [padded(rng.permutation(each), steps).reshape(steps, BATCH) for each in mine], axis=1
        )
        state, found = one_pass_members(state, x, y, jnp.asarray(orders), held, rate, jnp.asarray(fold))
        losses = np.asarray(found)
        work.tick()
    return losses.reshape(count, len(rates))
