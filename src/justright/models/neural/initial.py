"""Starting weights: by name from a generator, and rescaled by the rows that are given.

    name(rng, shape, fan_in, fan_out) -> float32 of that shape

    glorot   variance 2 / (fan_in + fan_out)      tanh and linear layers
    he       variance 2 / fan_in                  relu and its kin
    lecun    variance 1 / fan_in                  selu
    fan_in_uniform   uniform in +-1 / sqrt(fan_in): what PyTorch does unasked
    standard_normal  variance 1: for layers that divide by sqrt(fan_in) themselves (NTK)

A function draws from the generator alone: the same generator gives the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from justright.errors import RecipeError, closest

__all__ = ["INITIALS", "data_driven", "he5_bias", "initial"]

Floats: TypeAlias = npt.NDArray[np.float32]
Drawing: TypeAlias = Callable[[np.random.Generator, Sequence[int], int, int], Floats]


def initial(
    name: str,
    rng: np.random.Generator,
    shape: Sequence[int],
    fan_in: int | None = None,
    fan_out: int | None = None,
) -> Floats:
    """Return starting weights by name.

    Parameters
    ----------
    name : str
        A key of INITIALS.
    rng : numpy.random.Generator
        Where the numbers come from; it moves on.
    shape : sequence of int
        Shape of the weights, (..., in, out).
    fan_in, fan_out : int, optional
        Inputs and outputs of one neuron. Default: the last two axes of `shape`.

    Returns
    -------
    float32 array of that shape

    Raises
    ------
    RecipeError
        When no initialisation has this name.

    Examples
    --------
    >>> weight = initial("he_normal", np.random.default_rng(0), (50, 64))
    >>> weight.shape, round(float(weight.std()), 2)
    ((50, 64), 0.2)
    """
    if name not in INITIALS:
        raise RecipeError(f"initial={name!r}", allowed=closest(name, INITIALS, limit=20))
    # A bias (out,) has no input of its own: its layer's must be given, or 1 is taken.
    inputs = fan_in if fan_in is not None else (shape[-2] if len(shape) > 1 else 1)
    outputs = fan_out if fan_out is not None else (shape[-1] if len(shape) > 0 else 1)
    return INITIALS[name](rng, shape, max(inputs, 1), max(outputs, 1))


def data_driven(weight: Any, x: Any, scale: float = 1.0) -> Floats:
    """Return the weights rescaled so that every pre-activation has a standard deviation of 1 on these rows.

    Parameters
    ----------
    weight : float array (in, out)
        Weights of any scale.
    x : float array (rows, in)
        Inputs of the layer on some training rows; at least two that differ.
    scale : float, default 1.0
        Factor of the layer (`layers.dense`): 1 / sqrt(in) in the NTK parametrisation.

    Returns
    -------
    float32 array (in, out)
        A neuron whose pre-activation is constant on these rows keeps its weights.

    Notes
    -----
    One product of rows x in x out; 8 bytes a row and neuron of memory.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(500, 3)) * [1.0, 20.0, 300.0]
    >>> weight = data_driven(rng.normal(size=(3, 4)), x)
    >>> (x @ weight).std(axis=0).round(4).tolist()
    [1.0, 1.0, 1.0, 1.0]

    References
    ----------
    .. [1] Mishkin & Matas, "All you need is a good init", 2016.
    """
    spread = _pre_activations(weight, x, scale).std(axis=0)
    # Rounding alone gives a constant column a spread of about 1e-16 of its size.
    usable = np.isfinite(spread) & (spread > 1e-10)
    return (np.asarray(weight, np.float64) / np.where(usable, spread, 1.0)).astype(np.float32)


def he5_bias(rng: np.random.Generator, weight: Any, x: Any, scale: float = 1.0) -> Floats:
    """Return biases that put each neuron's kink among the rows: minus a random mean of 5 pre-activations.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where the choices come from; it moves on.
    weight : float array (in, out)
        Weights of the layer, after any rescaling.
    x : float array (rows, in)
        Inputs of the layer on some training rows; one is enough.
    scale : float, default 1.0
        Factor of the layer, as in `data_driven`.

    Returns
    -------
    float32 array (out,)
        For each neuron, minus a convex combination of the pre-activations of 5 rows drawn with
        replacement; the shares are exponential numbers divided by their sum (uniform on the simplex).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> he5_bias(rng, np.ones((1, 3)), np.full((10, 1), 2.0)).tolist()
    [-2.0, -2.0, -2.0]

    References
    ----------
    .. [1] Holzmueller, Grinsztajn & Steinwart, "Better by Default", 2024, appendix A.
    """
    z = _pre_activations(weight, x, scale)
    rows, neurons = z.shape
    picked = rng.integers(0, rows, size=(5, neurons))
    shares = rng.exponential(size=(5, neurons))
    shares /= shares.sum(axis=0)
    bias: npt.NDArray[np.float64] = -(shares * np.take_along_axis(z, picked, axis=0)).sum(axis=0)
    return bias.astype(np.float32)


def _pre_activations(weight: Any, x: Any, scale: float) -> npt.NDArray[np.float64]:
    """Return x @ weight * scale in double precision: a spread of large numbers cancels in single."""
    product: npt.NDArray[np.float64] = np.asarray(x, np.float64) @ np.asarray(weight, np.float64)
    return product * scale


def _uniform(rng: np.random.Generator, shape: Sequence[int], bound: float) -> Floats:
    """Return numbers uniform in +-bound."""
    return rng.uniform(-bound, bound, size=tuple(shape)).astype(np.float32)


def _normal(rng: np.random.Generator, shape: Sequence[int], deviation: float) -> Floats:
    """Return normal numbers of that standard deviation."""
    return (rng.standard_normal(size=tuple(shape)) * deviation).astype(np.float32)


def _glorot_uniform(rng: np.random.Generator, shape: Sequence[int], fan_in: int, fan_out: int) -> Floats:
    """Return uniform numbers of variance 2 / (fan_in + fan_out) (Glorot & Bengio, 2010)."""
    return _uniform(rng, shape, math.sqrt(6.0 / (fan_in + fan_out)))


def _glorot_normal(rng: np.random.Generator, shape: Sequence[int], fan_in: int, fan_out: int) -> Floats:
    """Return normal numbers of variance 2 / (fan_in + fan_out) (Glorot & Bengio, 2010)."""
    return _normal(rng, shape, math.sqrt(2.0 / (fan_in + fan_out)))


def _he_uniform(rng: np.random.Generator, shape: Sequence[int], fan_in: int, fan_out: int) -> Floats:
    """Return uniform numbers of variance 2 / fan_in (He et al., 2015)."""
    return _uniform(rng, shape, math.sqrt(6.0 / fan_in))


def _he_normal(rng: np.random.Generator, shape: Sequence[int], fan_in: int, fan_out: int) -> Floats:
    """Return normal numbers of variance 2 / fan_in (He et al., 2015)."""
    return _normal(rng, shape, math.sqrt(2.0 / fan_in))


def _lecun_normal(rng: np.random.Generator, shape: Sequence[int], fan_in: int, fan_out: int) -> Floats:
    """Return normal numbers of variance 1 / fan_in (LeCun et al., 1998)."""
    return _normal(rng, shape, math.sqrt(1.0 / fan_in))


def _standard_normal(rng: np.random.Generator, shape: Sequence[int], fan_in: int, fan_out: int) -> Floats:
    """Return normal numbers of variance 1."""
    return _normal(rng, shape, 1.0)


def _fan_in_uniform(rng: np.random.Generator, shape: Sequence[int], fan_in: int, fan_out: int) -> Floats:
    """Return uniform numbers in +-1 / sqrt(fan_in)."""
    return _uniform(rng, shape, 1.0 / math.sqrt(fan_in))


def _zeros(rng: np.random.Generator, shape: Sequence[int], fan_in: int, fan_out: int) -> Floats:
    """Return zeros."""
    return np.zeros(tuple(shape), np.float32)


INITIALS: Final[dict[str, Drawing]] = {
    "glorot_uniform": _glorot_uniform,
    "glorot_normal": _glorot_normal,
    "he_uniform": _he_uniform,
    "he_normal": _he_normal,
    "lecun_normal": _lecun_normal,
    "standard_normal": _standard_normal,
    "fan_in_uniform": _fan_in_uniform,
    "zeros": _zeros,
}
"""The initialisations: name -> f(rng, shape, fan_in, fan_out)."""
