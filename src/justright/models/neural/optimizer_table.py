"""The table of optimizers: what the training must know of each beside its name.

scope    entry  the update of an entry depends on that entry alone: runs on one packed vector
         whole  norms over all entries as well: the packed vector still gives the same update
         tree   looks at single arrays (their norms, rows, columns, random numbers): runs on the tree
decay    rate       taken from the weights, times the rate (decoupled)
         objective  in the gradient, as a penalty: the optimizer finds its own step size, or keeps the place
                    that it started from
         base       inside, with the optimizer that it wraps
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from justright.errors import RecipeError, closest

__all__ = [
    "OPTIMIZERS",
    "REFUSED_OPTIMIZERS",
    "WRAPPERS",
    "Optimizer",
    "elementwise",
    "needs_value_fn",
    "packable",
    "row_of",
]


@dataclass(frozen=True)
class Optimizer:
    """What the training must know of an optimizer beside its name.

    Parameters
    ----------
    rate : float
        The usual rate on standardised data: the middle of a race.
    scope : {"entry", "whole", "tree"}
        What the update of an entry depends on.
    decay : {"rate", "objective", "base"}
        How weight decay is applied.
    reads : str
        "value" or "value_fn" where the optimizer reads the loss or the function of it; else empty.
    rate_free : bool
        It finds its own step size; `rate` multiplies it and is best left alone.
    scheduled : bool
        It profits from a schedule. Else a constant rate is right: it searches, averages or adapts by
        itself, or reads the rate once.
    """

    rate: float = 1e-3
    scope: Literal["entry", "whole", "tree"] = "entry"
    decay: Literal["rate", "objective", "base"] = "rate"
    reads: Literal["", "value", "value_fn"] = ""
    rate_free: bool = False
    scheduled: bool = True


def _seeking(
    scope: Literal["entry", "whole"],
    reads: Literal["", "value"] = "",
    *,
    rate: float = 1.0,
    scheduled: bool = False,
) -> Optimizer:
    """Return the row of an optimizer that finds its own step size."""
    return Optimizer(rate, scope, "objective", reads, rate_free=True, scheduled=scheduled)


OPTIMIZERS: Final[Mapping[str, Optimizer]] = {
    "acprop": Optimizer(),
    "adabelief": Optimizer(),
    "adadelta": Optimizer(1.0),
    "adafactor": Optimizer(1e-2, "tree"),
    "adagrad": Optimizer(1e-2),
    "adam": Optimizer(),
    "adamax": Optimizer(2e-3),
    "adamaxw": Optimizer(2e-3),
    "adamw": Optimizer(),
    "adan": Optimizer(),
    "ademamix": Optimizer(),
    "adopt": Optimizer(),
    "amsgrad": Optimizer(),
    "cocob": _seeking("entry"),
    "dadapt_adamw": _seeking("whole", scheduled=True),
    "dog": _seeking("whole"),
    "dowg": _seeking("whole"),
    "fromage": Optimizer(1e-2, "tree"),
    "galore": Optimizer(1e-2, "tree"),
    "lamb": Optimizer(1e-2, "tree"),
    "lars": Optimizer(1e-1, "tree"),
    "lbfgs": Optimizer(1.0, "whole", "objective", "value_fn", scheduled=False),
    "lion": Optimizer(1e-4),
    "madgrad": Optimizer(1e-2, decay="objective"),
    "mechanize": Optimizer(1.0, "whole", "base", rate_free=True),
    "momo": _seeking("whole", "value"),
    "momo_adam": _seeking("whole", "value", rate=1e-2),
    "muon": Optimizer(1e-2, "tree"),
    "nadam": Optimizer(),
    "nadamw": Optimizer(),
    "noisy_sgd": Optimizer(1e-2, "tree"),
    "novograd": Optimizer(1e-2, "tree"),
    "optimistic_adam": Optimizer(),
    "optimistic_adam_v2": Optimizer(),
    "optimistic_gradient_descent": Optimizer(1e-2),
    "polyak_sgd": _seeking("whole", "value"),
    "prodigy": _seeking("whole", scheduled=True),
    "radam": Optimizer(),
    "reduce_on_plateau": Optimizer(decay="base", reads="value", scheduled=False),
    "rmsprop": Optimizer(),
    "rprop": Optimizer(1e-3, scheduled=False),
    "sam": Optimizer(1e-3, "whole", "base", "value_fn"),
    "schedule_free": Optimizer(1.0, decay="base", scheduled=False),
    "schedule_free_adamw": Optimizer(2.5e-3, decay="base", scheduled=False),
    "schedule_free_sgd": Optimizer(1.0, decay="base", scheduled=False),
    "sgd": Optimizer(1e-1),
    "sign_sgd": Optimizer(1e-3),
    "signum": Optimizer(1e-3),
    "simplified_ademamix": Optimizer(1e-4),
    "sm3": Optimizer(1e-1, "tree"),
    "sophia": Optimizer(1e-3, "tree", reads="value_fn"),
    "yogi": Optimizer(1e-2),
}
"""Every optimizer by name."""

REFUSED_OPTIMIZERS: Final[Mapping[str, str]] = {
    "differentially_private_aggregate": "needs the gradient of every row, not of the batch",
    "dpsgd": "needs the gradient of every row, not of the batch",
    "hutchinson_estimator_diag_hessian": "is a part of sophia, not an optimizer",
    "normalize": "is a part of sam, not an optimizer",
    "schedule_free_eval_params": "is what `evaluated` does for the schedule-free optimizers",
    "split_real_and_imaginary": "is for complex weights; these are real",
}
"""What optax keeps beside its optimizers, and why it is not taken by name."""

WRAPPERS: Final[dict[str, dict[str, Any]]] = {
    "mechanize": {"base": "adam", "base_options": {}},
    "reduce_on_plateau": {"base": "adam", "base_options": {}},
    "sam": {"base": "adam", "base_options": {}, "rho": 0.05, "opaque_mode": True},
    "schedule_free": {"base": "sgd", "base_options": {}},
    "schedule_free_adamw": {},
    "schedule_free_sgd": {},
}
"""The optimizers around another one, with the options that we add to optax's."""


