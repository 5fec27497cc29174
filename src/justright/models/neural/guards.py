"""Guards around an optimizer: clipping, weight decay that spares biases, rate factors, averaged weights.

    g <- min(1, clip / |g|) g                     before the optimizer
    u <- factor * (u - rate * decay * decayed * p)  after it
    mean <- mean + w (p + u - mean)                kept in the state, given back by `evaluated`

They wrap any transformation of optax and know nothing of the network: entries that are decayed, and how fast
each learns, come as trees of the same form as the parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from justright.errors import RecipeError

if TYPE_CHECKING:
    import jax
    import optax

__all__ = ["Ema", "GuardedState", "Rate", "Tail", "Transformation", "guarded", "penalized"]

Transformation: TypeAlias = "optax.GradientTransformationExtraArgs"
Rate: TypeAlias = "float | jax.Array | Callable[[Any], Any]"


class GuardedState(NamedTuple):
    """State of `guarded`: steps taken (int32), the optimizer's own state, the averaged weights or ()."""

    count: Any
    inner: Any
    mean: Any


@dataclass(frozen=True)
class Ema:
    """An exponential moving average of the weights, without the pull towards its start.

    Parameters
    ----------
    decay : float, default 0.99
        What stays of the average at each step, in (0, 1): 0.99 looks back about a hundred steps.

    Examples
    --------
    >>> round(float(Ema(0.9).weight(2)), 4)  # (1 - 0.9) / (1 - 0.9**2)
    0.5263
    """

    decay: float = 0.99

    def weight(self, taken: int | jax.Array) -> jax.Array:
        """Return the weight of the newest weights in the average after `taken` steps, from 1."""
        import jax.numpy as jnp

        # The same logarithm above and below: the first weight is exactly 1.
        log = jnp.log(jnp.float32(self.decay))
        return jnp.expm1(log) / jnp.expm1(log * taken)


@dataclass(frozen=True)
class Tail:
    """The plain mean of the weights after the first `start` steps; before them the weights as they are.

    Parameters
    ----------
    start : int or traced scalar
        Steps that are left out, at least 0: for example 0.75 * steps.

    Examples
    --------
    >>> [round(float(Tail(2).weight(taken)), 2) for taken in (1, 2, 3, 4, 5)]
    [1.0, 1.0, 1.0, 0.5, 0.33]
    """

    start: int | jax.Array = 0

    def weight(self, taken: int | jax.Array) -> jax.Array:
        """Return the weight of the newest weights in the average after `taken` steps, from 1."""
        import jax.numpy as jnp

        return 1.0 / jnp.maximum(jnp.asarray(taken - self.start, jnp.float32), 1.0)


def guarded(
    transform: Any,
    *,
    rate: Rate = 1.0,
    clip: float | jax.Array | None = None,
    decay: float | jax.Array | None = None,
    decayed: Any = None,
    factor: Any = None,
    average: float | Ema | Tail | None = None,
) -> Transformation:
    """Return an optimizer with clipping, weight decay, rate factors and averaging around it.

    Parameters
    ----------
    transform : optax.GradientTransformation
        The optimizer, from `optimizer_for` or a user's own.
    rate : float, traced scalar or callable, default 1.0
        The rate of the optimizer, by which the decay is multiplied. 1.0: `decay` is the whole strength.
    clip : float or traced scalar, optional
        Largest norm of the whole gradient; a longer one is scaled down to it. None: no clipping.
    decay : float or traced scalar, optional
        Decoupled weight decay: each step takes rate * decay * p from an entry p. None or 0.0: none.
    decayed : pytree like the parameters, optional
        1 where an entry is decayed, 0 where not (biases, norms). None: every entry.
    factor : pytree like the parameters, optional
        Multiplies the update of each entry, its decay included: a rate of its own for a group. None: 1.
    average : float, Ema or Tail, optional
        Average of the weights, kept in the state; `evaluated` gives it back. A number is the decay of an
        `Ema`. None: none.

    Returns
    -------
    optax.GradientTransformationExtraArgs
        `update(grads, state, params, value=..., value_fn=...)`; needs the parameters.

    Raises
    ------
    RecipeError
        When the state is made: decay, factor or average around an optimizer that keeps a second copy of the
        weights (schedule-free, mechanize, sam), which would not know of them. `optimizer_for` takes the first
        two and puts them inside.

    Notes
    -----
    A few elementwise operations a step, one more copy of the parameters with `average`.

    References
    ----------
    I. Loshchilov, F. Hutter, Decoupled Weight Decay Regularization, ICLR 2019.

    Examples
    --------
    >>> import optax, jax.numpy as jnp
    >>> transform = guarded(optax.sgd(0.1), rate=0.1, clip=1.0, decay=0.5, decayed=jnp.array([1.0, 0.0]))
    >>> params = jnp.array([2.0, 2.0])
    >>> updates, _ = transform.update(jnp.array([30.0, 40.0]), transform.init(params), params)
    >>> [round(float(update), 3) for update in updates]  # -0.1 * 0.6 - 0.1 * 0.5 * 2, and -0.1 * 0.8
    [-0.16, -0.08]
    """
    import jax
    import jax.numpy as jnp
    import optax

    inner = optax.with_extra_args_support(transform)
    mover = Ema(average) if isinstance(average, int | float) else average
    shrinks = not _nothing(decay)

    def init(params: Any) -> GuardedState:
        state = inner.init(params)
        if shrinks or factor is not None or mover is not None:
            _check_one_copy(state)
        mean = () if mover is None else jax.tree.map(lambda leaf: jnp.array(leaf, copy=True), params)
        return GuardedState(count=jnp.zeros([], jnp.int32), inner=state, mean=mean)

    def update(grads: Any, state: GuardedState, params: Any, **extra: Any) -> tuple[Any, GuardedState]:
        if clip is not None:
            grads, _ = optax.clip_by_global_norm(clip).update(grads, optax.EmptyState())
        updates, after = inner.update(grads, state.inner, params, **extra)
        if shrinks:
            updates = _shrunk(updates, params, _rate_at(rate, state.count) * decay, decayed)
        if factor is not None:
            updates = jax.tree.map(lambda u, f: u * f, updates, factor)
        taken, mean = state.count + 1, state.mean
        if mover is not None:
            mean = _moved(mean, optax.apply_updates(params, updates), mover.weight(taken))
        return updates, GuardedState(count=taken, inner=after, mean=mean)

    return optax.GradientTransformationExtraArgs(init, update)


