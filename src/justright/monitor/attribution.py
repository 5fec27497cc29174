"""What each term of a linear or an additive model adds to the margin, straight from encoded rows.

One table says which families can tell; the others have no attribution to watch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from justright.features.plan import Feature, FeaturePlan
from justright.schema import Block, FloatArray

__all__ = ["Terms", "terms_of"]

Reader: TypeAlias = Callable[[Block], FloatArray]


class Terms(NamedTuple):
    """The terms of a model.

    Parameters
    ----------
    names : tuple of str
        For people.
    read : callable
        `read(block) -> float64 (rows, terms)`: what each adds to the margin of the first output.
    """

    names: tuple[str, ...]
    read: Reader


def terms_of(
    family: str, front: Mapping[str, Any], arrays: Mapping[str, Any], plan: FeaturePlan
) -> Terms | None:
    """Return the terms of a model, or None where its family has none.

    Examples
    --------
    >>> from justright.features.plan import PlanData
    >>> terms_of("boosted", {}, {}, FeaturePlan(PlanData((), (), (), None))) is None
    True
    """
    if family == "linear":
        from justright.models.linear.contributions import contributions as linear

        data = plan.data
        features: tuple[Feature, ...] = (*data.numeric, *data.categorical, *data.text)
        names = tuple(feature.name for feature in features)
        return Terms(names, lambda block: linear(front, arrays, plan, block)[0][:, :, 0])
    if family == "crossed":
        from justright.models.crossed.forward import contributions as crossed
        from justright.models.crossed.forward import layout_of

        names = tuple(layout_of(front).names)
        return Terms(names, lambda block: crossed(front, arrays, block)[0][:, :, 0])
    return None
