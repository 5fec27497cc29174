"""Optimizers: every one of optax by its name, built inside a compiled program with a traced rate.

    updates, state = transform.update(grads, state, params, value=loss, value_fn=loss_of)
    params = params + updates

A caller passes `value` (the loss of the batch) and, where `needs_value_fn` says so, `value_fn` (parameters ->
loss of the batch) to every optimizer; each takes what it knows. What depends on the name stands in the table
`OPTIMIZERS` of `optimizer_table`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from justright.errors import RecipeError, closest
from justright.models.neural.adapters import check_present, frozen, routed, scheduled, waiting
from justright.models.neural.guards import (
    Ema,
    GuardedState,
    Rate,
    Tail,
    Transformation,
    guarded,
    penalized,
)
from justright.models.neural.optimizer_state import flat_state, state_of
from justright.models.neural.optimizer_table import (
    OPTIMIZERS,
    WRAPPERS,
    elementwise,
    needs_value_fn,
    packable,
    row_of,
)

if TYPE_CHECKING:
    import jax

__all__ = [
    "OPTIMIZERS",
    "Ema",
    "Tail",
    "elementwise",
    "evaluated",
    "flat_state",
    "guarded",
    "needs_value_fn",
    "optimizer_for",
    "own_decay",
    "packable",
    "state_of",
]

# The name of the rate where it is not `learning_rate`, and who takes no function of the step for it.
_RATE_NAMES: Final = {"polyak_sgd": "max_learning_rate"}
# Options of optax whose names are ours here (`decay`, `factor`), and what they are called instead.
_RENAMED: Final = {"rmsprop": {"b2": "decay"}, "reduce_on_plateau": {"shrink": "factor"}}
_NUMBER_ONLY: Final = ("optimistic_adam", "polyak_sgd", "rprop", "sm3")
_DECAY_NAMES: Final = ("weight_decay", "weight_decay_rate", "adam_weight_decay")
# The factor of a rate means nothing where a line was searched for the step, or where the weights are set
# anew from the place they started at. Measured: L-BFGS under factors of 0.1 and 6 ends at 4 times the error.
_UNSCALED: Final = ("cocob", "lbfgs", "madgrad")
_SEEDED: Final = ("noisy_sgd", "sophia")
# Options of optax that are replaced by `seed`, by the rate or by `base`.
_REPLACED: Final = (
    "key",
    "hessian_diagonal_fn",
    "base_optimizer",
    "optimizer",
    "adv_optimizer",
    "batch_axis_name",
)


def optimizer_for(
    name: str,
    rate: Rate,
    *,
    decay: float | jax.Array | None = None,
    decayed: Any = None,
    factor: Any = None,
    **options: Any,
) -> Transformation:
    """Return an optimizer of optax by its name.

    Parameters
    ----------
    name : str
        One of `OPTIMIZERS`.
    rate : float, traced scalar or callable
        The learning rate, or a function from the step to it. A traced rate lets one compiled program serve
        all.
    decay : float or traced scalar, optional
        Weight decay on the entries that `decayed` marks, at the place that is right for this optimizer (see
        `OPTIMIZERS`); the optimizer's own decay is switched off. None: optax's own decay, on every entry.
    decayed : pytree like the parameters, optional
        1 where an entry is decayed, 0 where not. None: every entry.
    factor : pytree like the parameters, optional
        Multiplies the update of each entry, 0 freezes it. None: 1. For `cocob`, `lbfgs` and `madgrad`, which
        find a scale for each entry by themselves, it only freezes.
    **options
        As in optax; `seed` (int, default 0) for random numbers. Wrappers (mechanize, reduce_on_plateau, sam,
        schedule_free) take `base` (a name) and `base_options`. Two names differ, because `decay` and `factor`
        are taken: `b2` for the decay of rmsprop, `shrink` for the factor of reduce_on_plateau.

    Returns
    -------
    optax.GradientTransformationExtraArgs
        Without `decay` and `factor` the very transformation of optax.

    Raises
    ------
    RecipeError
        Unknown name or option, two decays at once, or, when it is first run, a missing `value` or `value_fn`.

    Notes
    -----
    Building takes microseconds; time and memory of a step are optax's. `lbfgs` searches along each step on
    the batch at hand: give it whole passes. `sophia` and `sam` take a second gradient of the batch.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> transform = optimizer_for("adam", 0.1)
    >>> params = jnp.ones(2)
    >>> updates, state = transform.update(jnp.array([3.0, -4.0]), transform.init(params), params, value=1.0)
    >>> [round(float(update), 4) for update in updates]
    [-0.1, 0.1]
    """
    row = row_of(name)
    given = _checked(name, options, decay)
    if name in WRAPPERS:
        return _wrapped(name, rate, given, decay=decay, decayed=decayed, factor=factor)
    transform = _made(name, rate, given)
    if factor is not None and name in _UNSCALED:
        transform, factor = frozen(transform, factor), None
    if decay is not None and row.decay == "objective":
        transform, decay = penalized(transform, decay, decayed), None
    if decay is None and factor is None:
        return transform
    return guarded(transform, rate=rate, decay=decay, decayed=decayed, factor=factor)


def own_decay(name: str, **options: Any) -> float:
    """Return the weight decay that an optimizer of optax has by itself, 0.0 for most.

    Parameters
    ----------
    name : str
        One of `OPTIMIZERS`.
    **options
        As for `optimizer_for`; a `weight_decay` among them is the answer.

    Raises
    ------
    RecipeError
        Unknown name.

    Notes
    -----
    `optimizer_for(name, rate, decay=own_decay(name), decayed=...)` is the optimizer with biases spared.

    Examples
    --------
    >>> own_decay("adamw"), own_decay("adam")
    (0.0001, 0.0)
    """
    row_of(name)
    if name == "mechanize":  # its weight_decay belongs to the search for the rate
        return 0.0
    known = inspect.signature(_factory(name)).parameters
    for option in _DECAY_NAMES[:2]:
        if option in known:
            return float(options.get(option, known[option].default) or 0.0)
    return 0.0


def evaluated(name: str | None, state: Any, params: Any) -> Any:
    """Return the parameters to judge and to export: for most optimizers the trained ones themselves.

    Parameters
    ----------
    name : str or None
        One of `OPTIMIZERS`; None for a user's own transformation.
    state : pytree
        State of the optimizer, `guarded` or not.
    params : pytree
        The trained parameters.

    Returns
    -------
    pytree like `params`
        The average where `guarded` keeps one, the averaged sequence of schedule-free optimizers, the centre
        of a sam that is amid a period; else `params`.

    Raises
    ------
    RecipeError
        Unknown name.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> params = jnp.ones(2)
    >>> evaluated("sgd", optimizer_for("sgd", 0.1).init(params), params).tolist()
    [1.0, 1.0]
    """
    if isinstance(state, GuardedState):
        return evaluated(name, state.inner, params) if isinstance(state.mean, tuple) else state.mean
    if name is None:
        return params
    row_of(name)
    if name.startswith("schedule_free"):
        import optax

        return optax.contrib.schedule_free_eval_params(state, params)
    return _centre(state, params) if name == "sam" else params


def _centre(state: Any, params: Any) -> Any:
    """Return the parameters between whose neighbours sam looks around."""
    import jax
    import jax.numpy as jnp

    if state.cache is None:
        return params
    amid = state.steps_since_sync > 0
    return jax.tree.map(lambda cached, p: jnp.where(amid, cached, p), state.cache, params)


def _factory(name: str) -> Callable[..., Any]:
    """Return the function of optax of this name."""
    import optax

    factory: Callable[..., Any] = getattr(optax, name, None) or getattr(optax.contrib, name)
    return factory


def _allowed(name: str) -> list[str]:
    """Return the names of the options of an optimizer, our own among them."""
    renamed = _RENAMED.get(name, {})
    replaced = _REPLACED if name != "galore" else ()
    hidden = {_RATE_NAMES.get(name, "learning_rate"), *replaced, *renamed.values()}
    known = [option for option in inspect.signature(_factory(name)).parameters if option not in hidden]
    own = [*WRAPPERS.get(name, {}), *(["seed"] if name in _SEEDED else []), *renamed]
    return list(dict.fromkeys([*own, *known]))


def _checked(name: str, options: Mapping[str, Any], decay: Any) -> dict[str, Any]:
    """Return the options, optax's own decay switched off where `decay` takes its place."""
    allowed = _allowed(name)
    for option, value in options.items():
        if option not in allowed:
            raise RecipeError(
                f"{option}={value!r}",
                allowed=closest(option, allowed, limit=20) if allowed else "no option",
                where=f"optimizer {name}",
            )
    renamed = _RENAMED.get(name, {})
    given = {renamed.get(option, option): value for option, value in options.items()}
    if decay is None or name == "mechanize":
        return given
    for option in _DECAY_NAMES:
        if option in given:
            raise RecipeError(
                f"{option}={given[option]!r} and decay={decay!r}",
                allowed="one of the two",
                where=f"optimizer {name}",
                next_step=f"leave {option} out",
            )
        if option in allowed:
            given[option] = 0.0
    return given


