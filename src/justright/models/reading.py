"""What a trained model says, as plain data: importance, curves, tables, coefficients, penalties, crosses.

A family fills it from its trained state; the report, the card and `justright explain` read it. All effects
are on the scale of the margin: the target's unit, or the logarithm of odds or of a rate. Where a number
stands for each output of the model (each class), a list holds them in the order of the classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from justright.schema import FloatArray, Value

__all__ = [
    "Axis",
    "Coefficient",
    "Curve",
    "Grid",
    "Level",
    "Pair",
    "Reading",
    "Strength",
    "Term",
    "Tried",
    "jackknife",
    "plain",
]

Lists = list[Any]


class Curve(msgspec.Struct, frozen=True):
    """The function of a number.

    Parameters
    ----------
    form : {"number", "datetime", "product"}
        Unit of the ends: the column's own, seconds since 1970, or a product of standard units.
    ends : list of float
        Ends of the bins, one more than bins, in the column's own unit.
    values, low, high : lists of float, outputs x bins
        Effect against the mean row, and its band over the folds.
    share : list of float
        Share of the rows in each bin.
    spikes : list of int
        Bins that hold one frequent value and stand alone.
    """

    form: str
    ends: list[float]
    values: Lists
    low: Lists
    high: Lists
    share: list[float]
    spikes: list[int]


class Level(msgspec.Struct, frozen=True):
    """A category, or a missing value: share of the rows, effect by output, its interval."""

    label: str
    share: float
    values: list[float]
    low: list[float]
    high: list[float]


class Axis(msgspec.Struct, frozen=True):
    """An axis of a cross: name, a label a group, and for numbers the ends of the groups, missing apart."""

    name: str
    labels: list[str]
    ends: list[float] = []
    form: str = "category"


class Grid(msgspec.Struct, frozen=True):
    """The table of a cross: values by output, row and column; share of the rows of each cell."""

    first: Axis
    second: Axis
    values: Lists
    share: Lists


class Coefficient(msgspec.Struct, frozen=True):
    """Change of the margin for one more of the column's unit: value, standard error, 95 % interval."""

    value: float
    error: float
    low: float
    high: float


class Tried(msgspec.Struct, frozen=True):
    """A strength that was tried: fall of the held-out loss, and standard error of its lag behind the best."""

    smooth: float
    ridge: float
    gain: float
    error: float


class Strength(msgspec.Struct, frozen=True):
    """Penalties of a term: what was tried last, what was taken, what one standard error would take.

    `taken` and `within_error` are pairs (smoothness, ridge).
    """

    tried: tuple[Tried, ...]
    taken: tuple[float, float]
    within_error: tuple[float, float]


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """One term of the margin.

    Parameters
    ----------
    name : str
        For people.
    fields : tuple of str
        Features it reads: one, or two of a cross or a product.
    kind : {"number", "category", "product", "cross", "text"}
        What it is.
    importance : Value
        Mean size of its contribution over the training rows, with its 95 % interval; mean over outputs.
    curve, levels, missing, grid
        What it adds: for a number, for categories (the most frequent first), for a missing number, for a
        cross. `more` counts categories left out.
    coefficients : list of Coefficient
        Of a number of a linear model, by output; empty where standard errors are not defined.
    strength : Strength or None
        Its penalties, where it has its own.
    """

    name: str
    fields: tuple[str, ...]
    kind: str
    importance: Value
    curve: Curve | None = None
    levels: tuple[Level, ...] = ()
    more: int = 0
    missing: Level | None = None
    grid: Grid | None = None
    slope: list[float] = []
    coefficients: list[Coefficient] = []
    strength: Strength | None = None


class Pair(msgspec.Struct, frozen=True):
    """A pair of features that was tried as a cross.

    Parameters
    ----------
    first, second : str
        Features.
    gain : float or None
        Fall of the summed held-out loss of the rows searched; None for a cross that was asked for.
    z, p : float or None
        Strength over noise, and the chance of as much by noise alone, corrected for all pairs and grains.
    verdict : {"kept", "refused"}
        Whether it is in the model.
    reason : str
        Why, in words.
    round : int
        Search in which it was tried last, from 1.
    """

    first: str
    second: str
    gain: float | None
    z: float | None
    p: float | None
    verdict: str
    reason: str
    round: int


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """All that can be read in a model.

    Parameters
    ----------
    format : int
        Number of this form.
    family, link : str
        Family, and the link that says in what unit effects are.
    target : str
        Column that is predicted.
    classes : tuple of str
        For effects with several outputs, the class of each.
    rows : float
        Weight of the training rows behind it.
    terms : tuple of Term
        The most important first.
    pairs : tuple of Pair
        Crosses tried: those kept first, then by falling gain.
    means : list
        What a family's raw contributions are centred by, terms x outputs in the family's order; empty = 0.
    """

    format: int = 1
    family: str
    link: str
    target: str
    classes: tuple[str, ...] = ()
    rows: float
    terms: tuple[Term, ...]
    pairs: tuple[Pair, ...] = ()
    means: Lists = []


def jackknife(value: FloatArray, folds: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the ends of a 95 % interval around a figure from models that left out one fold each.

    Parameters
    ----------
    value : float64 (...)
        The figure of the model of all rows.
    folds : float64 (folds, ...)
        The same of the models that left out one fold; those with a number that is not finite are left out.

    Notes
    -----
    The models share most of their rows, so their scatter alone is too narrow by about folds - 1: the
    variance is that of the grouped jackknife, (folds - 1) / folds * sum (x - mean)^2 (Tukey 1958), with
    Student's quantile at folds - 1 degrees.

    Examples
    --------
    >>> low, high = jackknife(np.array(2.0), np.array([1.9, 2.1]))
    >>> round(float(high - low), 3)
    2.541
    """
    from scipy.special import stdtrit

    whole = np.isfinite(folds).reshape(len(folds), -1).all(axis=1)
    folds = folds[whole]
    count = len(folds)
    if count < 2:
        return value.copy(), value.copy()
    spread = np.sqrt((count - 1) / count * ((folds - folds.mean(axis=0)) ** 2).sum(axis=0))
    half = float(stdtrit(count - 1, 0.975)) * spread
    return np.asarray(value - half), np.asarray(value + half)


def plain(values: npt.NDArray[Any] | Sequence[float], digits: int = 6) -> Lists:
    """Return numbers as nested lists with so many digits that count; others than finite become 0.

    Examples
    --------
    >>> plain(np.array([[1 / 3, 1234567.0], [0.0, -2.5e-9]]))
    [[0.333333, 1234570.0], [0.0, -2.5e-09]]
    """
    given = np.asarray(values, np.float64)
    finite = np.where(np.isfinite(given), given, 0.0)
    flat = [float(f"{value:.{digits}g}") for value in finite.reshape(-1).tolist()]
    made: Lists = np.asarray(flat).reshape(given.shape).tolist()
    return made
