"""What a linear model says: importances with intervals across folds, effects and standard errors.

A number adds weight * (value - mean), a category its weight less the mean weight of its column's rows, a
missing value its own weight. Importance is the mean size of that over the training rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from justright.features.categorical import CategoricalFeature
from justright.features.numeric import NumericFeature
from justright.models.base import Spec
from justright.models.linear import LINEAR
from justright.models.linear.design import layout_for
from justright.models.linear.forward import Layout
from justright.models.linear.sandwich import Errors, standard_errors
from justright.models.reading import Coefficient, Level, Reading, Term, jackknife, plain
from justright.schema import Block, FloatArray, Member, Value

__all__ = ["describe_linear"]

_LEVELS: Final = 500  # categories of a column that are listed


class _Seen(NamedTuple):
    """Of the training rows: mean |z| and share missing by number, share of each code, total weight."""

    size: FloatArray
    missing: FloatArray
    shares: list[FloatArray]
    weight: float


class _Weights(NamedTuple):
    """Weights in the target's unit: own (d, k), folds (F, d, k); the errors of the first."""

    own: FloatArray
    folds: FloatArray
    errors: Errors | None
    scale: float


def describe_linear(
    spec: Spec,
    weights: FloatArray,
    bias: FloatArray,
    blocks: Sequence[Block],
    members: Sequence[Member],
    member: int,
    *,
    exact: bool,
) -> Reading:
    """Return what one member says.

    Parameters
    ----------
    spec : Spec
        As trained.
    weights, bias : float64 (d, outputs, members), (outputs, members)
        Of all members.
    blocks : sequence of Block
        The training rows.
    members : sequence of Member
        The population.
    member : int
        Which of them is exported.
    exact : bool
        Whether weights stand at the optimum: only there are standard errors defined.

    Notes
    -----
    One pass over the rows for the means, one for the standard errors (see `standard_errors`).
    """
    layout, target = layout_for(spec.plan, spec.clip), spec.plan.data.target
    scale = target.scale if target else 1.0
    me = members[member]
    folds = [i for i, m in enumerate(members) if m.fold >= 0 and m.repeat == 0 and m.setting == me.setting]
    seen = _seen(blocks, layout)
    errors = None
    if exact and me.mix == 0.0:
        own, own_bias = np.ascontiguousarray(weights[:, :, member]), bias[:, member]
        errors = standard_errors(spec, blocks, own, own_bias, me.penalty)
    by_member = np.moveaxis(weights, 2, 0) * scale
    found = _Weights(by_member[member], by_member[folds], errors, scale)
    data = spec.plan.data
    terms = [_number(found, layout, place, feature, seen) for place, feature in enumerate(data.numeric)]
    terms += [_category(found, layout, place, each, seen) for place, each in enumerate(data.categorical)]
    begin = layout.token_offset
    for text in data.text:
        part = slice(begin, begin + text.slots)
        terms.append(_text(found, part, text.column.name, blocks, begin - layout.token_offset))
        begin += text.slots
    return Reading(
        family=LINEAR,
        link=spec.loss.link,
        target=target.target.column.name if target else "",
        classes=target.target.classes if target and spec.outputs > 1 else (),
        rows=seen.weight,
        terms=tuple(sorted(terms, key=lambda term: -term.importance.value)),
    )


def _seen(blocks: Sequence[Block], layout: Layout) -> _Seen:
    """Add up what importances need, in one pass."""
    size, missing = np.zeros((2, layout.numeric))
    shares = [np.zeros(each) for each in layout.sizes]
    total = 0.0
    for block in blocks:
        weight = block.weight.astype(np.float64)
        total += float(weight.sum())
        gone = np.isnan(block.numeric)
        size += weight @ np.minimum(np.abs(np.where(gone, np.float32(0), block.numeric)), layout.clip)
        missing += weight @ gone
        for place, share in enumerate(shares):
            share += np.bincount(block.codes[:, place], weights=weight, minlength=len(share))
    total = max(total, 1e-300)
    return _Seen(size / total, missing / total, [share / total for share in shares], total)


