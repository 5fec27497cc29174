"""The ladder of `train` behind scikit-learn's face: rows into a table, a run, and rows to predict.

fit(X, y)  =  equal rows as one with their weight -> `train` of the family ladder -> its model, in memory
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from justright.errors import ColumnError, JustrightWarning
from justright.estimators.columns import Table, is_frame
from justright.estimators.constraints import CROSSED_REGRESSOR
from justright.estimators.constraints import Table as Constraints
from justright.estimators.encoding import keys_of, unit_of
from justright.estimators.inputs import check_infinite
from justright.estimators.neural_fitting import seed_of
from justright.kernels.hashing import mix64
from justright.kinds import infer_schema
from justright.schema import FloatArray, Task
from justright.source import open_source
from justright.workflow import Run, train

if TYPE_CHECKING:
    import pyarrow as pa

    from justright.bundle.predictor import Predictor

__all__ = ["JUST_RIGHT", "Model", "fit_ladder", "names_of", "read_new"]


@dataclass(frozen=True)
class Model:
    """What a prediction needs.

    Parameters
    ----------
    names : tuple of str or None
        Columns of the data frame it was fitted on; None for a matrix.
    predictor : Predictor
        The model of the chosen rung.
    """

    names: tuple[str, ...] | None
    predictor: Predictor


def _is_rungs(value: Any) -> bool:
    """Say whether a value is None or a sequence of names."""
    if value is None:
        return True
    sequence = isinstance(value, Sequence) and not isinstance(value, str)
    return sequence and len(value) > 0 and all(isinstance(name, str) for name in value)


def _is_folds(value: Any) -> bool:
    """Say whether a value is a number of folds."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and 2 <= int(value) <= 20


