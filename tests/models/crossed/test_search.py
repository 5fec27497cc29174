"""The law of a pair's gain where nothing is there, and its power where something is."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from justright.kernels.additive import pair_histogram
from justright.kernels.cells import cross_gain
from justright.models.crossed import search as module
from justright.models.crossed.fields import fit_fields
from justright.models.crossed.packed import counts_of, pack
from justright.models.crossed.search import LEVEL, Candidate, search

STRENGTHS = np.array([5.0, 20.0, 80.0])


def sums_of(first, second, shape, g, h, folds=5):
    fold = (np.arange(len(g)) % folds).astype(np.int16)
    codes = (each.astype(np.uint16) for each in (first, second))
    return pair_histogram(*codes, shape, fold, folds, g.astype(np.float32), h.astype(np.float32))


def p_of(first, second, shape, g, h):
    slope, bend, spread = sums_of(first, second, shape, g, h)
    _, z, freedom = cross_gain(slope, bend, spread, STRENGTHS, float(bend.sum()) / len(g))
    return module._tail(z, freedom)


def errors(rng, kind, n):
    if kind == "normal":
        return rng.normal(size=n), np.ones(n)
    if kind == "heavy":
        return rng.standard_t(2, size=n), np.ones(n)
    if kind == "skewed":
        return np.exp(1.5 * rng.normal(size=n)) - np.exp(1.125), np.ones(n)
    return 0.03 - (rng.random(n) < 0.03), np.full(n, 0.03 * 0.97)


@pytest.mark.parametrize("shape", [(2, 2), (2, 24), (8, 8), (24, 24)])
@pytest.mark.parametrize("kind", ["normal", "heavy", "skewed", "rare"])
@pytest.mark.parametrize("alike", [0.0, 0.9])
def test_without_an_interaction_small_p_are_rare(shape, kind, alike):
    rng = np.random.default_rng(3)
    found = []
    for _ in range(150):
        first = rng.integers(0, shape[0], 1500)
        copied = rng.random(1500) < alike
        second = np.where(copied, first * shape[1] // shape[0], rng.integers(0, shape[1], 1500))
        g, h = errors(rng, kind, 1500)
        found.append(p_of(first, second, shape, g, h))
    p = np.asarray(found)
    # Expected at most 15 and 1.5: by a binomial law, no more than 29 and 8 in one case of 10,000.
    assert (p < 0.1).sum() <= 29
    assert (p < 0.01).sum() <= 8
    assert p.min() > 1e-5


@pytest.mark.parametrize("size", [2, 8])
def test_main_effects_that_are_left_are_no_interaction(size):
    rng = np.random.default_rng(4)
    n = 4000
    first, second = rng.integers(0, size, n), rng.integers(0, size, n)
    g = 3.0 * np.sin(first) - 2.0 * second / size + rng.normal(size=n)
    assert p_of(first, second, (size, size), g, np.ones(n)) > 1e-3


def test_few_cells_have_the_power_that_a_z_test_has():
    rng = np.random.default_rng(5)
    n, found = 4000, []
    for _ in range(60):
        first, second = rng.integers(0, 2, n), rng.integers(0, 2, n)
        # The contrast of four cells has a standard error of 4 / sqrt(n): an effect of six of them.
        effect = 6.0 * 4.0 / np.sqrt(n)
        g = -effect * first * second + rng.normal(size=n)
        found.append(p_of(first, second, (2, 2), g, np.ones(n)))
    assert np.median(found) < 1e-6


def test_one_wild_row_makes_no_interaction():
    rng = np.random.default_rng(6)
    n = 2000
    first, second = rng.integers(0, 12, n), rng.integers(0, 12, n)
    g = rng.normal(size=n)
    g[7] = 1e4
    assert p_of(first, second, (12, 12), g, np.ones(n)) > 0.01


def test_tables_without_freedom_have_no_significance():
    rng = np.random.default_rng(7)
    n = 500
    g, h, code = rng.normal(size=n), np.ones(n), rng.integers(0, 6, n)
    nothing = np.zeros(n, np.int64)
    for first, second, shape in (
        (nothing, code, (1, 6)),
        (code, nothing, (6, 1)),
        (code, code, (6, 6)),
        (nothing, nothing, (3, 3)),
    ):
        assert p_of(first, second, shape, g, h) > 0.01
    for g, h in ((np.zeros(n), np.ones(n)), (np.zeros(n), np.zeros(n))):
        assert p_of(code, rng.permutation(code), (6, 6), g, h) > 0.01


def packed_of(table, loss="squared", outputs=1, n=1500, effect=None):
    from justright.schema import Member

    spec, blocks = table(n=n, loss=loss, outputs=outputs, effect=effect)
    fields = fit_fields(spec.plan, blocks, ())
    members = tuple(Member(k, 0, 1.0) for k in range(-1, 5))
    packed = pack(spec, blocks, members, fields, 1.0)
    return spec, packed, fields, counts_of(packed, fields), members


def test_all_pairs_are_tried_but_the_known_and_those_of_one_group(table):
    _, packed, fields, counts, _ = packed_of(table)
    rng = np.random.default_rng(0)
    packed.rows.g[:] = rng.normal(size=packed.rows.g.shape)
    packed.rows.h[:] = 1.0
    judges = np.arange(1, 6)
    found = search(packed, fields, counts, judges, list(range(5)), {(0, 1), (2, 4)})
    assert {(each.first, each.second) for each in found} == {
        (i, j) for i in range(5) for j in range(i + 1, 5)
    } - {(0, 1), (2, 4)}
    assert [each.gain for each in found] == sorted((each.gain for each in found), reverse=True)
    assert all(each.p >= LEVEL for each in found)


def test_p_is_corrected_for_pairs_grains_strengths_and_searches(table, monkeypatch):
    _, packed, fields, counts, _ = packed_of(table)
    rng = np.random.default_rng(1)
    codes = packed.codes[3] * packed.codes[4] % 2
    packed.rows.g[:] = (0.3 * codes + rng.normal(size=len(codes)))[:, None]
    packed.rows.h[:] = 1.0
    seen = []
    tail = module._tail
    monkeypatch.setattr(module, "_tail", lambda z, k: seen.append(tail(z, k)) or seen[-1])
    monkeypatch.setattr(module, "in_threads", lambda work, items: [work(item) for item in items])
    found = search(packed, fields, counts, np.arange(1, 6), list(range(5)), set())
    best = next(each for each in found if (each.first, each.second) == (3, 4))
    assert best.p == pytest.approx(min(1.0, seen[-1] * 10 * 1 * 3 * 3))


def test_two_classes_of_a_softmax_say_what_one_logistic_says():
    rng = np.random.default_rng(8)
    g = rng.normal(size=400).astype(np.float32)
    assert module._alike([g]) == pytest.approx(1.0)
    assert module._alike([g, -g]) == pytest.approx(4.0)
    wide = [rng.normal(size=200_000).astype(np.float32) for _ in range(3)]
    assert module._alike(wide) == pytest.approx(3.0, abs=0.01)
    nothing = np.zeros(400, np.float32)
    assert module._alike([nothing, nothing]) == 0.0 or np.isfinite(module._alike([nothing, nothing]))


def test_wide_tables_try_the_pairs_of_the_strongest(table, monkeypatch):
    _, _, fields, _, _ = packed_of(table)
    wide = [fields[0]] * 250
    pairs = module._pairs(wide, list(range(249, -1, -1)))
    assert len(pairs) == len(set(pairs)) == 40 * 39 // 2 + 4 * 210
    assert all(i < j for i, j in pairs)
    assert (0, 249) in pairs and (0, 1) not in pairs


def test_a_sample_screens_when_there_is_too_much_to_add(table, monkeypatch):
    effect = lambda x, c: 2.0 * ((c[:, 0] + c[:, 1]) % 2)  # noqa: E731 (a formula)
    spec, packed, fields, counts, _ = packed_of(table, n=6000, effect=effect)
    target = packed.rows.target - packed.rows.target.mean()
    packed.rows.g[:] = -target[:, None]
    packed.rows.h[:] = 1.0
    whole = search(packed, fields, counts, np.arange(1, 6), list(range(5)), set())
    monkeypatch.setattr(module, "_ADDS", 20_000)
    monkeypatch.setattr(module, "_SCREENED", 3)
    few = search(packed, fields, counts, np.arange(1, 6), list(range(5)), set())
    assert len(few) == 3
    assert (few[0].first, few[0].second) == (whole[0].first, whole[0].second)
    assert isinstance(few[0], Candidate) and few[0].gain == whole[0].gain


def test_no_rows_or_no_fold_no_pairs(table):
    _, packed, fields, counts, _ = packed_of(table)
    packed.fold[:] = -1
    assert search(packed, fields, counts, np.arange(1, 6), list(range(5)), set()) == []
