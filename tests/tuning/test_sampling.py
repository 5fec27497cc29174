from __future__ import annotations

import math
import sys
from collections.abc import Callable

import pytest

from justright.errors import MissingExtraError
from justright.tuning.sampling import Known, Sampler, points, proposed, require_sampler
from justright.tuning.space import Choice, Params, Range, Space

SPACE: Space = {
    "a": Range(0.001, 1.0, log=True),
    "b": Range(-4.0, 4.0),
    "c": Range(1, 64, whole=True),
    "d": Choice(("x", "y")),
}


def law(params: Params) -> float:
    """Least at a = 0.03, b = 1, d = x; c does nothing."""
    return (
        (math.log10(params["a"]) - math.log10(0.03)) ** 2
        + 0.1 * (params["b"] - 1.0) ** 2
        + 0.3 * (params["d"] == "y")
    )


def searched(
    sampler: Sampler, trials: int, seed: int, space: Space = SPACE, of: Callable[[Params], float] = law
) -> list[tuple[float, Params]]:
    known: list[Known] = []
    for number in range(trials):
        params = proposed(space, known, sampler=sampler, seed=seed, number=number, trials=trials)
        if params is None:
            break
        assert all(space[key].holds(value) for key, value in params.items())
        known.append(Known(params, of(params), 0, True))
    return [(one.loss or 0.0, one.params) for one in known]


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid"])
def test_each_finds_a_known_optimum(sampler: Sampler) -> None:
    loss, best = min(searched(sampler, 60, seed=1), key=lambda each: each[0])
    assert loss < 0.25 and best["d"] == "x"


def test_tpe_looks_where_it_was_good() -> None:
    """The mean loss of the last proposals: at random it stays, by the estimator it falls."""
    ends = {}
    for sampler in ("tpe", "random"):
        found = [each[0] for seed in range(3) for each in searched(sampler, 40, seed)[20:]]  # type: ignore[arg-type]  # a str that is one of its literals
        ends[sampler] = sum(found) / len(found)
    assert ends["tpe"] < 0.6 * ends["random"]


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid"])
def test_a_proposal_is_a_function_of_what_is_known_and_of_seed_and_number(sampler: Sampler) -> None:
    first = searched(sampler, 12, seed=4)
    assert searched(sampler, 12, seed=4) == first
    assert searched(sampler, 12, seed=5) != first
    known = [Known(params, loss, 0, True) for loss, params in first[:8]]
    again = proposed(SPACE, known, sampler=sampler, seed=4, number=8, trials=12)
    assert again == first[8][1]


@pytest.mark.parametrize("sampler", ["tpe", "random", "grid"])
def test_nothing_is_proposed_twice_and_a_small_space_comes_to_its_end(sampler: Sampler) -> None:
    space: Space = {"a": Choice((1, 2, 3)), "b": Range(0, 1, whole=True)}
    found = searched(sampler, 40, 2, space, lambda params: float(params["a"]))
    assert len(found) == 6
    assert sorted(map(str, (params for _, params in found))) == sorted(map(str, points(space) or []))


def test_a_grid_has_about_as_many_points_as_trials() -> None:
    for trials in (8, 30, 100):
        found = searched("grid", 1000, 0) if trials == 1000 else searched("grid", trials, 0)
        assert 0.5 * trials <= len(found) <= trials


def test_points_are_listed_only_where_they_can_be() -> None:
    assert points({"a": Range(0.0, 1.0)}) is None
    assert points({"a": Range(1, 10**9, whole=True)}) is None
    assert points({"a": Range(2, 3, whole=True)}) == [{"a": 2}, {"a": 3}]


def test_failures_defaults_outside_and_stopped_trials_are_borne() -> None:
    told = [Known({**_middle(), "a": 0.5 ** (k + 1)}, float(k), k % 3, k % 3 == 2) for k in range(9)]
    told += [Known({**_middle(), "a": 77.0}, 0.0, 2, True), Known(_middle(), None, 0, False)]
    params = proposed(SPACE, told, sampler="tpe", seed=0, number=11, trials=12)
    assert params is not None and SPACE["a"].holds(params["a"])


def test_a_missing_library_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    require_sampler("grid")
    with pytest.raises(MissingExtraError, match=r"justright\[train\]"):
        require_sampler("tpe")


def _middle() -> Params:
    return {"a": 0.1, "b": 0.0, "c": 8, "d": "y"}
