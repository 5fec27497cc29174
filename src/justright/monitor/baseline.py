"""The baseline: what the training rows looked like, column by column, as counts that service can add to.

Numbers: 20 bins of equal numbers of training rows (edges in the column's own unit) and the missing; a value
that holds many rows makes its bin narrow, not its neighbours. Categories: the weight of every code.
What the model says of rows it has not seen, and how that came out, is kept as well (`Proof`), and what each
term of a linear or additive model adds.
Counts come from a nested sample of at most a million rows by fingerprint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.features.numeric import NumericFeature
from justright.features.plan import FeaturePlan
from justright.monitor.attribution import Terms
from justright.monitor.evidence import of_numbers
from justright.monitor.frame import sure_bins
from justright.schema import Block, FloatArray, Task

__all__ = ["Proof", "baseline"]

_BINS: Final = 20
_ROWS: Final = 1_000_000
_TERM_ROWS: Final = 100_000


@dataclass(frozen=True)
class Proof:
    """What the model says of rows that it has not seen, beside the truth.

    Parameters
    ----------
    task : {"regression", "binary", "multiclass"}
    prediction : float64 (rows,) or (rows, classes)
        The number, the calibrated probability of class 1, or that of each class.
    target : float64 or int (rows,)
        The truth; class numbers for classes.
    weight : float64 (rows,)
    names : tuple of str
        Names of what is said: `(prediction)`, or one for each class.
    said : float64 (some rows,) or (some rows, classes), optional
        What the exported model itself says of training rows.
    said_weight : float64 (some rows,), optional
        Their weight.
    smooth : bool, default False
        The family says of a row that it was trained on hardly anything else than of a new one, so `said` is
        what service is compared with; else `prediction` is, and by how much the two differ is no drift.
    """

    task: Task
    prediction: FloatArray
    target: npt.NDArray[Any]
    weight: FloatArray
    names: tuple[str, ...]
    said: FloatArray | None = None
    said_weight: FloatArray | None = None
    smooth: bool = False


def baseline(
    plan: FeaturePlan, blocks: Sequence[Block], *, proof: Proof | None = None, terms: Terms | None = None
) -> dict[str, Any]:
    """Return the statistics of the training rows as JSON values.

    Parameters
    ----------
    plan : FeaturePlan
        The features.
    blocks : sequence of Block
        The training rows.
    proof : Proof, optional
        Held-out predictions.
    terms : Terms, optional
        The model's terms.

    Returns
    -------
    dict
        `rows` (weight counted), `numeric` (per feature: edges, counts of the bins, missing) and
        `categorical` (per feature: counts by code). With a proof also `said` (per output: edges and counts)
        and `outcome` (per bin of what is said: what came true); with terms also `terms`.

    Notes
    -----
    Memory of the sample: 4 bytes a value, so 80 MB for a million rows of 20 numbers.
    """
    total = sum(block.rows for block in blocks)
    limit = np.uint64(min(_ROWS / max(total, 1), 1.0) * (2.0**64 - 2048))
    chosen = [np.flatnonzero((block.key <= limit) | (total <= _ROWS)) for block in blocks]
    weight = np.concatenate([block.weight[rows] for block, rows in zip(blocks, chosen, strict=True)])
    numeric, categorical = [], []
    for place, feature in enumerate(plan.data.numeric):
        z = np.concatenate([block.numeric[rows, place] for block, rows in zip(blocks, chosen, strict=True)])
        numeric.append(
            {"name": feature.name, **_bins(z.astype(np.float64), weight.astype(np.float64), feature)}
        )
    for place, category in enumerate(plan.data.categorical):
        codes = np.concatenate([block.codes[rows, place] for block, rows in zip(blocks, chosen, strict=True)])
        counts = np.bincount(codes, weights=weight, minlength=category.size)
        categorical.append({"name": category.name, "counts": counts.tolist()})
    found = {"format": 1, "rows": float(weight.sum()), "numeric": numeric, "categorical": categorical}
    if proof is not None and len(proof.target):
        found["said"] = _said(proof)
        found["outcome"] = _outcome(proof)
    if terms is not None:
        found["terms"] = _terms(terms, blocks)
    return found


def _bins(z: FloatArray, weight: FloatArray, feature: NumericFeature) -> dict[str, Any]:
    """Return edges and counts of one numeric feature; bin i holds edges[i - 1] <= x < edges[i]."""
    known = np.isfinite(z)
    counted = _counted(z[known] * feature.scale + feature.centre, weight[known])
    return {**counted, "missing": float(weight[~known].sum())}


def _counted(values: FloatArray, weight: FloatArray) -> dict[str, Any]:
    """Return edges at quantiles of values, and the weight between them."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, _BINS + 1)[1:-1])) if len(values) else np.zeros(0)
    counts = np.bincount(np.searchsorted(edges, values, "right"), weights=weight, minlength=len(edges) + 1)
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def _said(proof: Proof) -> list[dict[str, Any]]:
    """Return edges and counts of what the model says, output by output."""
    held, held_weight = np.atleast_2d(proof.prediction.T), proof.weight
    if proof.said is None or proof.said_weight is None or not len(proof.said):
        return [
            {"name": name, **_counted(column, held_weight)}
            for name, column in zip(proof.names, held, strict=True)
        ]
    own, found = np.atleast_2d(proof.said.T), []
    for name, before, now in zip(proof.names, held, own, strict=True):
        if proof.smooth:
            found.append({"name": name, **_counted(now, proof.said_weight)})
            continue
        made = _counted(before, held_weight)
        at = np.searchsorted(np.asarray(made["edges"]), now, "right")
        counts = np.bincount(at, weights=proof.said_weight, minlength=len(made["counts"]))
        slack = of_numbers(np.asarray(made["counts"]), counts.astype(np.float64)).effect
        found.append({"name": name, **made, "slack": slack})
    return found