def _is_budget(value: Any) -> bool:
    """Say whether a value is None or a number of seconds."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    return value is None or (number and 0 < float(value) < float("inf"))


JUST_RIGHT: Final[Constraints] = {
    "budget": (_is_budget, "None, or seconds above 0"),
    "choose": (lambda value: value in ("simplest", "best"), "one of simplest, best"),
    "rungs": (_is_rungs, "None, or names of families from simple to complex"),
    "metric": (lambda value: isinstance(value, str), "'auto', or the name of a metric"),
    "folds": (_is_folds, "an integer in 2..20"),
    "run_folder": (lambda value: value is None or isinstance(value, str | Path), "None, or a path"),
    "random_state": CROSSED_REGRESSOR["random_state"],
}
"""Parameters of JustRightRegressor and JustRightClassifier."""


def fit_ladder(
    estimator: Any, X: Any, table: Table, y: npt.NDArray[Any], weight: FloatArray, task: Task
) -> None:
    """Climb the ladder and set `rung_`, `ladder_`, `summary_` and the model.

    Parameters
    ----------
    estimator : JustRightRegressor or JustRightClassifier
        For its parameters.
    X : array or data frame (rows, columns)
        As it was given; `table` is its content.
    table : Table
        The columns that feed a model.
    y : float64 or str (rows,)
        Values, or classes as `names_of` spells them.
    weight : float64 (rows,)
        At least 0.
    task : {"regression", "binary", "multiclass"}
        What is learned.

    Raises
    ------
    RecipeError
        A rung or a metric that is not known.
    TrainingError
        No rung could be trained.
    """
    rows, target, weighing = _rows(X, table, y, weight)
    seed = seed_of(estimator.random_state)
    ladder = {
        "budget": float(estimator.budget or 0.0),
        "choose": estimator.choose,
        **({} if estimator.rungs is None else {"rungs": tuple(estimator.rungs)}),
    }
    kinds: dict[str, str] = {column.name: column.kind for column in table.columns}
    if task != "regression":
        kinds[target] = "categorical"
    with _folder(estimator.run_folder) as folder:
        run = train(
            rows,
            target=target,
            out=folder,
            family="ladder",
            ladder=ladder,
            task=task,
            weight=weighing,
            kinds=kinds,
            metric=estimator.metric,
            split={"folds": int(estimator.folds), "salt": "" if seed < 0 else str(seed)},
            seed=max(seed, 0),
            baseline=False,
        )
        if run.summary.interrupted:
            raise KeyboardInterrupt
        estimator._model = Model(table.names, run.model)
    estimator.rung_ = run.summary.family
    estimator.ladder_ = [msgspec.to_builtins(rung) for rung in run.summary.ladder]
    estimator.summary_ = run.summary
    _tell(table, estimator.rungs, run)


def names_of(classes: npt.NDArray[Any]) -> npt.NDArray[np.str_]:
    """Return how the classes are spelled in a table: as they are where that is read back alike, else numbers.

    Examples
    --------
    >>> names_of(np.array(["no", "yes"])).tolist(), names_of(np.array([-1, 1])).tolist()
    (['no', 'yes'], ['-1', '1'])
    >>> names_of(np.array(["NA", "no"])).tolist(), names_of(np.array([0.5, 0.25])).tolist()
    (['0', '1'], ['0.5', '0.25'])
    """
    names = np.asarray([str(label) for label in classes.tolist()])
    task = "binary" if len(names) == 2 else "multiclass"
    table = {"x": np.arange(2.0 * len(names)), "y": np.tile(names, 2).tolist()}
    try:
        kinds = {"x": "numeric", "y": "categorical"}
        target = infer_schema(open_source(table), target="y", task=task, kinds=kinds)[0].target
    except ColumnError:  # missing marks, dates: words that a table takes for something else
        target = None
    if target is not None and sorted(target.classes) == sorted(names.tolist()):
        return names
    return np.asarray([str(place) for place in range(len(names))])


@contextmanager
def _folder(given: str | Path | None) -> Iterator[Path]:
    """Yield the folder of runs: the given one, or one that goes when the model is in memory."""
    if given is not None:
        yield Path(given)
        return
    with TemporaryDirectory(prefix="justright-") as folder:
        yield Path(folder)


def _rows(X: Any, table: Table, y: npt.NDArray[Any], weight: FloatArray) -> tuple[pa.Table, str, str]:
    """Return the rows that train with their target and weight, and the names of these two columns.

    Equal rows become one with all their weight, in the order of their fingerprints: so neither the order of
    rows nor the way in which a row is repeated enters.
    """
    import pyarrow as pa

    seen = np.flatnonzero(weight > 0)
    _, label = np.unique(y[seen], return_inverse=True)
    word = mix64(keys_of(table)[seen] ^ mix64(label.ravel().astype(np.uint64) + np.uint64(1)))
    _, first, inverse = np.unique(word, return_index=True, return_inverse=True)
    total = np.bincount(inverse.ravel(), weights=weight[seen]).astype(np.float64)
    every = table.names or tuple(column.name for column in table.columns)
    rows = (
        _arrow(X if table.matrix is None else table.matrix, every)
        .take(seen[first])
        .select([column.name for column in table.columns])
    )
    target = _free("y", rows.column_names)
    rows = rows.append_column(target, pa.array(y[seen[first]]))
    if (total == total[0]).all():
        return rows, target, ""
    weighing = _free("weight", rows.column_names)
    return rows.append_column(weighing, pa.array(total * unit_of(total))), target, weighing


def _free(name: str, names: Sequence[str]) -> str:
    """Return a name that no column has."""
    while name in names:
        name += "_"
    return name


def _arrow(X: Any, names: Sequence[str]) -> pa.Table:
    """Return a table in memory as Arrow, under these names."""
    import pyarrow as pa

    table = pa.Table.from_batches(list(open_source(X).batches())).rename_columns(list(names))
    # Arrow cannot take rows of the texts of polars.
    fields = [
        field.with_type(pa.large_string()) if field.type == pa.string_view() else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))


def _tell(table: Table, rungs: Sequence[str] | None, run: Run) -> None:
    """Warn of columns and of rungs asked for that were left out."""
    if table.aside:
        warnings.warn(
            f"Columns that name rows were set aside: {', '.join(table.aside)}."
            " Next: give them the type category to keep them",
            JustrightWarning,
            stacklevel=4,
        )
    for finding in run.findings if rungs is not None else ():
        if finding.id == "rung-skipped":
            warnings.warn(finding.sentence, JustrightWarning, stacklevel=4)


def read_new(estimator: Any, X: Any) -> pa.Table:
    """Check rows to predict and return them as the model reads them.

    Raises
    ------
    ValueError
        Other columns than at fit, an infinite number.
    """
    from sklearn.utils.validation import check_is_fitted, validate_data

    check_is_fitted(estimator)
    names: tuple[str, ...] | None = estimator._model.names
    if is_frame(X) and names is not None:
        validate_data(estimator, X, reset=False, skip_check_array=True)
        return _arrow(X, names)
    X = validate_data(
        estimator, X, dtype=np.float64 if names is None else None, reset=False, ensure_all_finite=False
    )
    if names is None:
        check_infinite(X)
    return _arrow(X, names or [f"x{place}" for place in range(X.shape[1])])
