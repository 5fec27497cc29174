import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.errors import RecipeError, TableError
from justright.evaluate.threshold import Threshold, choose_threshold


def right_probabilities(n, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.beta(0.7, 1.5, n)
    return (rng.uniform(size=n) < p).astype(int), p


def cost_at(target, p, threshold, fp, fn, weight=None):
    weight = np.ones(len(target)) if weight is None else weight
    flagged = p >= threshold
    return 1000 * np.average(np.where(target == 1, fn * ~flagged, fp * flagged), weights=weight)


@pytest.mark.parametrize(("fp", "fn"), [(1, 1), (1, 5), (7, 1)])
def test_right_probabilities_get_the_threshold_of_theory(fp, fn):
    hits = 0
    for seed in range(20):
        found = choose_threshold(*right_probabilities(2000, seed), cost_fp=fp, cost_fn=fn)
        hits += found.value == fp / (fp + fn)
        assert abs(found.value - fp / (fp + fn)) < 0.2
    assert hits >= 12  # the rest is the luck of the cheapest of many


def test_wrong_probabilities_get_the_cheapest_threshold():
    target, p = right_probabilities(5000)
    found = choose_threshold(target, p**3, cost_fp=1, cost_fn=3)
    assert found.value == pytest.approx(0.25**3, abs=0.02)
    assert "not right there" in found.note
    assert found.cost < cost_at(target, p**3, 0.25, 1, 3)


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5), st.integers(1, 3)), min_size=1, max_size=25),
    st.floats(0.1, 10),
)
def test_never_dearer_than_any_threshold_beyond_noise(rows, fn):
    target, score, weight = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    p = score / 5
    found = choose_threshold(target, p, weight, cost_fn=fn)
    # The value and its cost belong together, whatever was chosen.
    assert found.cost == pytest.approx(cost_at(target, p, found.value, 1.0, fn, weight))
    best = min(cost_at(target, p, t, 1.0, fn, weight) for t in [*np.unique(p), 1.1])
    assert best == pytest.approx(min(point.cost for point in found.curve))
    if found.value != 1.0 / (1.0 + fn):
        assert found.cost == pytest.approx(best)


def test_the_curve_says_what_each_threshold_does():
    target, p = right_probabilities(3000)
    found = choose_threshold(target, p, cost_fn=2.0)
    assert 50 <= len(found.curve) <= 200
    thresholds = [point.threshold for point in found.curve]
    assert thresholds == sorted(thresholds)
    for point in found.curve[:: len(found.curve) // 9]:
        flagged = p >= point.threshold
        assert point.flagged == pytest.approx(flagged.mean())
        assert point.recall == pytest.approx((flagged & (target == 1)).sum() / target.sum())
        assert point.cost == pytest.approx(cost_at(target, p, point.threshold, 1.0, 2.0))


@pytest.mark.parametrize(("preset", "floor"), [("recall-first", 0.8), ("precision-first", 0.6)])
def test_a_floor_holds_for_new_rows_too(preset, floor):
    new_target, new = right_probabilities(20_000, 99)
    kept = []
    for seed in range(40):
        target, p = right_probabilities(1000, seed)
        found = choose_threshold(target, p, preset=preset, floor=floor)
        assert found.reached and found.preset == preset and f"{floor:.0%}" in found.note
        flagged = new >= found.value
        kept.append((flagged[new_target == 1] if preset == "recall-first" else new_target[flagged]).mean())
    # 95 % of thresholds keep it: of 40, six that do not have a chance of 1 %. None may be far from it.
    assert sum(share < floor for share in kept) < 6
    assert floor <= np.mean(kept) < floor + 0.12


def test_a_floor_that_cannot_be_kept_is_said():
    target, p = np.array([0, 1, 0, 1] * 10), np.full(40, 0.5)
    found = choose_threshold(target, p, preset="precision-first")
    assert not found.reached
    assert "too few rows to show any threshold" in found.note
    assert found.value <= 0.5


@pytest.mark.parametrize(("target", "p"), [([0, 0], [0.1, 1.0]), ([1, 1], [0.0, 0.9]), ([1], [1.0])])
def test_one_class_and_certainty_do_not_crash(target, p):
    found = choose_threshold(target, p, cost_fn=3.0)
    assert found.cost == pytest.approx(cost_at(np.array(target), np.array(p), found.value, 1.0, 3.0))


def test_neighbours_in_floating_point_are_told_apart():
    p = np.array([0.3, np.nextafter(0.3, 1)])
    found = choose_threshold(np.tile([0, 1], 50), np.tile(p, 50))
    assert found.cost == 0.0


def test_is_json():
    found = choose_threshold(*right_probabilities(100))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Threshold) == found


def test_refusals():
    with pytest.raises(RecipeError, match="cost_fp=-1"):
        choose_threshold([0, 1], [0.1, 0.9], cost_fp=-1)
    with pytest.raises(RecipeError, match="one of them above 0"):
        choose_threshold([0, 1], [0.1, 0.9], cost_fp=0, cost_fn=0)
    with pytest.raises(RecipeError, match="preset='recall'"):
        choose_threshold([0, 1], [0.1, 0.9], preset="recall")
    with pytest.raises(RecipeError, match="floor=95"):
        choose_threshold([0, 1], [0.1, 0.9], preset="recall-first", floor=95)
    with pytest.raises(TableError, match="probabilities"):
        choose_threshold([0, 1], [0.1, 9.0])
