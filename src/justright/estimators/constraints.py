"""What each parameter of an estimator may be: one table, read by `fit`; the constructors only store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from numbers import Integral, Real
from typing import Any, Final, TypeAlias

import numpy as np

from justright.errors import RecipeError
from justright.models.neural.activations import ACTIVATIONS
from justright.models.neural.optimizer_table import OPTIMIZERS
from justright.models.neural.schedules import OPTAX_SCHEDULES, SCHEDULES

__all__ = [
    "CLASSIFIER",
    "CROSSED_CLASSIFIER",
    "CROSSED_REGRESSOR",
    "NEURAL_CLASSIFIER",
    "NEURAL_REGRESSOR",
    "REGRESSOR",
    "WIDE_DEEP_CLASSIFIER",
    "WIDE_DEEP_REGRESSOR",
    "Table",
    "check",
]

Table: TypeAlias = Mapping[str, tuple[Callable[[Any], bool], str]]
"""Parameter -> (whether a value is allowed, what is allowed in words)."""

_LOSSES: Final = ("squared", "huber", "absolute", "quantile", "poisson")
_PENALTIES: Final = ("l2", "l1", "elasticnet")


def check(parameters: Mapping[str, Any], table: Table) -> None:
    """Refuse the first parameter whose value is not allowed.

    Parameters
    ----------
    parameters : mapping
        Values by name, as `get_params` gives them.
    table : Table
        What is allowed.

    Raises
    ------
    RecipeError
        With the parameter, its value and what is allowed; a ValueError too.

    Examples
    --------
    >>> check({"max_iter": 0}, {"max_iter": (lambda value: value > 0, "an integer above 0")})
    Traceback (most recent call last):
    ...
    justright.errors.RecipeError: received max_iter=0; allowed: an integer above 0.
    """
    for name, (holds, allowed) in table.items():
        if not holds(parameters[name]):
            raise RecipeError(f"{name}={parameters[name]!r}", allowed=allowed)


def _is_number(value: Any, low: float, high: float = np.inf, *, kind: Any = Real) -> bool:
    """Say whether a value is a number in low..high, both ends included."""
    return isinstance(value, kind) and not isinstance(value, bool) and low <= float(value) <= high


def _is_seed(value: Any) -> bool:
    """Say whether a value is what scikit-learn takes as a random state."""
    return value is None or isinstance(value, np.random.RandomState) or _is_number(value, 0, kind=Integral)


def _is_path(value: Any) -> bool:
    """Say whether a value is None, a strength or several."""
    if value is None or _is_number(value, 0, 1e300):
        return True
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        return False
    every = list(value)
    return len(every) > 0 and all(_is_number(one, 0, 1e300) for one in every)


def _is_cv(value: Any) -> bool:
    """Say whether a value is a number of folds, a splitter or a list of splits."""
    if isinstance(value, Integral | float | str):
        return _is_number(value, 2, 100, kind=Integral)
    return hasattr(value, "split") or isinstance(value, Iterable)


def _is_pairs(value: Any) -> bool:
    """Say whether a value is a sequence of pairs of names or numbers of columns."""
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        return False
    every = list(value)
    return all(
        isinstance(pair, Iterable)
        and not isinstance(pair, str)
        and len(two := list(pair)) == 2
        and all(isinstance(one, str | Integral) and not isinstance(one, bool) for one in two)
        for pair in every
    )


_RANDOM: Final[Table] = {
    "cv": (_is_cv, "an integer in 2..100, a splitter of scikit-learn, or a list of (train, test) pairs"),
    "max_iter": (lambda value: _is_number(value, 1, kind=Integral), "an integer above 0"),
    "random_state": (_is_seed, "None, an integer >= 0, or a RandomState"),
}

_CLASS_WEIGHT: Final[Table] = {
    "class_weight": (
        lambda value: value is None or value == "balanced" or isinstance(value, Mapping),
        "None, 'balanced', or a dict of class to weight",
    )
}

_BOTH: Final[Table] = {
    **_RANDOM,
    "penalty": (lambda value: value in _PENALTIES, f"one of {', '.join(_PENALTIES)}"),
    "l1_ratio": (lambda value: _is_number(value, 0, 1), "a number in 0..1"),
    "alphas": (_is_path, "None, a number >= 0, or several"),
    "tol": (lambda value: _is_number(value, 1e-12, 0.1), "a number in 1e-12..0.1"),
}

REGRESSOR: Final[Table] = {
    **_BOTH,
    "loss": (lambda value: value in _LOSSES, f"one of {', '.join(_LOSSES)}"),
    "quantile": (lambda value: _is_number(value, 0, 1) and 0 < value < 1, "a number between 0 and 1"),
}
"""Parameters of LinearRegressor."""

CLASSIFIER: Final[Table] = {**_BOTH, **_CLASS_WEIGHT}
"""Parameters of LinearClassifier."""

_CROSSED: Final[Table] = {
    **_RANDOM,
    "crosses": (
        lambda value: value is None or value == "auto" if isinstance(value, str | None) else _is_pairs(value),
        "'auto', None, or a list of pairs of columns",
    ),
    "products": (lambda value: value is None or _is_pairs(value), "None or a list of pairs of columns"),
    "penalty": (lambda value: value is None or _is_number(value, 0, 1e6), "None or a number in 0..1e6"),
}

CROSSED_REGRESSOR: Final[Table] = {
    **_CROSSED,
    "loss": (lambda value: value in ("squared", "poisson"), "one of squared, poisson"),
}
"""Parameters of CrossedRegressor."""

CROSSED_CLASSIFIER: Final[Table] = {**_CROSSED, **_CLASS_WEIGHT}
"""Parameters of CrossedClassifier."""


def _is_sizes(value: Any) -> bool:
    """Say whether a value is a number of neurons or several."""
    if isinstance(value, str | Mapping):
        return False
    every = list(value) if isinstance(value, Iterable) else [value]
    return len(every) <= 200 and all(_is_number(one, 1, 65_536, kind=Integral) for one in every)


def _is_open(value: Any, low: float, high: float = np.inf, *, kind: Any = Real) -> bool:
    """Say whether a value is "auto" or a number in low..high."""
    return value == "auto" if isinstance(value, str) else _is_number(value, low, high, kind=kind)


def _is_schedule(value: Any) -> bool:
    """Say whether a value is the name of a schedule or a function."""
    if not isinstance(value, str):
        return callable(value)
    return value == "auto" or value in SCHEDULES or value in OPTAX_SCHEDULES


def _is_solver(value: Any) -> bool:
    """Say whether a value is the name of an optimizer or one of optax's making."""
    if not isinstance(value, str):
        return callable(getattr(value, "init", None)) and callable(getattr(value, "update", None))
    return value in OPTIMIZERS


