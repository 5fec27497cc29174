from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("jax", reason="networks train with jax: pip install 'justright[neural]'")

from justright.models.neural import rows as module  # noqa: E402  (jax may be missing)
from justright.models.neural.front import fit_scales, layout_of  # noqa: E402
from justright.models.neural.rows import Rows, batches_of, groups_of, pack_rows  # noqa: E402


def numbered(n: int) -> Rows:
    """Return rows that carry their number in every array."""
    number = np.arange(1, n + 1)
    return Rows(
        number[:, None].astype(np.float32),
        number[:, None].astype(np.int32),
        number.astype(np.float32),
        number.astype(np.float32),
        (number % 5)[:, None].astype(np.int8),
    )


def packed(problem: Any, blocks: Any = None, folder: Path | None = None, **table: Any) -> Rows:
    """Return the rows of a small table."""
    spec, own = problem(**table)
    layout = layout_of(spec.plan)
    return pack_rows(layout, fit_scales(layout, own), own if blocks is None else blocks(own), folder)


def same(first: Rows, second: Rows) -> None:
    """Compare all arrays to the bit."""
    for name in ("x", "codes", "target", "weight", "fold"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)


@settings(max_examples=25, deadline=None)  # each shape is compiled
@given(st.integers(1, 60), st.integers(1, 70), st.integers(0, 2**63), st.integers(0, 1000))
def test_every_row_is_in_one_batch_with_all_that_belongs_to_it(n, size, seed, number):
    made = batches_of(numbered(n), size, seed, number, 0)
    assert made.steps == -(-n // size)
    assert made.weight.shape == (made.steps, size)
    kept = made.weight > 0
    assert Counter(made.weight[kept].tolist()) == Counter(np.arange(1.0, n + 1).tolist())
    for part in (made.x[..., 0], made.codes[..., 0], made.target):
        np.testing.assert_array_equal(part[kept], made.weight[kept])
    np.testing.assert_array_equal(made.fold[..., 0][kept], made.weight[kept] % 5)
    assert kept[:-1].all(), "padding is in the last batch alone"


def test_the_order_is_a_function_of_seed_pass_and_group_and_mixes():
    orders = {
        key: tuple(batches_of(numbered(50), 10, *key).weight.ravel().tolist())
        for key in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (2**63 - 1, 0, 0)]
    }
    assert len(set(orders.values())) == len(orders)
    assert tuple(batches_of(numbered(50), 10, 0, 1, 0).weight.ravel().tolist()) == orders[0, 1, 0]
    # Each place holds each row equally often: over 400 passes the mean row at a place is 25.5 +- 0.7.
    places = np.stack([batches_of(numbered(50), 50, 7, number, 0).weight[0] for number in range(400)])
    assert np.abs(places.mean(axis=0) - 25.5).max() < 4.5 * 14.4 / 20


def test_rows_given_to_be_batched_are_not_changed():
    rows = numbered(5)
    batches_of(rows, 4, 0, 0, 0)
    same(rows, numbered(5))


def test_a_batch_larger_than_the_rows_is_padded():
    made = batches_of(numbered(3), 8, 0, 0, 0)
    assert made.steps == 1
    assert (made.weight > 0).sum() == 3


@given(st.integers(1, 500), st.integers(0, 2**32), st.integers(0, 99))
def test_groups_cover_all_rows_once_in_stretches_of_like_length(count, seed, number):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "GROUP", 40)
        groups = groups_of(count, seed, number)
    assert len(groups) == max(1, -(-count // 40))
    covered = sorted(row for part in groups for row in range(part.start, part.stop))
    assert covered == list(range(count))
    lengths = {part.stop - part.start for part in groups}
    assert max(lengths) <= 40
    assert max(lengths) - min(lengths) <= 1


def test_groups_come_in_another_order_each_pass(monkeypatch):
    monkeypatch.setattr(module, "GROUP", 10)
    orders = {tuple(part.start for part in groups_of(100, 3, number)) for number in range(20)}
    assert len(orders) > 15


def test_rows_lie_in_the_order_of_their_fingerprints_however_the_table_is_cut(problem):
    first = packed(problem, missing=True, fields=(4, 14))
    second = packed(problem, lambda own: own[::-1], missing=True, fields=(4, 14))
    third = packed(problem, missing=True, fields=(4, 14), n_blocks=1)
    same(first, second)
    same(first, third)


def test_an_order_of_the_table_means_nothing(problem):
    def mixed(own: Any) -> Any:
        rng = np.random.default_rng(1)
        return [block.take(rng.permutation(block.rows)) for block in own]

    same(packed(problem), packed(problem, mixed))


def test_each_row_keeps_its_target_weight_and_fold(problem):
    spec, blocks = problem(n=40, n_blocks=2)
    made = packed(problem, n=40, n_blocks=2)
    key = np.concatenate([block.key for block in blocks])
    place = np.argsort(key)
    for name in ("target", "weight", "fold"):
        wanted = np.concatenate([getattr(block, name) for block in blocks])[place]
        np.testing.assert_array_equal(getattr(made, name), wanted)
    assert made.count == 40
    assert spec.rows == 40


def test_a_folder_changes_nothing_but_the_place(problem, tmp_path):
    same(packed(problem), packed(problem, folder=tmp_path))


def test_large_tables_lie_in_mapped_files(problem, tmp_path, monkeypatch):
    from justright.models import room

    monkeypatch.setattr(room, "_MEMORY", 0)
    made = packed(problem, folder=tmp_path)
    assert isinstance(made.x, np.memmap)
    same(made, packed(problem))


def test_rows_taken_are_copies():
    rows = numbered(4)
    taken = rows.take(np.asarray([2, 0]))
    taken.x[:] = 0
    assert rows.x[:, 0].tolist() == [1, 2, 3, 4]
    assert taken.weight.tolist() == [3, 1]
