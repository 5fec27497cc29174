"""An autoencoder: a row becomes a few numbers, and those the row again; the loss is what got lost.

    x, codes -> encoder -> latent (rows, components) -> decoder -> x, and the categories of many values
                                                                   error of each row = its margin

A Net whose margin is its own loss, so that the one Program, race and early stopping of all networks train it.
A row's error is the mean over its columns, known values only: the squared difference of a number as networks
read it (`front`); half the sum of squared differences of a category of few values; the cross-entropy of a
category of many, over that of guessing. Indicators of missing values are read, not made again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any, Final, Literal, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from justright.errors import BundleError
from justright.models.neural.activations import ACTIVATIONS, activation
from justright.models.neural.design import EMBEDDED, Leaf
from justright.models.neural.front import Layout, inputs_of
from justright.models.neural.initial import data_driven, he5_bias, initial
from justright.models.neural.layers import dense, embed
from justright.models.neural.network import Mode
from justright.schema import Block, FloatArray

__all__ = [
    "AUTOENCODER",
    "AutoNet",
    "Coder",
    "Corruption",
    "Reconstruction",
    "check",
    "decoded",
    "latent",
    "margins",
]

AUTOENCODER: Final = "autoencoder"
"""Name of the family in a bundle."""

Arrays = Mapping[str, Any]
Floats = npt.NDArray[np.float32]
Corruption: TypeAlias = Literal["mask", "gaussian"]

_MOST_CODES: Final = 1_024  # codes of a category that the decoder makes again; above, it is read alone
_MISSING: Final = 1  # its code
_SLOW: Final = 0.1  # rate of the biases, as in all networks
_CUT: Final = 3.0  # of `front`, which is undone here
_EDGE: Final = 1.0 - 1e-4  # share of the cut where numbers end: 212 quartile distances from the median


class Coder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an autoencoder looks like.

    Parameters
    ----------
    components : int
        Numbers that a row becomes.
    hidden : tuple of int
        Neurons of each hidden layer of the encoder; the decoder has them in reverse. Empty = linear.
    activation : str
        Of the hidden layers; the latent layer has none.
    """

    components: int
    hidden: tuple[int, ...] = (128,)
    activation: str = "mish"


@dataclass(frozen=True)
class _Told:
    """What the decoder makes again.

    `columns` places in x, `share` of each in the error of its column of the table, `watched` whether it has
    an indicator of missing values and `indicator` its place, `codes` pairs (place, size), `features` columns
    of the table.
    """

    columns: npt.NDArray[np.int64]
    share: Floats
    watched: npt.NDArray[np.bool_]
    indicator: npt.NDArray[np.int64]
    codes: tuple[tuple[int, int], ...]
    features: int


@dataclass(frozen=True)
class Reconstruction:
    """The loss of an autoencoder, whose margin is its loss already.

    Examples
    --------
    >>> Reconstruction().value(np.array([[[3.0]]]), np.zeros((1, 1, 1))).item()
    3.0
    """

    name: str = "reconstruction"
    link: str = "identity"

    def value(self, margin: FloatArray, target: npt.NDArray[Any]) -> FloatArray:
        """See `optim.losses`."""
        return np.asarray(margin)

    def gradient(self, margin: FloatArray, target: npt.NDArray[Any]) -> FloatArray:
        """See `optim.losses`."""
        return np.ones_like(margin)

    def jax(self, margin: Any, target: Any) -> Any:
        """Return the loss of each row of margins (rows, 1)."""
        return margin[..., 0]