def _made(name: str, rate: Rate, given: dict[str, Any]) -> Transformation:
    """Return a plain optimizer: the factory called, the extra arguments routed."""
    import jax
    import optax

    if name in _SEEDED:
        key = jax.random.key(given.pop("seed", 0))
        if name == "noisy_sgd":
            given["key"] = key
        else:
            given["hessian_diagonal_fn"] = optax.contrib.hutchinson_estimator_diag_hessian(key)

    def build(rate: Rate) -> Transformation:
        return _called(name, _factory(name), **{_RATE_NAMES.get(name, "learning_rate"): rate}, **given)

    transform = scheduled(build, rate) if callable(rate) and name in _NUMBER_ONLY else build(rate)
    if name in ("dadapt_adamw", "prodigy"):
        return waiting(transform)
    return routed(name, transform) if OPTIMIZERS[name].reads else transform


def _called(name: str, factory: Callable[..., Any], **given: Any) -> Transformation:
    """Return what a factory of optax makes, its complaints about the values translated."""
    import optax

    try:
        return optax.with_extra_args_support(factory(**given))
    except (TypeError, ValueError) as error:
        raise RecipeError(
            f"options that optax refuses: {error}",
            where=f"optimizer {name}",
            next_step="correct the value, or leave the option out",
        ) from error


