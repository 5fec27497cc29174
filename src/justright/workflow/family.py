"""Which family `auto` is: the best there is so far for this table and these choices."""

from __future__ import annotations

from typing import Final

from justright.features.plan import FeaturePlan
from justright.models.crossed import CROSSED
from justright.models.linear import LINEAR
from justright.recipe import Recipe

__all__ = ["family_of"]

# Rows: below, a curve a column is more than they can tell (353 patients: rmse 58.5, the linear model 55.7).
_FEW: Final = 500


def family_of(recipe: Recipe, plan: FeaturePlan, rows: int) -> str:
    """Return the family that a recipe trains.

    `auto` is `crossed`, additive with guarded crosses, unless the choices are those of a linear model (a
    gradient method, L1, a path of penalties), a column is text, which only the linear family reads, or
    there are fewer than 500 rows.

    Examples
    --------
    >>> from justright.features.plan import PlanData
    >>> plan = FeaturePlan(PlanData((), (), (), None))
    >>> family_of(Recipe(), plan, 1000), family_of(Recipe(), plan, 50)
    ('crossed', 'linear')
    """
    if recipe.family != "auto":
        return recipe.family
    linear = (
        recipe.descent.optimizer != "exact"
        or recipe.penalty.kind != "l2"
        or bool(recipe.penalty.path)
        or bool(plan.data.text)
        or rows < _FEW
    )
    return LINEAR if linear else CROSSED
