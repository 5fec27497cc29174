"""What an additive model says: its terms in the order of X, pairs tried, importance, and new rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from justright.estimators.columns import Table, is_frame, read_frame
from justright.estimators.crossed_fitting import Fitted, columns_of
from justright.estimators.inputs import check_infinite
from justright.features.plan import Canonical, FeaturePlan
from justright.models.crossed import forward
from justright.schema import BLOCK_ROWS, Block, FloatArray

__all__ = ["Model", "Tried", "contributions", "describe", "margins", "read_new", "refresh"]

_VERDICTS: Final = ("refused", "kept", "left again", "crowded out", "asked for")
_SAMPLED: Final = 131_072  # rows that importance is measured on


class Tried(NamedTuple):
    """A pair of columns that was tried as a cross.

    Parameters
    ----------
    pair : tuple of str or int
        The two columns: names, or numbers for a matrix.
    gain : float
        Fall of the loss of the held-out rows, summed; NaN where it was asked for by hand.
    z : float
        Strength over noise.
    p : float
        Chance of as much without an interaction, corrected for the number of pairs tried.
    verdict : str
        "kept", "refused", "left again" (entered, and held-out rows did not miss it), "crowded out"
        (significant, but others were stronger) or "asked for".
    """

    pair: tuple[Any, Any]
    gain: float
    z: float
    p: float
    verdict: str


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
        The additive model of encoded rows.
    order : tuple of int
        Places of the terms in the model, in the order of `terms_`.
    """

    names: tuple[str, ...] | None
    plan: FeaturePlan
    front: Mapping[str, Any]
    arrays: Mapping[str, npt.NDArray[Any]]
    order: tuple[int, ...]


@dataclass(frozen=True)
class _Names:
    """How fields are called: names and owners by field, all columns of X, whether they have names."""

    fields: list[str]
    owners: list[tuple[int, ...]]
    columns: Sequence[str]
    named: bool

    def sorted(self, fields: Sequence[int]) -> list[int]:
        """Return fields in the order of X."""
        return sorted(fields, key=lambda field: (self.owners[field], field))

    def term(self, fields: Sequence[int]) -> str:
        """Return the name of a term."""
        return " x ".join(self.fields[field] for field in self.sorted(fields))

    def pair(self, fields: Sequence[int]) -> tuple[Any, Any]:
        """Return two fields as `crosses=` takes them; parts of dates and products by their own names."""
        one, other = (self._label(field) for field in self.sorted(fields))
        return one, other

    def _label(self, field: int) -> Any:
        """Return the name or number of a field's column."""
        place, own = self.owners[field][0], self.fields[field]
        return place if not self.named and own == self.columns[place] else own


def describe(estimator: Any, fitted: Fitted) -> None:
    """Set what a fitted estimator shows: `terms_`, `crosses_`, `tried_`, importances, `history_`."""
    columns = columns_of(estimator, fitted.names)
    layout = forward.layout_of(fitted.front)
    singles = [place for place, fields in enumerate(layout.terms) if len(fields) == 1]
    crossed = [place for place, fields in enumerate(layout.terms) if len(fields) == 2]
    owners = _owners(fitted.plan, layout, columns)
    names = _Names([layout.names[place] for place in singles], owners, columns, fitted.names is not None)
    order = (*names.sorted(singles), *crossed)
    estimator._model = Model(fitted.names, fitted.plan, fitted.front, fitted.arrays, order)
    estimator.terms_ = [names.term(layout.terms[place]) for place in order]
    estimator.crosses_ = [names.pair(layout.terms[place]) for place in crossed]
    tried = [
        Tried(names.pair((int(i), int(j))), gain, z, p, _VERDICTS[int(verdict)])
        for i, j, gain, z, p, verdict, _ in fitted.state["tried"].tolist()
    ]
    estimator.tried_ = sorted(tried, key=lambda each: (not np.isnan(each.gain), -each.gain, str(each.pair)))
    estimator.history_, estimator.n_iter_ = fitted.history, fitted.history.passes
    refresh(estimator, fitted, fitted.state["strength"], _spread(fitted))


