"""Activations by name, the same lines under numpy and jax.numpy.

    activation(xp, name, x)         = f(x)
    activation(xp, name, x, share)  = x + share (f(x) - x),  one learnable share a neuron

Every f is finite with a finite slope for |x| up to 1e4, and warns of no overflow: exponents are
clipped before they are taken. Slopes at a kink are those from the left (0 for relu), as in PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final, TypeAlias

from justright.errors import RecipeError, closest
from justright.models.neural.series import normal_tail

__all__ = ["ACTIVATIONS", "activation"]

# An array of numpy or of jax: the two share no type.
Array: TypeAlias = Any

_FAR: Final = 87.0  # exp(87) = 6e37 is the last power of e that float32 holds
_SELU_SCALE: Final = 1.0507009873554805
_SELU_ALPHA: Final = 1.6732632423543772


def activation(xp: ModuleType, name: str, x: Array, share: Array | None = None) -> Array:
    """Return an activation of each entry, or its parametric form.

    Parameters
    ----------
    xp : module
        `numpy` or `jax.numpy`.
    name : str
        A key of ACTIVATIONS.
    x : float array (..., rows, d)
        Pre-activations.
    share : float array (..., d), optional
        One factor a neuron: 1 gives f(x), 0 gives x, between and beyond is allowed. Default: f(x).

    Returns
    -------
    float array (..., rows, d)

    Raises
    ------
    RecipeError
        When no activation has this name.

    Examples
    --------
    >>> import numpy as np
    >>> activation(np, "relu", np.array([[-2.0, 3.0]]), np.array([0.5, 0.5])).tolist()
    [[-1.0, 3.0]]

    References
    ----------
    .. [1] He, Zhang, Ren & Sun, "Delving Deep into Rectifiers", 2015 (activations with a parameter).
    .. [2] Holzmueller, Grinsztajn & Steinwart, "Better by Default", 2024 (this form).
    """
    if name not in ACTIVATIONS:
        raise RecipeError(f"activation={name!r}", allowed=closest(name, ACTIVATIONS, limit=20))
    y = ACTIVATIONS[name](xp, x)
    return y if share is None else x + share[..., None, :] * (y - x)


def _identity(xp: ModuleType, x: Array) -> Array:
    """Return x."""
    return x


def _relu(xp: ModuleType, x: Array) -> Array:
    """Return x above 0 and 0 below."""
    # Not xp.maximum, whose slope at 0 is a half in jax; not xp.where, which takes numpy 20 times as long.
    return (x > 0).astype(x.dtype) * x


def _leaky_relu(xp: ModuleType, x: Array) -> Array:
    """Return x above 0 and x / 100 below."""
    above = _relu(xp, x)
    return above + 0.01 * (x - above)


def _elu(xp: ModuleType, x: Array) -> Array:
    """Return x above 0 and exp(x) - 1 below (Clevert, Unterthiner & Hochreiter, 2016)."""
    # exp(x) - 1 and not expm1, here and in selu: a rounding of 6e-8 is nothing to a layer, and numpy
    # takes 1 ns for the one and 5 ns for the other.
    above = _relu(xp, x)
    return above + (xp.exp(x - above) - 1.0)


def _selu(xp: ModuleType, x: Array) -> Array:
    """Return the elu that keeps mean 0 and variance 1 from layer to layer (Klambauer et al., 2017)."""
    above = _relu(xp, x)
    return _SELU_SCALE * above + _SELU_SCALE * _SELU_ALPHA * (xp.exp(x - above) - 1.0)


def _gelu(xp: ModuleType, x: Array) -> Array:
    """Return x times the normal distribution function, by its tanh form (Hendrycks & Gimpel, 2016)."""
    inner = math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)
    return 0.5 * x * (1.0 + xp.tanh(inner))


def _gelu_exact(xp: ModuleType, x: Array) -> Array:
    """Return x times the normal distribution function itself: PyTorch's GELU unless told."""
    tail = normal_tail(xp, x)
    return x * xp.where(x > 0, 1.0 - tail, tail)


def _sigmoid(xp: ModuleType, x: Array) -> Array:
    """Return 1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + xp.exp(xp.minimum(-x, _FAR)))


def _silu(xp: ModuleType, x: Array) -> Array:
    """Return x sigmoid(x), also called swish."""
    return x * _sigmoid(xp, x)


def _softplus(xp: ModuleType, x: Array) -> Array:
    """Return log(1 + exp(x))."""
    # x - 2 max(x, 0) is -|x|, with a slope at 0 that gives the whole its half.
    above = _relu(xp, x)
    return above + xp.log1p(xp.exp(x - 2.0 * above))


def _mish(xp: ModuleType, x: Array) -> Array:
    """Return x tanh(softplus(x)) (Misra, 2019)."""
    # With e = exp(x), tanh(log(1 + e)) = e (e + 2) / (e (e + 2) + 2): one exponential instead of an
    # exponential, a logarithm and a tanh. Beyond 20 the quotient is 1 to the last bit of a double.
    e = xp.exp(xp.minimum(x, 20.0))
    n = e * (e + 2.0)
    return x * (n / (n + 2.0))


def _tanh(xp: ModuleType, x: Array) -> Array:
    """Return the hyperbolic tangent."""
    return xp.tanh(x)


ACTIVATIONS: Final[dict[str, Callable[[ModuleType, Array], Array]]] = {
    "identity": _identity,
    "relu": _relu,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "selu": _selu,
    "gelu": _gelu,
    "gelu_exact": _gelu_exact,
    "silu": _silu,
    "mish": _mish,
    "softplus": _softplus,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
}
"""The activations: name -> f(xp, x)."""
