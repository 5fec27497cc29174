"""Layers as pure functions, the same lines under numpy (service) and jax.numpy (training).

Shapes: k members inside one net (a leading axis that may be absent), rows, d inputs, f frequencies.

    dense            x W scale + b
    periodic         [x, cos(2 pi w x + b) V + c], a feature at a time
    piecewise        where x stands among the edges of its bins
    batch_norm       (x - mean) / sqrt(var + eps) scale + shift, mean and var over rows of weight
    layer_norm       the same over the features of a row
    adapt            x r, one factor a member and neuron

Parameters of one value a neuron have shape (d,), or (k, d) where members differ. A residual block is
x + f(x). `dropout` is jax alone, and imports it when called; nothing else here needs jax.
"""

from __future__ import annotations

import math
from types import ModuleType
from typing import Any, Final, TypeAlias

from justright.models.neural.series import cosine

__all__ = [
    "adapt",
    "batch_norm",
    "dense",
    "dropout",
    "embed",
    "layer_norm",
    "linear_piecewise",
    "periodic",
    "piecewise",
    "scaling",
]

# An array of numpy or of jax: the two share no type.
Array: TypeAlias = Any

_NO_WIDTH: Final = 1e-30  # bins narrower than this are repeated edges; its inverse is a float32


def dense(x: Array, weight: Array, bias: Array | None = None, scale: float = 1.0) -> Array:
    """Return x @ weight * scale + bias.

    Parameters
    ----------
    x : float array (..., rows, in)
        Inputs.
    weight : float array (in, out) or (k, in, out)
        One column a neuron.
    bias : float array (out,) or (k, out), optional
        Default: none.
    scale : float, default 1.0
        1 / sqrt(in) is the NTK parametrisation, where one learning rate fits any width.

    Returns
    -------
    float array (..., rows, out)

    Examples
    --------
    >>> import numpy as np
    >>> dense(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]), np.array([0.5])).tolist()
    [[11.5]]

    References
    ----------
    .. [1] Jacot, Gabriel & Hongler, "Neural Tangent Kernel", 2018.
    """
    z = x @ weight * scale
    return z if bias is None else z + bias[..., None, :]


def embed(xp: ModuleType, codes: Array, table: Array) -> Array:
    """Return rows of a table, one a code.

    Parameters
    ----------
    xp : module
        `numpy` or `jax.numpy`.
    codes : int array (rows,) or (rows, q)
        Places in the table. Codes below 0 or beyond it read row 0, which stands for never seen.
    table : float array (codes, width) or (k, codes, width)
        One row a category.

    Returns
    -------
    float array (rows, width), (rows, q, width), or these with k in front

    Notes
    -----
    One table for all columns, each with its own first row, compiles three times faster than a table a
    column (eight columns: 0.4 s against 1.2) and runs as fast; one-hot products are slower from ten codes on.

    Examples
    --------
    >>> import numpy as np
    >>> embed(np, np.array([1, 9]), np.array([[0.0, 0.5], [2.0, 3.0]])).tolist()
    [[2.0, 3.0], [0.0, 0.5]]
    """
    known = xp.where((codes >= 0) & (codes < table.shape[-2]), codes, 0)
    # "clip" never clips here; it spares both libraries their own handling of negative places.
    return xp.take(table, known, axis=-2, mode="clip")


def scaling(x: Array, factor: Array) -> Array:
    """Return each input times its own learnable factor.

    Parameters
    ----------
    x : float array (..., rows, d)
        Inputs.
    factor : float array (d,) or (k, d)
        Starts at 1.

    Returns
    -------
    float array (..., rows, d)

    Examples
    --------
    >>> import numpy as np
    >>> scaling(np.array([[1.0, 2.0]]), np.array([3.0, 0.5])).tolist()
    [[3.0, 1.0]]
    """
    return x * factor[..., None, :]


