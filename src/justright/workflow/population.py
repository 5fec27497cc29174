"""The population: which members answer the questions of a recipe.

members = (all rows + each fold of each repetition)  x  each setting of the path
"""

from __future__ import annotations

import math
from typing import Final

from justright.datamodule import DataModule
from justright.models.blend import BLEND
from justright.models.boosted import BOOSTED
from justright.models.crossed import CROSSED
from justright.models.registry import is_network
from justright.recipe import Recipe, Split
from justright.schema import Member
from justright.workflow.family import family_of

__all__ = ["ONE_PART_FROM", "one_part", "penalty_path", "population"]

ONE_PART_FROM: Final = 500_000
"""Rows above which what would be trained anew for each fold is judged on one held-out tenth."""

_FOLDS: Final = Split().folds

_STRONGEST: Final = 1.0  # decades: features have unit variance, so penalty 10 shrinks to a tenth
_MILD: Final = -2.0  # a penalty of 0.01 / rows moves no weight by more than a hundredth of its error


def penalty_path(rows: int, kind: str, per_decade: int) -> tuple[float, ...]:
    """Return penalties from strong to weak, evenly spaced on the logarithm.

    Parameters
    ----------
    rows : int
        Training rows; the weakest penalty is 0.01 / rows, never below 1e-9.
    kind : {"l2", "l1", "elastic"}
        With L1 the path ends at 1e-5: below, every column is in.
    per_decade : int
        Steps a decade.

    Examples
    --------
    >>> [f"{p:.0e}" for p in penalty_path(1000, "l2", 1)]
    ['1e+01', '1e+00', '1e-01', '1e-02', '1e-03', '1e-04', '1e-05']
    """
    last = max(_MILD - math.ceil(math.log10(max(rows, 10))), -9.0) if kind == "l2" else -5.0
    first = _STRONGEST if kind == "l2" else 0.0
    count = round((first - last) * per_decade) + 1
    return tuple(10.0 ** (first - step / per_decade) for step in range(count))


def one_part(recipe: Recipe, family: str, rows: int) -> bool:
    """Say whether one held-out part judges a family, and the very model that was judged is exported.

    Networks, unless folds are asked for; boosted trees where none are, and of more than 500,000 rows, unless
    the recipe has a number of folds of its own. Folds of the other families share their passes and cost
    little more.

    Parameters
    ----------
    recipe : Recipe
        Folds.
    family : str
        What is trained.
    rows : int
        Training rows.

    Examples
    --------
    >>> [one_part(Recipe(), "boosted", rows) for rows in (500_000, 500_001)]
    [False, True]
    """
    if is_network(family):
        return not recipe.network.cv
    many = rows > ONE_PART_FROM and recipe.split.folds == _FOLDS
    return family == BOOSTED and (many or not recipe.boosting.cv)


def population(recipe: Recipe, data: DataModule, *, exact_sums: bool) -> tuple[Member, ...]:
    """Return the members of a recipe, those that train on the same rows side by side.

    Parameters
    ----------
    recipe : Recipe
        Penalty, folds, rate.
    data : DataModule
        Rows and whether folds are periods.
    exact_sums : bool
        Members cost nothing: take a finer path.
    """
    family = family_of(recipe, data.plan, data.rows)
    if one_part(recipe, family, data.rows):
        return (Member(data.judging, penalty=float(family == BOOSTED), forward=data.forward),)
    if is_network(family):
        return _networks(recipe, data)
    penalty = recipe.penalty
    mix = {"l2": 0.0, "l1": 1.0, "elastic": penalty.mix}[penalty.kind]
    strengths = (1.0,) if family in (CROSSED, BOOSTED, BLEND) else ()
    given = () if family in (BOOSTED, BLEND) else penalty.path
    path = given or strengths or penalty_path(data.rows, penalty.kind, 2 if exact_sums else 1)
    steps = family not in (BOOSTED, BLEND) and recipe.descent.optimizer != "exact"
    rate = recipe.descent.rate if steps else 0.0
    groups = [(-1, 0)] + [
        (fold, r) for r in range(recipe.split.repeats) for fold in range(recipe.split.folds)
    ]
    return tuple(
        Member(fold, setting, strength, mix, rate, repeat, data.forward)
        for fold, repeat in groups
        for setting, strength in enumerate(path)
    )


def _networks(recipe: Recipe, data: DataModule) -> tuple[Member, ...]:
    """Return one network a fold and one of all rows."""
    groups = [(-1, 0)] + [(k, r) for r in range(recipe.split.repeats) for k in range(recipe.split.folds)]
    return tuple(Member(fold, repeat=repeat, forward=data.forward) for fold, repeat in groups)
