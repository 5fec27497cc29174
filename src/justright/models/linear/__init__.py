"""Linear models: one weight a number, an indicator, a category and a hashed n-gram."""

from typing import Final

LINEAR: Final = "linear"
"""Name of the family."""
