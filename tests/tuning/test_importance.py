from __future__ import annotations

import numpy as np
import pytest

from justright.tuning.importance import importance
from justright.tuning.records import Trial
from justright.tuning.space import Choice, Params, Range, Space

SPACE: Space = {
    "bowl": Range(0.001, 1.0, log=True),
    "kind": Choice(("x", "y", "z")),
    "idle": Range(0.0, 1.0),
}


def study(count: int, seed: int, weights: tuple[float, float, float]) -> list[Trial]:
    rng = np.random.default_rng(seed)
    made = []
    for number in range(count):
        params: Params = {
            "bowl": float(10 ** rng.uniform(-3, 0)),
            "kind": "xyz"[rng.integers(3)],
            "idle": float(rng.random()),
        }
        bowl = (np.log10(params["bowl"]) + 1.5) ** 2
        loss = weights[0] * bowl + weights[1] * (params["kind"] == "x") + weights[2] * rng.normal()
        made.append(Trial(number, 0, 1.0, params, "ended", float(loss)))
    return made


def test_what_rules_is_named_first_and_what_is_idle_stays_within_chance() -> None:
    found = importance(SPACE, study(40, 1, (1.0, 0.1, 0.02)))
    assert found[0].key == "bowl" and found[0].share > 0.7 > found[0].chance
    idle = next(one for one in found if one.key == "idle")
    assert idle.share <= idle.chance


def test_a_list_can_rule() -> None:
    found = importance(SPACE, study(30, 2, (0.0, 1.0, 0.05)))
    assert found[0].key == "kind" and found[0].share > found[0].chance


def test_chance_is_stated_rightly() -> None:
    """Keys without effect exceed what is called chance in about 5 of 100 cases."""
    over = [
        one.share > one.chance for seed in range(60) for one in importance(SPACE, study(15, seed, (0, 0, 1)))
    ]
    assert 0.01 < sum(over) / len(over) < 0.11


def test_one_trial_that_went_wrong_decides_nothing() -> None:
    lines = study(30, 3, (1.0, 0.0, 0.05))
    wrong = [*lines[:-1], Trial(29, 0, 1.0, lines[-1].params, "ended", 1e12)]
    before, after = importance(SPACE, lines), importance(SPACE, wrong)
    assert before[0].key == after[0].key == "bowl"
    assert abs(before[0].share - after[0].share) < 0.3


def test_few_trials_and_upper_rungs_say_nothing() -> None:
    lines = study(5, 0, (1.0, 0.0, 0.0))
    upper = [Trial(one.number, 1, 1.0, one.params, "complete", one.loss) for one in lines]
    failed = [Trial(9, 0, 1.0, lines[0].params, "failed")]
    assert importance(SPACE, [*lines, *upper, *failed]) == ()


@pytest.mark.parametrize("value", [0.0, 0.5])
def test_equal_losses_and_a_default_outside_are_borne(value: float) -> None:
    lines = [Trial(k, 0, 1.0, {"a": value if k == 0 else 0.1 * k + 0.01}, "ended", 1.0) for k in range(8)]
    (found,) = importance({"a": Range(0.01, 1.0, log=True)}, lines)
    assert found.share == 0.0
