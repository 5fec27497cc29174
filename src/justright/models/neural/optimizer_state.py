"""The state of any optimizer as named arrays and back, bit for bit: what a checkpoint holds.

A name is the way to the leaf in the state: `opt.0.mu` is the first moment of the first transformation of a
chain. Numbers keep their type, counters stay integers, random keys travel as the words they are made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from justright.errors import TrainingError, closest

if TYPE_CHECKING:
    import jax

__all__ = ["flat_state", "state_of"]


def flat_state(state: Any, *, prefix: str = "opt") -> dict[str, np.ndarray]:
    """Return the arrays of an optimizer's state by name.

    Parameters
    ----------
    state : pytree
        What `init` or `update` of a transformation returned; with or without an axis of members.
    prefix : str, default "opt"
        First part of every name.

    Returns
    -------
    dict of str to ndarray
        In the order of the state; a state without numbers gives an empty dict. Arrays are copies. The words
        of a random key form the *first* axis, so that an axis of members that is last in the state is last
        here too. Types that numpy lacks (bfloat16) are returned as unsigned integers of the same width.

    Notes
    -----
    One copy of the state.

    Examples
    --------
    >>> import optax, jax.numpy as jnp
    >>> state = optax.adam(0.1).init(jnp.ones(3))
    >>> {name: array.shape for name, array in flat_state(state).items()}
    {'opt.0.count': (), 'opt.0.mu': (3,), 'opt.0.nu': (3,)}
    """
    return {name: _words(leaf) for name, leaf in _named(state, prefix)}


def state_of(template: Any, arrays: Mapping[str, np.ndarray], *, prefix: str = "opt") -> Any:
    """Return a state like `template` that holds the given arrays: the way back from `flat_state`.

    Parameters
    ----------
    template : pytree
        A state of the same transformation for the same parameters, or its shapes (`jax.eval_shape` of
        `init`).
    arrays : mapping of str to ndarray
        What `flat_state` gave; other names in it are not looked at.
    prefix : str, default "opt"
        As given to `flat_state`.

    Returns
    -------
    pytree
        Equal to the saved state to the bit.

    Raises
    ------
    TrainingError
        An array is missing, or has another shape or type: it belongs to another optimizer or network.

    Examples
    --------
    >>> import optax, jax.numpy as jnp
    >>> state = optax.sgd(0.1, momentum=0.9).init(jnp.ones(2))
    >>> saved = {name: array + 1 for name, array in flat_state(state).items()}
    >>> state_of(state, saved)[0].trace.tolist()
    [1.0, 1.0]
    """
    import jax

    leaves = [_leaf(name, leaf, arrays) for name, leaf in _named(template, prefix)]
    return jax.tree.unflatten(jax.tree.structure(template), leaves)


def _named(state: Any, prefix: str) -> list[tuple[str, Any]]:
    """Return the leaves of a state with their names."""
    import jax

    paths, _ = jax.tree_util.tree_flatten_with_path(state)
    return [(".".join([prefix, *map(_part, path)]), leaf) for path, leaf in paths]


def _part(key: Any) -> str:
    """Return one part of a name: the field, the place or the key."""
    for field in ("name", "idx", "key"):
        if hasattr(key, field):
            return str(getattr(key, field))
    return str(key)


def _is_key(leaf: Any) -> bool:
    """Return whether a leaf is an array of typed random keys."""
    import jax
    import jax.numpy as jnp

    return bool(jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key))


def _words(leaf: Any) -> np.ndarray:
    """Return a leaf as an array of a type that numpy knows."""
    if isinstance(leaf, np.ndarray) and leaf.dtype.isbuiltin == 1:
        return leaf.copy()
    import jax
    import jax.numpy as jnp

    if _is_key(jnp.asarray(leaf)):
        return np.moveaxis(np.array(jax.random.key_data(leaf)), -1, 0)
    array = np.array(jnp.asarray(leaf))
    return array if array.dtype.isbuiltin == 1 else array.view(f"u{array.dtype.itemsize}")


def _leaf(name: str, like: Any, arrays: Mapping[str, np.ndarray]) -> jax.Array:
    """Return the saved array of one leaf in the leaf's own type."""
    import jax
    import jax.numpy as jnp

    if name not in arrays:
        raise TrainingError(
            f"a saved state without {name!r}",
            allowed=closest(name, arrays) if arrays else "no array at all",
            next_step="resume with the optimizer and the network that the state was saved with",
        )
    array = np.asarray(arrays[name])
    if _is_key(like):
        implementation = jax.random.key_impl(like) if isinstance(like, jax.Array) else None
        words = jnp.asarray(np.moveaxis(array, 0, -1))
        leaf: jax.Array = jax.random.wrap_key_data(words, impl=implementation)
    else:
        dtype = np.dtype(like.dtype)
        leaf = jnp.asarray(array if dtype.isbuiltin == 1 else array.view(dtype))
    if leaf.shape != like.shape or leaf.dtype != like.dtype:
        raise TrainingError(
            f"{name} of shape {leaf.shape} and type {leaf.dtype}",
            allowed=f"shape {like.shape} and type {like.dtype}",
            where="a saved state",
            next_step="resume with the optimizer and the network that the state was saved with",
        )
    return leaf