def adapt(x: Array, factor: Array) -> Array:
    """Return the rank-1 adapter of each member inside a net: x times its factors.

    Parameters
    ----------
    x : float array (k, rows, d), or (rows, d) before the members part
        Inputs or outputs of a shared layer.
    factor : float array (k, 1, d)
        One a member and column.

    Returns
    -------
    float array (k, rows, d)

    Examples
    --------
    >>> import numpy as np
    >>> adapt(np.array([[1.0, 2.0]]), np.array([[[1.0, 1.0]], [[-1.0, 2.0]]])).tolist()
    [[[1.0, 2.0]], [[-1.0, 4.0]]]

    References
    ----------
    .. [1] Wen, Tran & Ba, "BatchEnsemble", 2020.
    .. [2] Gorishniy, Kotelnikov & Babenko, "TabM", 2025.
    """
    return x * factor


def periodic(xp: ModuleType, x: Array, frequency: Array, phase: Array, weight: Array, bias: Array) -> Array:
    """Return each number beside a linear map of its waves: periodic, bias, linear, dense (PBLD).

    Parameters
    ----------
    xp : module
        `numpy` or `jax.numpy`.
    x : float array (..., rows, d)
        Numbers, scaled.
    frequency, phase : float array (d, f)
        Waves cos(2 pi frequency x + phase); f is 16 by default.
    weight : float array (d, f, w)
        Waves to w outputs, a feature at a time; w is 3 by default.
    bias : float array (d, w)
        Of these outputs.

    Returns
    -------
    float array (..., rows, d * (w + 1))
        For each feature the number itself, then its w outputs.

    Notes
    -----
    Rows x d x f cosines and rows x d x f x w products; as much memory as there are cosines.

    Examples
    --------
    >>> import numpy as np
    >>> one = np.ones((1, 1))
    >>> periodic(np, np.array([[0.25]]), one, 0 * one, np.full((1, 1, 1), 2.0), one).round(6).tolist()
    [[0.25, 1.0]]

    References
    ----------
    .. [1] Gorishniy, Rubachev & Babenko, "On Embeddings for Numerical Features", 2022.
    .. [2] Holzmueller, Grinsztajn & Steinwart, "Better by Default", 2024.
    """
    waves = cosine(xp, x[..., None] * frequency + phase * (0.5 / math.pi))
    pairs = xp.concatenate([x[..., None], _by_feature(xp, waves, weight) + bias], axis=-1)
    return pairs.reshape(*x.shape[:-1], -1)


def piecewise(xp: ModuleType, x: Array, edges: Array) -> Array:
    """Return where each number stands among its bins: 1 in bins below, a share in its own, 0 above.

    Parameters
    ----------
    xp : module
        `numpy` or `jax.numpy`.
    x : float array (..., rows, d)
        Numbers without NaN.
    edges : float array (d, bins + 1)
        Ascending. Edges may repeat, so that features with fewer bins fit in one array: a bin without
        width is always 0.

    Returns
    -------
    float array (..., rows, d, bins)
        The first bin with a width goes on below 0, and the last beyond 1, with the slope they have.

    Examples
    --------
    >>> import numpy as np
    >>> edges = np.array([[0.0, 1.0, 3.0]])
    >>> piecewise(np, np.array([[0.5], [2.0], [5.0], [-1.0]]), edges)[:, 0].tolist()
    [[0.5, 0.0], [1.0, 0.5], [1.0, 2.0], [-1.0, 0.0]]

    References
    ----------
    .. [1] Gorishniy, Rubachev & Babenko, "On Embeddings for Numerical Features", 2022.
    """
    left, right = edges[..., :-1], edges[..., 1:]
    wide = right - left > _NO_WIDTH
    place = xp.arange(left.shape[-1])
    first = place == xp.argmax(wide, axis=-1)[..., None]
    last = place == left.shape[-1] - 1 - xp.argmax(wide[..., ::-1], axis=-1)[..., None]
    low = xp.where(first & wide, -math.inf, left)
    high = xp.where(last & wide, math.inf, right)
    # Clip, then divide: (right - left) / (right - left) is 1 to the bit, and nothing overflows.
    inside = xp.minimum(xp.maximum(x[..., None], low), high) - left
    return inside / xp.where(wide, right - left, 1.0)


