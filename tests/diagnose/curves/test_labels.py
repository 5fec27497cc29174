"""Wrong labels: numbers of other rows, classes whose surest predictions hit a ceiling."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from justright.diagnose.curves.verdict import diagnose_curves
from justright.diagnose.evidence import Evidence, HeldRows, Rival

Make = Callable[..., Evidence]


def ids(evidence: Evidence) -> list[str]:
    return [each.id for each in diagnose_curves(evidence).findings]


def numbers(make: Make, share: float) -> Evidence:
    """A run that has what trees have, on targets of which a share is of other rows."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=1500)
    target = truth + 0.4 * rng.normal(size=1500)
    chosen = rng.random(1500) < share
    target[chosen] = rng.permutation(target)[chosen]
    said = (1.0 - share) * truth
    base, loss = 0.5 * float(target.var()), 0.5 * float(np.square(target - said).mean())
    held = HeldRows(target, said, np.ones(1500), np.zeros(1500, np.int8))
    rival = Rival("rmse", float(np.sqrt(2 * base)), float(np.sqrt(2 * loss)), 0.5, False, loss)
    curve = loss + 0.2 * np.exp(-np.arange(1, 31) / 3)
    return make(curve, curve - 0.01, held=held, base=base, rival=rival)


def test_values_of_other_rows_are_named_with_their_share(make: Make) -> None:
    verdict = diagnose_curves(numbers(make, 0.4))
    assert [each.id for each in verdict.findings] == ["label-noise"]
    share = verdict.findings[0].evidence["share"]
    assert isinstance(share, float)
    assert share == pytest.approx(0.4, abs=0.08)
    assert verdict.causes[0].change == ("loss=huber",)


@pytest.mark.parametrize("share", [0.0, 0.1])
def test_a_few_of_them_cost_next_to_nothing(make: Make, share: float) -> None:
    assert diagnose_curves(numbers(make, share)).just_right


def classes(make: Make, many: int, wrong: float, surer: float) -> Evidence:
    """Classes foretold by logits, a share of them wrong, from a model that is surer than it may be."""
    rng = np.random.default_rng(1)
    logits = 2.0 * rng.normal(size=(1500, many))
    target = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    chosen = rng.random(1500) < wrong
    target[chosen] = (target[chosen] + rng.integers(1, many, int(chosen.sum()))) % many
    p = (1.0 - wrong) * p + wrong * (1.0 - p) / (many - 1)
    p = np.power(p, surer)
    p /= p.sum(axis=1, keepdims=True)
    held = HeldRows(target, p[:, 1] if many == 2 else p, np.ones(1500), np.zeros(1500, np.int8))
    rival = Rival("accuracy", 1.0 / many, 0.5, 0.5, True)
    more: dict[str, Any] = {"held": held, "base": float(np.log(many)), "rival": rival}
    evidence = make(norms={"rate": 0.01}, **more)
    return dataclasses.replace(evidence, task="binary" if many == 2 else "multiclass")


@pytest.mark.parametrize("surer", [1.0, 1.5])
@pytest.mark.parametrize("many", [2, 3, 10])
def test_wrong_classes_leave_a_ceiling_that_a_sure_model_does_not_hide(
    make: Make, many: int, surer: float
) -> None:
    assert "label-noise" in ids(classes(make, many, 0.3, surer))
    assert "label-noise" not in ids(classes(make, many, 0.0, surer))
