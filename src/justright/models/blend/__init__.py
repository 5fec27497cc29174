"""Blends: several trained models of one table, their margins averaged by weights found on held-out rows."""

from typing import Final

from justright.models.blend.learner import Blend, Part, stacked

__all__ = ["BLEND", "Blend", "Part", "stacked"]

BLEND: Final = "blend"
"""Name of the family."""
