"""What is tried next: a function of all that is known, the seed and the number of the trial, nothing else.

So a study that was killed goes on as if it had not been: the sampler is made anew for each trial and told all
others. The library is optuna; its study lives in memory, for the length of one question.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec
import numpy as np

from justright.errors import MissingExtraError
from justright.tuning.space import Choice, Params, Range, Space, values_at

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = ["Known", "Sampler", "points", "proposed", "require_sampler"]

Sampler: TypeAlias = Literal["tpe", "random", "grid"]

_TRIES: Final = 20  # draws in search of something that was not tried
_MOST: Final = 10_000  # points of a space that are listed


@dataclass(frozen=True)
class Known:
    """A trial and its loss on the highest rung that it has reached; None where it failed or is at work."""

    params: Params
    loss: float | None
    rung: int
    top: bool


def require_sampler(sampler: Sampler) -> None:
    """Raise MissingExtraError where a sampler's library is not installed."""
    if sampler != "grid":
        _optuna()


def points(space: Space, most: int = _MOST) -> list[Params] | None:
    """Return all points of a space of lists and of whole numbers; None where there are more than `most`.

    Examples
    --------
    >>> points({"a": Choice((1, 2)), "b": Range(1, 2, whole=True)})
    [{'a': 1, 'b': 1}, {'a': 1, 'b': 2}, {'a': 2, 'b': 1}, {'a': 2, 'b': 2}]
    """
    lists: list[Sequence[Any]] = []
    for one in space.values():
        if isinstance(one, Range) and not one.whole:
            return None
        lists.append(one.values if isinstance(one, Choice) else range(int(one.low), int(one.high) + 1))
    if math.prod(len(each) for each in lists) > most:
        return None
    return [dict(zip(space, values, strict=True)) for values in itertools.product(*lists)]


def proposed(
    space: Space, known: Sequence[Known], *, sampler: Sampler, seed: int, number: int, trials: int
) -> Params | None:
    """Return what trial `number` is to try.

    Parameters
    ----------
    space : dict
        What is searched.
    known : sequence of Known
        All trials so far, in the order of their numbers.
    sampler : {"tpe", "random", "grid"}
        Tree-structured Parzen estimator; at random; the points of a grid in an order drawn from the seed.
    seed, number : int
        Of the study, and of the trial.
    trials : int
        Of the study: the grid has about so many points.

    Returns
    -------
    dict or None
        None where everything has been tried.

    Raises
    ------
    MissingExtraError
        optuna is not installed.

    References
    ----------
    J. Bergstra et al. (2011), Algorithms for Hyper-Parameter Optimization.

    Examples
    --------
    >>> space = {"a": Choice((1, 2, 3))}
    >>> told = [Known({"a": 2}, 0.5, 0, True)]
    >>> proposed(space, told, sampler="random", seed=0, number=1, trials=3)["a"] in (1, 3)
    True
    """
    tried = {_name(one.params) for one in known}
    every = points(space) if sampler != "grid" else _grid(space, trials)
    rng = np.random.default_rng([seed, number])
    if every is not None:
        # One order for the whole study: what is left of it depends on the seed alone.
        order = np.random.default_rng(seed).permutation(len(every))
        left = [every[place] for place in order if _name(every[place]) not in tried]
        if sampler == "grid" or not left or len(every) <= trials:
            return left[0] if left else None
    else:
        left = []
    for _ in range(_TRIES):
        made = _asked(space, known, sampler, int(rng.integers(2**31)), trials)
        if _name(made) not in tried:
            return made
    return left[0] if left else None


def _grid(space: Space, trials: int) -> list[Params]:
    """Return a grid of about `trials` points: ranges get further values in turn while it stays below."""
    levels = {key: len(one.values) if isinstance(one, Choice) else 2 for key, one in space.items()}
    ranges = [key for key, one in space.items() if isinstance(one, Range)]
    grows = True
    while grows:
        grows = False
        for key in ranges:
            more = math.prod(levels.values()) // levels[key] * (levels[key] + 1)
            if more <= trials:
                levels[key] += 1
                grows = True
    lists = [values_at(one, levels[key]) for key, one in space.items()]
    return [dict(zip(space, values, strict=True)) for values in itertools.product(*lists)]


def _asked(space: Space, known: Sequence[Known], sampler: Sampler, seed: int, trials: int) -> Params:
    """Ask optuna, told all that is known."""
    optuna = _optuna()
    few = min(10, max(4, trials // 3))
    made = (
        optuna.samplers.RandomSampler(seed=seed)
        if sampler == "random"
        else optuna.samplers.TPESampler(seed=seed, n_startup_trials=few, multivariate=True)
    )
    study = optuna.create_study(sampler=made)
    law = {key: _law(optuna, one) for key, one in space.items()}
    if sampler == "tpe":
        study.add_trials(_told(optuna, space, law, known))
    asked: Mapping[str, Any] = study.ask(law).params
    return {
        key: one.values[int(asked[key])] if isinstance(one, Choice) else asked[key]
        for key, one in space.items()
    }


def _law(optuna: Any, one: Range | Choice) -> BaseDistribution:
    """Return a part of the space as optuna has it; values of lists by their places."""
    kinds = optuna.distributions
    made: BaseDistribution
    if isinstance(one, Choice):
        made = kinds.CategoricalDistribution([str(place) for place in range(len(one.values))])
    elif one.whole:
        made = kinds.IntDistribution(int(one.low), int(one.high), log=one.log)
    else:
        made = kinds.FloatDistribution(one.low, one.high, log=one.log)
    return made


def _told(optuna: Any, space: Space, law: dict[str, Any], known: Sequence[Known]) -> list[Any]:
    """Return trials as optuna has them: those below the top as pruned on their rung, ranked after the others.

    One that lies outside the space, as a default may, is not told.
    """
    states, told = optuna.trial.TrialState, []
    for one in known:
        if one.loss is None or not all(space[key].holds(one.params.get(key)) for key in space):
            continue
        params = {
            key: str(part.values.index(one.params[key])) if isinstance(part, Choice) else one.params[key]
            for key, part in space.items()
        }
        told.append(
            optuna.trial.create_trial(
                params=params,
                distributions=law,
                value=one.loss if one.top else None,
                intermediate_values={} if one.top else {one.rung: one.loss},
                state=states.COMPLETE if one.top else states.PRUNED,
            )
        )
    return told


def _optuna() -> Any:
    """Return the library, silenced."""
    try:
        import optuna
    except ImportError as error:
        raise MissingExtraError(
            "no library 'optuna', which proposes what to try",
            allowed="the extra `train`",
            next_step="pip install 'justright[train]', or --sampler grid",
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _name(params: Params) -> bytes:
    """Return what two equal settings have in common."""
    return msgspec.json.encode(sorted(params.items()))
