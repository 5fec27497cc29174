"""X, y and weights as scikit-learn's conventions want them checked, at fit and at prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from justright.errors import ColumnError, RowError, TableError
from justright.estimators.columns import Table, is_frame, of_frame, of_matrix, read_frame
from justright.features.plan import FeaturePlan
from justright.kernels.dense import all_finite
from justright.models.linear import forward
from justright.schema import FloatArray

__all__ = ["Model", "check_infinite", "margins", "read_training", "read_weights"]


@dataclass(frozen=True)
class Model:
    """What a prediction needs.

    Parameters
    ----------
    names : tuple of str or None
        Columns of the data frame it was fitted on; None for a matrix.
    plan : FeaturePlan
        How rows are encoded.
    front, arrays : mapping
        The linear model of encoded rows.
    coefficients : float64 (d, outputs)
        The same model in the units of X and y.
    intercept : float64 (outputs,)
        In the unit of y.
    """

    names: tuple[str, ...] | None
    plan: FeaturePlan
    front: Mapping[str, Any]
    arrays: Mapping[str, FloatArray]
    coefficients: FloatArray
    intercept: FloatArray

    @property
    def plain(self) -> bool:
        """Whether every weight belongs to a number: X @ coefficients is the model."""
        return len(self.plan.data.numeric) == len(self.coefficients) and not any(
            feature.part for feature in self.plan.data.numeric
        )


def read_training(
    estimator: Any, X: Any, y: Any, *, numeric: bool, gaps: bool = False, narrow: bool = False
) -> tuple[Table, npt.NDArray[Any]]:
    """Check X and y, set `n_features_in_` and `feature_names_in_`, and return the table and y (rows,).

    `gaps` allows NaN in a matrix: missing. `narrow` leaves a matrix of float32 as it is.

    Raises
    ------
    ValueError
        As scikit-learn's estimators: shapes, lengths, NaN in a matrix, sparse input, no y, one row.
    """
    from sklearn.utils.validation import assert_all_finite, check_consistent_length, validate_data

    if not is_frame(X):
        X, y = validate_data(
            estimator,
            X,
            y,
            dtype=[np.float64, np.float32] if narrow else np.float64,
            ensure_min_samples=2,
            y_numeric=numeric,
            ensure_all_finite=False,
        )
        # Threaded sums say it of all values at once; the words for one that is not are scikit-learn's.
        if not gaps and not all_finite(X):
            assert_all_finite(X, input_name="X", estimator_name=type(estimator).__name__)
        elif gaps:
            check_infinite(X)
        return of_matrix(X), y
    y = validate_data(estimator, y=y, y_numeric=numeric)
    validate_data(estimator, X, skip_check_array=True)
    check_consistent_length(X, y)
    if len(y) < 2:
        raise TableError(f"{len(y)} sample", allowed="at least 2 rows", where="X")
    return of_frame(X, getattr(estimator, "feature_names_in_", None)), y


def check_infinite(X: FloatArray) -> None:
    """Refuse infinite numbers in a matrix: RowError names the first one."""
    infinite = np.isinf(X)
    if not infinite.any():
        return
    row, column = (int(place) for place in np.argwhere(infinite)[0])
    raise RowError(
        f"x{column}={X[row, column]}, an infinity",
        allowed="finite numbers",
        where=f"row {row} of X, from 0",
        next_step="write NaN, which counts as missing, or a large number",
    )


def read_weights(weight: Any, rows: int) -> FloatArray:
    """Check sample weights and return them, float64 (rows,); None is 1 for each row.

    Raises
    ------
    ColumnError
        Another shape, a negative or missing weight, or nothing but zeros.
    """
    from sklearn.utils import check_array

    if weight is None or isinstance(weight, Real):
        weight = np.full(rows, 1.0 if weight is None else float(weight))
    made: FloatArray = check_array(
        weight, ensure_2d=False, dtype=np.float64, input_name="sample_weight", ensure_min_samples=0
    )
    if made.shape != (rows,):
        raise ColumnError(
            f"sample_weight of shape {made.shape}", allowed=f"shape ({rows},), one weight a row"
        )
    if (made < 0).any():
        raise ColumnError(f"sample_weight with {made.min():g}", allowed="weights >= 0")
    if not (made > 0).any():
        raise ColumnError(
            "sample_weight of nothing but zero", allowed="a weight above 0 for two rows at least"
        )
    return made


def margins(estimator: Any, X: Any) -> FloatArray:
    """Return the margins of new rows on the link scale, float64 (rows, outputs)."""
    from sklearn.utils.validation import check_is_fitted, validate_data

    check_is_fitted(estimator)
    model: Model = estimator._model
    framed = is_frame(X) and model.names is not None
    if not framed and (model.plain or model.names is None):
        X = validate_data(estimator, X, dtype=np.float64, reset=False)
        return np.asarray(X @ model.coefficients + model.intercept)
    if framed:
        validate_data(estimator, X, reset=False, skip_check_array=True)
    else:
        X = validate_data(estimator, X, dtype=None, reset=False, ensure_all_finite=False)
    assert model.names is not None
    table = read_frame(X, tuple(model.plan.columns.values()), model.names)
    if model.plain:
        return _plain(model, table)
    block, _ = model.plan.encode(table.values, table.rows)
    return forward.margins(model.front, model.arrays, block)


def _plain(model: Model, table: Table) -> FloatArray:
    """Return the margins of numbers in float64; what is missing is taken as the mean of the training rows."""
    total = np.tile(model.intercept, (table.rows, 1))
    for place, feature in enumerate(model.plan.data.numeric):
        numbers = table.values[feature.column.name].numbers
        assert numbers is not None
        total += np.where(np.isnan(numbers), feature.centre, numbers)[:, None] * model.coefficients[place]
    return total