class AutoNet:
    """An autoencoder; see `net.Net`.

    Parameters
    ----------
    coder : Coder
        What it looks like.
    layout : Layout
        What it reads.
    noise : float
        Share of the columns masked in a training step (0..1), or standard deviation of what is added to
        each number, in units of its quartiles' distance; 0 = a plain autoencoder.
    corruption : {"mask", "gaussian"}
        Which of the two.
    """

    several = False

    def __init__(
        self, coder: Coder, layout: Layout, noise: float = 0.0, corruption: Corruption = "mask"
    ) -> None:
        self.coder, self.layout = coder, layout
        self.noise, self.corruption = noise, corruption
        self.key = (AUTOENCODER, coder, msgspec.json.encode(layout), noise, corruption)
        self.leaves = _leaves(coder, layout)
        self.drops = noise > 0
        self.neurons = layout.numbers + layout.others + sum(leaf.shape[-1] for leaf in self.leaves)
        self._feature = _features(layout)

    def fixed(self, x: Floats) -> dict[str, Floats]:
        """See `Net`: nothing."""
        return {}

    def initial(self, rng: np.random.Generator, fixed: Arrays, x: Floats, codes: Any) -> dict[str, Floats]:
        """See `Net`: layers scaled by the rows, and a head that says the median of each column."""
        made = {leaf.name: np.zeros(leaf.shape, np.float32) for leaf in self.leaves}
        made |= {n: initial("standard_normal", rng, a.shape) for n, a in made.items() if "embed." in n}
        h = _read(np, self.layout, made, x, codes)
        for name in (*_named("encoder", self.coder), "latent", *_named("decoder", self.coder)):
            weight = initial("standard_normal", rng, made[f"{name}.weight"].shape)
            scale = 1.0 / math.sqrt(h.shape[-1])
            made[f"{name}.weight"] = data_driven(weight, h, scale)
            if name != "latent":
                made[f"{name}.bias"] = he5_bias(rng, made[f"{name}.weight"], h, scale)
            h = _layer(np, self.coder, made, h, name)
        return made

    def statistics(self) -> dict[str, Floats]:
        """See `Net`: none."""
        return {}

    def margins(self, xp: ModuleType, arrays: Arrays, x: Any, codes: Any, mode: Mode | None) -> Any:
        """See `Net`: the error of each row, (rows, 1). A training step reads a spoiled row."""
        read, read_codes = x, codes
        if mode is not None and mode.key is not None:
            read, read_codes = self._spoiled(mode.key, x, codes)
        z = _encoded(xp, self.coder, self.layout, arrays, read, read_codes)[-1]
        made = _decoded(xp, self.coder, arrays, z)[-1]
        return _errors(xp, self.layout, made, x, codes)[:, None]

    def hidden(self, arrays: Arrays, x: Any, codes: Any) -> list[Any]:
        """See `Net`: of encoder, latent layer and decoder."""
        found = _encoded(np, self.coder, self.layout, arrays, x, codes)
        return [*found, *_decoded(np, self.coder, arrays, found[-1])[:-1]]

    def front(self) -> dict[str, Any]:
        """See `Net`."""
        return {"coder": msgspec.to_builtins(self.coder)}

    def _spoiled(self, key: Any, x: Any, codes: Any) -> tuple[Any, Any]:
        """Return the row that a step reads instead (Vincent et al. 2008)."""
        import jax
        import jax.numpy as jnp

        if self.corruption == "gaussian":
            p = self.layout.numbers
            drawn = self.noise * jax.random.normal(key, (x.shape[0], p), x.dtype)
            return jnp.concatenate([x[:, :p] + drawn, x[:, p:]], axis=1), codes
        features = int(self._feature.max(initial=-1)) + 1
        many = codes.shape[1]
        keep = jax.random.bernoulli(key, 1.0 - self.noise, (x.shape[0], features + many))
        return x * keep[:, self._feature], jnp.where(keep[:, features:], codes, _MISSING)


def margins(front: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], block: Block) -> FloatArray:
    """Return how badly each row is made again, float64 (rows, 1): 0 = exactly, about 1 = like the median.

    The forward of the family: a bundle of an autoencoder predicts this error, which is large where a row is
    unlike those of the training.
    """
    coder, layout, x, codes = _inputs(front, arrays, block)
    with np.errstate(all="ignore"):
        z = _encoded(np, coder, layout, arrays, x, codes)[-1]
        made = _decoded(np, coder, arrays, z)[-1]
        return np.asarray(_errors(np, layout, made, x, codes)[:, None], np.float64)


def latent(front: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], block: Block) -> FloatArray:
    """Return the numbers that each row becomes, float64 (rows, components).

    Notes
    -----
    Sums are in double precision, so that a row has the same numbers alone and among others.
    """
    coder, layout, x, codes = _inputs(front, arrays, block)
    with np.errstate(all="ignore"):
        return np.asarray(_encoded(np, coder, layout, arrays, x, codes)[-1], np.float64)


