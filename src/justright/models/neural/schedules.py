"""Schedules: the learning rate at each step, as pure functions of the share of the work done.

    rate at a step = rate * factor(t)      t = step / steps in [0, 1]

Every schedule of optax by its name, and `coslog4`, `flat_cos`, `step` and `inverse-time` beside them. One
rule serves all options: a name and a meaning are optax's, a number of steps is given as a *share* of all
steps, a rate as a *factor* of the rate. So a schedule knows neither the length of the training nor its rate,
both may be traced, and one compiled program serves every member of a race.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from justright.errors import RecipeError, closest

if TYPE_CHECKING:
    import jax

__all__ = ["OPTAX_SCHEDULES", "REFUSED_SCHEDULES", "SCHEDULES", "Schedule", "schedule_for"]

Schedule: TypeAlias = "Callable[[int | jax.Array], jax.Array]"
Factor: TypeAlias = "Callable[[jax.Array], jax.Array]"

# optax asks for the number of steps before the program is compiled, we know it only inside. So its schedules
# run on a clock of 2**20 ticks a training: a power of two keeps t * ticks exact, and boundaries in whole
# ticks are true to a millionth of the training.
_TICKS: Final = 2**20

# Options that are shares of all steps; each may be 0 only where optax can start at once.
_SHARES: Final = ("transition_steps", "transition_begin", "warmup_steps", "decay_steps", "flat")
_MAY_BE_ZERO: Final = ("transition_begin", "flat")

_DOUBLING: Final = tuple(
    {"init_value": 0.0, "peak_value": 1.0, "warmup_steps": 0.1 * share, "decay_steps": share}
    for share in (1 / 15, 2 / 15, 4 / 15, 8 / 15)
)

SCHEDULES: Final[Mapping[str, Mapping[str, Any]]] = {
    "constant": {},
    "cosine": {"alpha": 0.0, "exponent": 1.0},
    "cosine_onecycle": {"pct_start": 0.3, "div_factor": 25.0, "final_div_factor": 1e4},
    "coslog4": {},
    "exponential": {
        "decay_rate": 0.01,
        "transition_steps": 1.0,
        "transition_begin": 0.0,
        "staircase": False,
        "end_value": None,
    },
    "flat_cos": {"flat": 0.5},
    "inverse-time": {},
    "join": {"schedules": ("constant", "cosine"), "boundaries": (0.5,)},
    "linear": {"init_value": 1.0, "end_value": 0.0, "transition_steps": 1.0, "transition_begin": 0.0},
    "linear_onecycle": {"pct_start": 0.3, "pct_final": 0.85, "div_factor": 25.0, "final_div_factor": 1e4},
    "piecewise_constant": {"boundaries_and_scales": {0.6: 0.1, 0.85: 0.1}},
    "piecewise_interpolate": {
        "interpolate_type": "linear",
        "boundaries_and_scales": {0.6: 0.1, 0.85: 0.1},
    },
    "polynomial": {
        "init_value": 1.0,
        "end_value": 0.0,
        "power": 2.0,
        "transition_steps": 1.0,
        "transition_begin": 0.0,
    },
    "sgdr": {"cosine_kwargs": _DOUBLING},
    "step": {"boundaries_and_scales": {0.6: 0.1, 0.85: 0.1}},
    "warmup_constant": {"init_value": 0.0, "warmup_steps": 0.1},
    "warmup_cosine": {
        "init_value": 0.0,
        "warmup_steps": 0.1,
        "decay_steps": 1.0,
        "end_value": 0.0,
        "exponent": 1.0,
    },
    "warmup_exponential": {
        "init_value": 0.0,
        "warmup_steps": 0.1,
        "transition_steps": 0.9,
        "decay_rate": 0.01,
        "transition_begin": 0.0,
        "staircase": False,
        "end_value": None,
    },
}
"""Each schedule by name, with its options and their defaults (shares of the steps, factors of the rate)."""

OPTAX_SCHEDULES: Final[Mapping[str, str]] = {
    "constant_schedule": "constant",
    "cosine_decay_schedule": "cosine",
    "cosine_onecycle_schedule": "cosine_onecycle",
    "exponential_decay": "exponential",
    "join_schedules": "join",
    "linear_onecycle_schedule": "linear_onecycle",
    "linear_schedule": "linear",
    "piecewise_constant_schedule": "piecewise_constant",
    "piecewise_interpolate_schedule": "piecewise_interpolate",
    "polynomial_schedule": "polynomial",
    "sgdr_schedule": "sgdr",
    "warmup_constant_schedule": "warmup_constant",
    "warmup_cosine_decay_schedule": "warmup_cosine",
    "warmup_exponential_decay_schedule": "warmup_exponential",
}
"""optax's own names, understood too."""

