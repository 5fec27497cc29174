"""Which choices are searched: keys of the recipe with a range or a list, checked against the recipe."""

from __future__ import annotations

import math
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from justright.errors import RecipeError, closest
from justright.recipe import Recipe, from_data

__all__ = [
    "Choice",
    "Params",
    "Range",
    "Space",
    "applied",
    "default_space",
    "parse_space",
    "values_at",
    "values_in",
]

Params: TypeAlias = dict[str, Any]
"""Values by key of the recipe; lists as JSON gives them."""


class Range(msgspec.Struct, frozen=True, tag="range"):
    """Numbers from `low` to `high`, both included, evenly or evenly on the logarithm; whole where `whole`."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def holds(self, value: Any) -> bool:
        """Whether a value is one of them."""
        return isinstance(value, int | float) and self.low <= value <= self.high

    def at(self, share: float) -> float | int:
        """Return the value at a share 0..1 of the way."""
        if self.log:
            value = math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + share * (self.high - self.low)
        value = min(max(value, self.low), self.high)
        return round(value) if self.whole else value


class Choice(msgspec.Struct, frozen=True, tag="choice"):
    """A list of values."""

    values: tuple[Any, ...]

    def holds(self, value: Any) -> bool:
        """Whether a value is one of them."""
        return value in self.values


Space: TypeAlias = dict[str, Range | Choice]
"""What is searched, by key of the recipe."""

_TREES: Final[Space] = {
    "boosting.leaves": Range(8, 128, log=True, whole=True),
    "boosting.rate": Range(0.02, 0.2, log=True),
    "boosting.l2": Range(0.1, 30.0, log=True),
    "boosting.columns": Range(0.4, 1.0),
    "boosting.rows_a_leaf": Range(3, 100, log=True, whole=True),
}
# A rate of its own saves each trial the race for it.
_NETWORK: Final[Space] = {
    "network.hidden": Choice(([96, 96], [192, 192], [384, 384], [192, 192, 192])),
    "network.dropout": Range(0.0, 0.4),
    "network.decay": Range(0.001, 0.2, log=True),
    "network.rate": Range(0.01, 0.3, log=True),
}
# Linear and additive models find their penalties themselves, so little is left.
_DEFAULTS: Final[dict[str, Space]] = {
    "linear": {
        "penalty.kind": Choice(("l2", "l1", "elastic")),
        "features.clip": Range(3.0, 30.0, log=True),
    },
    "crossed": {"crosses.search": Choice((True, False))},
    "boosted": _TREES,
    "neural": _NETWORK,
    "wide-deep": _NETWORK,
}
_GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "linear": ("penalty.", "descent.", "features.clip"),
    "crossed": ("crosses.",),
    "boosted": ("boosting.",),
    "neural": ("network.",),
    "wide-deep": ("network.", "crosses."),
}
_EVERY: Final = ("penalty.", "descent.", "features.clip", "crosses.", "boosting.", "network.")
_EFFORT: Final = ("boosting.rounds", "network.epochs", "network.seconds", "descent.epochs")


def default_space(family: str) -> Space:
    """Return what is searched for a family where nobody says.

    Raises
    ------
    RecipeError
        There is no such space.

    Examples
    --------
    >>> default_space("crossed")
    {'crosses.search': Choice(values=(True, False))}
    """
    if family not in _DEFAULTS:
        raise RecipeError(
            f"family={family!r} without a space",
            allowed=closest(family, _DEFAULTS),
            next_step="--space KEY=LOW..HIGH says what is searched",
        )
    return dict(_DEFAULTS[family])


def parse_space(texts: Sequence[str], recipe: Recipe) -> Space:
    """Read a space as it is written: `key=low..high`, `key=low..high:log`, `key=a,b,c`.

    Parameters
    ----------
    texts : sequence of str
        One for each key.
    recipe : Recipe
        With the family; its other choices stand around those that are searched.

    Raises
    ------
    RecipeError
        No such key, one that this family does not have or that no trial may change, an empty range, a
        logarithm of nothing, or a value that the recipe refuses.

    Examples
    --------
    >>> parse_space(["boosting.leaves=8..64:log"], Recipe(family="boosted"))
    {'boosting.leaves': Range(low=8, high=64, log=True, whole=True)}
    """
    space: Space = {}
    for text in texts:
        key, equals, raw = (part.strip() for part in text.partition("="))
        if not equals or not key or not raw:
            raise RecipeError(
                f"--space {text!r}", allowed="KEY=LOW..HIGH, KEY=LOW..HIGH:log or KEY=A,B,C", next_step=_LIKE
            )
        if key in space:
            raise RecipeError(f"--space {key} twice", allowed="one range or list for a key")
        _check_key(key, recipe.family)
        space[key] = _range(key, raw) if ".." in raw else Choice(tuple(_listed(key, raw)))
        for value in values_at(space[key]):
            applied(recipe, {key: value})
    return space


def values_at(one: Range | Choice, levels: int = 2) -> tuple[Any, ...]:
    """Return the values of a list, or so many of a range, from end to end.

    Examples
    --------
    >>> values_at(Range(1, 100, log=True), 3), values_at(Choice(("a", "b")))
    ((1.0, 10.0, 100), ('a', 'b'))
    """
    if isinstance(one, Choice):
        return one.values
    made = [one.at(step / max(levels - 1, 1)) for step in range(levels)]
    return tuple(dict.fromkeys(round(value, 12) for value in made))


def applied(recipe: Recipe, params: Mapping[str, Any]) -> Recipe:
    """Return a recipe with some values; RecipeError where it refuses one.

    Examples
    --------
    >>> applied(Recipe(), {"boosting.leaves": 8}).boosting.leaves
    8
    """
    data = msgspec.to_builtins(recipe)
    for key, value in params.items():
        *groups, last = key.split(".")
        place = data
        for group in groups:
            place = place[group]
        place[last] = value
    return from_data(data)


def values_in(recipe: Recipe, space: Space) -> Params:
    """Return what a recipe itself says of the keys that are searched.

    Examples
    --------
    >>> values_in(Recipe(), {"boosting.leaves": Range(2, 9)})
    {'boosting.leaves': 31}
    """
    data: Mapping[str, Any] = msgspec.to_builtins(recipe)
    found: Params = {}
    for key in space:
        place: Any = data
        for part in key.split("."):
            place = place[part]
        found[key] = list(place) if isinstance(place, tuple) else place
    return found


_LIKE: Final = "--space boosting.rate=0.01..0.3:log"


def _keys() -> dict[str, Any]:
    """Return every key of a recipe with its type."""
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(Recipe):
        inner = field.type
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            found |= {f"{field.name}.{each.name}": each.type for each in msgspec.structs.fields(inner)}
        else:
            found[field.name] = inner
    return found


def _check_key(key: str, family: str) -> None:
    """Refuse a key that is none, that the family does not read, or that trials must share."""
    every = _keys()
    own = _GROUPS.get(family, _EVERY)
    mine = [each for each in every if each.startswith(own) and each not in _EFFORT]
    if key in _EFFORT:
        raise RecipeError(
            f"--space {key}", allowed="a fixed value: it is the effort that halving deals out",
            next_step=f"--set {key}=VALUE",
        )  # fmt: skip
    if key not in every:
        raise RecipeError(f"--space {key}, which is no key of a recipe", allowed=closest(key, mine))
    if not key.startswith(own):
        shared = not key.startswith(_EVERY)
        why = "which all trials share" if shared else f"which the family {family} does not read"
        raise RecipeError(f"--space {key}, {why}", allowed=closest(key, mine), next_step=f"--set {key}=VALUE")


def _range(key: str, raw: str) -> Range:
    """Read low..high or low..high:log."""
    ends, colon, scale = raw.partition(":")
    kinds = _alternatives(_keys()[key])
    where = f"--space {key}={raw}"
    if not kinds & {int, float}:
        raise RecipeError(where, allowed="a list A,B,C: this key takes no numbers")
    whole = float not in kinds
    try:
        low, high = (int(end) if whole else float(end) for end in ends.split("..", 1))
    except ValueError:
        kind = "whole numbers" if whole else "numbers"
        raise RecipeError(where, allowed=f"{kind} LOW..HIGH", next_step=_LIKE) from None
    if colon and scale.strip() != "log":
        raise RecipeError(where, allowed="LOW..HIGH:log, or LOW..HIGH", next_step=_LIKE)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise RecipeError(where, allowed="LOW below HIGH", next_step=_LIKE)
    if colon and low <= 0:
        raise RecipeError(where, allowed="LOW above 0, for a logarithm", next_step=f"--space {key}={ends}")
    return Range(low, high, bool(colon), whole)


def _alternatives(kind: Any) -> set[Any]:
    """Return the types that a field takes."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return set(typing.get_args(kind))
    return {kind}


def _listed(key: str, raw: str) -> list[Any]:
    """Read A,B,C as TOML values; words that are none are texts."""
    try:
        values: list[Any] = tomllib.loads(f"v = [{raw}]")["v"]
    except tomllib.TOMLDecodeError:
        values = [part.strip() for part in raw.split(",")]
    distinct = [value for place, value in enumerate(values) if value not in values[:place]]
    if len(distinct) < 2 or "" in distinct:
        raise RecipeError(f"--space {key}={raw}", allowed="two different values at least, A,B,C")
    return distinct
