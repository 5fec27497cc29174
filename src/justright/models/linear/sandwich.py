"""Robust standard errors of linear weights at their penalised optimum: the sandwich of Huber and White.

    covariance = A^-1 B A^-1     A = sum of bends x x' + ridge,  B = sum of (slope x)(slope x)'

B takes each row's own slope, so it holds without equal variances, and without the loss being the true law.
One-hot columns with an intercept say some things twice; in those directions rows say nothing, the
optimum moves with no row, and the variance is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import numpy as np

from justright.models.base import Spec
from justright.models.linear.design import Rows, layout_for, rows_of, sampled
from justright.models.linear.passes import shaped
from justright.schema import Block, FloatArray

__all__ = ["LIMIT", "Errors", "standard_errors"]

LIMIT: Final = 2_000
"""Most weights (encoded columns times outputs) whose covariance is taken."""

_LOSSES: Final = ("squared", "logistic", "softmax", "poisson")
_WORK: Final = 4e9  # multiplications, two to three seconds; of more rows a sample is taken
_FLAT: Final = 1e-12  # share of the largest bend below which rows say nothing of a direction


class Errors(NamedTuple):
    """Covariance float64 (outputs, d, outputs, d) of the weights, and degrees of freedom left."""

    covariance: FloatArray
    freedom: float


class _Sums(NamedTuple):
    """Bends and squared slopes, each (k, d + 1, k, d + 1) with the bias last; weight and rows behind them."""

    bend: FloatArray
    slope: FloatArray
    weight: float
    rows: int


def standard_errors(
    spec: Spec,
    blocks: Sequence[Block],
    weights: FloatArray,
    bias: FloatArray,
    penalty: float,
    kind: Literal["HC0", "HC1"] = "HC1",
) -> Errors | None:
    """Return the covariance of the weights of one model.

    Parameters
    ----------
    spec : Spec
        Loss and features.
    blocks : sequence of Block
        The rows that trained it.
    weights, bias : float64 (d, outputs), (outputs,)
        The optimum, on the scale of training.
    penalty : float
        Ridge, for a loss that is the mean over rows; the bias is free of it.
    kind : {"HC0", "HC1"}
        HC1, the default, is HC0 times rows / (rows - effective parameters).

    Returns
    -------
    Errors or None
        None for other losses than squared, logistic, softmax and Poisson, above 2,000 weights, and where
        there are no more rows than parameters.

    Notes
    -----
    Rows x columns^2 multiplications, of at most 4e9: beyond, of a sample by fingerprint, whose errors are
    within a few per cent. 2,000 weights take 3 s beside that. Rows count as
    independent. A ridge draws weights towards 0; the errors are those of the drawn weights, not of the bias.

    References
    ----------
    P. J. Huber (1967); H. White (1980), doi:10.2307/1912934; J. MacKinnon and H. White (1985).
    """
    layout = layout_for(spec.plan, spec.clip)
    d, k = weights.shape
    if spec.loss.name not in _LOSSES or not 0 < d * k <= LIMIT:
        return None
    dense, fields = layout.dense + 1, len(layout.sizes) + layout.tokens / 16
    each = (dense**2 + 4 * (dense + fields) * fields + d * d / 2048) * k * (k + 1)
    share = min(1.0, max(_WORK / max(spec.rows * each, 1.0), 50.0 * d / max(spec.rows, 1)))
    sums = _sums(spec, blocks, weights, bias, share)
    return _solved(sums, penalty, kind)


def _sums(spec: Spec, blocks: Sequence[Block], weights: FloatArray, bias: FloatArray, share: float) -> _Sums:
    """Add up bends and squared slopes over the rows, as those of all rows where a sample was taken."""
    layout = layout_for(spec.plan, spec.clip)
    d, k = weights.shape
    bend, slope = np.zeros((2, k, d + 1, k, d + 1))
    weight, count = 0.0, 0
    for block in sampled(blocks, share):
        for rows in rows_of(block, layout, 4 * k):
            w = rows.block.weight.astype(np.float64)
            weight += float(w.sum())
            count += int((w > 0).sum())
            margin = rows.times(weights) + bias
            g = spec.loss.gradient(margin[:, :, None], shaped(rows.block.target))[:, :, 0] * w[:, None]
            bends = _bends(spec.loss.name, margin)
            for a in range(k):
                for b in range(a, k):
                    bend[a, :, b] += _gram(rows, bends[a, b] * w)
                    slope[a, :, b] += _gram(rows, g[:, a] * g[:, b])
    for a in range(k):
        for b in range(a):
            bend[a, :, b], slope[a, :, b] = bend[b, :, a].T, slope[b, :, a].T
    every = float(sum(block.weight.sum(dtype=np.float64) for block in blocks)) / max(weight, 1e-300)
    return _Sums(bend * every, slope * every, weight * every, round(count * every))


def _bends(loss: str, margin: FloatArray) -> FloatArray:
    """Return the second derivatives of the loss of each row, float64 (k, k, rows)."""
    if loss == "softmax":
        share = np.exp(margin - margin.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        made = -np.einsum("na,nb->abn", share, share)
        made[np.arange(len(made)), np.arange(len(made))] += share.T
        return np.asarray(made)
    if loss == "logistic":
        share = 0.5 + 0.5 * np.tanh(0.5 * margin[:, 0])
        return np.asarray((share * (1.0 - share))[None, None])
    if loss == "poisson":
        return np.asarray(np.exp(np.minimum(margin[:, 0], 500.0))[None, None])
    return np.ones((1, 1, len(margin)))


def _gram(rows: Rows, weight: FloatArray) -> FloatArray:
    """Return sum of weight x x' with a one at the end of x, float64 (d + 1, d + 1)."""
    inner = rows.gram(weight)
    side = rows.transposed_times(weight[:, None])
    return np.block([[inner, side], [side.T, weight.sum()]])


def _solved(sums: _Sums, penalty: float, kind: str) -> Errors | None:
    """Return bread, meat, bread without the biases."""
    k, d = sums.bend.shape[0], sums.bend.shape[1] - 1
    width = k * (d + 1)
    bias = np.arange(d, width, d + 1)
    own = np.setdiff1d(np.arange(width), bias)
    bend, slope = sums.bend.reshape(width, width), sums.slope.reshape(width, width)
    # Each weight beyond what the biases make good: the bias is at its optimum for any weights.
    cross = bend[np.ix_(own, bias)] @ np.linalg.pinv(bend[np.ix_(bias, bias)], hermitian=True)
    inner = bend[np.ix_(own, own)] - cross @ bend[np.ix_(bias, own)]
    side = slope[np.ix_(own, bias)] @ cross.T
    meat = slope[np.ix_(own, own)] - side - side.T + cross @ slope[np.ix_(bias, bias)] @ cross.T
    values, vectors = np.linalg.eigh(0.5 * (inner + inner.T))
    told = values > _FLAT * max(float(values[-1]), 1e-300)
    values, vectors = values[told], vectors[:, told]
    bread = (vectors / (values + penalty * sums.weight)) @ vectors.T
    freedom = sums.rows - float((values / (values + penalty * sums.weight)).sum()) - max(k - 1, 1)
    if freedom < 1 or not len(values):
        return None
    covariance = bread @ meat @ bread
    covariance *= sums.rows / freedom if kind == "HC1" else 1.0
    return Errors(covariance.reshape(k, d, k, d), freedom)
