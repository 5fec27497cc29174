"""The families that a bundle may name: what scores them, what refuses arrays that lie, who has latents.

    forward(front, arrays, block) -> margins float64 (rows, outputs)
    check(front, arrays, outputs)    raises BundleError where arrays are not what the front promises

A trial of a few rows (`fit_check`) meets few of the cells of a table: a map that leads out of it is found by
its values, in `check`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from justright.bundle.tensors import AnyArray
from justright.errors import BundleError, closest
from justright.schema import Block, FloatArray

__all__ = ["FAMILIES", "Check", "Forward", "Served", "family_of"]

Forward: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, AnyArray], Block], FloatArray]
"""`forward(front, arrays, block) -> margins float64 (rows, outputs)`: all a family needs to be served."""

Check: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, AnyArray], int], None]


Prepare: TypeAlias = Callable[[Mapping[str, Any], Mapping[str, AnyArray]], Callable[[Block], FloatArray]]
"""`prepare(front, arrays)` returns the forward of one model; what does not depend on rows is made once."""


class Served(NamedTuple):
    """A family in service; a user's own has no check and is not prepared."""

    forward: Forward
    check: Check | None = None
    latent: bool = False
    prepare: Prepare | None = None

    def scorer(
        self, front: Mapping[str, Any], arrays: Mapping[str, AnyArray]
    ) -> Callable[[Block], FloatArray]:
        """Return what scores the blocks of one model."""
        if self.prepare is not None:
            return self.prepare(front, arrays)
        return lambda block: self.forward(front, arrays, block)


def _linear() -> Served:
    """Return linear models."""
    from justright.models.linear.forward import check, margins, prepared

    return Served(margins, check, prepare=prepared)


def _crossed() -> Served:
    """Return additive models with crosses."""
    from justright.models.crossed.forward import check, margins

    return Served(margins, check)


def _boosted() -> Served:
    """Return boosted trees."""
    from justright.models.boosted.forward import check, margins, prepared

    return Served(margins, check, prepare=prepared)


def _neural() -> Served:
    """Return networks."""
    from justright.models.neural.forward import check, margins

    return Served(margins, check, latent=True)


def _autoencoder() -> Served:
    """Return autoencoders, whose margin is how badly a row is made again."""
    from justright.models.neural.autoencoder import check, margins

    return Served(margins, check, latent=True)


def _blend() -> Served:
    """Return weighted means of other families."""
    from justright.bundle.blend import check, margins, prepared

    return Served(margins, check, prepare=prepared)


FAMILIES: Final[Mapping[str, Callable[[], Served]]] = {
    "linear": _linear,
    "crossed": _crossed,
    "boosted": _boosted,
    "neural": _neural,
    "wide-deep": _neural,
    "autoencoder": _autoencoder,
    "blend": _blend,
}
"""Families by name; each is loaded when a bundle names it."""


def family_of(name: str, own: Mapping[str, Forward]) -> Served:
    """Return a family by the name in a bundle, a user's own first.

    Raises
    ------
    BundleError
        Nobody knows the name.
    """
    if name in own:
        return Served(own[name])
    if name in FAMILIES:
        return FAMILIES[name]()
    raise BundleError(
        f"family={name!r:.60}",
        allowed=closest(name, [*FAMILIES, *own]),
        where="model.json",
        next_step="register its forward: `justright serve MODEL --plugin your.module`, or load(families=...)",
    )
