"""Adapters: what brings the optimizers of optax to one way of being called.

    updates, state = transform.update(grads, state, params, value=loss, value_fn=loss_of)

Each mends one difference: who takes no function of the step, who starts with 0 / 0, who reads the loss under
a name of its own, who cannot bear a factor of the rate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from justright.errors import RecipeError
from justright.models.neural.guards import Transformation
from justright.models.neural.optimizer_table import OPTIMIZERS

__all__ = ["check_present", "frozen", "routed", "scheduled", "waiting"]


class _ScheduledState(NamedTuple):
    """State of `scheduled`: steps taken and the optimizer's own state."""

    count: Any
    inner: Any


def scheduled(build: Callable[[Any], Transformation], rate: Callable[[Any], Any]) -> Transformation:
    """Return an optimizer built anew at each step with the rate of that step.

    For the few of optax that take no function of the step themselves.

    Parameters
    ----------
    build : callable
        rate -> transformation; its state must have the same form for every rate.
    rate : callable
        Step (int32, from 0) -> rate.

    Examples
    --------
    >>> import jax.numpy as jnp, optax
    >>> transform = scheduled(optax.sgd, lambda step: 0.5 / (1 + step))
    >>> state, moves = transform.init(jnp.ones(1)), []
    >>> for _ in range(2):
    ...     updates, state = transform.update(jnp.ones(1), state)
    ...     moves.append(float(updates[0]))
    >>> moves
    [-0.5, -0.25]
    """
    import jax.numpy as jnp
    import optax

    def init(params: Any) -> _ScheduledState:
        count = jnp.zeros([], jnp.int32)
        return _ScheduledState(count, build(rate(count)).init(params))

    def update(grads: Any, state: _ScheduledState, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        updates, inner = build(rate(state.count)).update(grads, state.inner, params, **extra)
        return updates, _ScheduledState(state.count + 1, inner)

    return optax.GradientTransformationExtraArgs(init, update)


def frozen(transform: Transformation, factor: Any) -> Transformation:
    """Return an optimizer that neither sees nor moves the entries of factor 0.

    Parameters
    ----------
    transform : optax.GradientTransformationExtraArgs
        The optimizer.
    factor : pytree like the parameters
        0 where an entry stands still; other values are not looked at.

    Examples
    --------
    >>> import jax.numpy as jnp, optax
    >>> transform = frozen(optax.with_extra_args_support(optax.sgd(1.0)), jnp.array([6.0, 0.0]))
    >>> transform.update(jnp.ones(2), transform.init(jnp.ones(2)), jnp.ones(2))[0].tolist()
    [-1.0, 0.0]
    """
    import jax
    import optax

    def moving(tree: Any) -> Any:
        return jax.tree.map(lambda leaf, f: leaf * (f != 0), tree, factor)

    def update(grads: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        updates, after = transform.update(moving(grads), state, params, **extra)
        return moving(updates), after

    return optax.GradientTransformationExtraArgs(transform.init, update)


def waiting(transform: Transformation) -> Transformation:
    """Return prodigy or dadapt_adamw with no step while there was neither a rate nor a gradient.

    Both divide by the sum of the gradients so far, each times its rate: 0 / 0 from the first step on where a
    schedule starts at zero (seen with coslog4) or a batch has no weight. A gradient that is no number still
    shows.

    Parameters
    ----------
    transform : optax.GradientTransformationExtraArgs
        prodigy or dadapt_adamw of optax.

    Examples
    --------
    >>> import jax.numpy as jnp, optax
    >>> transform = waiting(optax.contrib.prodigy(0.0))
    >>> transform.update(jnp.ones(1), transform.init(jnp.ones(1)), jnp.ones(1))[0].tolist()
    [0.0]
    """
    import jax
    import jax.numpy as jnp
    import optax

    def update(grads: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        updates, after = transform.update(grads, state, params, **extra)
        idle = sum(jnp.abs(leaf).sum() for leaf in jax.tree.leaves(after.grad_sum)) == 0
        updates = jax.tree.map(lambda u: jnp.where(idle, 0.0, u), updates)
        estimate = jnp.where(idle, state.estim_lr, after.estim_lr)
        return updates, after._replace(estim_lr=estimate)

    return optax.GradientTransformationExtraArgs(transform.init, update)


def routed(name: str, transform: Transformation) -> Transformation:
    """Return an optimizer that finds the loss under the names it knows.

    Parameters
    ----------
    name : str
        One of `OPTIMIZERS`.
    transform : optax.GradientTransformationExtraArgs
        The optimizer of optax.

    Raises
    ------
    RecipeError
        At an update without `value` or `value_fn` where the optimizer reads it.

    Examples
    --------
    >>> import jax.numpy as jnp, optax
    >>> transform = routed("polyak_sgd", optax.polyak_sgd(10.0))
    >>> params = jnp.full(1, 3.0)  # of the loss p^2 / 2
    >>> transform.update(params, transform.init(params), params, value=4.5)[0].tolist()
    [-1.5]
    """
    import jax
    import optax

    reads = OPTIMIZERS[name].reads

    def init(params: Any) -> Any:
        return jax.tree.map(_strong, transform.init(params))

    def update(grads: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        check_present(name, reads, extra)
        if name == "lbfgs":
            extra["grad"] = grads
        elif name == "sophia":
            extra = {"obj_fn": extra["value_fn"]}
        updates, after = transform.update(grads, state, params, **extra)
        return updates, after

    return optax.GradientTransformationExtraArgs(init, update)


def check_present(name: str, reads: str, extra: Mapping[str, Any]) -> None:
    """Refuse an update without the loss that the optimizer reads.

    Parameters
    ----------
    name : str
        Of the optimizer.
    reads : {"value", "value_fn"}
        What it reads; lbfgs reads both.
    extra : mapping
        What the update was given.

    Raises
    ------
    RecipeError
        It is missing.

    Examples
    --------
    >>> check_present("momo", "value", {"value": 0.5})
    """
    for needed in ("value", "value_fn") if name == "lbfgs" else (reads,):
        if extra.get(needed) is None:
            raise RecipeError(
                f"an update without {needed}",
                allowed=f"update(grads, state, params, {needed}=...)",
                where=f"optimizer {name}",
                next_step="give the loss of the batch, or choose another optimizer",
            )


def _strong(leaf: Any) -> Any:
    """Return a number of a state with a type of its own; a weak one would compile the program twice."""
    import jax.numpy as jnp

    return jnp.asarray(leaf, leaf.dtype) if getattr(leaf, "weak_type", False) else leaf
