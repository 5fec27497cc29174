"""`--plugin MODULE`: forwards of families of your own, brought by code that the user names."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from justright.errors import RecipeError

if TYPE_CHECKING:
    from justright.bundle.families import Forward

__all__ = ["families_of"]


def families_of(modules: Sequence[str]) -> dict[str, Forward]:
    """Import modules and gather their `families`, a dict of forwards by family name.

    Parameters
    ----------
    modules : sequence of str
        Names as in `import`; the current folder is looked in first.

    Raises
    ------
    RecipeError
        A module cannot be imported or has no `families`.
    """
    found: dict[str, Forward] = {}
    for name in modules:
        here = str(Path.cwd())
        if here not in sys.path:
            sys.path.insert(0, here)
        try:
            module = import_module(name)
        except ImportError as error:
            raise RecipeError(
                f"--plugin {name!r}, which cannot be imported: {error}",
                allowed="the name of a Python module, as in `import`",
                next_step="run the command from the folder that holds it",
            ) from error
        families = getattr(module, "families", None)
        if not isinstance(families, dict) or not all(callable(each) for each in families.values()):
            raise RecipeError(
                f"--plugin {name!r} without `families`",
                allowed="a dict of forwards by family name",
                next_step='families = {"my-net": justright.served(forward)}',
            )
        found |= families
    return found
