"""The order of a pass: every row once, a function of seed and pass, well mixed, whatever the table's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from justright.models.linear import shuffle
from justright.models.linear.shuffle import shuffled
from justright.schema import Block, Tokens


def table(n, n_blocks=1, seed=0, distinct=None, tokens=False):
    rng = np.random.default_rng(seed)
    numbers = np.arange(n)
    key = rng.integers(0, 2**63, n if distinct is None else distinct).astype(np.uint64)
    key = key if distinct is None else key[np.sort(rng.integers(0, distinct, n))]
    text = None
    if tokens:
        indptr = np.concatenate([[0], np.cumsum(rng.integers(0, 4, n))])
        indices = np.repeat(numbers, np.diff(indptr)).astype(np.int32)
        text = Tokens(indptr, indices, indices.astype(np.float32), n)
    whole = Block(
        numbers[:, None].astype(np.float32),
        numbers[:, None].astype(np.int32),
        numbers.astype(np.int32),
        numbers.astype(np.float32),
        (numbers[:, None] % 5).astype(np.int8),
        text,
        key,
    )
    ends = np.linspace(0, n, n_blocks + 1).astype(int)
    return [whole.slice(a, b) for a, b in zip(ends[:-1], ends[1:], strict=True) if b > a]


def order(blocks, seed=0, number=0):
    return np.concatenate([block.target for block in shuffled(blocks, seed, number)])


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400), st.integers(1, 30), st.integers(0, 9), st.integers(0, 9), st.booleans())
def test_every_row_comes_once_and_whole(n, n_blocks, seed, number, tokens):
    pieces = list(shuffled(table(n, n_blocks, tokens=tokens), seed, number))
    assert sorted(np.concatenate([piece.target for piece in pieces]).tolist()) == list(range(n))
    sizes = np.diff(table(n, tokens=True)[0].tokens.indptr)
    for piece in pieces:
        assert np.array_equal(piece.numeric[:, 0], piece.target)
        assert np.array_equal(piece.codes[:, 0], piece.target)
        assert np.array_equal(piece.weight, piece.target)
        assert np.array_equal(piece.fold[:, 0], piece.target % 5)
        if tokens:
            assert np.array_equal(np.diff(piece.tokens.indptr), sizes[piece.target])
            assert np.array_equal(piece.tokens.indices, np.repeat(piece.target, sizes[piece.target]))
            assert np.array_equal(piece.tokens.values, piece.tokens.indices)


def test_order_is_a_function_of_seed_and_pass():
    blocks = table(1000, 12)
    assert np.array_equal(order(blocks, 3, 4), order(blocks, 3, 4))
    seen = {tuple(order(blocks, seed, number)[:20]) for seed in range(4) for number in range(4)}
    assert len(seen) == 16


def test_rows_are_mixed_within_and_across_blocks():
    n = 4000
    mixed = order(table(n, 8))
    assert abs(np.corrcoef(np.arange(n), mixed)[0, 1]) < 0.06
    assert abs(np.corrcoef(mixed[:-1], mixed[1:])[0, 1]) < 0.06
    owners = mixed[:400] // 500
    assert np.bincount(owners, minlength=8).min() > 25


def test_within_a_group_the_order_of_the_table_does_not_matter():
    blocks = table(900, 3)
    turned = [block.take(np.arange(block.rows)[::-1].copy()) for block in reversed(blocks)]
    assert np.array_equal(order(blocks), order(turned))


@pytest.mark.parametrize("distinct", [1, 2, 7])
def test_equal_rows_are_spread(distinct):
    blocks = table(3000, 2, distinct=distinct)
    keys = np.concatenate([block.key for block in shuffled(blocks, 0, 1)])
    runs = 1 + int((keys[1:] != keys[:-1]).sum())
    shares = np.unique(keys, return_counts=True)[1] / 3000
    expected = 3000 * (1 - float((shares**2).sum()))
    assert abs(runs - expected) < 150


def test_many_blocks_are_taken_in_groups(monkeypatch):
    monkeypatch.setattr(shuffle, "_GROUP", 2)
    monkeypatch.setattr(shuffle, "_PIECE", 30)
    blocks = table(1000, 10)
    mixed = order(blocks)
    assert sorted(mixed.tolist()) == list(range(1000))
    assert len({*(mixed[:200] // 100)}) == 2
    assert len({tuple(order(blocks, 0, number)[:200] // 100) for number in range(5)}) == 5