REFUSED_SCHEDULES: Final[Mapping[str, str]] = {
    "inject_hyperparams": "makes an option of an optimizer change with the step; it is no schedule by itself",
    "inject_stateful_hyperparams": "is deprecated in optax, and no schedule by itself",
}
"""What optax keeps beside its schedules, and why it is not one."""


def schedule_for(
    name: str | Schedule, rate: float | jax.Array, steps: int | jax.Array, **options: Any
) -> Schedule:
    """Return the learning rate as a function of the step.

    Parameters
    ----------
    name : str or callable
        One of `SCHEDULES`, or optax's own name of it. A function from the step to the rate (a schedule of
        optax) is returned as it is.
    rate : float or traced scalar
        The rate that the schedule scales: its peak, or its start where it only falls.
    steps : int or traced scalar
        Steps of the whole training, at least 1.
    **options
        As listed in `SCHEDULES`; shares of the steps and factors of the rate.

    Returns
    -------
    callable
        step (int or traced, from 0) -> rate, a float32 scalar. Beyond `steps` the rate stays at its last
        value.

    Raises
    ------
    RecipeError
        Unknown name or option; a share outside [0, 1].

    Notes
    -----
    A few scalar operations a step; nothing is stored.

    References
    ----------
    coslog4 and flat_cos: D. Holzmueller, L. Grinsztajn, I. Steinwart, Better by Default: Strong Pre-Tuned
    MLPs and Boosted Trees on Tabular Data, NeurIPS 2024, arXiv 2407.04491.

    Examples
    --------
    >>> schedule = schedule_for("cosine", rate=0.1, steps=100)
    >>> [round(float(schedule(step)), 3) for step in (0, 50, 100)]
    [0.1, 0.05, 0.0]
    """
    if callable(name):
        return name
    import jax.numpy as jnp

    factor = _factor_for(name, options)

    def schedule(step: int | jax.Array) -> jax.Array:
        done = jnp.asarray(step, jnp.float32) / jnp.asarray(steps, jnp.float32)
        return jnp.asarray(rate * factor(jnp.minimum(done, 1.0)), jnp.float32)

    return schedule


def _factor_for(name: str, options: Mapping[str, Any]) -> Factor:
    """Return the factor of the rate as a function of the share of the work done."""
    known = _known(name)
    given = {**SCHEDULES[known], **_checked(known, options)}
    if known in _OWN:
        return _OWN[known](**given)
    try:
        ticking = _TICKING[known](**given)
    except (TypeError, ValueError) as error:
        if isinstance(error, RecipeError):
            raise
        raise RecipeError(
            f"options that optax refuses: {error}",
            where=f"schedule {known}",
            next_step="correct the value, or leave the option out",
        ) from error

    def factor(done: jax.Array) -> jax.Array:
        import jax.numpy as jnp

        return jnp.asarray(ticking(done * _TICKS), jnp.float32)

    return factor


def _known(name: str) -> str:
    """Return our name of a schedule, or refuse with the likeliest names."""
    if name in REFUSED_SCHEDULES:
        raise RecipeError(
            f"schedule={name!r}, which {REFUSED_SCHEDULES[name]}", allowed=closest(name, SCHEDULES)
        )
    known = OPTAX_SCHEDULES.get(name, name)
    if known not in SCHEDULES:
        raise RecipeError(f"schedule={name!r}", allowed=closest(name, SCHEDULES), next_step="--set schedule=")
    return known


