"""The settings of boosted trees: those of the recipe."""

from justright.recipe import Boosting

__all__ = ["Boosting"]
