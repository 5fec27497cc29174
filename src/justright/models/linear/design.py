"""A Block as rows of a design matrix: dense for numbers, compressed for categories and tokens.

The one-hot columns are never materialised: a row holds one entry a field. All arithmetic is float64.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from justright.features.plan import FeaturePlan
from justright.models.linear.forward import Layout
from justright.schema import Block, FloatArray

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["Rows", "layout_for", "rows_of", "sampled"]

# 2**21 float64 = 16 MiB of margins at a time: above, the elementwise passes fall out of the cache.
_CELLS: Final = 1 << 21


@dataclass(frozen=True)
class Rows:
    """Some rows of the design matrix.

    Parameters
    ----------
    dense : float64 (rows, k)
        Numbers (missing = 0) and missing indicators.
    sparse : csr (rows, width - k) or None
        Categories and token slots.
    block : Block
        The same rows, for target, weight and fold.
    """

    dense: FloatArray
    sparse: csr_matrix[Any] | None
    block: Block

    def times(self, weights: FloatArray) -> FloatArray:
        """Return X @ weights, float64 (rows, columns of weights)."""
        k = self.dense.shape[1]
        total = self.dense @ weights[:k]
        if self.sparse is not None:
            total += self.sparse @ weights[k:]
        return total

    def transposed_times(self, values: FloatArray) -> FloatArray:
        """Return X' @ values, float64 (width, columns of values)."""
        upper = self.dense.T @ values
        if self.sparse is None:
            return upper
        return np.concatenate([upper, self.sparse.T @ values])

    def gram(self, weight: FloatArray) -> FloatArray:
        """Return X' diag(weight) X, float64 (width, width)."""
        k = self.dense.shape[1]
        heavy = self.dense * weight[:, None]
        upper = heavy.T @ self.dense
        if self.sparse is None:
            return upper
        total = np.empty((k + self.sparse.shape[1],) * 2)
        total[:k, :k] = upper
        total[k:, :k] = self.sparse.T @ heavy
        total[:k, k:] = total[k:, :k].T
        scaled = self.sparse.copy()
        scaled.data = scaled.data * np.repeat(weight, np.diff(self.sparse.indptr))
        total[k:, k:] = (self.sparse.T @ scaled).toarray()
        return total


def layout_for(plan: FeaturePlan, clip: float = np.inf) -> Layout:
    """Return where each feature's weights stand in a linear model of this plan."""
    data = plan.data
    return Layout(
        len(data.numeric),
        [place for place, feature in enumerate(data.numeric) if feature.missing],
        [feature.size for feature in data.categorical],
        sum(feature.slots for feature in data.text),
        clip,
    )


def rows_of(block: Block, layout: Layout, columns: int) -> Iterator[Rows]:
    """Yield the design rows of a block in pieces whose margins for `columns` columns stay in the cache."""
    step = max(256, min(8192, _CELLS // max(columns, 1)))
    for begin in range(0, block.rows, step):
        yield _rows(block.slice(begin, min(begin + step, block.rows)), layout)


def sampled(blocks: Sequence[Block], share: float) -> Iterator[Block]:
    """Yield the rows whose fingerprint falls below `share`; a smaller share is a subset of a larger."""
    for block in blocks:
        if share >= 1.0:
            yield block
            continue
        chosen = np.flatnonzero(block.key < np.uint64(share * 2.0**64))
        if len(chosen):
            yield block.take(chosen)


def _rows(block: Block, layout: Layout) -> Rows:
    """Lay out one small block."""
    from scipy.sparse import csr_matrix, hstack

    gone = np.isnan(block.numeric)
    dense = np.empty((block.rows, layout.dense))
    dense[:, : layout.numeric] = np.clip(np.where(gone, 0.0, block.numeric), -layout.clip, layout.clip)
    dense[:, layout.numeric :] = gone[:, layout.indicators]
    parts = []
    if layout.sizes:
        fields = len(layout.sizes)
        places = block.codes + (np.asarray(layout.offsets, np.int32) - layout.dense)
        width = layout.token_offset - layout.dense
        ends = np.arange(0, block.rows * fields + 1, fields, dtype=np.int32)
        parts.append(csr_matrix((np.ones(places.size), places.ravel(), ends), shape=(block.rows, width)))
    if block.tokens is not None:
        tokens = block.tokens
        parts.append(
            csr_matrix(
                (tokens.values.astype(np.float64), tokens.indices, tokens.indptr),
                shape=(block.rows, layout.tokens),
            )
        )
    sparse = None if not parts else parts[0] if len(parts) == 1 else hstack(parts, format="csr")
    return Rows(dense, sparse, block)
