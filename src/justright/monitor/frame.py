"""What is counted (`Frame`) and the counts themselves (`Counts`): plain numbers that add up.

A Frame comes from the baseline in the bundle and never changes, so counts of several workers, hours or
days merge by addition, and the baseline is a Counts like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from justright.errors import BundleError
from justright.features.plan import FeaturePlan
from justright.schema import FloatArray

__all__ = [
    "LEAST_ROWS",
    "SURE_BINS",
    "Category",
    "Counts",
    "Frame",
    "Number",
    "counts_of",
    "frame_of",
    "sure_bins",
    "sure_middles",
]

SURE_BINS: Final = 1000
"""Bins of stated probability that performance without labels is worked out from, between 0 and 1."""

LEAST_ROWS: Final = 20
"""Fewer rows, or values, say nothing worth a decision: they are not judged, and are no baseline."""


def sure_bins(probability: FloatArray) -> npt.NDArray[np.int64]:
    """Return the bin of each probability; finer near 0 and 1 (equal steps of the arc sine of the root).

    Examples
    --------
    >>> sure_bins(np.array([0.0, 0.5, 1.0])).tolist()
    [0, 500, 999]
    """
    angle = np.arcsin(np.sqrt(np.clip(probability, 0.0, 1.0))) * (2.0 * SURE_BINS / np.pi)
    return np.minimum(angle + 1e-9, SURE_BINS - 1.0).astype(np.int64)


def sure_middles() -> FloatArray:
    """Return the probability in the middle of each bin, float64 (SURE_BINS,), rising."""
    return np.asarray(np.square(np.sin((np.arange(SURE_BINS) + 0.5) * (0.5 * np.pi / SURE_BINS))))


@dataclass(frozen=True)
class Number:
    """A number that is counted in bins: bin i holds edges[i - 1] <= x < edges[i].

    Parameters
    ----------
    name : str
        For people.
    edges : float64 (bins - 1,)
        Rising.
    calendar : bool
        A part of a date: it moves by itself, and is counted but not tested.
    slack : float
        So much of an effect may be none: what is said of rows that were trained on, and of rows that were
        not, differs by it.
    """

    name: str
    edges: FloatArray
    calendar: bool = False
    slack: float = 0.0


@dataclass(frozen=True)
class Category:
    """A category that is counted by code; see `features.categorical` for the codes.

    Parameters
    ----------
    name : str
        For people.
    labels : tuple of str
        Text of the codes 0, 1, 2, ... without those that are hashed.
    size : int
        Number of codes, the hashed ones included.
    calendar : bool
        As for a Number.
    """

    name: str
    labels: tuple[str, ...]
    size: int
    calendar: bool = False


@dataclass(frozen=True)
class Frame:
    """What is counted.

    Parameters
    ----------
    numeric : tuple of Number
        In the order of `Block.numeric`, in the column's own unit.
    categorical : tuple of Category
        In the order of `Block.codes`.
    said : tuple of Number
        What the model says: the number, the probability of class 1, or that of each class; empty for a
        model of an earlier version, whose baseline does not hold it.
    terms : tuple of Number
        What each term adds to the margin of the first output; empty where the family has no terms.
    """

    numeric: tuple[Number, ...]
    categorical: tuple[Category, ...]
    said: tuple[Number, ...] = ()
    terms: tuple[Number, ...] = ()


class Counts(msgspec.Struct):
    """What was counted, as JSON values.

    Parameters
    ----------
    rows : float
        Rows, of the baseline their weight.
    numeric, categorical, said, terms : list of list of float
        Rows of each bin or code.
    missing : list of float
        Rows without a value, for each number.
    sure : list of float
        Rows of each bin of the probability of class 1 (several classes: of the likeliest class).
    moved : list of list of float
        For each number and then each category: the sum of the first output over the rows of each bin or
        code. Tells how much of what the model says goes by that column.
    squares : list of float
        Sum of the first output and sum of its squares.
    begin, end : float or None
        Time of the first and of the last row, in seconds since 1970.
    """

    rows: float
    numeric: list[list[float]]
    missing: list[float]
    categorical: list[list[float]]
    said: list[list[float]] = []
    terms: list[list[float]] = []
    sure: list[float] = []
    moved: list[list[float]] = []
    squares: list[float] = []
    begin: float | None = None
    end: float | None = None

    def plus(self, other: Counts) -> Counts:
        """Return the sum of two counts of one Frame.

        Examples
        --------
        >>> one = Counts(2.0, [[1.0, 1.0]], [0.0], [])
        >>> one.plus(Counts(1.0, [[0.0, 1.0]], [0.0], [])).numeric
        [[1.0, 2.0]]
        """
        begins = [at for at in (self.begin, other.begin) if at is not None]
        ends = [at for at in (self.end, other.end) if at is not None]
        return Counts(
            self.rows + other.rows,
            _added(self.numeric, other.numeric),
            _sum(self.missing, other.missing),
            _added(self.categorical, other.categorical),
            _added(self.said, other.said),
            _added(self.terms, other.terms),
            _sum(self.sure, other.sure),
            _added(self.moved, other.moved),
            _sum(self.squares, other.squares),
            min(begins, default=None),
            max(ends, default=None),
        )


def frame_of(baseline: Mapping[str, Any], plan: FeaturePlan) -> Frame:
    """Return what a model's baseline counts.

    Parameters
    ----------
    baseline : dict
        `baseline.json` of the bundle, of any format.
    plan : FeaturePlan
        The features of the same bundle.

    Raises
    ------
    BundleError
        The baseline is empty or does not fit the features.
    """
    data = plan.data
    try:
        numeric = tuple(_number(each) for each in baseline["numeric"])
        names = [each["name"] for each in baseline["categorical"]]
        sizes = [len(each["counts"]) for each in baseline["categorical"]]
        said = tuple(_number(each) for each in baseline.get("said", ()))
        terms = tuple(_number(each) for each in baseline.get("terms", ()))
    except (KeyError, TypeError, ValueError) as error:
        raise _unfit("a baseline that says nothing of the training rows") from error
    if [each.name for each in numeric] != [f.name for f in data.numeric] or names != [
        f.name for f in data.categorical
    ]:
        raise _unfit("a baseline of other columns")
    categorical = []
    for feature, size in zip(data.categorical, sizes, strict=True):
        labels = ("(rare or never seen)", "(missing)", *feature.vocabulary)
        if size < len(labels):
            raise _unfit(f"a baseline of {size} categories of {feature.name!r:.60}")
        categorical.append(Category(feature.name, labels, size, bool(feature.part)))
    parts = [bool(feature.part) for feature in data.numeric]
    numeric = tuple(replace(number, calendar=part) for number, part in zip(numeric, parts, strict=True))
    return Frame(numeric, tuple(categorical), said, terms)


def counts_of(baseline: Mapping[str, Any]) -> Counts:
    """Return what the training rows were counted as, from the baseline of any format."""
    try:
        return Counts(
            float(baseline["rows"]),
            [_floats(each["counts"]) for each in baseline["numeric"]],
            [float(each["missing"]) for each in baseline["numeric"]],
            [_floats(each["counts"]) for each in baseline["categorical"]],
            [_floats(each["counts"]) for each in baseline.get("said", ())],
            [_floats(each["counts"]) for each in baseline.get("terms", ())],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _unfit("a baseline that says nothing of the training rows") from error


def _number(given: Mapping[str, Any]) -> Number:
    """Read the name and edges of one number."""
    edges = np.asarray(given["edges"], np.float64)
    if edges.ndim != 1 or len(given["counts"]) != len(edges) + 1 or (np.diff(edges) <= 0).any():
        raise ValueError("edges")
    return Number(str(given["name"]), edges, slack=max(float(given.get("slack", 0.0)), 0.0))


def _floats(values: Sequence[Any]) -> list[float]:
    """Return plain numbers."""
    return [float(each) for each in values]


def _sum(left: Sequence[float], right: Sequence[float]) -> list[float]:
    """Add two lists; an empty one counts nothing."""
    if not left or not right:
        return list(left or right)
    return [a + b for a, b in zip(left, right, strict=True)]


def _added(left: Sequence[Sequence[float]], right: Sequence[Sequence[float]]) -> list[list[float]]:
    """Add two lists of lists."""
    if not left or not right:
        return [list(each) for each in (left or right)]
    return [_sum(a, b) for a, b in zip(left, right, strict=True)]


def _unfit(received: str) -> BundleError:
    """Return the error for a baseline that cannot be compared with."""
    return BundleError(received, where="baseline.json", next_step="train the model again")