def linear_piecewise(xp: ModuleType, x: Array, edges: Array, weight: Array, bias: Array) -> Array:
    """Return a linear map of the piecewise encoding, a feature at a time: a broken line for each output.

    Parameters
    ----------
    xp : module
        `numpy` or `jax.numpy`.
    x : float array (..., rows, d)
        Numbers without NaN.
    edges : float array (d, bins + 1)
        As in `piecewise`.
    weight : float array (d, bins, width)
        The rise of each line over each bin.
    bias : float array (d, width)
        Its height at the first edge.

    Returns
    -------
    float array (..., rows, d * width)

    Notes
    -----
    Rows x d x bins numbers of memory, and that many times width products.

    Examples
    --------
    >>> import numpy as np
    >>> edges, rises = np.array([[0.0, 1.0, 3.0]]), np.array([[[10.0], [100.0]]])
    >>> linear_piecewise(np, np.array([[0.5], [2.0]]), edges, rises, np.array([[1.0]])).tolist()
    [[6.0], [61.0]]
    """
    lines = _by_feature(xp, piecewise(xp, x, edges), weight) + bias
    return lines.reshape(*x.shape[:-1], -1)


def _by_feature(xp: ModuleType, x: Array, weight: Array) -> Array:
    """Return (..., rows, d, f) times (d, f, w), a feature at a time: (..., rows, d, w)."""
    # Not einsum: measured twice to ten times slower in numpy, and slower to compile and to run in jax.
    return xp.swapaxes(xp.swapaxes(x, -2, -3) @ weight, -2, -3)


def batch_norm(
    xp: ModuleType,
    x: Array,
    weight: Array,
    scale: Array,
    shift: Array,
    running_mean: Array,
    running_var: Array,
    training: bool,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Array, Array, Array]:
    """Return the inputs with the mean and variance of each column taken out, and the running estimates.

    Parameters
    ----------
    xp : module
        `numpy` or `jax.numpy`.
    x : float array (..., rows, d)
        Inputs.
    weight : float array (rows,)
        Weights of the rows, 0 or more; padding and rows held out have 0 and count for nothing. Read in
        training alone.
    scale, shift : float array (d,) or (k, d)
        Learnable; start at 1 and 0.
    running_mean, running_var : float array (d,) or (k, d)
        Estimates so far; start at 0 and 1.
    training : bool
        True normalises by this batch and moves the estimates; False normalises by the estimates.
    momentum : float, default 0.1
        How far the estimates move to those of this batch, in (0, 1].
    eps : float, default 1e-5
        Added to the variance.

    Returns
    -------
    y : float array (..., rows, d)
    new_mean, new_var : float arrays of the shape of the estimates
        The variance kept is the unbiased one, var n / (n - 1) with n = (sum w)^2 / sum w^2 (all rows of
        one weight: their number). With a single row of weight there is no variance: the batch is
        normalised by the running estimates, which stay.

    Examples
    --------
    >>> import numpy as np
    >>> x, w, one, nil = np.array([[1.0], [3.0], [99.0]]), np.array([1.0, 1.0, 0.0]), np.ones(1), np.zeros(1)
    >>> y, mean, var = batch_norm(np, x, w, one, nil, nil, one, training=True)
    >>> y[:2].round(3).tolist(), mean.tolist(), var.tolist()
    ([[-1.0], [1.0]], [0.2], [1.1])

    References
    ----------
    .. [1] Ioffe & Szegedy, "Batch Normalization", 2015.
    """
    if not training:
        return _normed(xp, x, running_mean, running_var, eps, scale, shift), running_mean, running_var
    total = weight.sum()
    share = weight / xp.where(total > 0, total, 1.0)
    squares = (share * share).sum()  # 1 / n; 1 with a single row of weight, 0 with none
    enough = (squares > 0) & (squares < 1.0 - 1e-6)
    mean = xp.where(enough, share @ x, running_mean)
    centred = x - mean[..., None, :]
    var = xp.where(enough, share @ (centred * centred), running_var)
    unbiased = xp.where(enough, var / xp.where(enough, 1.0 - squares, 1.0), running_var)
    y = _normed(xp, x, mean, var, eps, scale, shift)
    new_mean = running_mean + momentum * (mean - running_mean)
    new_var = running_var + momentum * (unbiased - running_var)
    return y, new_mean, new_var


