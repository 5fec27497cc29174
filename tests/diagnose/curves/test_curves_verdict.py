"""The verdict on made curves: each planted fault is named first, a healthy run is left alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from justright.diagnose.curves.verdict import RULES, diagnose_curves
from justright.diagnose.evidence import Evidence, HeldRows, InputColumn, Rival
from justright.recipe import Recipe, change
from justright.schema import Finding

Make = Callable[..., Evidence]
STEPS = np.arange(1, 31)


def first(evidence: Evidence) -> str:
    return diagnose_curves(evidence).findings[0].id


def test_a_healthy_run_is_just_right_and_nothing_else(make: Make) -> None:
    verdict = diagnose_curves(make())
    assert verdict.just_right and verdict.causes == ()
    assert [each.id for each in verdict.findings] == ["just-right"]


@pytest.mark.parametrize("seed", range(20))
def test_noise_of_the_validation_loss_is_no_fault(make: Make, seed: int) -> None:
    rng = np.random.default_rng(seed)
    curve = 0.15 + 0.35 * np.exp(-STEPS / 4)
    found = diagnose_curves(make(curve + rng.normal(0, 0.006, 30), curve - 0.01 + rng.normal(0, 0.001, 30)))
    assert found.just_right, found.findings


def test_a_wide_gap_with_a_falling_validation_loss_is_no_fault(make: Make) -> None:
    curve = 0.15 + 0.35 * np.exp(-STEPS / 4)
    assert diagnose_curves(make(curve, 0.2 * curve)).just_right


def test_divergence_is_a_rate_too_high(make: Make) -> None:
    verdict = diagnose_curves(make(np.r_[3.0, 9.0, np.full(6, np.nan)], np.r_[3.0, 9.0, np.full(6, np.nan)]))
    assert verdict.findings[0].id == "rate-too-high"
    assert verdict.causes[0].change == ("network.rate=0.001",)


def test_a_training_loss_that_jumps_is_a_rate_too_high(make: Make) -> None:
    curve = 0.2 + 0.3 * np.exp(-STEPS / 4) + 0.06 * np.random.default_rng(2).normal(size=30)
    assert first(make(curve, curve)) == "rate-too-high"


def test_curves_that_go_on_falling_are_a_rate_too_low(make: Make) -> None:
    verdict = diagnose_curves(make(0.5 - 0.006 * STEPS, 0.5 - 0.007 * STEPS, share=0.3))
    assert verdict.findings[0].id == "rate-too-low"
    assert float(verdict.causes[0].change[0].split("=")[1]) > 0.01


def test_a_rate_that_is_annealed_ends_flat_and_is_not_called_low(make: Make) -> None:
    falling = make(0.5 - 0.012 * STEPS, 0.5 - 0.012 * STEPS, network={"schedule": "auto"})
    assert diagnose_curves(falling).just_right


def test_a_handful_of_passes_is_too_few(make: Make) -> None:
    verdict = diagnose_curves(make([0.5, 0.4, 0.33], [0.7, 0.45, 0.36], share=0.4))
    assert verdict.findings[0].id == "too-few-passes"
    assert verdict.causes[0].change == ("network.epochs=12",)


def test_a_rise_beyond_noise_is_over_fit_if_training_falls(make: Make) -> None:
    rise = 0.15 + 0.35 * np.exp(-STEPS / 2) + 0.006 * np.maximum(STEPS - 10, 0)
    loose = {"dropout": 0.0, "decay": 0.0}
    verdict = diagnose_curves(make(rise, 0.5 * np.exp(-STEPS / 6), network=loose))
    assert verdict.findings[0].id == "over-fit"
    assert "network.dropout=0.15" in verdict.causes[0].change


def test_the_same_rise_within_the_noise_of_few_rows_is_none(make: Make) -> None:
    rise = 0.15 + 0.35 * np.exp(-STEPS / 2) + 0.001 * np.maximum(STEPS - 10, 0)
    assert diagnose_curves(make(rise, 0.5 * np.exp(-STEPS / 6), rows=150, boosted=0.7)).just_right


def test_dead_units_count_where_the_model_is_the_worse_for_it(make: Make) -> None:
    norms = {"rate": 0.01, "dead": 0.95}
    flat = np.full(30, 0.45)
    assert first(make(flat, flat, norms=norms, share=0.1)) == "dead-units"
    assert diagnose_curves(make(norms=norms)).just_right


def test_many_squashing_layers_that_learn_nothing(make: Make) -> None:
    flat, deep = np.full(30, 0.5), {"hidden": (32,) * 8, "activation": "sigmoid"}
    verdict = diagnose_curves(make(flat, flat, network=deep, share=0.01))
    assert verdict.findings[0].id == "gradients-vanish"


def test_trees_that_gain_nothing_either_mean_no_signal(make: Make) -> None:
    flat = np.full(30, 0.5) + 0.001 * np.random.default_rng(0).normal(size=30)
    rival = Rival("rmse", 1.0, 1.01, 1.0, False, 0.51)
    assert first(make(flat, flat, share=1e-6, rival=rival, base=0.5)) == "no-signal"


def test_nothing_learned_is_said_without_trees_too(make: Make) -> None:
    flat = np.full(30, 0.5)
    assert first(make(flat, flat, share=1e-6, rival=None, base=0.5)) == "nothing-learned"


def test_a_flat_curve_far_behind_trees_is_under_fit(make: Make) -> None:
    flat = 0.4 + 0.1 * np.exp(-STEPS / 2)
    verdict = diagnose_curves(make(flat, flat, family="linear", share=0.2))
    assert verdict.findings[0].id == "under-fit"
    assert "family=crossed" in verdict.causes[0].change


def test_few_judges_are_said(make: Make) -> None:
    assert first(make(rows=24)) == "validation-small"


def test_a_mean_that_is_off_is_the_order_of_rows(make: Make) -> None:
    assert first(make(family="linear", off=0.4)) == "batch-order"


def test_a_column_whose_spread_is_made_by_few_rows(make: Make) -> None:
    flat = 0.4 + 0.1 * np.exp(-STEPS / 2)
    wild, tame = InputColumn("pay", 0.001, 60.0), InputColumn("age", 1.3, 3.0)
    verdict = diagnose_curves(make(flat, flat, family="linear", share=0.2, columns=(wild, tame)))
    assert verdict.findings[0].id == "unscaled-input"
    assert verdict.findings[0].evidence["columns"] == ["pay"]


def test_a_target_whose_spread_is_made_by_few_rows(make: Make) -> None:
    evidence = make()
    assert evidence.held is not None
    target = evidence.held.target.copy()
    target[:3] *= 1e4
    held = dataclasses.replace(evidence.held, target=target)
    assert first(dataclasses.replace(evidence, held=held, base=0.5)) == "unscaled-target"


def _classes(make: Make, p: Any, target: Any, weight: Any = None) -> Evidence:
    held = HeldRows(target, p, np.ones(len(p)) if weight is None else weight, np.zeros(len(p)))
    share = target.mean()
    base = float(-share * np.log(share) - (1 - share) * np.log(1 - share))
    rival = Rival("roc_auc", 0.5, 0.8, 0.8, True)
    return dataclasses.replace(make(), task="binary", held=held, base=base, rival=rival)


def test_a_class_that_is_never_said(make: Make) -> None:
    rng = np.random.default_rng(0)
    target = (rng.random(600) < 0.3).astype(int)
    p = np.clip(0.01 + 0.02 * target + 0.01 * rng.random(600), 0, 1)
    verdict = diagnose_curves(_classes(make, p, target, np.where(target == 1, 0.05, 1.0)))
    assert verdict.findings[0].id == "class-collapse"


def test_a_rare_class_with_honest_probabilities_is_no_collapse(make: Make) -> None:
    rng = np.random.default_rng(0)
    p = np.clip(rng.beta(1, 12, 3000), 1e-3, 1)
    target = (rng.random(3000) < p).astype(int)
    ids = [each.id for each in diagnose_curves(_classes(make, p, target)).findings]
    assert "class-collapse" not in ids


def test_flipped_labels_leave_a_ceiling(make: Make) -> None:
    rng = np.random.default_rng(0)
    true = (rng.random(2000) < 0.5).astype(int)
    clear = np.where(true == 1, 0.97, 0.03) + rng.normal(0, 0.01, 2000)
    target = np.where(rng.random(2000) < 0.25, 1 - true, true)
    noisy = _classes(make, np.clip(0.25 + 0.5 * clear, 0, 1), target)
    assert first(dataclasses.replace(noisy, base=0.69)) == "label-noise"
    clean = _classes(make, np.clip(clear, 0.001, 0.999), true)
    assert "label-noise" not in [each.id for each in diagnose_curves(clean).findings]


def test_what_is_not_known_is_not_checked_and_said(make: Make) -> None:
    verdict = diagnose_curves(make(rival=None, held=None, base=float("nan")))
    assert verdict.just_right
    assert any("boosted trees" in why for why in verdict.not_checked)
    assert any("held-out predictions" in why for why in verdict.not_checked)


def test_an_empty_history_is_no_fault(make: Make) -> None:
    assert diagnose_curves(make([], [])).just_right


@pytest.mark.parametrize("family", ["neural", "linear"])
def test_every_change_is_one_that_a_recipe_takes(make: Make, family: str) -> None:
    curves: list[Any] = [np.full(30, 0.45), 0.5 - 0.006 * STEPS, [0.5, 0.4, 0.33], np.full(8, np.nan)]
    seen = set()
    for curve in curves:
        for network in ({}, {"hidden": (1,)}, {"dropout": 0.0, "decay": 0.0}):
            verdict = diagnose_curves(make(curve, curve, family=family, share=0.1, network=network))
            for cause in verdict.causes:
                seen.add(cause.finding.id)
                changed = change(Recipe(target="y", family=family), cause.change)
                assert not cause.change or changed != Recipe(target="y", family=family)
                assert cause.finding.next
    assert len(seen) >= 3


def test_signs_are_ranked_and_plain(make: Make) -> None:
    verdict = diagnose_curves(make(0.5 - 0.006 * STEPS, 0.5 - 0.007 * STEPS, share=0.3))
    weights = [cause.weight for cause in verdict.causes]
    assert weights == sorted(weights, reverse=True)
    assert all(isinstance(each, Finding) and each.sentence.endswith(".") for each in verdict.findings)
    assert len(set(RULES)) == len(RULES)


def test_a_rise_after_the_pass_that_was_kept_did_no_harm(make: Make) -> None:
    rise = 0.15 + 0.35 * np.exp(-STEPS / 2) + 0.006 * np.maximum(STEPS - 10, 0)
    loose = {"dropout": 0.0, "decay": 0.0}
    evidence = make(rise, 0.5 * np.exp(-STEPS / 6), network=loose)
    assert first(evidence) == "over-fit"
    assert first(dataclasses.replace(evidence, kept=True)) == "just-right"
    # It did, where even the best pass stays behind trees.
    behind = make(rise + 0.2, 0.5 * np.exp(-STEPS / 6), network=loose, share=0.3, kept=True)
    assert "over-fit" in [each.id for each in diagnose_curves(behind).findings]


def test_a_network_that_is_held_and_over_fits_has_a_rate_too_high_as_second(make: Make) -> None:
    rise = 0.15 + 0.35 * np.exp(-STEPS / 2) + 0.006 * np.maximum(STEPS - 10, 0)
    held = {"dropout": 0.1, "decay": 0.02}
    ids = [e.id for e in diagnose_curves(make(rise, 0.5 * np.exp(-STEPS / 6), network=held)).findings]
    assert ids[:2] == ["over-fit", "rate-too-high"]


def test_a_single_low_pass_is_no_level_to_rise_from(make: Make) -> None:
    curve = 0.15 + 0.35 * np.exp(-STEPS / 2)
    curve[12] -= 0.08
    train = 0.1 + 0.3 * np.exp(-STEPS / 6)
    assert first(make(curve, train, network={"dropout": 0.0, "decay": 0.0})) == "just-right"


def test_a_first_pass_that_bursts_and_does_not_mend(make: Make) -> None:
    curve = 0.3 + 0.2 * np.exp(-STEPS / 4)
    train = curve.copy()
    train[0] = 4e3
    assert first(make(curve, train, share=0.3)) == "rate-too-high"
    train[0] = 4.0
    assert first(make(curve, train, share=0.3)) != "rate-too-high"


def test_a_layer_of_one_neuron_where_nearly_all_is_learned_is_no_fault(make: Make) -> None:
    curve = 0.02 + 0.4 * np.exp(-STEPS / 3)
    one = {"hidden": (1,)}
    assert first(make(curve, curve, network=one, share=0.97, boosted=0.96)) == "just-right"
    short = 0.2 + 0.3 * np.exp(-STEPS / 3)
    assert first(make(short, short, network=one, share=0.5, boosted=0.7)) == "under-fit"
