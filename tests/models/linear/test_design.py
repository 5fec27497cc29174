"""The design matrix in pieces is the dense one, written row by row in plain Python."""

from __future__ import annotations

import numpy as np
import pytest

from justright.models.linear.design import layout_for, rows_of, sampled

SHAPES = [
    {"p": 3, "fields": (4, 5), "slots": 8, "missing": True},
    {"p": 0, "fields": (3,)},
    {"p": 4, "fields": ()},
    {"p": 1, "fields": (), "slots": 6, "missing": True},
]


@pytest.mark.parametrize("shape", SHAPES)
def test_products_are_those_of_the_dense_matrix(problem, table_of, shape):
    spec, blocks = problem(n=70, weighted=True, **shape)
    layout = layout_for(spec.plan)
    table = table_of(spec, blocks)
    rng = np.random.default_rng(1)
    weights, values = rng.normal(size=(layout.width, 2)), rng.normal(size=(70, 2))
    assert table.X.shape == (70, layout.width)
    times, turned, gram, begin = [], 0.0, 0.0, 0
    for block in blocks:
        for rows in rows_of(block, layout, 3):
            end = begin + rows.block.rows
            times.append(rows.times(weights))
            turned = turned + rows.transposed_times(values[begin:end])
            gram = gram + rows.gram(table.w[begin:end])
            begin = end
    np.testing.assert_allclose(np.concatenate(times), table.X @ weights, atol=1e-12)
    np.testing.assert_allclose(turned, table.X.T @ values, atol=1e-12)
    np.testing.assert_allclose(gram, table.X.T @ (table.X * table.w[:, None]), atol=1e-12)
    np.testing.assert_array_equal(gram, gram.T)


def test_wide_populations_are_cut_into_small_pieces(problem):
    spec, blocks = problem(n=2000, n_blocks=1)
    layout = layout_for(spec.plan)
    assert [rows.block.rows for rows in rows_of(blocks[0], layout, 1 << 30)] == [256] * 7 + [208]
    assert [rows.block.rows for rows in rows_of(blocks[0], layout, 1)] == [2000]


def test_samples_are_nested_and_of_the_asked_size(problem):
    spec, blocks = problem(n=4000)
    keys = [set(np.concatenate([b.key for b in sampled(blocks, s)]).tolist()) for s in (0.1, 0.25, 0.5, 1.0)]
    for small, large in zip(keys, keys[1:], strict=False):
        assert small < large
    assert [len(k) / 4000 for k in keys] == pytest.approx([0.1, 0.25, 0.5, 1.0], abs=0.02)
    assert spec.rows == len(keys[-1])


def test_a_sample_takes_the_whole_row(problem):
    _, blocks = problem(n=50, slots=8)
    whole = {int(k): (b, i) for b in blocks for i, k in enumerate(b.key)}
    for part in sampled(blocks, 0.4):
        for i, key in enumerate(part.key.tolist()):
            block, place = whole[key]
            one, other = part.slice(i, i + 1), block.slice(place, place + 1)
            np.testing.assert_array_equal(one.numeric, other.numeric)
            np.testing.assert_array_equal(one.tokens.indices, other.tokens.indices)
            assert (one.target, one.weight) == (other.target, other.weight)
