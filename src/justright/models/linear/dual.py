"""The metric where columns outnumber rows: curvature inverted in the space of the rows, exactly.

With S = W^(1/2) X and D the diagonal of penalties, n rows (Woodbury 1950):

    (S'S / n + D)^-1  =  D^-1  -  D^-1 S' (n I + S D^-1 S')^-1 S D^-1

so a text column of 4,096 slots on 900 rows costs a Cholesky of 900.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.models.linear.design import Rows
from justright.schema import FloatArray

__all__ = ["DUAL_ROWS", "DualMetric", "dual_parts"]

DUAL_ROWS: Final = 2_000
"""Most rows of a dual metric; a Cholesky of 2,000 takes 0.1 s."""

_FREE: Final = 1e-6  # stands for no penalty on the bias: the inverse needs a positive diagonal


@dataclass(frozen=True)
class DualMetric:
    """Inverse curvature, by setting.

    Parameters
    ----------
    parts : dict of int to list
        By setting and output: the scaled rows S (rows, d + 1), the Cholesky factor (rows, rows) and the
        diagonal D (d + 1,).
    """

    parts: Mapping[int, Sequence[tuple[Any, FloatArray, FloatArray]]]

    def apply(self, gradient: FloatArray, setting: npt.NDArray[np.int64]) -> FloatArray:
        """Return inverse curvature times gradient (d + 1, outputs, members); `setting` (members,)."""
        from scipy.linalg import cho_solve

        out = np.empty_like(gradient)
        for number in np.unique(setting).tolist():
            of = np.flatnonzero(setting == number)
            for output, (rows, factor, diagonal) in enumerate(self.parts[number]):
                light = gradient[:, output, of] / diagonal[:, None]
                solved = cho_solve((factor, True), rows @ light, check_finite=False)
                out[:, output, of] = light - (rows.T @ solved) / diagonal[:, None]
        return out


def dual_parts(
    pieces: Sequence[Rows], bends: Sequence[FloatArray], weight: float, penalty: float
) -> list[tuple[Any, FloatArray, FloatArray]]:
    """Return the parts of one setting, by output.

    Parameters
    ----------
    pieces : sequence of Rows
        All rows in use.
    bends : sequence of float64 (rows, outputs)
        Second derivatives times row weights of each piece.
    weight : float
        Sum of the row weights.
    penalty : float
        Ridge strength.
    """
    from scipy.linalg import cholesky
    from scipy.sparse import csr_matrix, diags, hstack, vstack

    tables = []
    for piece in pieces:
        wide = [csr_matrix(piece.dense)] + ([piece.sparse] if piece.sparse is not None else [])
        tables.append(hstack([*wide, csr_matrix(np.ones((len(piece.dense), 1)))], format="csr"))
    table = vstack(tables, format="csr")
    bend = np.concatenate(bends)
    diagonal = np.full(table.shape[1], max(penalty, 1e-12))
    diagonal[-1] = _FREE
    made = []
    for output in range(bend.shape[1]):
        rows = diags(np.sqrt(bend[:, output] / weight)) @ table
        inner = (rows @ diags(1.0 / diagonal) @ rows.T).toarray()
        inner[np.diag_indices_from(inner)] += 1.0
        made.append((rows.tocsr(), np.asarray(cholesky(inner, lower=True, check_finite=False)), diagonal))
    return made