def _wrapped(name: str, rate: Rate, given: dict[str, Any], **around: Any) -> Transformation:
    """Return an optimizer around another one, which carries the decay and the factors."""
    import optax

    defaults = WRAPPERS[name]
    own = {key: given.pop(key, default) for key, default in defaults.items()}
    if name.startswith("schedule_free"):
        return _schedule_free(name, rate, given, own, around)
    base = _base_for(name, rate, own, around)
    if name == "mechanize":
        return _called(name, optax.contrib.mechanize, base_optimizer=base, **given)
    if name == "sam":
        return _sam(base, own["rho"], own["opaque_mode"], given)
    return routed(name, optax.chain(base, _called(name, optax.contrib.reduce_on_plateau, **given)))


def _base_for(name: str, rate: Rate, own: Mapping[str, Any], around: Mapping[str, Any]) -> Transformation:
    """Return the optimizer that a wrapper wraps."""
    base = own["base"]
    row = row_of(base)
    if base in WRAPPERS or (row.reads and name != "reduce_on_plateau"):
        fitting = [each for each, row in OPTIMIZERS.items() if each not in WRAPPERS and not row.reads]
        raise RecipeError(f"base={base!r}", allowed=closest(base, fitting), where=f"optimizer {name}")
    return optimizer_for(base, rate, **around, **own["base_options"])


def _schedule_free(
    name: str, rate: Rate, given: dict[str, Any], own: Mapping[str, Any], around: Mapping[str, Any]
) -> Transformation:
    """Return a schedule-free optimizer: decay and factors act on the sequence that it averages."""
    import optax

    outer = {key: given.pop(key) for key in ("b1", "weight_lr_power", "state_dtype") if key in given}
    warm_up, native = given.pop("warmup_steps", None), given.pop("weight_decay", None)
    if warm_up is not None:
        if callable(rate):
            raise RecipeError(
                f"warmup_steps={warm_up!r} and a schedule",
                allowed="one of the two",
                where=f"optimizer {name}",
            )
        rate = optax.schedules.warmup_constant_schedule(0.0, rate, warm_up)
    around = {**around, "decay": native if around["decay"] is None else around["decay"]}
    if name == "schedule_free":
        base = _base_for(name, rate, own, around)
    elif name == "schedule_free_sgd":
        base = optimizer_for("sgd", rate, **around)
    else:  # Adam without its momentum, whose place the averaging takes
        scale = {"decay": given.pop("b2", 0.999), "eps": given.pop("eps", 1e-8)}
        plain = optax.rmsprop(rate, **scale, eps_in_sqrt=False, bias_correction=True)
        base = guarded(plain, rate=rate, **around)
    return _called(name, optax.contrib.schedule_free, base_optimizer=base, learning_rate=rate, **outer)


def _sam(base: Transformation, rho: float, opaque: bool, given: dict[str, Any]) -> Transformation:
    """Return sharpness-aware minimisation: a step of length rho uphill, and the step of `base` from there."""
    import jax
    import optax

    # optax's own normalisation divides by zero where the gradient is zero; this one does not.
    uphill = optax.chain(optax.normalize_by_update_norm(), optax.sgd(rho))
    inner = _called(
        "sam", optax.contrib.sam, optimizer=base, adv_optimizer=uphill, opaque_mode=opaque, **given
    )

    def update(grads: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        if not opaque:
            updates, after = inner.update(grads, state, params)
            return updates, after
        check_present("sam", "value_fn", extra)
        slope = jax.grad(extra["value_fn"])
        updates, after = inner.update(grads, state, params, grad_fn=lambda at, _: slope(at))
        return updates, after

    return optax.GradientTransformationExtraArgs(inner.init, update)
