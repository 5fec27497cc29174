"""How a model is named: `churn`, `churn@champion`, `churn@3`.

A name stands in routes and in paths, so it holds nothing that either would read: no slash, no colon, no `@`.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from justright.errors import RecipeError

__all__ = ["CHAMPION", "Reference", "check_alias", "check_name", "read_reference"]

CHAMPION: Final = "champion"
"""The alias that a bare name means, where it is set."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_ALIAS: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,49}")
_VERSION: Final = re.compile(r"[1-9][0-9]{0,8}")
_NAMES: Final = "letters, digits and . _ - (at most 100, a letter or digit first)"
_ALIASES: Final = "letters, digits and _ - (at most 50, a letter first)"


class Reference(msgspec.Struct, frozen=True):
    """What a text like `churn@champion` names.

    Parameters
    ----------
    name : str
        The model.
    alias : str
        Its alias; empty where none was given.
    version : int
        Its version, 1 and up; 0 where none was given.
    """

    name: str
    alias: str = ""
    version: int = 0

    def __str__(self) -> str:
        after = self.alias or (str(self.version) if self.version else "")
        return f"{self.name}@{after}" if after else self.name


def check_name(name: str) -> str:
    """Return a name that a model may have; RecipeError else.

    Examples
    --------
    >>> check_name("churn-2026")
    'churn-2026'
    """
    if not _NAME.fullmatch(name):
        raise RecipeError(f"name={name!r:.60}", allowed=_NAMES, next_step="--name churn")
    return name


def check_alias(alias: str) -> str:
    """Return an alias that a version may have; RecipeError else.

    Examples
    --------
    >>> check_alias("champion")
    'champion'
    """
    if not _ALIAS.fullmatch(alias):
        raise RecipeError(f"alias={alias!r:.60}", allowed=_ALIASES, next_step=f"--alias {CHAMPION}")
    return alias


def read_reference(text: str) -> Reference:
    """Read NAME, NAME@ALIAS or NAME@VERSION.

    Raises
    ------
    RecipeError
        It is none of these.

    Examples
    --------
    >>> read_reference("churn@champion").alias, read_reference("churn@3").version
    ('champion', 3)
    """
    name, at, after = text.partition("@")
    check_name(name)
    if not at:
        return Reference(name)
    if _VERSION.fullmatch(after):
        return Reference(name, version=int(after))
    if not _ALIAS.fullmatch(after):
        raise RecipeError(
            f"model={text!r:.80}", allowed="NAME, NAME@ALIAS or NAME@VERSION", next_step=f"{name}@{CHAMPION}"
        )
    return Reference(name, alias=after)
