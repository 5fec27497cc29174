"""Which family a recipe asks for: the ladder of all, the readable one, or one by name."""

from __future__ import annotations

from typing import Final

from justright.features.plan import FeaturePlan
from justright.models.crossed import CROSSED
from justright.models.linear import LINEAR
from justright.recipe import Recipe

__all__ = ["GLASS_BOX", "LADDER", "family_of"]

GLASS_BOX: Final = "glass-box"
"""Name of whichever family can be read and fits the table: additive with crosses, or linear."""

LADDER: Final = "ladder"
"""Name of the family that is all of them."""

# Rows: below, a curve a column is more than they can tell (353 patients: rmse 58.5, the linear model 55.7).
_FEW: Final = 500


def family_of(recipe: Recipe, plan: FeaturePlan, rows: int) -> str:
    """Return the family that a recipe trains.

    `auto` is the ladder, unless the choices are those of a linear model: a gradient method, L1, a path of
    penalties. `glass-box` is `crossed`, additive with guarded crosses; `linear` with such choices, where a
    column is text, which `crossed` does not read, and where there are fewer than 500 rows.

    Examples
    --------
    >>> from justright.features.plan import PlanData
    >>> plan = FeaturePlan(PlanData((), (), (), None))
    >>> family_of(Recipe(), plan, 1000)
    'ladder'
    >>> family_of(Recipe(family="glass-box"), plan, 1000), family_of(Recipe(family="glass-box"), plan, 50)
    ('crossed', 'linear')
    """
    if recipe.family not in ("auto", GLASS_BOX):
        return recipe.family
    linear = recipe.descent.optimizer != "exact" or recipe.penalty.kind != "l2" or bool(recipe.penalty.path)
    if recipe.family == "auto":
        return LINEAR if linear else LADDER
    return LINEAR if linear or plan.data.text or rows < _FEW else CROSSED