def decoded(front: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], z: FloatArray) -> FloatArray:
    """Return the numbers that latent values (rows, components) stand for, float64 (rows, numbers).

    In the unit of `Block.numeric`: what `front.inputs_of` did is undone.
    """
    coder, layout = _parts(front)
    p = layout.numbers
    made = _decoded(np, coder, arrays, np.asarray(z, np.float64))[-1][:, :p]
    near = np.clip(made / _CUT, -_EDGE, _EDGE)
    scale = np.asarray(arrays["front.scale"][:p], np.float64)
    unscaled = np.divide(
        near * _CUT / np.sqrt(1.0 - near**2), scale, where=scale > 0, out=np.zeros_like(made)
    )
    return np.asarray(unscaled + arrays["front.centre"][:p])


def check(front: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], outputs: int) -> None:
    """Raise BundleError unless the arrays have the shapes that the front promises and are finite."""
    coder, layout = _parts(front)
    sizes = (coder.components, *coder.hidden, *(size for _, size in layout.embedded))
    if min(sizes) < 1 or max(sizes) > 2**24 or coder.activation not in ACTIVATIONS or layout.wide:
        raise BundleError("an autoencoder of impossible sizes", next_step="fit it again")
    width = layout.numbers + layout.others
    wanted = {leaf.name: leaf.shape for leaf in _leaves(coder, layout)}
    for name, shape in (wanted | {"front.centre": (width,), "front.scale": (width,)}).items():
        if name not in arrays or arrays[name].shape != shape:
            got = arrays[name].shape if name in arrays else "nothing"
            raise BundleError(f"{name} of shape {got}", allowed=f"shape {shape}", where="weights.safetensors")
        if not np.isfinite(arrays[name]).all():
            raise BundleError(f"{name} with values that are no numbers", where="weights.safetensors")


def _inputs(
    front: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], block: Block
) -> tuple[Coder, Layout, FloatArray, npt.NDArray[np.int32]]:
    """Return what an autoencoder is and what it reads of a block, in double precision."""
    coder, layout = _parts(front)
    x, codes = inputs_of(layout, arrays, block)
    return coder, layout, x.astype(np.float64), codes


def _parts(front: Mapping[str, Any]) -> tuple[Coder, Layout]:
    """Read coder and layout from a front."""
    return _decoded_parts(msgspec.json.encode([front.get("coder"), front.get("layout")]))


@lru_cache(maxsize=64)
def _decoded_parts(text: bytes) -> tuple[Coder, Layout]:
    """Read coder and layout, once a model."""
    coder, layout = msgspec.json.decode(text)
    try:
        return msgspec.convert(coder, Coder), msgspec.convert(layout, Layout)
    except msgspec.ValidationError as error:
        raise BundleError(f"an autoencoder that does not fit: {error}", next_step="fit it again") from error


def _named(part: str, coder: Coder) -> list[str]:
    """Return the names of the hidden layers of encoder or decoder."""
    return [f"{part}.{number}" for number in range(len(coder.hidden))]


def _leaves(coder: Coder, layout: Layout) -> tuple[Leaf, ...]:
    """Return the parameters, in the order in which they are packed."""
    told = _told(layout)
    out = len(told.columns) + sum(size for _, size in told.codes)
    inner = (*coder.hidden, coder.components, *reversed(coder.hidden), out)
    names = (*_named("encoder", coder), "latent", *_named("decoder", coder), "head")
    made = [
        Leaf(f"embed.{place}", (size, EMBEDDED), 1.0, False)
        for place, (_, size) in enumerate(layout.embedded)
    ]
    width = layout.numbers + layout.others + EMBEDDED * len(layout.embedded)
    for name, neurons in zip(names, inner, strict=True):
        made += [
            Leaf(f"{name}.weight", (width, neurons), 1.0, True),
            Leaf(f"{name}.bias", (neurons,), _SLOW, False),
        ]
        width = neurons
    return tuple(made)


