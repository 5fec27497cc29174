"""One Arrow batch scored: its columns of output, and why rows of it have none. Threads may share a scorer."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from justright.bundle.explaining import Explainer
from justright.bundle.latent import latent_columns, latent_of
from justright.bundle.predictor import Predictor
from justright.features.plan import Unreadable, canonical
from justright.schema import Block, FloatArray
from justright.values import TextPool

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["MAX_ERRORS", "Scored", "Scorer"]

MAX_ERRORS: Final = 100_000
"""Most rows listed in an errors file; the others are counted in the report."""


class Scored(NamedTuple):
    """The output of one batch, and the reason of each row that has none."""

    batch: pa.RecordBatch
    reasons: dict[int, str]


class Scorer:
    """Scores batches with one model into the same columns.

    Parameters
    ----------
    predictor : Predictor
        The model.
    keep : tuple of str
        Columns that are copied.
    explain, latent : bool
        Add contributions, add latent columns.

    Attributes
    ----------
    columns : tuple of str
        Columns of the output: those of `keep`, then its own.

    Raises
    ------
    RecipeError
        The family has no such columns to add.
    """

    def __init__(
        self, predictor: Predictor, keep: tuple[str, ...], explain: bool = False, latent: bool = False
    ) -> None:
        self.predictor = predictor
        self.keep = keep
        self._explainer = Explainer(predictor) if explain else None
        self._latent = latent
        self.own: tuple[str, ...] = (
            "prediction",
            *(f"probability_{name}" for name in predictor.classes),
            *(self._explainer.columns if self._explainer else ()),
            *(latent_columns(predictor.bundle) if latent else ()),
        )
        self.columns = (*keep, *self.own)
        self._of_thread = threading.local()

    def score(self, batch: pa.RecordBatch) -> Scored:
        """Return the output of one batch; a row that cannot be scored is missing there."""
        import pyarrow as pa

        block, unreadable = self._encoded(batch)
        added: list[FloatArray] = []
        if self._explainer is None:
            margins = self.predictor.margins_of(block)
        else:
            explained = self._explainer.explain_block(block)
            margins = explained.margins
            added = self._explainer.values(explained)
        if self._latent:
            added += list(np.ascontiguousarray(latent_of(self.predictor.bundle, block).T))
        reasons = _reasons(batch, margins, unreadable)
        bad = None
        if reasons:
            bad = np.zeros(batch.num_rows, bool)
            bad[list(reasons)] = True
        arrays = [batch.column(name) for name in self.keep]
        arrays += [pa.array(values, mask=bad) for values in (*self._values(margins, bad), *added)]
        return Scored(pa.RecordBatch.from_arrays(arrays, names=list(self.columns)), reasons)

    def _encoded(self, batch: pa.RecordBatch) -> tuple[Block, tuple[Unreadable, ...]]:
        """Encode a batch; the texts of categories are read once a thread instead of once a batch."""
        pools: dict[str, TextPool] | None = getattr(self._of_thread, "pools", None)
        if pools is None:
            pools = self._of_thread.pools = {}
        plan = self.predictor.plan
        for name, column in plan.columns.items():
            if column.kind == "categorical" and (name not in pools or pools[name].full):
                pools[name] = TextPool(column)
        with np.errstate(all="ignore"):
            values = {
                name: canonical(batch.column(name), column, pools.get(name))
                for name, column in plan.columns.items()
            }
            return plan.encode(values, batch.num_rows)

    def _values(self, margins: FloatArray, bad: npt.NDArray[np.bool_] | None) -> list[npt.NDArray[Any]]:
        """Return the prediction and the probability of each class."""
        if bad is not None:
            # Bad rows are scored as margin 0 and masked: a NaN must not reach a comparison or a class number.
            margins = np.where(bad[:, None], 0.0, margins)
        values = [self.predictor.from_margins(margins)]
        if self.predictor.task != "regression":
            values += list(np.ascontiguousarray(self.predictor.probabilities(margins).T))
        return values


def _reasons(batch: pa.RecordBatch, margins: FloatArray, unreadable: Sequence[Unreadable]) -> dict[int, str]:
    """Return why rows of a batch cannot be scored, by row."""
    overflow = np.flatnonzero(np.isnan(margins).any(axis=1))
    reasons = {int(row): "values so large that the score overflows" for row in overflow}
    found: dict[int, list[str]] = {}
    for row, column in unreadable[: MAX_ERRORS * 2]:
        found.setdefault(row, []).append(f"{column}={batch.column(column)[row].as_py()!r:.60}")
    reasons |= {row: f"cannot read {', '.join(cells)}" for row, cells in found.items()}
    return reasons | {row: "cannot be read" for row, _ in unreadable if row not in reasons}
