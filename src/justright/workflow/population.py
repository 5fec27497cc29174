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
from justright.recipe import Recipe
from justright.schema import Member
from justright.workflow.family import family_of

__all__ = ["penalty_path", "population"]

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
    """Return one network that is judged on one held-out part, or one a fold and one of all rows."""
    if not recipe.network.cv:
        return (Member(fold=data.judging, forward=data.forward),)
    groups = [(-1, 0)] + [(k, r) for r in range(recipe.split.repeats) for k in range(recipe.split.folds)]
    return tuple(Member(fold, repeat=repeat, forward=data.forward) for fold, repeat in groups)