_ACTIVATIONS: Final = ("auto", "logistic", *ACTIVATIONS)
_NUMBERS: Final = ("auto", "plain", "periodic", "piecewise")
_NEURAL_LOSSES: Final = ("squared", "huber", "absolute", "poisson")

_NEURAL: Final[Table] = {
    "hidden_layer_sizes": (_is_sizes, "a number of neurons, 1..65536, or those of at most 200 layers"),
    "activation": (lambda value: value in _ACTIVATIONS, f"one of {', '.join(_ACTIVATIONS)}"),
    "numbers": (lambda value: value in _NUMBERS, f"one of {', '.join(_NUMBERS)}"),
    "dropout": (lambda value: _is_number(value, 0, 1) and value < 1, "a number in 0..1 without 1"),
    "ensemble": (lambda value: _is_number(value, 1, 64, kind=Integral), "an integer in 1..64"),
    "solver": (_is_solver, f"a transformation of optax, or one of {', '.join(OPTIMIZERS)}"),
    "alpha": (lambda value: _is_number(value, 0, 1e300), "a number >= 0"),
    "learning_rate_init": (lambda value: _is_open(value, 1e-30, 1e6), "'auto', or a number above 0"),
    "schedule": (_is_schedule, f"a function of the share done, 'auto', or one of {', '.join(SCHEDULES)}"),
    "batch_size": (lambda value: _is_open(value, 1, kind=Integral), "'auto', or an integer above 0"),
    "max_iter": (lambda value: _is_open(value, 1, kind=Integral), "'auto', or an integer above 0"),
    "clip": (lambda value: _is_number(value, 0, 1e300), "a number >= 0"),
    "average": (lambda value: _is_number(value, 0, 1) and value < 1, "a number in 0..1 without 1"),
    "validation_fraction": (lambda value: _is_number(value, 0.01, 0.5), "a number in 0.01..0.5"),
    "cv": (lambda value: value is None or _is_cv(value), f"None, or {_RANDOM['cv'][1]}"),
    "warm_start": (lambda value: isinstance(value, bool | np.bool_), "True or False"),
    "random_state": _RANDOM["random_state"],
}

NEURAL_REGRESSOR: Final[Table] = {
    **_NEURAL,
    "loss": (lambda value: value in _NEURAL_LOSSES, f"one of {', '.join(_NEURAL_LOSSES)}"),
}
"""Parameters of NeuralRegressor."""

NEURAL_CLASSIFIER: Final[Table] = {
    **_NEURAL,
    **_CLASS_WEIGHT,
    "label_smoothing": (lambda value: _is_number(value, 0, 1) and value < 1, "a number in 0..1 without 1"),
}
"""Parameters of NeuralClassifier."""

_WIDE: Final[Table] = {"crosses": _CROSSED["crosses"]}
_LEFT_OUT: Final = ("cv", "warm_start")  # the wide part is fitted once, for one held-out part

WIDE_DEEP_REGRESSOR: Final[Table] = {
    **{name: line for name, line in NEURAL_REGRESSOR.items() if name not in _LEFT_OUT},
    **_WIDE,
}
"""Parameters of WideDeepRegressor."""

WIDE_DEEP_CLASSIFIER: Final[Table] = {
    **{name: line for name, line in NEURAL_CLASSIFIER.items() if name not in _LEFT_OUT},
    **_WIDE,
}
"""Parameters of WideDeepClassifier."""
