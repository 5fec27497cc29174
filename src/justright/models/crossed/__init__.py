"""Additive models with guarded crosses: a function of each column and a table of each cross.

    margin = intercept + sum of function_f(column f) + sum of table_fg(column f, column g)

`forward` scores with numpy alone; `learner` trains. To follow a training: `learner` -> `packed` (rows as
codes, column by column) -> `sweep` (a Newton step a term) -> `strength` (penalties by the folds) ->
`search` and `guard` (which crosses).
"""

from __future__ import annotations

from typing import Final

__all__ = ["CROSSED"]

CROSSED: Final = "crossed"
"""Name of the family in recipes, bundles and summaries."""