def _outcome(proof: Proof) -> dict[str, Any]:
    """Return, for each bin of what is said, how many rows, and what came true there.

    Classes: rows, the mean stated probability and the share that came true (of class 1; of several classes,
    of the likeliest), and the same in the fine bins that hold rows: number, rows, hits. Numbers: rows, mean
    and deviation of the absolute and of the squared error.
    """
    said, target = proof.prediction, np.asarray(proof.target)
    if proof.task == "regression":
        key, error = said, np.abs(said - target)
        columns = {"absolute": error, "squared": np.square(error)}
    elif said.ndim == 1:
        key, columns = said, {"stated": said, "observed": (target == 1).astype(np.float64)}
    else:
        key = said.max(axis=1)
        columns = {"stated": key, "observed": (said.argmax(axis=1) == target).astype(np.float64)}
    edges = np.unique(np.quantile(key, np.linspace(0, 1, _BINS + 1)[1:-1]))
    at, size = np.searchsorted(edges, key, "right"), len(edges) + 1
    rows = np.bincount(at, weights=proof.weight, minlength=size).astype(np.float64)
    found: dict[str, Any] = {"edges": edges.tolist(), "rows": rows.tolist()}
    for name, values in columns.items():
        mean = _mean(at, values, proof.weight, rows)
        found[name] = mean.tolist()
        if proof.task == "regression":
            square = _mean(at, np.square(values - mean[at]), proof.weight, rows)
            found[f"{name}_deviation"] = np.sqrt(square).tolist()
    if "observed" in columns:
        fine = sure_bins(key)
        every = np.bincount(fine, weights=proof.weight)
        hits = np.bincount(fine, weights=proof.weight * columns["observed"])
        used = np.flatnonzero(every)
        found["fine"] = [used.tolist(), every[used].tolist(), hits[used].tolist()]
    return found


def _mean(at: npt.NDArray[Any], values: FloatArray, weight: FloatArray, rows: FloatArray) -> FloatArray:
    """Return the weighted mean of values in each bin; 0 in an empty one."""
    sums = np.bincount(at, weights=values * weight, minlength=len(rows))
    return np.asarray(np.divide(sums, rows, out=np.zeros(len(rows)), where=rows > 0))


def _terms(terms: Terms, blocks: Sequence[Block]) -> list[dict[str, Any]]:
    """Return edges and counts of what each term adds, over some of the training rows."""
    total = sum(block.rows for block in blocks)
    limit = np.uint64(min(_TERM_ROWS / max(total, 1), 1.0) * (2.0**64 - 2048))
    pieces, weights = [], []
    for block in blocks:
        rows = np.flatnonzero((block.key <= limit) | (total <= _TERM_ROWS))
        for begin in range(0, len(rows), 8192):
            part = block.take(rows[begin : begin + 8192])
            pieces.append(terms.read(part))
            weights.append(part.weight.astype(np.float64))
    added, weight = np.concatenate(pieces), np.concatenate(weights)
    return [
        {"name": name, **_counted(column, weight)} for name, column in zip(terms.names, added.T, strict=True)
    ]
