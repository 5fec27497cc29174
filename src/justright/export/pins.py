"""Which libraries a process needs, each at the version that is installed here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from typing import Final

__all__ = ["SERVING_WITHOUT", "pins", "roots_of"]

SERVING_WITHOUT: Final = frozenset({"pyarrow"})
"""Of the base, what only tables need: a process that serves never loads it."""

_NAME: Final = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_EXTRAS: Final = re.compile(r"\[([^\]]*)\]")
_WANTED: Final = re.compile(r"extra\s*==\s*['\"]([^'\"]+)['\"]")


def roots_of(package: str = "justright", extra: str = "") -> tuple[str, ...]:
    """Return what a package asks for: its base, or what one of its extras adds.

    Examples
    --------
    >>> "numpy" in roots_of("justright"), "scipy" in roots_of("justright", "train")
    (True, True)
    """
    return tuple(name for name, inner, _ in _asked(package) if inner == extra and name != package)


def pins(roots: Iterable[str], without: Iterable[str] = ()) -> tuple[str, ...]:
    """Return `name==version` of libraries and of all that they need themselves, sorted.

    Parameters
    ----------
    roots : iterable of str
        Names of libraries.
    without : iterable of str
        Left out, with what only they need.

    Notes
    -----
    What a library asks for on other systems alone is not installed here, and so left out. Nothing is asked
    of a package index.

    Examples
    --------
    >>> [line.partition("==")[0] for line in pins(["rich"])]
    ['markdown-it-py', 'mdurl', 'pygments', 'rich']
    """
    left, found = [_plain(name) for name in roots], {}
    skipped = {_plain(name) for name in without}
    extras: dict[str, set[str]] = {}
    while left:
        name = left.pop()
        if name in skipped or (name in found and not extras.get(name)):
            continue
        wanted = extras.pop(name, set())
        try:
            found[name] = distribution(name).version
        except PackageNotFoundError:
            continue
        for other, extra, brings in _asked(name):
            if not extra or extra in wanted:
                if brings:
                    extras.setdefault(other, set()).update(brings)
                if other not in found or brings - wanted:
                    left.append(other)
    return tuple(f"{name}=={version}" for name, version in sorted(found.items()))


def _asked(package: str) -> list[tuple[str, str, set[str]]]:
    """Return what an installed package asks for: name, the extra that asks, extras that are asked of it."""
    found = []
    for text in distribution(package).requires or ():
        requirement, _, marker = text.partition(";")
        name, extras, wanted = _NAME.match(requirement), _EXTRAS.search(requirement), _WANTED.search(marker)
        if name is not None:
            brings = {each.strip() for each in extras.group(1).split(",")} if extras else set()
            found.append((_plain(name.group(1)), wanted.group(1) if wanted else "", brings))
    return found


def _plain(name: str) -> str:
    """Return the one way of writing the name of a library."""
    return re.sub(r"[-_.]+", "-", name).lower()
