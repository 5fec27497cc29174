"""Which libraries a process needs, each at the version that is installed here."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path
from typing import Final

__all__ = ["SERVING_WITHOUT", "imported_by", "pins", "roots_of"]

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


def imported_by(folder: Path) -> tuple[str, ...]:
    """Return the installed libraries that the modules of a folder import, wherever in them.

    What a process needs is what it imports: a list that somebody forgot to mend cannot leave it out.

    Examples
    --------
    >>> imported_by(Path(__file__).parents[1] / "serve" / "dialects")
    ('msgspec', 'numpy', 'pyarrow')
    """
    roots: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                roots.update(each.name.partition(".")[0] for each in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                roots.add(node.module.partition(".")[0])
    known = packages_distributions()
    found = {_plain(known[root][0]) for root in roots - sys.stdlib_module_names if root in known}
    return tuple(sorted(found - {"justright"}))


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
