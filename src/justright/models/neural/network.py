"""A network as two functions, `initial` and `margins`; the second one runs in training and in service.

    numbers -> waves or pieces -+
    others ---------------------+-> factor an input -> hidden layers -> margins   (+ wide tables)
    codes -> embedding ---------+

Hidden layers in the order weight, bias, normalisation, activation, dropout. Weights are in the "neural
tangent" scale (Jacot et al. 2018): z = x W / sqrt(inputs) + b with entries of W about 1, so that one rate
serves all widths.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from justright.models.neural.activations import activation
from justright.models.neural.design import BINS, Design, leaves_of
from justright.models.neural.initial import data_driven, he5_bias, initial
from justright.models.neural.layers import (
    adapt,
    batch_norm,
    dense,
    dropout,
    embed,
    layer_norm,
    linear_piecewise,
    periodic,
    scaling,
)

__all__ = [
    "Mode",
    "combined",
    "edges_of",
    "initial_weights",
    "layers",
    "margins",
    "statistics_of",
]

Arrays = Mapping[str, Any]

_WAVE: Final = 0.1  # standard deviation of the frequencies (PBLD of RealMLP)


@dataclass
class Mode:
    """What a training step adds to a pass through a network; in service there is none of it.

    Parameters
    ----------
    weight : (rows,)
        Weights of the rows: padding has 0 and takes no part in batch statistics.
    key : jax key
        Of the dropout of this step.
    rate : float
        Share of neurons dropped.
    statistics : dict
        Filled with new running statistics of batch normalisation.
    """

    weight: Any
    key: Any
    rate: Any
    statistics: dict[str, Any] = field(default_factory=dict)


def margins(
    xp: ModuleType, design: Design, arrays: Arrays, x: Any, codes: Any, mode: Mode | None = None
) -> Any:
    """Return the margins (rows, outputs) of a batch, or (networks, rows, outputs) of an ensemble.

    Parameters
    ----------
    xp : numpy or jax.numpy
        Where the arrays live.
    design : Design
        The network.
    arrays : mapping of str to array
        Parameters, running statistics (`body.0.mean`, ...) and `numbers.edges`.
    x : float32 (rows, numbers + others)
    codes : int32 (rows, embedded + wide)
        See `front`.
    mode : Mode or None
        A training step; None = service.
    """
    hidden = layers(xp, design, arrays, x, codes, mode)
    h = hidden[-1] if hidden else _read(xp, design, arrays, x, codes)
    width = h.shape[-1]
    out = dense(h, arrays["head.weight"], arrays["head.bias"], 1.0 / math.sqrt(width))
    first = len(design.embedded)
    for place in range(len(design.wide)):
        out = out + embed(xp, codes[:, first + place], arrays[f"wide.{place}"])
    return out


def layers(
    xp: ModuleType, design: Design, arrays: Arrays, x: Any, codes: Any, mode: Mode | None = None
) -> list[Any]:
    """Return the output of each hidden layer, (rows, neurons) or (networks, rows, neurons)."""
    h, found = _read(xp, design, arrays, x, codes), []
    for number in range(len(design.hidden)):
        h = _layer(xp, design, arrays, h, number, mode)
        found.append(h)
    return found


def _read(xp: ModuleType, design: Design, arrays: Arrays, x: Any, codes: Any) -> Any:
    """Return what the first layer reads."""
    h = _inputs(xp, design, arrays, x, codes)
    if design.front:
        h = scaling(h, arrays["front.factor"])
    return adapt(h[None], arrays["ensemble.factor"]) if design.ensemble > 1 else h


def combined(xp: ModuleType, made: Any, link: str) -> Any:
    """Return the margins (rows, outputs) of an ensemble, (networks, ...): the link of its mean prediction."""
    if link == "identity":
        return made.mean(axis=0)
    if link == "logistic":
        # log of the mean odds' parts, without leaving the logarithm: no probability underflows.
        ones, zeros = -xp.logaddexp(0.0, -made), -xp.logaddexp(0.0, made)
        return _log_mean(xp, ones) - _log_mean(xp, zeros)
    if link == "softmax":
        top = made.max(axis=-1, keepdims=True)
        made = made - top - xp.log(xp.exp(made - top).sum(axis=-1, keepdims=True))
    return _log_mean(xp, made)


def _log_mean(xp: ModuleType, logs: Any) -> Any:
    """Return log(mean(exp(logs))) over the first axis."""
    top = logs.max(axis=0)
    return top + xp.log(xp.exp(logs - top).mean(axis=0))


def _inputs(xp: ModuleType, design: Design, arrays: Arrays, x: Any, codes: Any) -> Any:
    """Return the inputs of the first layer."""
    p = design.numbers_in
    numbers = x[:, :p]
    if p and design.numbers == "periodic":
        own = (arrays[f"numbers.{name}"] for name in ("frequency", "phase", "weight", "bias"))
        numbers = periodic(xp, numbers, *own)
    elif p and design.numbers == "piecewise":
        own = (arrays[f"numbers.{name}"] for name in ("edges", "weight", "bias"))
        numbers = linear_piecewise(xp, numbers, *own)
    parts = [numbers] if p else []
    parts += [x[:, p:]] if design.others_in else []
    parts += [embed(xp, codes[:, place], arrays[f"embed.{place}"]) for place in range(len(design.embedded))]
    return xp.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]


def _layer(xp: ModuleType, design: Design, arrays: Arrays, h: Any, number: int, mode: Mode | None) -> Any:
    """Return the output of one hidden layer."""
    own = f"body.{number}"
    weight = arrays[f"{own}.weight"]
    z = dense(h, weight, arrays[f"{own}.bias"], 1.0 / math.sqrt(weight.shape[0]))
    if design.normalise == "batch":
        z = _batch_normed(xp, arrays, z, own, mode)
    elif design.normalise == "layer":
        z = layer_norm(xp, z, arrays[f"{own}.scale"], arrays[f"{own}.shift"])
    share = arrays[f"{own}.share"] if design.parametric else None
    out = activation(xp, design.activation, z, share)
    if mode is not None and mode.key is not None:
        out = dropout(out, _key(mode.key, number), mode.rate)
    return h + out if design.residual and h.shape[-1] == out.shape[-1] else out


def _batch_normed(xp: ModuleType, arrays: Arrays, z: Any, own: str, mode: Mode | None) -> Any:
    """Normalise by the batch in training, by the running statistics in service."""
    weight = xp.ones(z.shape[-2], z.dtype) if mode is None else mode.weight
    names = ("scale", "shift", "mean", "variance")
    scale, shift, mean, variance = (arrays[f"{own}.{name}"] for name in names)
    z, mean, variance = batch_norm(xp, z, weight, scale, shift, mean, variance, mode is not None)
    if mode is not None:
        mode.statistics[f"{own}.mean"], mode.statistics[f"{own}.variance"] = mean, variance
    return z


def _key(key: Any, number: int) -> Any:
    """Return the key of a layer."""
    import jax

    return jax.random.fold_in(key, number)


def statistics_of(design: Design) -> dict[str, npt.NDArray[np.float32]]:
    """Return the running statistics before the first batch: mean 0 and variance 1."""
    if design.normalise != "batch":
        return {}
    found = {}
    for number, neurons in enumerate(design.hidden):
        shape = (design.ensemble, neurons) if design.ensemble > 1 else (neurons,)
        found[f"body.{number}.mean"] = np.zeros(shape, np.float32)
        found[f"body.{number}.variance"] = np.ones(shape, np.float32)
    return found


def edges_of(design: Design, x: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
    """Return where the pieces of each number end: quantiles of some training rows.

    A value that fills more than a piece counts as one piece, so that the others have room: of a number that
    is nearly always 0 the quantiles are 0.
    """
    if design.numbers != "piecewise":
        return {}
    edges = [_edges(x[:, place]) for place in range(design.numbers_in)]
    return {"numbers.edges": np.asarray(edges, np.float32).reshape(design.numbers_in, BINS + 1)}


def _edges(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the edges of one number, from its smallest to its largest value."""
    values, counts = np.unique(x, return_counts=True)
    ends = np.cumsum(np.minimum(counts, max(len(x) / BINS, 1.0)))
    places = np.searchsorted(ends, np.linspace(0.0, ends[-1], BINS + 1))
    return values[np.minimum(places, len(values) - 1)]