def penalized(transform: Any, decay: float | jax.Array, decayed: Any = None) -> Transformation:
    """Return an optimizer of the objective plus decay / 2 times the squares of the decayed entries.

    The penalty is in the gradient, and in `value` and `value_fn` where the optimizer reads them, so that a
    line search or a Polyak step sees one consistent function.

    Parameters
    ----------
    transform : optax.GradientTransformation
        The optimizer.
    decay : float or traced scalar
        Strength of the penalty.
    decayed : pytree like the parameters, optional
        1 where an entry is penalized, 0 where not. None: every entry.

    Examples
    --------
    >>> import optax, jax.numpy as jnp
    >>> transform = penalized(optax.sgd(1.0), 0.5)
    >>> updates, _ = transform.update(jnp.zeros(1), transform.init(jnp.ones(1)), jnp.ones(1))
    >>> updates.tolist()
    [-0.5]
    """
    import jax
    import jax.numpy as jnp
    import optax

    inner = optax.with_extra_args_support(transform)

    def pulled(params: Any) -> Any:
        if decayed is None:
            return jax.tree.map(lambda p: decay * p, params)
        return jax.tree.map(lambda p, mask: decay * mask * p, params, decayed)

    def penalty(params: Any) -> Any:
        return 0.5 * sum(
            jnp.vdot(p, g) for p, g in zip(*map(jax.tree.leaves, (params, pulled(params))), strict=True)
        )

    def update(grads: Any, state: Any, params: Any, **extra: Any) -> tuple[Any, Any]:
        grads = jax.tree.map(lambda g, pull: g + pull, grads, pulled(params))
        if extra.get("value") is not None:
            extra["value"] = extra["value"] + penalty(params)
        value_fn = extra.get("value_fn")
        if value_fn is not None:
            extra["value_fn"] = lambda params: value_fn(params) + penalty(params)
        updates, after = inner.update(grads, state, params, **extra)
        return updates, after

    return optax.GradientTransformationExtraArgs(inner.init, update)


def _rate_at(rate: Rate, count: jax.Array) -> Any:
    """Return the rate after `count` steps."""
    return rate(count) if callable(rate) else rate


def _shrunk(updates: Any, params: Any, strength: Any, decayed: Any) -> Any:
    """Return updates that also take `strength` of each decayed entry away."""
    import jax

    if decayed is None:
        return jax.tree.map(lambda u, p: u - strength * p, updates, params)
    return jax.tree.map(lambda u, p, mask: u - strength * mask * p, updates, params, decayed)


def _moved(mean: Any, params: Any, weight: jax.Array) -> Any:
    """Return the average moved towards the newest weights."""
    import jax

    return jax.tree.map(lambda m, p: m + weight * (p - m), mean, params)


def _nothing(decay: Any) -> bool:
    """Return whether there is no decay; a traced one may always be some."""
    return decay is None or (isinstance(decay, int | float) and decay == 0)


def _check_one_copy(state: Any) -> None:
    """Refuse to change the weights behind the back of an optimizer that keeps a second copy of them."""
    import optax

    while isinstance(state, GuardedState):
        state = state.inner
    two = (optax.contrib.ScheduleFreeState, optax.contrib.MechanicState, optax.contrib.SAMState)
    if isinstance(state, two):
        raise RecipeError(
            f"decay, factor or average around {type(state).__name__.removesuffix('State')}",
            allowed="an optimizer that keeps no second copy of the weights",
            where="guarded",
            next_step="give decay and factor to optimizer_for, and leave the averaging out",
        )
