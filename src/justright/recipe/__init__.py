"""Every choice of a run as one validated, serialisable value; the defaults need no tuning."""

from justright.recipe.groups import Boosting, Crosses, Descent, Features, Ladder, Network, Penalty, Split
from justright.recipe.recipe import Recipe, change, from_data, read_recipe

__all__ = [
    "Boosting",
    "Crosses",
    "Descent",
    "Features",
    "Ladder",
    "Network",
    "Penalty",
    "Recipe",
    "Split",
    "change",
    "from_data",
    "read_recipe",
]