def _number(found: _Weights, layout: Layout, place: int, feature: NumericFeature, seen: _Seen) -> Term:
    """Describe a number, with its missing values."""
    size = np.abs(found.folds[:, place]) * seen.size[place]
    own = np.abs(found.own[place]) * seen.size[place]
    missing = None
    if place in layout.indicators:
        at = layout.numeric + layout.indicators.index(place)
        share = float(seen.missing[place])
        own = own + np.abs(found.own[at]) * share
        size = size + np.abs(found.folds[:, at]) * share
        missing = _level(
            "(missing)", share, found.own[at], _variance(found, [at], np.ones((1, 1)))[:, 0], found
        )
    slope = found.own[place] / feature.scale
    coefficients = []
    if found.errors is not None:
        error = np.sqrt(_variance(found, [place], np.ones((1, 1)))[:, 0]) / feature.scale
        half = error * _student(found.errors.freedom)
        ends = (slope, error, slope - half, slope + half)
        coefficients = [Coefficient(*row) for row in plain(np.column_stack(ends), 9)]
    return Term(
        name=feature.name,
        fields=(feature.name,),
        kind="number",
        importance=_importance(own, size),
        missing=missing,
        slope=plain(slope, 9),
        coefficients=coefficients,
    )


def _category(found: _Weights, layout: Layout, place: int, feature: CategoricalFeature, seen: _Seen) -> Term:
    """Describe a column of categories."""
    begin, share = layout.offsets[place], seen.shares[place]
    part = np.arange(begin, begin + layout.sizes[place])
    own = found.own[part] - share @ found.own[part]
    folds = found.folds[:, part] - np.einsum("s,fsk->fk", share, found.folds[:, part])[:, None]
    labels = feature.labels()
    order = [int(code) for code in np.argsort(-share, kind="stable") if share[code] > 0]
    few = order[:_LEVELS]
    contrast = -np.repeat(share[None], len(few), axis=0)
    contrast[np.arange(len(few)), few] += 1.0
    variance = _variance(found, part.tolist(), contrast)
    levels = [
        _level(labels[code], float(share[code]), own[code], variance[:, row], found)
        for row, code in enumerate(few)
    ]
    return Term(
        name=feature.name,
        fields=(feature.name,),
        kind="category",
        importance=_importance(share @ np.abs(own), np.einsum("s,fsk->fk", share, np.abs(folds))),
        levels=tuple(levels),
        more=len(order) - len(few),
    )


def _text(found: _Weights, part: slice, name: str, blocks: Sequence[Block], begin: int) -> Term:
    """Describe a column of texts: its importance; hashed words carry no names."""
    every = np.concatenate([found.own[None, part], found.folds[:, part]])
    sums, total = np.zeros(every.shape[::2]), 0.0
    for block in blocks:
        weight = block.weight.astype(np.float64)
        total += float(weight.sum())
        tokens = block.tokens
        if tokens is None:
            continue
        mine = (tokens.indices >= begin) & (tokens.indices < begin + every.shape[1])
        row = np.repeat(np.arange(block.rows), np.diff(tokens.indptr))[mine]
        slot, value = tokens.indices[mine] - begin, tokens.values[mine].astype(np.float64)
        for member in range(len(every)):
            for output in range(every.shape[2]):
                added = np.bincount(row, every[member, slot, output] * value, block.rows)
                sums[member, output] += weight @ np.abs(added)
    sums /= max(total, 1e-300)
    return Term(name=name, fields=(name,), kind="text", importance=_importance(sums[0], sums[1:]))


def _importance(own: FloatArray, folds: FloatArray) -> Value:
    """Return the mean over outputs with its interval."""
    low, high = jackknife(np.asarray(own.mean()), folds.mean(axis=1))
    value, bottom, top = plain([float(own.mean()), max(float(low), 0.0), float(high)])
    return Value(value, bottom, top)


def _variance(found: _Weights, places: list[int], contrast: FloatArray) -> FloatArray:
    """Return the variance of contrasts (c, places) of weights, float64 (k, c); NaN where not defined."""
    k = found.own.shape[1]
    if found.errors is None:
        return np.full((k, len(contrast)), np.nan)
    covariance = found.errors.covariance
    parts = [covariance[c][places][:, c, :][:, places] for c in range(k)]
    made = [np.einsum("cs,st,ct->c", contrast, part, contrast, optimize=True) for part in parts]
    return np.asarray(np.maximum(np.stack(made), 0.0) * found.scale**2)


def _level(label: str, share: float, effect: FloatArray, variance: FloatArray, found: _Weights) -> Level:
    """Describe a category or a missing value; without standard errors its interval is its value."""
    half = np.zeros(len(effect))
    if found.errors is not None:
        half = np.sqrt(variance) * _student(found.errors.freedom)
    return Level(label, plain([share])[0], plain(effect), plain(effect - half), plain(effect + half))


def _student(freedom: float) -> float:
    """Return Student's 97.5 % quantile."""
    from scipy.special import stdtrit

    return float(stdtrit(max(freedom, 1.0), 0.975))
