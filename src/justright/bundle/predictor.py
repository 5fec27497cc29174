"""A bundle that scores rows: the transform of training, the family's numpy forward, the link.

    rows -> FeaturePlan -> Block -> forward -> margins -> link -> predictions

numpy only: loading imports neither pyarrow nor anything named in the bundle. A Predictor holds no state
that scoring changes, so threads may share it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from justright.bundle.encoding import RowEncoder, unreadable_value
from justright.bundle.families import Forward, family_of
from justright.bundle.fit_check import check_fit
from justright.bundle.format import Bundle, read_bundle
from justright.bundle.latent import latent_columns, latent_of
from justright.bundle.tensors import AnyArray
from justright.errors import RecipeError, RowError, TableError
from justright.features.plan import FeaturePlan, Unreadable
from justright.optim.calibration_map import Calibration, calibrate
from justright.optim.interval_map import Intervals, apply_intervals
from justright.optim.losses import margins_to_predictions
from justright.schema import Block, FloatArray, Schema, Task

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Predictor", "load", "refuse_overflow"]

_ROWS_AT_ONCE: Final = 8192


def load(
    path: str | Path, *, verify: bool = True, families: Mapping[str, Forward] | None = None
) -> Predictor:
    """Load a model that is ready to score.

    Parameters
    ----------
    path : str or Path
        The folder of a bundle, or of a run that holds one.
    verify : bool, default True
        Compare the sha256 of every file; see `read_bundle`.
    families : mapping of str to Forward, optional
        Forwards of families of your own, by the name that the bundle gives. A bundle cannot bring code.

    Raises
    ------
    StorageError, BundleError
        As `read_bundle`; also when weights and features do not fit each other, which a trial of two
        rows finds out.

    Notes
    -----
    About 35 ms beyond the import of numpy in a fresh interpreter, a millisecond or two afterwards.

    Examples
    --------
    A model without columns that always says 2.5:

    >>> import tempfile
    >>> from justright.bundle.format import ModelFile, write_bundle
    >>> from justright.schema import Column, Schema, Target
    >>> price = Target(Column("price", "numeric", "number"), "regression")
    >>> plan = {"numeric": [], "categorical": [], "text": [], "target": None}
    >>> front = {"numeric": 0, "indicators": [], "sizes": [], "tokens": 0}
    >>> model = ModelFile(schema=Schema((), price), features=plan, family="linear", front=front,
    ...                   task="regression", outputs=1, link="identity")
    >>> arrays = {"weights": np.zeros((0, 1)), "bias": np.array([2.5])}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model_id = write_bundle(folder + "/model", model, arrays, {}, "")
    ...     load(folder + "/model").predict_rows([{}, {"size": 3}])
    [2.5, 2.5]
    """
    folder = Path(path)
    return Predictor(
        read_bundle(folder / "model" if (folder / "model").is_dir() else folder, verify), families
    )


class Predictor:
    """A model that scores tables and rows.

    Parameters
    ----------
    bundle : Bundle
        What `read_bundle` gives.
    families : mapping of str to Forward, optional
        As in `load`.

    Attributes
    ----------
    model_id : str
        sha256 of the manifest.
    schema : Schema
        Columns and target at training.
    task : {"regression", "binary", "multiclass"}
    classes : tuple of str
        Canonical text of each class; empty for regression.
    plan : FeaturePlan
        How rows are encoded.
    columns : tuple of str
        The columns it needs; others are ignored.
    optional : frozenset of str
        Those that were missing in some training row: a JSON row may leave these keys out.
    labels : tuple
        The classes as they are written in the target: text, int, float or bool; empty for regression.
    encoder : RowEncoder
        Encodes plain values.
    """

    def __init__(self, bundle: Bundle, families: Mapping[str, Forward] | None = None) -> None:
        model = bundle.model
        assert model.schema.target is not None  # read_bundle refuses a model without one
        self.bundle = bundle
        self.model_id = bundle.model_id
        self.schema: Schema = model.schema
        self.task: Task = model.task
        self.classes = model.schema.target.classes
        self.threshold = 0.5 if model.threshold is None else model.threshold
        self._labels = _labels(self.classes, model.schema.target.column.form)
        self.labels: tuple[Any, ...] = tuple(self._labels.tolist())
        family = family_of(model.family, families or {})
        self.plan = check_fit(bundle, family)
        self._scorer = family.scorer(model.front, bundle.arrays)
        self.columns = tuple(self.plan.columns)
        self.optional = _optional(self.plan) | set(model.missing_seen)
        self.encoder = RowEncoder(self.plan, self.optional)
        self._families = families

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what it was made of: what is prepared for quick answers is made again."""
        return Predictor, (self.bundle, self._families)

    def predict(self, table: Any) -> AnyArray:
        """Return one prediction a row.

        Parameters
        ----------
        table : path, data frame, Arrow table, dict of columns, ...
            Anything `open_source` takes. Extra columns are ignored.

        Returns
        -------
        ndarray (rows,)
            Regression: float64, the expected value. Binary: class 1 where its probability reaches the
            stored threshold. Multiclass: the likeliest class. Classes come as they are written: int64
            or float64 for numbers, bool for true/false, else text.

        Raises
        ------
        ColumnError
            Columns are missing; names them and those that are extra.
        RowError
            A value that its column cannot hold, with its column and its line or row.
        TableError
            The table cannot be read, or has lines that are no rows.

        Notes
        -----
        Memory: the result and one batch of the table.
        """
        return self.from_margins(self.margins(table))

    def predict_proba(self, table: Any) -> FloatArray:
        """Return the probability of each class, float64 (rows, classes), in the order of `classes`.

        Raises
        ------
        RecipeError
            The model is a regression.
        ColumnError, RowError, TableError
            As `predict`.
        """
        if self.task == "regression":
            received = "predict_proba of a regression model"
            raise RecipeError(received, allowed="binary and multiclass models", next_step="use predict")
        return self.probabilities(self.margins(table))

    def intervals(self, table: Any, level: float = 0.9) -> FloatArray:
        """Return the ends of the prediction interval of each row, float64 (rows, 2), in the target's unit.

        Parameters
        ----------
        table
            As for `predict`.
        level : {0.8, 0.9, 0.95}, default 0.9
            Share of new rows whose target lies within.

        Raises
        ------
        RecipeError
            The model is no regression, was trained without intervals, or not for this level.
        ColumnError, RowError, TableError
            As `predict`.
        """
        if not isinstance(self.bundle.model.intervals, Intervals):
            raise RecipeError(
                "prediction intervals of a model that has none",
                allowed="a regression of 100 rows or more, trained with this version",
            )
        return apply_intervals(self.bundle.model.intervals, self.predict(table), level)

    def margins(self, table: Any) -> FloatArray:
        """Return the margins on the scale of the link, float64 (rows, outputs); errors as `predict`."""
        return _gathered(self, table, self.margins_of, self.bundle.model.outputs)

    def latent(self, table: Any) -> FloatArray:
        """Return what a network makes of each row before it decides, float64 (rows, columns).

        The outputs of its last hidden layer, of an ensemble their mean; of an autoencoder its few numbers.

        Raises
        ------
        RecipeError
            The model is no network, or one without hidden layers.
        ColumnError, RowError, TableError
            As `predict`.
        """
        width = len(latent_columns(self.bundle))
        return _gathered(self, table, lambda block: latent_of(self.bundle, block), width)

    def predict_rows(self, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Return one JSON value a row: the path of a server, without Arrow.

        Parameters
        ----------
        rows : sequence of mappings
            Column name to value: None, bool, int, float, text, date. Extra keys are ignored. A missing
            key is an error unless the column is in `optional`; a value of None is always allowed.

        Returns
        -------
        list
            Regression: a float. Classes: `{"label": ..., "probabilities": {class: p}}`, the label by
            the rule of `predict`. All numbers are finite.

        Raises
        ------
        RowError
            Names the row, counted from 0, and the column.
        """
        found: list[Any] = []
        for begin in range(0, len(rows), _ROWS_AT_ONCE):
            block = self.encoder.rows(rows[begin : begin + _ROWS_AT_ONCE], begin)
            found += _values(self, refuse_overflow(self.margins_of(block), begin))
        return found

    def require(self, names: Sequence[str]) -> None:
        """Raise ColumnError, naming what is missing and what is extra, unless `names` holds all columns."""
        self.plan.require(names)

    def score_batch(self, batch: pa.RecordBatch) -> tuple[FloatArray, tuple[Unreadable, ...]]:
        """Return the margins of one Arrow batch, float64 (rows, outputs), and the values it cannot read.

        A value that cannot be read counts as missing in the margins; the caller decides what becomes
        of its row. A row whose margin overflows has NaN there.
        """
        with np.errstate(all="ignore"):
            block, unreadable = self.plan.transform(batch)
        return self.margins_of(block), unreadable

    def from_margins(self, margins: FloatArray) -> AnyArray:
        """Return the predictions, as `predict` gives them, of margins (rows, outputs)."""
        if self.task == "regression":
            return margins_to_predictions(margins, self.bundle.model.link)
        chosen: AnyArray = self._labels[_chosen(self.probabilities(margins), self.task, self.threshold)]
        return chosen

    def expected(self, margins: FloatArray) -> FloatArray:
        """Return what is judged: the number, the probability of class 1, or of each class (rows, classes)."""
        if self.task == "regression":
            return margins_to_predictions(margins, self.bundle.model.link)
        shares = self.probabilities(margins)
        return shares[:, 1] if self.task == "binary" else shares

    def probabilities(self, margins: FloatArray) -> FloatArray:
        """Return the probability of each class, float64 (rows, classes), of margins (rows, outputs)."""
        shares = margins_to_predictions(margins, self.bundle.model.link)
        if isinstance(self.bundle.model.calibration, Calibration):
            shares = calibrate(self.bundle.model.calibration, shares)
        if shares.ndim > 1:
            return shares
        both = np.empty((len(shares), 2))
        both[:, 1] = shares
        np.subtract(1.0, shares, out=both[:, 0])
        return both

    def chosen(self, shares: FloatArray) -> list[Any]:
        """Return the label of each row by its probabilities (rows, classes), by the rule of `predict`."""
        return list(self._labels[_chosen(shares, self.task, self.threshold)].tolist())

    def margins_of(self, block: Block) -> FloatArray:
        """Return the margins of an encoded block in the unit of the target; NaN where they overflow."""
        model = self.bundle.model
        with np.errstate(all="ignore"):
            margins = np.asarray(self._scorer(block), np.float64)
            if isinstance(model.offset, tuple):
                margins = margins + np.asarray(model.offset)
        if math.isfinite(margins.item()) if margins.size == 1 else np.isfinite(margins).all():
            return margins
        return np.where(np.isfinite(margins), margins, np.nan)


def _values(predictor: Predictor, margins: FloatArray) -> list[Any]:
    """Return predictions as JSON values."""
    if predictor.task == "regression":
        plain: list[Any] = predictor.from_margins(margins).tolist()
        return plain
    shares = predictor.probabilities(margins)
    return [
        {"label": label, "probabilities": dict(zip(predictor.classes, row, strict=True))}
        for label, row in zip(predictor.chosen(shares), shares.tolist(), strict=True)
    ]


def _gathered(
    predictor: Predictor, table: Any, reads: Callable[[Block], FloatArray], width: int
) -> FloatArray:
    """Return what `reads` gives of all rows, float64 (rows, width)."""
    from justright.source import open_source

    source = open_source(table)
    predictor.require(source.names)
    parts = []
    done = 0
    for batch in source.batches(list(predictor.columns)):
        with np.errstate(all="ignore"):
            block, unreadable = predictor.plan.transform(batch)
        if unreadable:
            first = min(unreadable)
            value = batch.column(first.column)[first.row].as_py()
            raise unreadable_value(
                predictor.plan, first.column, value, str(source.locate([done + first.row])[0])
            )
        parts.append(refuse_overflow(reads(block), done))
        done += block.rows
    if source.n_problems:
        first_line = source.problems[0]
        received = f"{source.n_problems} lines that are no rows, the first in line {first_line.line}"
        step = "score the file with `justright predict`, which sets such lines aside"
        raise TableError(f"{received}: {first_line.reason}", where=first_line.file, next_step=step)
    return np.concatenate(parts) if parts else np.zeros((0, width))


def _labels(classes: tuple[str, ...], form: str) -> AnyArray:
    """Return the classes as they are written in the target: numbers, booleans or text, (classes,)."""
    if form == "boolean" and set(classes) <= {"true", "false"}:
        return np.asarray([text == "true" for text in classes])
    if form == "number":
        for kind in (np.int64, np.float64):
            try:
                values: AnyArray = np.asarray([kind(text) for text in classes])
            except (ValueError, OverflowError):
                continue
            if np.isfinite(values).all():
                return values
    return np.asarray(classes, dtype=np.str_)


def _optional(plan: FeaturePlan) -> frozenset[str]:
    """Return the columns that were missing in some training row; a text may always be missing."""
    seen = {feature.column.name for feature in plan.data.numeric if feature.missing}
    seen |= {f.column.name for f in plan.data.categorical if len(f.counts) > 1 and f.counts[1] > 0}
    return frozenset(seen | {feature.column.name for feature in plan.data.text})


def refuse_overflow(margins: FloatArray, done: int = 0) -> FloatArray:
    """Return margins as they are, or raise RowError for the first row whose margin overflowed.

    Parameters
    ----------
    margins : float64 (rows, outputs)
        As `Predictor.margins_of` gives them: NaN where they overflow.
    done : int, default 0
        Number of the first row, for the message.
    """
    if margins.size == 1 and not math.isnan(margins.item()):  # one row of a server
        return margins
    if not np.isnan(margins).any():
        return margins
    row = done + int(np.flatnonzero(np.isnan(margins).any(axis=1))[0])
    received = "values so large that the score overflows"
    raise RowError(received, allowed="values of the size seen in training", where=f"row {row}")


def _chosen(shares: FloatArray, task: Task, threshold: float) -> AnyArray:
    """Return the number of the chosen class of each row."""
    if task == "binary":
        return (shares[:, 1] >= threshold).astype(np.intp)
    return np.asarray(shares.argmax(axis=1))