def initial_weights(
    design: Design,
    rng: np.random.Generator,
    arrays: Arrays,
    x: npt.NDArray[np.float32],
    codes: npt.NDArray[np.int32],
) -> dict[str, npt.NDArray[np.float32]]:
    """Return starting weights, each layer scaled so that its pre-activations vary by 1 on these rows.

    Parameters
    ----------
    arrays
        `numbers.edges` where numbers are piecewise.
    x, codes
        Some hundred training rows or more; see `margins`.
    """
    made = {leaf.name: _first_guess(design, leaf.name, leaf.shape, rng) for leaf in leaves_of(design)}
    every = {**arrays, **statistics_of(msgspec.structs.replace(design, ensemble=1)), **made}
    h = _inputs(np, design, every, x, codes)
    if design.front:
        h = scaling(h, every["front.factor"])
    if design.ensemble > 1:
        # All networks share the body: it is set by the rows as the first few of them see them.
        h = adapt(h[None], every["ensemble.factor"]).reshape(-1, h.shape[-1])[: len(h) * 2]
    for number in range(len(design.hidden)):
        own = f"body.{number}"
        scale = 1.0 / math.sqrt(h.shape[-1])
        made[f"{own}.weight"] = data_driven(made[f"{own}.weight"], h, scale)
        made[f"{own}.bias"] = he5_bias(rng, made[f"{own}.weight"], h, scale)
        every.update(made)
        h = _layer(np, design, every, h, number, None)
    if design.ensemble == 1:
        made["head.weight"] = data_driven(made["head.weight"], h, 1.0 / math.sqrt(h.shape[-1]))
    return made


def _first_guess(
    design: Design, name: str, shape: tuple[int, ...], rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return the starting value of one array, before the rows are seen."""
    if name == "numbers.frequency":
        return (_WAVE * rng.standard_normal(shape)).astype(np.float32)
    if name == "numbers.phase":
        return rng.uniform(-math.pi, math.pi, shape).astype(np.float32)
    if name in ("numbers.weight", "numbers.bias"):
        return initial("fan_in_uniform", rng, shape, fan_in=16 if design.numbers == "periodic" else BINS)
    if name == "ensemble.factor":
        return _by_feature(design, rng, shape)
    if name.endswith((".share", ".scale")) or name == "front.factor":
        return np.ones(shape, np.float32)
    if name.endswith((".bias", ".shift")) or name.startswith("wide."):
        return np.zeros(shape, np.float32)
    return rng.standard_normal(shape).astype(np.float32)


def _by_feature(design: Design, rng: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return random factors, one a feature and network: inputs of one feature share theirs (TabM)."""
    widths = [design.number_width] * design.numbers_in + [1] * design.others_in
    widths += [8] * len(design.embedded)
    drawn = rng.standard_normal((shape[0], 1, len(widths)))
    return np.repeat(drawn, widths, axis=-1).astype(np.float32)
