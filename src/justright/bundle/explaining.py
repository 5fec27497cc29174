"""Why a model says what it says of a row: an intercept and one contribution a term, together the margin.

One table tells how each family takes its margin apart; what a bundle says of itself is its front:
`means` centre the terms on the training rows, so that a contribution of 0 is that of the mean row.
numpy only, as all scoring.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import numpy as np

from justright.bundle.predictor import Predictor
from justright.bundle.tensors import AnyArray
from justright.errors import BundleError, RecipeError
from justright.features.plan import Feature, FeaturePlan, Unreadable
from justright.schema import Block, FloatArray

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["EXPLAINED", "Explained", "Explainer", "TermNames"]

TakeApart: TypeAlias = Callable[
    [Mapping[str, Any], Mapping[str, AnyArray], FeaturePlan, Block], tuple[FloatArray, FloatArray]
]
"""`(front, arrays, plan, block) -> terms float64 (rows, terms, outputs), intercept float64 (outputs,)`."""


class TermNames(NamedTuple):
    """Name of a term for people, and the columns of the table that it reads."""

    name: str
    columns: tuple[str, ...]


Family: TypeAlias = tuple[TakeApart, Callable[[Mapping[str, Any], FeaturePlan], list[TermNames]]]


class Explained(NamedTuple):
    """Rows explained.

    Parameters
    ----------
    margins : float64 (rows, outputs)
        As `Predictor` gives them; NaN where they overflow.
    terms : float64 (rows, terms, outputs)
        What each term adds.
    unreadable : tuple of Unreadable
        Values that count as missing because their column cannot hold them.
    """

    margins: FloatArray
    terms: FloatArray
    unreadable: tuple[Unreadable, ...]


class Explainer:
    """Takes the margins of a model apart.

    Parameters
    ----------
    predictor : Predictor
        A loaded model.

    Attributes
    ----------
    terms : list of TermNames
        The terms, in the order of the contributions.
    intercept : float64 (outputs,)
        Margin of a row whose every term is as in the mean training row.
    columns : tuple of str
        Names for the columns of a table of contributions: `intercept`, then `adds_<term>`; with several
        classes each of them once for every class.

    Raises
    ------
    RecipeError
        The family does not say how its margin is made up.

    Examples
    --------
    >>> from justright.bundle.format import Bundle, ModelFile
    >>> from justright.schema import Column, Schema, Target
    >>> size = Column("size", "numeric", "number")
    >>> scale = {"column": {"name": "size", "kind": "numeric", "form": "number"},
    ...          "centre": 3.0, "scale": 2.0, "low": 0.0, "high": 9.0}
    >>> plan = {"numeric": [scale], "categorical": [], "text": [], "target": None}
    >>> front = {"numeric": 1, "indicators": [], "sizes": [], "tokens": 0}
    >>> target = Target(Column("price", "numeric", "number"), "regression")
    >>> model = ModelFile(schema=Schema((size,), target), features=plan, family="linear", front=front,
    ...                   task="regression", outputs=1, link="identity")
    >>> arrays = {"weights": np.array([[4.0]]), "bias": np.array([10.0])}
    >>> explainer = Explainer(Predictor(Bundle(model, arrays, {}, "", "")))
    >>> explainer.intercept.tolist(), explainer.terms[0].name
    ([10.0], 'size')
    """

    def __init__(self, predictor: Predictor) -> None:
        model = predictor.bundle.model
        if model.family not in _FAMILIES:
            raise RecipeError(
                f"a model of family {model.family!r:.60}, which has no terms to show",
                allowed=" and ".join(_FAMILIES),
                next_step="justright train TABLE --target COL --family glass-box",
            )
        self.predictor = predictor
        self._apart, names = _FAMILIES[model.family]()
        self.terms = names(model.front, predictor.plan)
        self._means = _means(model.front, len(self.terms), model.outputs)
        empty = predictor.plan.transform_rows({name: [] for name in predictor.columns}, 0)[0]
        _, base = self._apart(model.front, predictor.bundle.arrays, predictor.plan, empty)
        self.intercept: FloatArray = base + self._means.sum(axis=0)
        if isinstance(model.offset, tuple):
            self.intercept = self.intercept + np.asarray(model.offset)
        heads = ["intercept", *(f"adds_{term.name}" for term in self.terms)]
        if model.outputs > 1:
            heads = [f"{head} [{name}]" for head in heads for name in predictor.classes]
        self.columns = _distinct(heads, ("prediction", *(f"probability_{c}" for c in predictor.classes)))

    def explain_batch(self, batch: pa.RecordBatch) -> Explained:
        """Take the margins of an Arrow batch apart."""
        with np.errstate(all="ignore"):
            block, unreadable = self.predictor.plan.transform(batch)
        return self.explain_block(block)._replace(unreadable=unreadable)

    def explain_block(self, block: Block) -> Explained:
        """Take the margins of encoded rows apart."""
        model = self.predictor.bundle.model
        with np.errstate(all="ignore"):
            margins = self.predictor.margins_of(block)
            terms, _ = self._apart(model.front, self.predictor.bundle.arrays, self.predictor.plan, block)
        return Explained(margins, terms - self._means, ())

    def values(self, explained: Explained) -> list[FloatArray]:
        """Return the values of `columns`, each float64 (rows,)."""
        rows = len(explained.terms)
        first = np.broadcast_to(self.intercept, (rows, 1, len(self.intercept)))
        every = np.concatenate([first, explained.terms], axis=1).reshape(rows, -1)
        return list(np.ascontiguousarray(every.T))


def _linear() -> Family:
    """Take a linear model apart by columns."""
    from justright.models.linear.contributions import contributions

    return contributions, _linear_names


def _linear_names(front: Mapping[str, Any], plan: FeaturePlan) -> list[TermNames]:
    """Name the features of a plan in its order."""
    data = plan.data
    features: tuple[Feature, ...] = (*data.numeric, *data.categorical, *data.text)
    return [TermNames(feature.name, (feature.column.name,)) for feature in features]


def _crossed() -> Family:
    """Take an additive model apart by functions and crosses."""
    from justright.models.crossed.forward import contributions

    return lambda front, arrays, plan, block: contributions(front, arrays, block), _crossed_names


def _crossed_names(front: Mapping[str, Any], plan: FeaturePlan) -> list[TermNames]:
    """Name the terms of a front."""
    from justright.models.crossed.forward import layout_of

    layout, data = layout_of(front), plan.data
    columns: list[tuple[str, ...]] = []
    for kind, source in zip(layout.kinds, layout.sources, strict=True):
        features = data.categorical if kind == "category" else data.numeric
        columns.append(tuple(features[place].column.name for place in source))
    return [
        TermNames(name, tuple(dict.fromkeys(column for field in fields for column in columns[field])))
        for name, fields in zip(layout.names, layout.terms, strict=True)
    ]


_FAMILIES: Final[Mapping[str, Callable[[], Family]]] = {"linear": _linear, "crossed": _crossed}

EXPLAINED: Final = tuple(_FAMILIES)
"""Families whose margin is a sum of terms that can be shown."""


def _means(front: Mapping[str, Any], terms: int, outputs: int) -> FloatArray:
    """Read what centres the terms, float64 (terms, outputs); zeros in a bundle that does not say."""
    if "means" not in front:
        return np.zeros((terms, outputs))
    try:
        made = np.asarray(front["means"], np.float64)
    except (TypeError, ValueError) as error:
        raise BundleError("means that are no numbers", where="model.json") from error
    if made.shape != (terms, outputs) or not np.isfinite(made).all():
        allowed = f"shape {(terms, outputs)}"
        raise BundleError(f"means of shape {made.shape}", allowed=allowed, where="model.json")
    return made


def _distinct(names: list[str], taken: tuple[str, ...]) -> tuple[str, ...]:
    """Return names that differ from each other and from those taken: the later ones get an underscore."""
    found: list[str] = []
    seen = set(taken)
    for name in names:
        while name in seen:
            name += "_"
        seen.add(name)
        found.append(name)
    return tuple(found)
