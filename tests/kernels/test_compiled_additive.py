"""What the compiled loops promise beyond their twins: pieces of the rows, the series of exp, padding."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")


def test_powers_to_their_stated_error_and_cut():
    from justright.kernels.compiled_additive import _powers

    powers = _powers.py_func  # compiled for kernels alone
    x = np.linspace(-100.0, 100.0, 401)
    made = x.copy()
    powers(made, len(x), -200.0, 200.0)
    np.testing.assert_allclose(made, np.exp(x), rtol=3e-7)
    near = np.abs(x) <= 20
    np.testing.assert_allclose(made[near], np.exp(x[near]), rtol=1e-12)
    made = x.copy()
    powers(made, 200, -40.0, 80.0)
    np.testing.assert_allclose(made, [*np.exp(np.clip(x[:200], -40, 80)), *x[200:]], rtol=3e-7)


def test_loops_touch_the_rows_from_begin_to_end_only():
    from justright.kernels.compiled_additive import gather, squared

    codes, table = np.zeros(6, np.uint16), np.ones((1, 8))
    target = weight = np.ones(6, np.float32)
    margin, g, h = (np.zeros((6, 8), np.float32) for _ in range(3))
    gather(codes, table, 2, 4, margin)
    assert margin.sum(axis=1).tolist() == [0.0, 0.0, 8.0, 8.0, 0.0, 0.0]
    squared(codes, table, target, weight, 3, 5, margin, g, h, np.empty(512))
    assert margin[:, 0].tolist() == [0.0, 0.0, 1.0, 2.0, 1.0, 0.0]
    assert g[:, 0].tolist() == [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]
    squared(codes, np.zeros((0, 8)), target, weight, 0, 1, margin, g, h, np.empty(512))
    assert h[:, 0].tolist() == [1.0, 0.0, 0.0, 1.0, 1.0, 0.0]


def test_pieces_add_up_to_the_whole():
    from justright.kernels.compiled_additive import histogram

    rng = np.random.default_rng(0)
    codes, group = rng.integers(0, 4, 50).astype(np.uint16), np.zeros(50, np.int16)
    g, h = (rng.normal(size=(50, 8)).astype(np.float32) for _ in range(2))
    trains, held = np.ones((1, 8), np.float32), np.full((1, 1), 3, np.int32)
    whole, parts = np.zeros((4, 4, 8)), np.zeros((4, 4, 8))
    histogram(codes, group, g, h, trains, held, 0, 50, *whole)
    for begin, end in ((0, 13), (13, 13), (13, 50)):
        histogram(codes, group, g, h, trains, held, begin, end, *parts)
    np.testing.assert_allclose(parts, whole, rtol=1e-12)
    assert (whole[2][:, 3] != 0).all() and not np.delete(whole[2], 3, axis=1).any()


def test_columns_of_softmax_beyond_the_last_member_are_left_alone():
    from justright.kernels.compiled_additive import softmax

    margin, g, h = (np.zeros((1, 8), np.float32) for _ in range(3))
    one = np.ones(1, np.float32)
    softmax(3, np.zeros(0, np.uint16), np.zeros((0, 8)), 0 * one, one, 0, 1, margin, g, h, np.empty(512))
    assert g[0].tolist() == pytest.approx([-2 / 3, 1 / 3, 1 / 3, -2 / 3, 1 / 3, 1 / 3, 0.0, 0.0])
