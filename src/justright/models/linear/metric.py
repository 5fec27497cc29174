"""The metric of a quasi-Newton step: an approximate inverse of each setting's curvature, shared by its folds.

    H = X' W X / n + penalty        W = second derivative of the loss by the margins at an anchor point

W comes from a sample of the rows, about ten a parameter, so a metric costs a small part of a pass. Two
forms:

- coupled, for a softmax of at most 1,500 parameters: H over all outputs at once, by Cholesky;
- arrow, for all else: outputs apart; numbers and small fields (the head) exactly, large fields and tokens
  (the tail) by their diagonal, eliminated by the Schur complement, which is exact for one large field.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from justright.features.plan import FeaturePlan
from justright.models.base import Spec
from justright.models.linear.design import Rows, layout_for, rows_of, sampled
from justright.models.linear.dual import DUAL_ROWS, DualMetric, dual_parts
from justright.models.linear.forward import Layout
from justright.models.linear.passes import shaped
from justright.models.linear.telling import telling_rows
from justright.optim.losses import margins_to_predictions
from justright.schema import Block, FloatArray

__all__ = ["Metric", "build_metric", "second_derivatives"]

Places: TypeAlias = npt.NDArray[np.int64]

_COUPLED: Final = 1_500  # parameters; a Cholesky of 1,500 takes 0.05 s
_HEAD: Final = 600
_ARROW_CELLS: Final = 30_000_000  # float64 kept for all settings and outputs: 240 MB
_FEWEST: Final = 4_000
_FLOOR: Final = 0.5  # of the curvature that the counts of all rows promise
_MOST: Final = 40_000


@dataclass(frozen=True)
class Metric:
    """Inverse curvature, by setting.

    Parameters
    ----------
    coupled : bool
        Which form.
    head, tail : int64 (h,), (t,)
        Parameters of each part; the bias d is in the head.
    parts : dict of int to three arrays
        By setting. Coupled: the lower Cholesky factor (p, p) over all parameters, outputs outermost.
        Arrow: factors of the Schur complements (outputs, h, h), head by tail curvature (outputs, h, t),
        diagonal of the tail (outputs, t), penalty included.
    outputs : int
        Outputs k.
    """

    coupled: bool
    head: Places
    tail: Places
    parts: Mapping[int, tuple[FloatArray, FloatArray, FloatArray]]
    outputs: int

    def apply(self, gradient: FloatArray, setting: npt.NDArray[np.int64]) -> FloatArray:
        """Return inverse curvature times gradient (d + 1, outputs, members); `setting` (members,)."""
        out = np.empty_like(gradient)
        for number in np.unique(setting).tolist():
            of = np.flatnonzero(setting == number)
            one = self._coupled if self.coupled else self._arrow
            out[:, :, of] = one(gradient[:, :, of], number)
        return out

    def _coupled(self, gradient: FloatArray, setting: int) -> FloatArray:
        """Apply the metric of one setting to all outputs together."""
        from scipy.linalg import cho_solve

        p, k, count = gradient.shape
        flat = np.ascontiguousarray(gradient.transpose(1, 0, 2)).reshape(k * p, count)
        solved = cho_solve((self.parts[setting][0], True), flat, check_finite=False)
        return np.asarray(solved.reshape(k, p, count).transpose(1, 0, 2))

    def _arrow(self, gradient: FloatArray, setting: int) -> FloatArray:
        """Apply the metric of one setting, output by output."""
        from scipy.linalg import cho_solve

        out = np.empty_like(gradient)
        factors, cross, spread = self.parts[setting]
        for output in range(gradient.shape[1]):
            upper, lower = gradient[self.head, output], gradient[self.tail, output]
            light = lower / spread[output][:, None]
            solved = cho_solve((factors[output], True), upper - cross[output] @ light, check_finite=False)
            out[self.head, output] = solved
            out[self.tail, output] = light - (cross[output].T @ solved) / spread[output][:, None]
        return out


def build_metric(
    spec: Spec,
    blocks: Sequence[Block],
    anchors: FloatArray,
    penalty: FloatArray,
    share: float,
    wanted: npt.NDArray[np.bool_],
) -> Metric | DualMetric:
    """Build the metric of every setting still wanted; in the space of the rows where they are few.

    Parameters
    ----------
    spec : Spec
        Loss and features.
    blocks : sequence of Block
        The rows.
    anchors : float64 (d + 1, outputs, settings)
        Where the curvature of each setting is taken.
    penalty : float64 (settings,)
        Ridge strength of each setting.
    share : float
        Share of the rows in use; the sample is never larger.
    wanted : bool (settings,)
        Settings that still train.
    """
    layout = layout_for(spec.plan, spec.clip)
    d, outputs, settings = anchors.shape[0] - 1, anchors.shape[1], anchors.shape[2]
    if spec.rows * share <= DUAL_ROWS < d:
        return _dual(spec, blocks, anchors, penalty, share, wanted)
    coupled = spec.loss.link == "softmax" and (d + 1) * outputs <= _COUPLED
    head, tail = _head_and_tail(layout, d + 1 if coupled else _head_size(layout, outputs * settings))
    parameters = (d + 1) * outputs if coupled else len(head)
    # Outputs in one matrix cost outputs^2: fewer rows will do, the steps learn the rest.
    rows = float(np.clip((10 if outputs > 1 else 30) * parameters, _FEWEST, _MOST))
    parts = list(_sample(spec, telling_rows(blocks, rows, share), layout, head, tail))
    sums: dict[bytes, _Sums] = {}
    made: dict[int, tuple[FloatArray, FloatArray, FloatArray]] = {}
    for setting in np.flatnonzero(wanted).tolist():
        anchor = np.ascontiguousarray(anchors[:, :, setting])
        # All settings begin at the same point: their curvature is the same, only the penalty differs.
        found = sums.get(anchor.tobytes()) or _curvature(spec, parts, anchor, head, tail, coupled=coupled)
        sums[anchor.tobytes()] = found
        strength = float(penalty[setting])
        made[setting] = found.coupled(strength, d) if coupled else found.arrow(strength, d)
    return Metric(coupled, head, tail, made, outputs)


def _dual(
    spec: Spec,
    blocks: Sequence[Block],
    anchors: FloatArray,
    penalty: FloatArray,
    share: float,
    wanted: npt.NDArray[np.bool_],
) -> DualMetric:
    """Build the metric in the space of the rows."""
    layout = layout_for(spec.plan, spec.clip)
    pieces = [rows for block in sampled(blocks, share) for rows in rows_of(block, layout, 1)]
    weights = [rows.block.weight.astype(np.float64) for rows in pieces]
    total = float(sum(weight.sum() for weight in weights))
    made = {}
    for setting in np.flatnonzero(wanted).tolist():
        anchor = np.ascontiguousarray(anchors[:, :, setting])
        bends = []
        for rows, weight in zip(pieces, weights, strict=True):
            bends.append(
                second_derivatives(spec, rows.times(anchor[:-1]) + anchor[-1], rows.block) * weight[:, None]
            )
        made[setting] = dual_parts(pieces, bends, total, float(penalty[setting]))
    return DualMetric(made)


class _Part(NamedTuple):
    """Rows of the sample: of the design, their head dense (rows, h), their tail compressed or None."""

    rows: Rows
    head: FloatArray
    tail: Any


def _sample(
    spec: Spec, blocks: Iterable[Block], layout: Layout, head: Places, tail: Places
) -> Iterator[_Part]:
    """Yield the rows of the sample."""
    for block in blocks:
        for rows in rows_of(block, layout, len(head) + spec.outputs**2):
            yield _Part(rows, *_parts(rows, head, tail))


def _curvature(
    spec: Spec, parts: Sequence[_Part], anchor: FloatArray, head: Places, tail: Places, *, coupled: bool
) -> _Sums:
    """Return the curvature sums of one setting at its anchor (d + 1, outputs)."""
    expected = _expected(spec.plan, layout_for(spec.plan, spec.clip))
    sums = _Sums(spec.outputs, head, tail, expected, coupled=coupled)
    for part in parts:
        margins = part.rows.times(anchor[:-1]) + anchor[-1]
        weight = part.rows.block.weight.astype(np.float64)
        sums.weight += float(weight.sum())
        if coupled:
            sums.add_coupled(part, margins_to_predictions(margins, "softmax"), weight)
        else:
            sums.add_apart(part, second_derivatives(spec, margins, part.rows.block) * weight[:, None])
    return sums


class _Sums:
    """Curvature sums of one setting over the sample."""

    def __init__(
        self, outputs: int, head: Places, tail: Places, expected: FloatArray, *, coupled: bool
    ) -> None:
        self.outputs, self.head, self.tail = outputs, head, tail
        self.expected = expected
        self.bend = np.zeros(outputs)
        h, t = len(head), len(tail)
        self.weight = 0.0
        self.inner = np.zeros((outputs * h, outputs * h) if coupled else (outputs, h, h))
        self.cross = np.zeros((outputs, 0 if coupled else h, t))
        self.spread = np.zeros((outputs, t))

    def add_coupled(self, part: _Part, share: FloatArray, weight: FloatArray) -> None:
        """Add rows of a softmax with class shares (rows, outputs): W = diag(p) - p p', in two products."""
        head = part.head
        count, h = head.shape
        self.bend += weight @ (share * (1.0 - share))
        spread = (share[:, :, None] * head[:, None, :]).reshape(count, -1)
        self.inner -= (spread * weight[:, None]).T @ spread
        blocks = ((head * weight[:, None]).T @ spread).reshape(h, self.outputs, h)
        for a in range(self.outputs):
            place = slice(a * h, (a + 1) * h)
            self.inner[place, place] += blocks[:, a]

    def add_apart(self, part: _Part, bend: FloatArray) -> None:
        """Add rows with second derivatives `bend` (rows, outputs)."""
        self.bend += bend.sum(axis=0)
        for a in range(self.outputs):
            heavy = part.head * bend[:, a, None]
            self.inner[a] += heavy.T @ part.head
            if part.tail is not None:
                self.cross[a] += (part.tail.T @ heavy).T
                self.spread[a] += part.tail.power(2).T @ bend[:, a]

    def arrow(self, penalty: float, bias: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return factors (outputs, h, h), cross (outputs, h, t) and spread (outputs, t) with the penalty."""
        scale = 1.0 / max(self.weight, 1e-300)
        floor = _FLOOR * scale * self.bend[:, None] * self.expected
        spread = np.maximum(self.spread * scale, floor[:, self.tail]) + penalty + 1e-9
        cross = self.cross * scale
        free = self.head == bias
        factors = np.empty((self.outputs, len(self.head), len(self.head)))
        for output in range(self.outputs):
            inner = _lifted(self.inner[output] * scale, floor[output, self.head])
            schur = inner - (cross[output] / spread[output]) @ cross[output].T
            factors[output] = _cholesky(schur, penalty, free)
        return factors, cross, spread

    def coupled(self, penalty: float, bias: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the factor of all outputs together, parameters in natural order, outputs outermost."""
        k, h = self.outputs, len(self.head)
        order = np.argsort(self.head)
        place = (np.arange(k)[:, None] * h + order).reshape(-1)
        scale = 1.0 / max(self.weight, 1e-300)
        floor = (_FLOOR * scale * self.bend[:, None] * self.expected[self.head[order]]).reshape(-1)
        whole = _lifted(self.inner[np.ix_(place, place)] * scale, floor)
        free = np.tile(self.head[order] == bias, k)
        empty = np.zeros(0)
        return _cholesky(0.5 * (whole + whole.T), penalty, free), empty, empty


def _lifted(matrix: FloatArray, floor: FloatArray) -> FloatArray:
    """Return the matrix with a diagonal of at least `floor`: what the sample has not seen is not flat."""
    lifted = matrix.copy()
    places = np.diag_indices_from(lifted)
    lifted[places] = np.maximum(lifted[places], floor)
    return lifted


def _expected(plan: FeaturePlan, layout: Layout) -> FloatArray:
    """Return the second moment of each parameter over all training rows, (d + 1,); 0 = unknown."""
    found = np.zeros(layout.width + 1)
    found[: layout.numeric] = 1.0
    found[layout.width] = 1.0
    for offset, feature in zip(layout.offsets, plan.data.categorical, strict=True):
        counts = np.asarray(feature.counts, np.float64)
        total = max(float(counts.sum()), 1e-300)
        named = 2 + len(feature.vocabulary)
        found[offset : offset + len(counts[:named])] = counts[:named] / total
        if feature.buckets:
            found[offset + named : offset + feature.size] = counts[-1] / total / feature.buckets
    return found


def _cholesky(matrix: FloatArray, penalty: float, free: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the lower Cholesky factor of matrix + penalty, lifted until it is positive."""
    from scipy.linalg import LinAlgError, cholesky

    lift = 1e-9 * max(float(np.trace(matrix)) / max(len(matrix), 1), 1e-9)
    diagonal = np.where(free, 0.0, penalty)
    for _ in range(30):
        try:
            return np.asarray(cholesky(matrix + np.diag(diagonal + lift), lower=True, check_finite=False))
        except LinAlgError:
            # A class without rows, or columns that copy each other: no curvature in some direction.
            lift *= 10.0
    raise AssertionError("a curvature matrix that no lift makes positive")


def second_derivatives(spec: Spec, margins: FloatArray, block: Block) -> FloatArray:
    """Return second derivatives of the loss by each margin, (rows, outputs), by central differences."""
    h, target = 1e-4, shaped(block.target)
    made = np.empty_like(margins)
    for output in range(margins.shape[1]):
        up, down = margins[:, :, None].copy(), margins[:, :, None].copy()
        up[:, output] += h
        down[:, output] -= h
        above, below = spec.loss.gradient(up, target), spec.loss.gradient(down, target)
        bend = (above - below)[:, output, 0] / (2 * h)
        # On a straight piece of its loss (Huber, quantile) a row bends where its gradient ends, about a unit
        # away: without this no row of a small table may bend at all, and no step is short enough.
        made[:, output] = np.where(bend > 0, bend, np.abs(above + below)[:, output, 0] / 2)
    return np.maximum(made, 1e-3 * max(float(made.mean()), 1e-6))


def _head_size(layout: Layout, copies: int) -> int:
    """Return how many parameters the head may have so that all cells fit."""
    width = layout.width + 1
    for size in (_HEAD, 300, 150, 75):
        if copies * (size * size + size * max(width - size, 0)) <= _ARROW_CELLS:
            return size
    return layout.dense + 1


def _head_and_tail(layout: Layout, limit: int) -> tuple[Places, Places]:
    """Return the parameters of head (bias, numbers, small fields) and tail (large fields, tokens)."""
    head = [np.array([layout.width]), np.arange(layout.dense)]
    room = limit - layout.dense - 1
    tail: list[Places] = []
    for place in np.argsort(layout.sizes, kind="stable"):
        field = np.arange(layout.offsets[place], layout.offsets[place] + layout.sizes[place])
        room -= len(field)
        (head if room >= 0 else tail).append(field)
    tokens = np.arange(layout.token_offset, layout.width)
    (head if room >= len(tokens) else tail).append(tokens)
    joined = np.concatenate(tail) if tail else np.zeros(0)
    return np.concatenate(head).astype(np.int64), joined.astype(np.int64)


def _parts(rows: Rows, head: Places, tail: Places) -> tuple[FloatArray, Any]:
    """Return head columns, dense, and tail columns, compressed; the last parameter is the bias."""
    dense, sparse = rows.dense, rows.sparse
    width = dense.shape[1]
    whole = width + (sparse.shape[1] if sparse is not None else 0)
    out = np.zeros((len(dense), len(head)))
    near = head < width
    out[:, near] = dense[:, head[near]]
    out[:, head == whole] = 1.0
    if sparse is None:
        return out, None
    far = ~near & (head < whole)
    if far.any():
        out[:, far] = sparse[:, head[far] - width].toarray()
    return out, sparse[:, tail - width] if len(tail) else None
