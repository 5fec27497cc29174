"""The loops of additive models against the same sums written row by row in plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba")

from justright.kernels import additive
from justright.kernels.additive import LOSSES, Rows

FLAT = 1e-6


def rows_of(n=60, columns=8, loss="squared", outputs=1, groups=3, seed=0, size=5):
    """Return Rows with random roles and margins, and codes."""
    rng = np.random.default_rng(seed)
    target = {
        "squared": rng.normal(size=n),
        "logistic": rng.integers(0, 2, n),
        "poisson": rng.poisson(2.0, n),
        "softmax": rng.integers(0, outputs, n),
    }[loss]
    held = np.full((groups, columns), -1, np.int32)
    trains = np.ones((groups, columns), np.float32)
    for group in range(1, groups):
        chosen = np.sort(rng.choice(columns, size=2, replace=False)) if columns > 1 else []
        held[group, : len(chosen)] = chosen
        trains[group, chosen] = 0.0
    made = (rng.normal(size=(n, columns)).astype(np.float32) for _ in range(3))
    rows = Rows(
        target.astype(np.float32),
        rng.uniform(0.2, 2.0, n).astype(np.float32),
        rng.integers(0, groups, n).astype(np.int16),
        trains,
        held,
        *made,
        LOSSES[loss],
        outputs,
    )
    return rows, rng.integers(0, size, n).astype(np.uint16)


def derived(rows):
    """Return slope and bend of every margin, row by row."""
    g, h = np.zeros(rows.margin.shape), np.zeros(rows.margin.shape)
    name = {number: name for name, number in LOSSES.items()}[rows.loss]
    for i in range(rows.count):
        w, y = float(rows.weight[i]), float(rows.target[i])
        for c in range(rows.margin.shape[1]):
            f = float(rows.margin[i, c])
            if name == "squared":
                g[i, c], h[i, c] = w * (f - y), w
            elif name == "logistic":
                p = 1 / (1 + math.exp(-min(max(f, -40.0), 40.0)))
                g[i, c], h[i, c] = w * (p - y), w * max(p * (1 - p), FLAT)
            elif name == "poisson":
                rate = math.exp(min(max(f, -40.0), 80.0))
                g[i, c], h[i, c] = w * (rate - y), w * max(rate, FLAT)
            else:
                first = c - c % rows.outputs
                mine = [float(m) for m in rows.margin[i, first : first + rows.outputs]]
                if len(mine) < rows.outputs:
                    g[i, c], h[i, c] = rows.g[i, c], rows.h[i, c]
                    continue
                p = math.exp(f - max(mine)) / sum(math.exp(m - max(mine)) for m in mine)
                g[i, c] = w * (p - (c - first == y))
                h[i, c] = w * max(2 * p * (1 - p), FLAT)
    return g, h


@pytest.mark.parametrize("columns", [1, 8, 24])
@pytest.mark.parametrize("wide", [np.uint16, np.int32])
def test_histogram_sums_training_and_held_out_rows(columns, wide):
    rows, codes = rows_of(columns=columns)
    wanted = np.zeros((4, 6, columns))
    for i in range(rows.count):
        for c in range(columns):
            role = rows.trains[rows.group[i], c]
            wanted[0, codes[i], c] += float(rows.g[i, c]) * role
            wanted[1, codes[i], c] += float(rows.h[i, c]) * role
            if c in rows.held[rows.group[i]].tolist() and columns > 1:
                wanted[2, codes[i], c] += float(rows.g[i, c])
                wanted[3, codes[i], c] += float(rows.h[i, c])
    found = additive.histogram(rows, codes.astype(wide), 6)
    np.testing.assert_allclose(np.stack(found), wanted, rtol=1e-12, atol=1e-12)


def test_histogram_of_many_rows_is_cut_into_pieces_and_loses_none():
    rows, codes = rows_of(n=70_000)
    slope, bend, _, _ = additive.histogram(rows, codes, 5)
    role = rows.trains[rows.group].astype(np.float64)
    for c in range(8):
        np.testing.assert_allclose(slope[:, c], np.bincount(codes, rows.g[:, c] * role[:, c]), rtol=1e-9)
        np.testing.assert_allclose(bend[:, c], np.bincount(codes, rows.h[:, c] * role[:, c]), rtol=1e-9)


@pytest.mark.parametrize("columns", [1, 8, 16])
def test_gather_adds_each_rows_line(columns):
    rows, codes = rows_of(columns=columns)
    table = np.random.default_rng(1).normal(size=(5, columns))
    before = rows.margin.copy()
    additive.gather(rows, codes, table)
    for i in range(rows.count):
        for c in range(columns):
            assert rows.margin[i, c] == pytest.approx(before[i, c] + table[codes[i], c], abs=1e-6)


@pytest.mark.parametrize(
    ("loss", "outputs", "columns"),
    [
        ("squared", 1, 1),
        ("squared", 1, 8),
        ("logistic", 1, 1),
        ("logistic", 1, 8),
        ("poisson", 1, 1),
        ("poisson", 1, 8),
        ("softmax", 3, 8),
        ("softmax", 4, 8),
    ],
)
@pytest.mark.parametrize("size", [1.0, 60.0])
def test_derive_is_the_losss_own_slope_and_bend(loss, outputs, columns, size):
    rows, _ = rows_of(loss=loss, outputs=outputs, columns=columns)
    rows.margin[:] *= np.float32(size)
    g, h = derived(rows)
    additive.derive(rows)
    used = columns // outputs * outputs
    np.testing.assert_allclose(rows.g[:, :used], g[:, :used], rtol=2e-6, atol=1e-6)
    np.testing.assert_allclose(rows.h[:, :used], h[:, :used], rtol=2e-6, atol=1e-9)


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 20_000 * 2])
def test_derive_in_blocks_of_rows_misses_none(n):
    rows, _ = rows_of(n=n, loss="logistic")
    additive.derive(rows)
    p = 1 / (1 + np.exp(-rows.margin.astype(np.float64)))
    wanted = rows.weight[:, None] * (p - rows.target[:, None])
    np.testing.assert_allclose(rows.g, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("loss", ["squared", "logistic", "poisson"])
def test_nudge_is_step_to_the_second_order(loss):
    (one, codes), (two, _) = (rows_of(loss=loss) for _ in range(2))
    additive.derive(one)
    additive.derive(two)
    table = 0.01 * np.random.default_rng(2).normal(size=(5, 8))
    additive.step(one, codes, table)
    additive.nudge(two, codes, table)
    assert np.array_equal(one.margin, two.margin)
    t = table[codes]
    off = 1e-6 if loss == "squared" else 1e-6 + np.abs(one.h) * t * t
    assert (np.abs(one.g - two.g) <= off + 1e-6 * np.abs(one.g)).all()


@pytest.mark.parametrize("columns", [1, 8])
def test_slopes_are_those_of_the_histogram(columns):
    rows, codes = rows_of(n=40_000, columns=columns)
    assert np.array_equal(additive.slopes(rows, codes, 5), additive.histogram(rows, codes, 5)[0])


@pytest.mark.parametrize(
    ("loss", "outputs", "columns"),
    [("squared", 1, 1), ("squared", 1, 8), ("logistic", 1, 1), ("logistic", 1, 16), ("poisson", 1, 8)]
    + [("poisson", 1, 1), ("softmax", 3, 8)],
)
def test_step_is_gather_then_derive_to_the_bit(loss, outputs, columns):
    (one, codes), (two, _) = (rows_of(loss=loss, outputs=outputs, columns=columns) for _ in range(2))
    table = np.random.default_rng(2).normal(size=(5, columns))
    additive.derive(one)
    additive.derive(two)
    additive.step(one, codes, table)
    additive.gather(two, codes, table)
    additive.derive(two)
    for name in ("margin", "g", "h"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name


FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True)


@given(st.lists(FLOATS, max_size=40), st.lists(FLOATS.filter(lambda v: v == v), max_size=300, unique=True))
def test_bin_codes_equal_searchsorted(values, edges):
    x, cuts = np.asarray(values, np.float32), np.unique(np.asarray(edges, np.float32))
    wanted = np.searchsorted(cuts, x, side="right")
    wanted[np.isnan(x)] = len(cuts) + 1
    assert additive.bin_codes(x, cuts).tolist() == wanted.tolist()


def test_bin_codes_of_a_column_of_a_table_and_of_many_rows():
    table = np.random.default_rng(3).normal(size=(80_000, 2)).astype(np.float32)
    edges = np.linspace(-2, 2, 255).astype(np.float32)
    assert np.array_equal(
        additive.bin_codes(table[:, 1], edges), np.searchsorted(edges, table[:, 1], side="right")
    )


def test_pair_histogram_sums_by_fold_and_pair():
    rng = np.random.default_rng(4)
    n, shape = 200, (3, 4)
    a, b = (rng.integers(0, size, n).astype(np.uint16) for size in shape)
    fold = rng.integers(0, 5, n).astype(np.int16)
    g, h = rng.normal(size=n).astype(np.float32), rng.random(n).astype(np.float32)
    wanted = np.zeros((3, 5, 3, 4))
    for i in range(n):
        wanted[:, fold[i], a[i], b[i]] += float(g[i]), float(h[i]), float(g[i]) ** 2
    found = additive.pair_histogram(a, b, shape, fold, 5, g, h)
    np.testing.assert_allclose(np.stack(found), wanted, rtol=1e-6, atol=1e-6)


def test_in_threads_keeps_the_order_and_raises_what_is_raised():
    assert additive.in_threads(lambda x: x * x, list(range(50))) == [x * x for x in range(50)]
    with pytest.raises(ZeroDivisionError):
        additive.in_threads(lambda x: 1 / x, [1, 0])