def elementwise(name: str, **options: Any) -> bool:
    """Return whether the update of an entry depends on that entry alone.

    Such an optimizer runs on one packed vector, or on a table of vectors with a rate for each, as one loop.

    Parameters
    ----------
    name : str
        One of `OPTIMIZERS`.
    **options
        As for `optimizer_for`: a wrapper depends on its `base`.

    Raises
    ------
    RecipeError
        Unknown name.

    Examples
    --------
    >>> [elementwise(name) for name in ("adam", "prodigy", "lamb")]
    [True, False, False]
    """
    return _scope(name, options) == "entry"


def packable(name: str, **options: Any) -> bool:
    """Return whether an optimizer does the same on one packed vector as on the tree of parameters.

    Parameters
    ----------
    name : str
        One of `OPTIMIZERS`.
    **options
        As for `optimizer_for`: a wrapper depends on its `base`.

    Raises
    ------
    RecipeError
        Unknown name.

    Examples
    --------
    >>> [packable(name) for name in ("adam", "prodigy", "lamb")]
    [True, True, False]
    """
    return _scope(name, options) != "tree"


def needs_value_fn(name: str, **options: Any) -> bool:
    """Return whether `update` needs `value_fn`, the loss of the batch as a function of the parameters.

    Parameters
    ----------
    name : str
        One of `OPTIMIZERS`.
    **options
        As for `optimizer_for`.

    Raises
    ------
    RecipeError
        Unknown name.

    Examples
    --------
    >>> [needs_value_fn(name) for name in ("adam", "lbfgs", "polyak_sgd")]
    [False, True, False]
    """
    if name == "sam":
        return bool(options.get("opaque_mode", True))
    return row_of(name).reads == "value_fn"


def row_of(name: str) -> Optimizer:
    """Return the row of an optimizer, or refuse with the likeliest names."""
    if name in OPTIMIZERS:
        return OPTIMIZERS[name]
    why = f", which {REFUSED_OPTIMIZERS[name]}" if name in REFUSED_OPTIMIZERS else ""
    raise RecipeError(
        f"optimizer={name!r}{why}", allowed=closest(name, OPTIMIZERS), next_step="--set optimizer=adam"
    )


def _scope(name: str, options: Mapping[str, Any]) -> str:
    """Return what the update of an entry depends on; a wrapper is no narrower than its base."""
    own = row_of(name).scope
    base = options.get("base", WRAPPERS.get(name, {}).get("base"))
    order = ("entry", "whole", "tree")
    return own if base is None else max(own, row_of(base).scope, key=order.index)
