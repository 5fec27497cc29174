"""Tokens against a plain-Python oracle of the hashing trick."""

from __future__ import annotations

import math
import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.features.text import TextFeature, join_tokens, tokens_of
from justright.schema import Column, Tokens
from justright.split import farm_fingerprint


def oracle(text, slots):
    """Slot -> weight of one text, as the module says in words."""
    words = re.findall(r"\w+", (text or "").lower())
    grams = words + [f"{words[i]} {words[i + 1]}" for i in range(len(words) - 1)]
    counts = Counter((int(farm_fingerprint([gram])[0]) % 2**64) % slots for gram in grams)
    length = math.sqrt(sum(count * count for count in counts.values()))
    return {slot: count / length for slot, count in sorted(counts.items())}


def rows_of(tokens: Tokens):
    ends = tokens.indptr
    return [
        dict(zip(tokens.indices[a:b].tolist(), tokens.values[a:b].tolist(), strict=True))
        for a, b in zip(ends, ends[1:], strict=False)
    ]


TEXTS = st.lists(st.none() | st.text("ab \u00e9.,1", max_size=12), min_size=1, max_size=6, unique=True)


@given(TEXTS, st.lists(st.integers(0, 5), max_size=12), st.sampled_from([16, 64]))
def test_every_row_is_its_bag_of_words_and_pairs(texts, chosen, slots):
    codes = np.asarray([c % len(texts) for c in chosen], np.int32)
    tokens = tokens_of(texts, codes, slots)
    assert tokens.width == slots
    assert len(tokens.indptr) == len(codes) + 1
    for found, code in zip(rows_of(tokens), codes, strict=True):
        wanted = oracle(texts[code], slots)
        assert list(found) == list(wanted)
        assert list(found.values()) == pytest.approx(list(wanted.values()), rel=1e-6)


def test_words_and_pairs_without_case():
    one = rows_of(tokens_of(["Good, good BAD"], np.zeros(1, np.int32), 4096))[0]
    assert len(one) == 4  # good, bad, "good good", "good bad"
    assert one == rows_of(tokens_of(["good good bad!"], np.zeros(1, np.int32), 4096))[0]
    assert sum(value**2 for value in one.values()) == pytest.approx(1)


def test_missing_and_empty_have_no_entry():
    assert rows_of(tokens_of([None, "", "?!"], np.arange(3, dtype=np.int32), 16)) == [{}, {}, {}]


def test_no_rows_and_no_texts():
    tokens = tokens_of([], np.zeros(0, np.int32), 16)
    assert (tokens.indptr.tolist(), tokens.indices.size) == ([0], 0)


def test_columns_lie_side_by_side():
    first = tokens_of(["a b", None, "c"], np.array([0, 1, 2], np.int32), 16)
    second = tokens_of(["x", "y z"], np.array([1, 0, 1], np.int32), 32)
    joined = join_tokens([first, second])
    assert joined.width == 48
    for found, one, other in zip(rows_of(joined), rows_of(first), rows_of(second), strict=True):
        assert found == one | {slot + 16: value for slot, value in other.items()}
    assert join_tokens([]) is None
    assert join_tokens([first]) is first


def test_dtypes_are_those_of_a_block():
    tokens = tokens_of(["a b c"], np.zeros(2, np.int32), 16)
    assert (tokens.indptr.dtype, tokens.indices.dtype, tokens.values.dtype) == (
        np.int64,
        np.int32,
        np.float32,
    )


def test_name():
    assert TextFeature(Column("note", "text", "text"), 16).name == "note"
