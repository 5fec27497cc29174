"""Boosted trees: grown by LightGBM, exported as flat arrays, scored with numpy alone.

    margin = sum over trees of the value of the leaf that the row falls into

`forward` scores (`trees`, `walk`, `lookup`); `learner` trains (`growing`, `rows`, `objective`). To follow a
training: `learner` -> `rows` (who trains on what) -> `growing` (a few trees a pass) -> `trees` (what leaves).
Only `library` imports lightgbm, and only when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from justright.models.boosted.baseline import Boosted, boosted_baseline

__all__ = ["BOOSTED", "Boosted", "boosted_baseline"]

BOOSTED: Final = "boosted"
"""Name of the family in recipes, bundles and summaries."""


def __getattr__(name: str) -> Any:
    """Load the baseline when it is asked for: service needs the forward alone."""
    if name not in ("Boosted", "boosted_baseline"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from justright.models.boosted import baseline

    return getattr(baseline, name)
