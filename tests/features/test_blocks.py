"""Rows kept in memory and in mapped files are the same rows."""

from __future__ import annotations

import errno

import numpy as np
import pytest

from justright.errors import StorageError
from justright.features import blocks as module
from justright.features.blocks import BlockStore
from justright.features.text import tokens_of
from justright.schema import BLOCK_ROWS, Block


def block(rows, seed=0, *, p=3, q=2, text=True):
    rng = np.random.default_rng(seed)
    texts = ["a b", None, "c d e", "a"]
    return Block(
        rng.normal(size=(rows, p)).astype(np.float32),
        rng.integers(0, 9, (rows, q)).astype(np.int32),
        rng.normal(size=rows).astype(np.float32),
        rng.uniform(size=rows).astype(np.float32),
        rng.integers(-2, 5, (rows, 2)).astype(np.int8),
        tokens_of(texts, rng.integers(0, 4, rows).astype(np.int32), 16) if text else None,
        rng.integers(0, 2**63, rows).astype(np.uint64),
    )


def arrays(each):
    found = [each.numeric, each.codes, each.target, each.weight, each.fold, each.key]
    if each.tokens is not None:
        found += [each.tokens.indptr, each.tokens.indices, each.tokens.values]
    return found


def equal(one, other):
    assert len(arrays(one)) == len(arrays(other))
    for a, b in zip(arrays(one), arrays(other), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


SHAPES = [
    {},
    {"p": 0},
    {"q": 0},
    {"text": False},
    {"p": 0, "q": 0},
]


@pytest.mark.parametrize("shape", SHAPES)
def test_mapped_blocks_are_those_in_memory(tmp_path, shape):
    pieces = [block(rows, seed, **shape) for seed, rows in enumerate([5, 0, 1, 40])]
    with BlockStore() as memory, BlockStore(tmp_path / "b") as disk:
        for piece in pieces:
            memory.append(piece)
            disk.append(piece)
        (one,), (other,) = memory.blocks(), disk.blocks()
    equal(one, other)
    assert one.rows == memory.rows == disk.rows == 46
    begin = 0
    for piece in pieces:
        equal(one.slice(begin, begin + piece.rows), piece)
        begin += piece.rows


def test_long_tables_are_cut(monkeypatch):
    monkeypatch.setattr(module, "BLOCK_ROWS", 16)
    store = BlockStore()
    pieces = [block(10, seed) for seed in range(5)]
    for piece in pieces:
        store.append(piece)
    made = store.blocks()
    assert [each.rows for each in made] == [16, 16, 16, 2]
    whole = np.concatenate([each.numeric for each in made])
    np.testing.assert_array_equal(whole, np.concatenate([piece.numeric for piece in pieces]))
    assert all(each.tokens.indptr[0] == 0 for each in made)
    assert BLOCK_ROWS == 65_536


def test_a_store_without_rows_has_no_blocks(tmp_path):
    assert BlockStore().blocks() == []
    with BlockStore(tmp_path) as store:
        store.append(block(0))
        assert store.blocks() == []


def test_texts_without_words_on_disk(tmp_path):
    empty = block(3, text=False)
    tokens = tokens_of([None], np.zeros(3, np.int32), 16)
    whole = Block(empty.numeric, empty.codes, empty.target, empty.weight, empty.fold, tokens, empty.key)
    with BlockStore(tmp_path) as store:
        store.append(whole)
        (made,) = store.blocks()
    equal(made, whole)


def test_mapped_files_are_read_only(tmp_path):
    with BlockStore(tmp_path) as store:
        store.append(block(4))
        (made,) = store.blocks()
    with pytest.raises(ValueError, match="read-only"):
        made.numeric[0, 0] = 1.0


def test_a_full_disk_is_said(tmp_path):
    class Full:
        def write(self, data):
            pass

        def flush(self):
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self):
            self.flush()

    with BlockStore(tmp_path) as store:
        store._files["numeric"] = Full()
        with pytest.raises(StorageError, match="No space left on device.*free some disk space"):
            store.append(block(4))


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="a folder for encoded rows"):
        BlockStore(tmp_path / "file" / "blocks")


def test_slice_and_take_agree():
    whole = block(12)
    chosen = np.array([3, 4, 5])
    equal(whole.slice(3, 6), whole.take(chosen))
    equal(whole.take(np.arange(12)[::-1]).take(np.arange(12)[::-1]), whole)