def _normed(
    xp: ModuleType, x: Array, mean: Array, var: Array, eps: float, scale: Array, shift: Array
) -> Array:
    """Return (x - mean) / sqrt(var + eps) scale + shift, statistics a column."""
    factor = scale / xp.sqrt(var + eps)
    return (x - mean[..., None, :]) * factor[..., None, :] + shift[..., None, :]


def layer_norm(xp: ModuleType, x: Array, scale: Array, shift: Array, eps: float = 1e-5) -> Array:
    """Return each row with its own mean taken out and its own variance made 1.

    Parameters
    ----------
    xp : module
        `numpy` or `jax.numpy`.
    x : float array (..., rows, d)
        Inputs.
    scale, shift : float array (d,) or (k, d)
        Learnable; start at 1 and 0.
    eps : float, default 1e-5
        Added to the variance.

    Returns
    -------
    float array (..., rows, d)

    Examples
    --------
    >>> import numpy as np
    >>> layer_norm(np, np.array([[1.0, 3.0]]), np.ones(2), np.zeros(2)).round(3).tolist()
    [[-1.0, 1.0]]

    References
    ----------
    .. [1] Ba, Kiros & Hinton, "Layer Normalization", 2016.
    """
    centred = x - x.mean(axis=-1, keepdims=True)
    var = (centred * centred).mean(axis=-1, keepdims=True)
    return centred / xp.sqrt(var + eps) * scale[..., None, :] + shift[..., None, :]


def dropout(x: Array, key: Array, rate: Array | float) -> Array:
    """Return the inputs with a random share set to 0 and the others divided by 1 - rate (jax alone).

    Parameters
    ----------
    x : jax float array
        Inputs of any shape.
    key : jax key
        The mask is a pure function of it.
    rate : float or traced scalar
        Share set to 0, in [0, 1]; 0 gives x back, 1 gives zeros.

    Returns
    -------
    jax float array of the shape of x
        Its expectation is x.

    References
    ----------
    .. [1] Srivastava et al., "Dropout", 2014.
    """
    import jax
    import jax.numpy as jnp

    first, second = jax.random.key_data(key)[-2:]
    place = jax.lax.iota(jnp.uint32, x.size).reshape(x.shape)
    # A hash of the place, keyed twice, instead of jax.random.bits: measured 14 us a layer of 256 x 256
    # against 245 (bernoulli, 8 and 16 bits alike), since it is made where it is used and never stored.
    # Three products: with two, keys of one other bit gave masks that agree (test_each_word_of_a_key_counts).
    mixed = place * jnp.uint32(0x9E3779B9) ^ first
    mixed = (mixed ^ mixed >> 16) * jnp.uint32(0x21F0AAAD) ^ second
    mixed = (mixed ^ mixed >> 16) * jnp.uint32(0x21F0AAAD)
    mixed = (mixed ^ mixed >> 15) * jnp.uint32(0x735A2D97)
    even = ((mixed ^ mixed >> 15) >> 8).astype(x.dtype) * 2.0**-24
    keep = 1.0 - jnp.asarray(rate, x.dtype)
    return jnp.where(even < keep, x / jnp.maximum(keep, 2.0**-24), 0.0)