def _checked(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options after checking their names and the range of the shares."""
    where = f"schedule {name}"
    for option, value in options.items():
        if option not in SCHEDULES[name]:
            allowed = closest(option, SCHEDULES[name]) if SCHEDULES[name] else "no option"
            raise RecipeError(f"{option}={value!r}", allowed=allowed, where=where)
        if option in _SHARES:
            _check_share(option, value, where)
    return dict(options)


def _check_share(option: str, value: Any, where: str) -> None:
    """Refuse what is not a share of all steps."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 <= value <= 1 or (value == 0 and option not in _MAY_BE_ZERO):
        raise RecipeError(
            f"{option}={value!r}",
            allowed="a share of all steps, above 0 and at most 1",
            where=where,
            next_step=f"divide it by the number of steps: {option}=0.1 is a tenth of the training",
        )


def _ticks(share: float) -> float:
    """Return a share of the training on the clock of optax's schedules."""
    return float(share) * _TICKS


def _breaks(boundaries_and_scales: Mapping[Any, float]) -> dict[float, float]:
    """Return the boundaries in ticks; keys may be text, as JSON and TOML have them."""
    return {_ticks(float(share)): float(scale) for share, scale in boundaries_and_scales.items()}


def _in_ticks(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options with every share turned into ticks."""
    return {key: _ticks(value) if key in _SHARES else value for key, value in options.items()}


def _of_optax(optax_name: str, **fixed: Any) -> Callable[..., Factor]:
    """Return the builder of one of optax's schedules on the clock of ticks, for a rate of 1."""

    def build(**options: Any) -> Factor:
        import optax

        schedule: Factor = getattr(optax.schedules, optax_name)(**fixed, **_in_ticks(options))
        return schedule

    return build


def _piecewise(optax_name: str) -> Callable[..., Factor]:
    """Return the builder of a schedule of optax with boundaries."""

    def build(*, boundaries_and_scales: Mapping[Any, float], **options: Any) -> Factor:
        import optax

        breaks = _breaks(boundaries_and_scales)
        schedule: Factor = getattr(optax.schedules, optax_name)(
            init_value=1.0, boundaries_and_scales=breaks, **options
        )
        return schedule

    return build


def _sgdr(*, cosine_kwargs: Sequence[Mapping[str, Any]]) -> Factor:
    """Build cosine cycles with warm restarts; the length of each is a share of all steps."""
    import optax

    for cycle in cosine_kwargs:
        for option in ("warmup_steps", "decay_steps"):
            _check_share(option, cycle.get(option), "schedule sgdr, each cycle")
    schedule: Factor = optax.schedules.sgdr_schedule([_in_ticks(cycle) for cycle in cosine_kwargs])
    return schedule


_TICKING: Final[dict[str, Callable[..., Factor]]] = {
    "constant": _of_optax("constant_schedule", value=1.0),
    "cosine": _of_optax("cosine_decay_schedule", init_value=1.0, decay_steps=_TICKS),
    "cosine_onecycle": _of_optax("cosine_onecycle_schedule", peak_value=1.0, transition_steps=_TICKS),
    "exponential": _of_optax("exponential_decay", init_value=1.0),
    "linear": _of_optax("linear_schedule"),
    "linear_onecycle": _of_optax("linear_onecycle_schedule", peak_value=1.0, transition_steps=_TICKS),
    "piecewise_constant": _piecewise("piecewise_constant_schedule"),
    "piecewise_interpolate": _piecewise("piecewise_interpolate_schedule"),
    "polynomial": _of_optax("polynomial_schedule"),
    "sgdr": _sgdr,
    "step": _piecewise("piecewise_constant_schedule"),
    "warmup_constant": _of_optax("warmup_constant_schedule", peak_value=1.0),
    "warmup_cosine": _of_optax("warmup_cosine_decay_schedule", peak_value=1.0),
    "warmup_exponential": _of_optax("warmup_exponential_decay_schedule", peak_value=1.0),
}


def _coslog4() -> Factor:
    """Build four cosine cycles of doubling length, each from 0 over 1 to 0."""
    import jax.numpy as jnp

    return lambda done: 0.5 * (1.0 - jnp.cos(2.0 * math.pi * jnp.log2(1.0 + 15.0 * done)))


def _flat_cos(*, flat: float) -> Factor:
    """Build 1 for the first share, then half a cosine to 0."""
    import jax.numpy as jnp

    def factor(done: jax.Array) -> jax.Array:
        falling = jnp.clip((done - flat) / max(1.0 - flat, 1e-6), 0.0, 1.0)
        return 0.5 * (1.0 + jnp.cos(math.pi * falling))

    return factor


def _inverse_time() -> Factor:
    """Build 1 / (1 + 99 t), to a hundredth at the end."""
    return lambda done: 1.0 / (1.0 + 99.0 * done)


def _join(*, schedules: Sequence[Any], boundaries: Sequence[float]) -> Factor:
    """Build one schedule after the other, each run over its own part from its start to its end.

    A part is a name, or a name and its options.
    """
    import jax.numpy as jnp

    edges = [0.0, *map(float, boundaries), 1.0]
    if len(edges) != len(schedules) + 1 or any(a >= b for a, b in zip(edges, edges[1:], strict=False)):
        raise RecipeError(
            f"boundaries={list(boundaries)!r} for {len(schedules)} schedules",
            allowed="one boundary fewer than schedules, rising, each between 0 and 1",
            where="schedule join",
        )
    parts = [(part, {}) if isinstance(part, str) else (part[0], part[1]) for part in schedules]
    factors = [_factor_for(name, options) for name, options in parts]

    def factor(done: jax.Array) -> jax.Array:
        value = factors[0](jnp.minimum(done / edges[1], 1.0))
        for start, end, later in zip(edges[1:], edges[2:], factors[1:], strict=False):
            part = jnp.clip((done - start) / (end - start), 0.0, 1.0)
            value = jnp.where(done < start, value, later(part))
        return value

    return factor


_OWN: Final[dict[str, Callable[..., Factor]]] = {
    "coslog4": _coslog4,
    "flat_cos": _flat_cos,
    "inverse-time": _inverse_time,
    "join": _join,
}
