"""What LightGBM calls our losses, and margins from what it says.

While it trains LightGBM tells predictions, not margins; the inverse link brings them back. A probability
so near 1 that float64 cannot tell it from 1 counts as a margin of 36, where the loss is below 1e-15.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.errors import RecipeError
from justright.optim.losses import Huber, Loss, Quantile
from justright.schema import FloatArray

__all__ = ["margins_from", "objective_for"]

_TINY: Final = 1e-300
_ALMOST: Final = 1.0 - 2.0**-53


def objective_for(loss: Loss, outputs: int, target: npt.NDArray[Any]) -> dict[str, Any]:
    """Return LightGBM's parameters for a loss.

    Parameters
    ----------
    loss : Loss
        What is minimised.
    outputs : int
        Number of classes for `softmax`, else 1.
    target : (rows,)
        Targets; shares between 0 and 1 for `logistic` are allowed.

    Raises
    ------
    RecipeError
        A loss that LightGBM has no objective for.

    Examples
    --------
    >>> from justright.optim.losses import Squared
    >>> objective_for(Squared(), 1, np.zeros(3))
    {'objective': 'regression'}
    """
    if target.ndim > 1 and target.shape[1] > 1:
        raise RecipeError(
            "a target of several columns for boosted trees",
            allowed="one number or one class a row",
            next_step="--family neural",
        )
    if isinstance(loss, Huber):
        return {"objective": "huber", "alpha": loss.delta}
    if isinstance(loss, Quantile):
        if loss.level == 0.5:
            return {"objective": "regression_l1"}
        return {"objective": "quantile", "alpha": loss.level}
    if loss.name == "logistic":
        plain = bool(np.isin(target, (0, 1)).all())
        return {"objective": "binary" if plain else "cross_entropy"}
    known = {"squared": "regression", "poisson": "poisson", "softmax": "multiclass"}
    if loss.name not in known:
        raise RecipeError(
            f"loss={loss.name!r} for boosted trees",
            allowed="squared, absolute, huber, quantile, poisson, logistic, softmax",
        )
    return {"objective": known[loss.name], **({"num_class": outputs} if loss.name == "softmax" else {})}


def margins_from(said: FloatArray, link: str) -> FloatArray:
    """Return margins, float64 (rows, outputs), from predictions (rows,) or (rows, classes).

    Examples
    --------
    >>> margins_from(np.array([0.5]), "logistic").tolist()
    [[0.0]]
    """
    if link == "identity":
        return said[:, None]
    if link == "logistic":
        share = np.clip(said, _TINY, _ALMOST)
        return np.asarray(np.log(share / (1.0 - share)))[:, None]
    logs: FloatArray = np.log(np.maximum(said, _TINY))
    return logs[:, None] if said.ndim == 1 else logs