@lru_cache(maxsize=64)
def _told_of(text: bytes) -> _Told:
    """Return what the decoder makes again, once a layout."""
    layout = msgspec.json.decode(text, type=Layout)
    p, first = layout.numbers, layout.numbers + len(layout.missing)
    widths = [1 if size == 2 else size for _, size in layout.columns]
    shares = [1.0] * p + [1.0 if width == 1 else 0.5 for width in widths for _ in range(width)]
    codes = tuple((i, size) for i, (_, size) in enumerate(layout.embedded) if size <= _MOST_CODES)
    watched, indicator = np.zeros(len(shares), bool), np.zeros(len(shares), np.int64)
    for number, place in enumerate(layout.missing):
        watched[place], indicator[place] = True, p + number
    return _Told(
        np.r_[np.arange(p), np.arange(first, first + sum(widths))].astype(np.int64),
        np.asarray(shares, np.float32),
        watched,
        indicator,
        codes,
        p + len(widths) + len(codes),
    )


def _told(layout: Layout) -> _Told:
    """Return what the decoder makes again."""
    return _told_of(msgspec.json.encode(layout))


def _features(layout: Layout) -> npt.NDArray[np.int64]:
    """Return the number of the table's column that each column of x comes from, int64 (inputs,)."""
    own = [*range(layout.numbers), *layout.missing]
    for number, (_, size) in enumerate(layout.columns):
        own += [layout.numbers + number] * (1 if size == 2 else size)
    return np.asarray(own, np.int64)


def _read(xp: ModuleType, layout: Layout, arrays: Arrays, x: Any, codes: Any) -> Any:
    """Return what the first layer reads."""
    many = [embed(xp, codes[:, i], arrays[f"embed.{i}"]) for i in range(len(layout.embedded))]
    return xp.concatenate([x, *many], axis=-1) if many else x


def _layer(xp: ModuleType, coder: Coder, arrays: Arrays, h: Any, name: str) -> Any:
    """Return the output of one layer; the latent one and the head have no activation."""
    z = dense(h, arrays[f"{name}.weight"], arrays[f"{name}.bias"], 1.0 / math.sqrt(h.shape[-1]))
    return z if name in ("latent", "head") else activation(xp, coder.activation, z)


def _encoded(xp: ModuleType, coder: Coder, layout: Layout, arrays: Arrays, x: Any, codes: Any) -> list[Any]:
    """Return the outputs of the encoder's layers, the latent one last."""
    h, found = _read(xp, layout, arrays, x, codes), []
    for name in (*_named("encoder", coder), "latent"):
        h = _layer(xp, coder, arrays, h, name)
        found.append(h)
    return found


def _decoded(xp: ModuleType, coder: Coder, arrays: Arrays, z: Any) -> list[Any]:
    """Return the outputs of the decoder's layers; the last one is told columns, then logits of the codes."""
    found = []
    for name in (*_named("decoder", coder), "head"):
        z = _layer(xp, coder, arrays, z, name)
        found.append(z)
    return found


def _errors(xp: ModuleType, layout: Layout, made: Any, x: Any, codes: Any) -> Any:
    """Return the mean error over the known columns of each row, (rows,)."""
    told = _told(layout)
    at = len(told.columns)
    gone = told.watched & (x[:, told.indicator] > 0)
    squares = told.share * xp.square(made[:, :at] - x[:, told.columns])
    total, lost = xp.where(gone, 0.0, squares).sum(axis=1), gone.sum(axis=1)
    for place, size in told.codes:
        known = codes[:, place] != _MISSING
        logits = made[:, at : at + size]
        total = total + xp.where(known, _surprise(xp, logits, codes[:, place]), 0.0) / math.log(size)
        lost = lost + (~known)
        at += size
    return total / xp.maximum(told.features - lost, 1)


def _surprise(xp: ModuleType, logits: Any, code: Any) -> Any:
    """Return the cross-entropy of each row's code, (rows,)."""
    logits = logits - logits.max(axis=1, keepdims=True)
    own = xp.take_along_axis(logits, code[:, None].astype(xp.int32), axis=1)[:, 0]
    return xp.log(xp.exp(logits).sum(axis=1)) - own
