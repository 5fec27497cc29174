"""Matthews correlation of truth and label, for two or more classes (Gorodkin 2004).

(c s - sum_k p_k t_k) / sqrt((s^2 - sum p_k^2) (s^2 - sum t_k^2)),
c = right rows, s = all rows, p_k = labelled k, t_k = truly k.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from justright.metrics.confusion import confusion_matrix
from justright.schema import FloatArray

__all__ = ["matthews", "matthews_of_cells"]


def matthews(
    target: npt.ArrayLike,
    prediction: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    threshold: float = 0.5,
) -> float:
    """Return the correlation of truth and label: one honest number for unbalanced classes.

    Parameters
    ----------
    target : int (rows,)
        Class numbers.
    prediction : float (rows,) or (rows, k)
        Probability of class 1, or of each class.
    weight : float (rows,), optional
        Weight of each row, >= 0; None = each counts once.
    threshold : float, default 0.5
        A binary row is class 1 where `prediction >= threshold`.

    Returns
    -------
    float
        -1..1; 0 = no better than chance, also when truth or label is constant.

    Raises
    ------
    TableError
        Shapes differ or a number is missing.

    References
    ----------
    J. Gorodkin (2004), "Comparing two K-category assignments by a K-category correlation
    coefficient", Computational Biology and Chemistry 28, doi:10.1016/j.compbiolchem.2004.09.006.

    Examples
    --------
    >>> matthews([0, 0, 1, 1], [0.1, 0.2, 0.9, 0.4])
    0.5773...
    """
    return matthews_of_cells(confusion_matrix(target, prediction, weight, threshold=threshold))


def matthews_of_cells(cells: FloatArray) -> float:
    """Return the Matthews correlation of a confusion matrix.

    Examples
    --------
    >>> import numpy as np
    >>> matthews_of_cells(np.eye(3))
    1.0
    """
    cells = cells / cells.sum()
    truth, label = cells.sum(axis=1), cells.sum(axis=0)
    spread = (1.0 - np.dot(label, label)) * (1.0 - np.dot(truth, truth))
    if spread <= 0.0:
        return 0.0
    return float((np.trace(cells) - np.dot(label, truth)) / np.sqrt(spread))
