"""Evidence of a change: p-values that are uniform without one, power with one, effects of known size."""

from __future__ import annotations

import numpy as np
import pytest

from justright.features.categorical import Tally, fit_categorical
from justright.monitor.evidence import cells_of, expected_new, of_categories, of_numbers, of_share
from justright.schema import Column


def binned(reference, window):
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, 21)[1:-1]))
    size = len(edges) + 1
    return tuple(
        np.bincount(np.searchsorted(edges, x, "right"), minlength=size).astype(float)
        for x in (reference, window)
    )


@pytest.mark.parametrize("law", ["normal", "cauchy", "zeros"])
def test_numbers_hold_their_level_and_find_half_a_deviation(law):
    rng = np.random.default_rng(4)

    def draw(n, shift=0.0):
        if law == "normal":
            return rng.normal(size=n) + shift
        if law == "cauchy":
            return rng.standard_cauchy(n) + shift * 1.4826
        return np.where(rng.random(n) < 0.6 - 0.4 * shift, 0.0, rng.exponential(size=n))

    false, found = [], []
    for _ in range(200):
        reference = draw(1000)
        false.append(of_numbers(*binned(reference, draw(200))).p <= 0.05)
        found.append(of_numbers(*binned(reference, draw(200, 0.5))).p <= 0.01)
    assert np.mean(false) <= 0.09
    assert np.mean(found) >= (0.9 if law == "zeros" else 0.95)


def test_effect_of_a_normal_column_is_its_shift_in_deviations():
    rng = np.random.default_rng(0)
    reference = rng.normal(50.0, 7.0, 100_000)
    for shift in (0.3, 0.5, 1.0):
        found = of_numbers(*binned(reference, rng.normal(50.0 + 7.0 * shift, 7.0, 100_000)))
        assert found.effect == pytest.approx(shift, rel=0.08)
    spread = of_numbers(*binned(reference, rng.normal(50.0, 14.0, 500)))
    assert (spread.metric, spread.p < 1e-6) == ("spread", True)


def test_any_rising_map_of_the_column_gives_the_same_evidence():
    rng = np.random.default_rng(1)
    reference, window = rng.normal(size=2000), rng.normal(0.2, 1.0, 300)
    one = of_numbers(*binned(reference, window))
    other = of_numbers(*binned(np.round(np.exp(reference), 12), np.round(np.exp(window), 12)))
    assert one.p == pytest.approx(other.p, rel=0.02)
    assert one.effect == pytest.approx(other.effect, rel=0.02)


def test_a_threshold_is_the_inverse_of_the_p_value():
    before, now = np.full(20, 100.0), np.arange(20.0, 0.0, -1.0)
    for found in (of_numbers(before, now), of_categories(np.array([50.0, 30, 20]), np.array([5.0, 30, 40]))):
        assert found.value >= found.threshold(min(found.p * 1.01, 1.0)) * (1 - 1e-6)
        assert found.value <= found.threshold(found.p * 0.5) * (1 + 1e-6)


@pytest.mark.parametrize(
    ("expected", "m", "rate"), [(0.0, 1000, 0.0), (10.0, 1000, 0.01), (3000.0, 10_000, 0.3)]
)
def test_shares_hold_their_level(expected, m, rate):
    rng = np.random.default_rng(2)
    p = []
    for _ in range(400):
        before = rng.binomial(m, rate)
        p.append(of_share("missing_rate", before, m, rng.binomial(300, rate), 300).p)
    assert np.mean(np.asarray(p) <= 0.05) <= 0.08
    assert of_share("missing_rate", expected, m, 300 * min(rate + 0.2, 1.0), 300).p < 1e-6


def test_fewer_new_categories_are_no_change():
    assert of_share("new_rate", 50, 1000, 0, 1000, above=True).p == 1.0
    assert of_share("new_rate", 0, 1000, 30, 1000, above=True).p < 1e-9


@pytest.mark.parametrize("kinds", [5, 40, 500])
def test_a_vocabulary_that_was_chosen_by_counts_raises_no_false_alarm(kinds):
    # 500 equal categories in 1,000 rows: the vocabulary is those that happened to come often.
    rng = np.random.default_rng(kinds)
    false, new = [], []
    for _ in range(25):
        seen = np.bincount(rng.integers(0, kinds, 1000), minlength=kinds)
        tally = Tally()
        tally.weights = {str(k): float(c) for k, c in enumerate(seen.tolist()) if c}
        feature = fit_categorical(Column("c", "categorical", "text"), tally, 5, 10_000, 64)
        code = np.zeros(kinds, int)
        for place, text in enumerate(feature.vocabulary, 2):
            code[int(text)] = place
        before = np.bincount(code, weights=seen, minlength=feature.size)
        now = np.bincount(code[rng.integers(0, kinds, 1000)], minlength=feature.size).astype(float)
        cells = cells_of(before, 1000.0, len(feature.vocabulary), 5.0)
        kept, size = cells >= 0, int(cells.max()) + 1
        sides = [np.bincount(cells[kept], weights=side[kept], minlength=size) for side in (before, now)]
        used = sides[0] + sides[1] > 0
        false.append(used.sum() > 1 and of_categories(sides[0][used], sides[1][used]).p <= 0.01)
        expected, known = expected_new(before, len(feature.vocabulary), 5.0)
        new.append(of_share("new_rate", expected, known, now[0], 1000, above=True).p <= 0.01)
    assert np.mean(false) <= 0.08
    assert np.mean(new) <= 0.08


def test_cells_keep_large_categories_apart_and_set_missing_aside():
    cells = cells_of(np.array([0.0, 40.0, 500.0, 300.0, 200.0]), 200.0, 3, 5.0)
    assert cells.tolist() == [0, -1, 1, 2, 3]
