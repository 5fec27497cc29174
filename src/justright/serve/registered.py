"""Models of a registry in service: loaded by name, and loaded again beside the old ones when an alias moves.

    registry folder -> signature differs -> load in a thread -> one group replaces the other

A version that cannot be loaded keeps the old ones in service; the log and the counters say so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from justright.bundle.families import Forward
from justright.bundle.predictor import Predictor, load
from justright.errors import JustrightError, RecipeError
from justright.registry import Registry, open_registry
from justright.serve.dataplane import DataPlane, Group

__all__ = ["Reloader", "Wanted", "load_group", "wanted_of"]

_EVERY: Final = 0.25
_AGAIN: Final = 10.0


class Wanted(msgspec.Struct, frozen=True):
    """What is to be served of one model of the registry.

    Parameters
    ----------
    name : str
        The model.
    which : tuple of str
        Aliases and versions, the default first; an empty text = the champion, or the newest where there
        is none.
    traffic : dict of str to int
        Alias or version to its share in per cent; empty = all to the default.
    """

    name: str
    which: tuple[str, ...] = ("",)
    traffic: dict[str, int] = {}


def load_group(
    registry: Registry,
    wanted: Wanted,
    *,
    have: Mapping[str, Predictor] | None = None,
    families: Mapping[str, Forward] | None = None,
) -> Group:
    """Load the versions of a model that are wanted.

    Parameters
    ----------
    registry : Registry
    wanted : Wanted
    have : mapping of str to Predictor, optional
        Models that are loaded already, by model id: they are taken as they are.
    families : mapping of str to Forward, optional
        See `justright.bundle.predictor.load`.

    Raises
    ------
    StorageError, BundleError, RecipeError
        No such name, alias or version, it cannot be loaded, or versions that predict different things.
    """
    every = [*wanted.which, *(each for each in wanted.traffic if each not in wanted.which)]
    entries = {each: registry.resolve(f"{wanted.name}@{each}" if each else wanted.name) for each in every}
    loaded: dict[int, Predictor] = {}
    for entry in sorted(entries.values(), key=lambda entry: entry.version):
        if entry.version not in loaded:
            found = (have or {}).get(entry.model_id)
            loaded[entry.version] = load(entry.path, families=families) if found is None else found
    _check_alike(wanted.name, [*loaded.values(), *(have or {}).values()])
    traffic: dict[str, int] = {}
    for each, share in wanted.traffic.items():
        version = str(entries[each].version)
        traffic[version] = traffic.get(version, 0) + share
    aliases = registry.aliases(wanted.name)
    return Group(
        wanted.name,
        {str(version): predictor for version, predictor in loaded.items()},
        {alias: str(version) for alias, version in aliases.items() if version in loaded},
        str(entries[every[0]].version),
        traffic,
    )


def _check_alike(name: str, models: Sequence[Predictor]) -> None:
    """Refuse versions that predict different things: clients could make nothing of every other answer."""
    kinds = {f"{model.task} of {_target(model)!r:.60}" for model in models}
    if len(kinds) > 1:
        raise RecipeError(
            f"versions of {name} that are a {' and a '.join(sorted(kinds))}", allowed="one of them"
        )


def _target(model: Predictor) -> str:
    """Return the name of what a model predicts."""
    return "" if model.schema.target is None else model.schema.target.column.name


class Reloader:
    """Watches a registry for one plane.

    Parameters
    ----------
    plane : DataPlane
        Its groups are replaced.
    root : str or Path
        Folder of the registry.
    wanted : sequence of Wanted
        What to watch.
    families : mapping of str to Forward, optional
        See `justright.bundle.predictor.load`.
    tell : callable
        Told each event as JSON values: `reload`, and `reload-failed` with its reason.
    """

    def __init__(
        self,
        plane: DataPlane,
        root: str | Path,
        wanted: Sequence[Wanted],
        *,
        families: Mapping[str, Forward] | None = None,
        tell: Callable[[dict[str, Any]], None] = lambda event: None,
    ) -> None:
        self._plane = plane
        self._root = Path(root)
        self._registry = open_registry(root)
        self._wanted = tuple(wanted)
        self._families = families
        self._tell = tell
        self._seen = {each.name: self._signature(each.name) for each in self._wanted}
        self._failed: dict[str, float] = {}

    async def run(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(_EVERY)
            for wanted in self._wanted:
                await self.look(wanted)

    async def look(self, wanted: Wanted) -> None:
        """Load what has changed of one model, beside the old, and replace that."""
        now = asyncio.get_running_loop().time()
        signature = self._signature(wanted.name)
        if signature == self._seen[wanted.name] and now < self._failed.get(wanted.name, float("inf")):
            return
        self._seen[wanted.name] = signature
        self._failed.pop(wanted.name, None)
        old = self._plane.group(wanted.name)
        have = {served.described.model_id: served.predictor for served in old.served.values()}
        try:
            group = await asyncio.to_thread(
                load_group, self._registry, wanted, have=have, families=self._families
            )
        except JustrightError as error:
            self._failed[wanted.name] = now + _AGAIN
            self._tell({"event": "reload-failed", "model": wanted.name, "reason": str(error)})
            return
        if _same(group, old):
            return
        self._plane.put(group)
        told = {"versions": list(group.served), "default": group.default, "aliases": group.aliases}
        self._tell({"event": "reload", "model": wanted.name} | told)

    def _signature(self, name: str) -> tuple[Any, ...]:
        """Return what differs once an alias has moved or a version was added."""
        found: list[Any] = []
        for each in ("aliases.json", "versions"):
            try:
                stat = (self._root / name / each).stat()
            except OSError:
                found.append(None)
            else:
                found.append((stat.st_ino, stat.st_mtime_ns, stat.st_size))
        return tuple(found)


def _same(one: Group, other: Group) -> bool:
    """Say whether two groups answer alike."""

    def told(group: Group) -> tuple[Any, ...]:
        models = {version: served.described.model_id for version, served in group.served.items()}
        return models, group.default, group.aliases, group.traffic

    return told(one) == told(other)


def wanted_of(
    references: Sequence[tuple[str, str]], traffic: Mapping[str, Mapping[str, int]]
) -> list[Wanted]:
    """Return what is wanted of each name.

    Parameters
    ----------
    references : sequence of (str, str)
        Name, and alias or version or an empty text, in the order of the command line.
    traffic : mapping
        Name to shares; see `justright.serve.dataplane.read_traffic`.

    Raises
    ------
    RecipeError
        Shares of a name that is not served.

    Examples
    --------
    >>> wanted_of([("churn", "champion")], {"churn": {"3": 90, "4": 10}})[0].which
    ('champion',)
    """
    which: dict[str, tuple[str, ...]] = {}
    for name, each in references:
        if each not in which.get(name, ()):
            which[name] = (*which.get(name, ()), each)
    for name in traffic:
        if name not in which:
            raise RecipeError(f"traffic of {name!r:.60}", allowed="names of models that are served")
    return [Wanted(name, every, dict(traffic.get(name, {}))) for name, every in which.items()]
