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


@pytest.mark.parametrize("count", [1, 2, 3, 4, 17])
def test_solve_chain_is_the_dense_solution(count):
    rng = np.random.default_rng(count)
    bend, pull = rng.uniform(0.0, 3.0, (count, 3)), rng.normal(size=(count, 3))
    smooth, ridge = np.array([0.0, 1.0, 1e4]), np.array([0.1, 0.5, 1e-3])
    found = additive.solve_chain(bend, pull, smooth, ridge)
    turns = np.diff(np.eye(count), n=2, axis=0) if count > 2 else np.zeros((0, count))
    for c in range(3):
        A = np.diag(bend[:, c] + ridge[c]) + smooth[c] * turns.T @ turns
        np.testing.assert_allclose(found[:, c], np.linalg.solve(A, pull[:, c]), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 1), (4, 6)])
def test_relax_converges_to_the_dense_solution_and_never_rises(shape):
    rng = np.random.default_rng(7)
    rows, columns = shape
    cells, members = rows * columns, 3
    bend, pull = rng.uniform(0.0, 3.0, (cells, members)), rng.normal(size=(cells, members))
    along, across = np.array([0.0, 2.0, 0.7]), np.array([1.0, 0.0, 0.7])
    ridge = np.array([0.3, 0.2, 0.5])
    grid = np.eye(cells).reshape(cells, rows, columns)
    first = np.diff(grid, axis=1).reshape(cells, -1).T
    second = np.diff(grid, axis=2).reshape(cells, -1).T

    def objective(u, m):
        value = 0.5 * (bend[:, m] * u * u).sum() - pull[:, m] @ u + 0.5 * ridge[m] * u @ u
        return value + 0.5 * along[m] * ((first @ u) ** 2).sum() + 0.5 * across[m] * ((second @ u) ** 2).sum()

    u = rng.normal(size=(cells, members))
    start = u.copy()
    for _ in range(3):
        better = additive.relax(bend, pull, shape, (along, across), ridge, 1, u)
        assert all(objective(better[:, m], m) <= objective(u[:, m], m) + 1e-12 for m in range(members))
        u = better
    found = additive.relax(bend, pull, shape, (along, across), ridge, 600, start)
    for m in range(members):
        A = np.diag(bend[:, m] + ridge[m]) + along[m] * first.T @ first + across[m] * second.T @ second
        np.testing.assert_allclose(found[:, m], np.linalg.solve(A, pull[:, m]), rtol=1e-8, atol=1e-8)


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


def purified(slope, bend):
    """Return slopes less what the best function of the row plus one of the column explain."""
    rows, columns = slope.shape
    design = np.zeros((rows * columns, rows + columns))
    for i in range(rows):
        for j in range(columns):
            design[i * columns + j, i] = design[i * columns + j, rows + j] = 1.0
    root = np.sqrt(bend.reshape(-1))
    values = np.where(root > 0, slope.reshape(-1) / np.maximum(root, 1e-300), 0.0)
    found = np.linalg.lstsq(design * root[:, None], values, rcond=None)[0]
    return slope - bend * (design @ found).reshape(rows, columns)


def gain_by_hand(slope, bend, spread, strengths, unit):
    """Return gain, z and freedom of the strength with the largest z, cell by cell."""
    folds, rows, columns = slope.shape
    clean = np.stack([purified(slope[f], bend[f]) for f in range(folds)])
    stiff, variance = bend.sum(axis=0), spread.sum(axis=0)
    noisy = variance.sum() / stiff.sum()
    best = None
    for strength in strengths:
        gain, pull, noise, two, three = 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(rows):
            for j in range(columns):
                own = stiff[i, j]
                rest = stiff[i].sum() - own, stiff[:, j].sum() - own
                other = stiff.sum() - own - sum(rest)
                free = 1.0 / (1.0 + own / rest[0] + own / rest[1] + own / other)
                lack = max(noisy * own - variance[i, j], 0.0) / own
                shares = []
                for f in range(folds):
                    held = 1.0 / (own - bend[f, i, j] + strength * unit)
                    u = -sum(clean[k, i, j] for k in range(folds) if k != f) * held
                    pull -= clean[f, i, j] * u
                    gain -= clean[f, i, j] * u + 0.5 * bend[f, i, j] * u * u
                    shares.append((spread[f, i, j] + bend[f, i, j] * lack) * held)
                noise += free * sum(
                    shares[f] * shares[k] for f in range(folds) for k in range(folds) if f != k
                )
                share = max(variance[i, j], noisy * own) / ((own + strength * unit) * noisy)
                two, three = two + free * share**2, three + free * share**3
        z = pull / math.sqrt(2 * noise)
        if best is None or z > best[1]:
            best = gain, z, max(two**3 / three**2, 1.0)
    return best


@pytest.mark.parametrize("shape", [(2, 2), (3, 5), (6, 4)])
@pytest.mark.parametrize("effect", [0.0, 0.5])
def test_cross_gain_is_the_slow_computation(shape, effect):
    rng = np.random.default_rng(11)
    n = 3000
    a, b = rng.integers(0, shape[0], n), rng.integers(0, shape[1], n)
    g = rng.normal(size=n) + 2.0 * a - effect * (a * b % 2)
    h = rng.uniform(0.5, 1.5, n)
    fold = (np.arange(n) % 5).astype(np.int16)
    codes = (each.astype(np.uint16) for each in (a, b))
    sums = additive.pair_histogram(*codes, shape, fold, 5, g.astype(np.float32), h.astype(np.float32))
    strengths, unit = np.array([5.0, 20.0, 80.0]), float(h.mean())
    wanted = gain_by_hand(*(each.copy() for each in sums), strengths, unit)
    found = additive.cross_gain(*sums, strengths, unit)
    np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=2e-2)