def refresh(estimator: Any, fitted: Fitted, strength: FloatArray, spread: FloatArray) -> None:
    """Set what every piece of rows changes: the tables, `penalties_` and the importances.

    Parameters
    ----------
    estimator : CrossedRegressor or CrossedClassifier
        Changed in place.
    fitted : Fitted
        With the present tables.
    strength : float64 (terms, 2)
        Strengths by term of the model.
    spread : float64 (terms,)
        Mean absolute contribution by term of the model.
    """
    order = list(estimator._model.order)
    estimator._model = replace(estimator._model, front=fitted.front, arrays=fitted.arrays)
    estimator.penalties_ = strength[order]
    estimator.term_importances_ = spread[order]
    columns, layout = columns_of(estimator, fitted.names), forward.layout_of(fitted.front)
    owners = _owners(fitted.plan, layout, columns)
    share = np.zeros(len(columns))
    for fields, value in zip(layout.terms, spread, strict=True):
        owned = [place for field in fields for place in owners[field]]
        for place in owned:
            share[place] += value / len(owned)
    estimator.feature_importances_ = share / max(share.sum(), 1e-300)


def _spread(fitted: Fitted) -> FloatArray:
    """Return the mean absolute contribution of each term over the rows that trained, or a share of them."""
    step = max(1, -(-sum(block.rows for block in fitted.blocks) // _SAMPLED))
    total: FloatArray = np.zeros(1)
    mass = 0.0
    for block in fitted.blocks:
        part = block if step == 1 else block.take(np.arange(0, block.rows, step))
        found, _ = forward.contributions(fitted.front, fitted.arrays, part)
        total = total + np.einsum("rto,r->t", np.abs(found), part.weight) / found.shape[2]
        mass += float(part.weight.sum())
    return np.asarray(total / max(mass, 1e-300))


def _owners(plan: FeaturePlan, layout: forward.Layout, columns: Sequence[str]) -> list[tuple[int, ...]]:
    """Return the places in X of the columns that each field reads."""
    place = {name: number for number, name in enumerate(columns)}
    numeric = [place[feature.column.name] for feature in plan.data.numeric]
    codes = [place[feature.column.name] for feature in plan.data.categorical]
    return [
        tuple((codes if kind == "category" else numeric)[one] for one in source)
        for kind, source in zip(layout.kinds, layout.sources, strict=True)
    ]


def margins(estimator: Any, X: Any) -> FloatArray:
    """Return the margins of new rows, float64 (rows, outputs); of a regression in the target's unit."""
    parts = [
        forward.margins(estimator._model.front, estimator._model.arrays, block)
        for block in _encoded(estimator, X)
    ]
    return np.concatenate(parts)


def contributions(estimator: Any, X: Any) -> FloatArray:
    """Return what each term adds to each row's margin, float64 (rows, terms), (rows, terms, classes)."""
    parts = []
    for block in _encoded(estimator, X):
        model: Model = estimator._model
        found, _ = forward.contributions(model.front, model.arrays, block)
        parts.append(found[:, list(model.order)])
    made = np.concatenate(parts)
    return made[:, :, 0] if made.shape[2] == 1 else made


def _encoded(estimator: Any, X: Any) -> Iterator[Block]:
    """Check X and encode it, some rows at a time."""
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(estimator)
    table = read_new(estimator, estimator._model.plan, estimator._model.names, X)
    for begin in range(0, max(table.rows, 1), BLOCK_ROWS):
        some = table.take(np.arange(begin, min(begin + BLOCK_ROWS, table.rows)))
        yield estimator._model.plan.encode(some.values, some.rows)[0]


def read_new(estimator: Any, plan: FeaturePlan, names: Sequence[str] | None, X: Any) -> Table:
    """Check new rows against those of `fit`, and return the columns of the plan.

    Raises
    ------
    ValueError
        Other columns, an infinity, text in a column of numbers.
    """
    from sklearn.utils.validation import validate_data

    columns = tuple(plan.columns.values())
    if names is None and not is_frame(X):
        X = validate_data(estimator, X, dtype=np.float64, reset=False, ensure_all_finite=False)
        check_infinite(X)
        values = {c.name: Canonical(X[:, int(c.name[1:])], None, (), None) for c in columns}
        return Table(columns, values, len(X))
    if is_frame(X):
        validate_data(estimator, X, reset=False, skip_check_array=True)
    else:
        X = validate_data(estimator, X, dtype=None, reset=False, ensure_all_finite=False)
    return read_frame(X, columns, columns_of(estimator, names))
