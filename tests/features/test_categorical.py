"""Vocabularies: who gets a code of its own, who is pooled, who is hashed, and nothing mixed up."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.features.categorical import MISSING, UNSEEN, Tally, Vocabulary, fit_categorical
from justright.schema import Column
from justright.split import farm_fingerprint
from justright.values import TextPool, to_codes

C = Column("c", "categorical", "text")


def tally_of(texts, weight=None, limit=500_000):
    tally = Tally(limit)
    different = list(dict.fromkeys(texts))
    codes = np.asarray([different.index(text) for text in texts], np.int32)
    tally.add(codes, different, np.ones(len(texts)) if weight is None else np.asarray(weight, float))
    return tally


def fit(texts, rare=2, largest=100, buckets=8):
    return fit_categorical(C, tally_of(texts), rare, largest, buckets)


def test_rare_unseen_and_missing_are_told_apart():
    feature = fit(["a"] * 5 + ["b"] * 3 + ["once"] + [None] * 2)
    look = Vocabulary(feature)
    assert feature.vocabulary == ("a", "b")
    assert feature.counts == (1.0, 2.0, 5.0, 3.0)
    assert [look.code(t) for t in ("a", "b", "once", "never", None)] == [2, 3, UNSEEN, UNSEEN, MISSING]
    assert feature.labels() == ["(rare or never seen)", "(missing)", "a", "b"]
    assert feature.size == 4


@pytest.mark.parametrize(("rare", "kept"), [(3, ("a", "b")), (4, ("a",))])
def test_rare_is_seen_less_often_than_the_recipe_says(rare, kept):
    assert fit(["a"] * 5 + ["b"] * 3 + [f"t{i}" for i in range(20)], rare=rare).vocabulary == kept


def test_ties_are_broken_by_text_not_by_order():
    assert fit(["b", "a", "c"] * 3).vocabulary == fit(["c", "b", "a"] * 3).vocabulary == ("a", "b", "c")


def test_a_text_that_looks_like_a_mark_is_a_text():
    feature = fit(["None", "nan", "(missing)", ""] * 3)
    assert set(feature.vocabulary) == {"None", "nan", "(missing)", ""}


def test_few_rows_keep_their_categories():
    assert fit(["a", "b", "c"], rare=5).vocabulary == ("a", "b", "c")
    many = fit([f"t{i}" for i in range(30)], rare=5)
    assert many.vocabulary == ()
    assert many.counts == (30.0, 0.0)


@pytest.mark.parametrize(
    ("texts", "kept"), [(["a"] * 9, False), ([None] * 9, False), (["a", None], True), (["a", "b"], True)]
)
def test_a_column_without_information_is_left_out(texts, kept):
    assert (fit(texts) is not None) == kept


def test_above_the_vocabulary_the_rest_is_hashed():
    texts = [f"t{i:03d}" for i in range(40) for _ in range(1 + (i < 10))]
    feature = fit(texts, rare=1, largest=10, buckets=8)
    look = Vocabulary(feature)
    assert feature.vocabulary == tuple(f"t{i:03d}" for i in range(10))
    assert feature.size == 2 + 10 + 8
    assert feature.counts[0] == 0.0
    assert feature.counts[-1] == 30.0
    slot = int(farm_fingerprint(["t025"]).view(np.uint64)[0] % np.uint64(8))
    assert look.code("t025") == 12 + slot
    assert look.code("never seen") in range(12, 20)
    assert look.code(None) == MISSING
    assert feature.labels()[12] == "(hashed 0)"


@given(st.lists(st.none() | st.text(max_size=3), max_size=20), st.booleans())
def test_many_texts_get_the_codes_of_each_alone(texts, hashed):
    feature = fit(["a", "b", "", "\u00e9"] * 3 + ["x"], rare=2, largest=2 if hashed else 9)
    look = Vocabulary(feature)
    codes = look.codes(texts)
    assert codes.dtype == np.int32
    assert codes.tolist() == [look.code(text) for text in texts]
    assert all(0 <= code < feature.size for code in codes)


WEIGHTED = st.lists(
    st.tuples(st.none() | st.sampled_from("abcdefg"), st.integers(1, 5)), min_size=1, max_size=40
)


@given(WEIGHTED, st.integers(1, 6), st.randoms())
def test_any_order_and_any_batches_count_the_same(pairs, size, random):
    plain = Counter()
    for text, weight in pairs:
        plain[text] += weight
    mixed = list(pairs)
    random.shuffle(mixed)
    whole = Tally()
    for begin in range(0, len(mixed), size):
        texts, weight = zip(*mixed[begin : begin + size], strict=True)
        whole.merge(tally_of(texts, weight))
    assert whole.missing == plain.pop(None, 0)
    assert whole.weights == plain


def test_weight_zero_is_not_seen():
    tally = tally_of(["a", "b", None], [1, 0, 0])
    assert (tally.weights, tally.missing) == ({"a": 1.0}, 0.0)


def test_memory_is_bounded_and_the_weight_kept():
    tally = Tally(limit=100)
    for begin in range(0, 1000, 50):
        texts = [f"t{i}" for i in range(begin, begin + 50)] + ["often"] * 50
        tally.merge(tally_of(texts))
    assert len(tally.weights) <= 100
    assert tally.weights["often"] == 1000.0
    assert sum(tally.weights.values()) + tally.pooled == 2000.0
    feature = fit_categorical(C, tally, 5, 50, 8)
    assert feature.vocabulary == ("often",)
    assert sum(feature.counts) == 2000.0
    assert feature.buckets == 8


def test_pooled_texts_alone_are_information():
    tally = Tally()
    tally.pooled = 3.0
    tally.weights = {"a": 9.0}
    assert fit_categorical(C, tally, 1, 10, 4).vocabulary == ("a",)


WORDS = st.sampled_from(["a", "b", "c ", "d", "", None])
BATCHES = st.lists(st.lists(st.tuples(WORDS, st.sampled_from([0.0, 0.5, 1.0, 3.0])), max_size=9), max_size=6)


@given(BATCHES, st.integers(0, 6))
def test_a_tally_over_a_pool_is_the_tally_of_each_batch(batches, fresh):
    """Also where a new pool goes on in the middle, and where a vocabulary looks the pool up."""
    plain, pooled, pool = Tally(), Tally(), TextPool(C)
    for number, batch in enumerate(batches):
        array, weight = pa.array([w for w, _ in batch], pa.string()), np.asarray([x for _, x in batch], float)
        plain.add(*to_codes(array, C), weight)
        pool = TextPool(C) if number == fresh else pool
        pooled.add(pool.codes(array), pool, weight)
    one, other = fit_categorical(C, plain, 1, 2, 4), fit_categorical(C, pooled, 1, 2, 4)
    assert one == other
    assert (plain.weights, plain.missing) == (pooled.weights, pooled.missing)
    if one is not None:
        look = Vocabulary(one)
        pool.codes(pa.array(["new", "a"]))
        assert look.codes(pool).tolist() == [look.code(text) for text in pool]


def test_merged_tallies_of_two_pools_are_the_tally_of_all():
    parts = []
    for words in (["a", "b", "a"], ["b", None, "c"]):
        pool, tally = TextPool(C), Tally()
        tally.add(pool.codes(pa.array(words)), pool, np.ones(3))
        parts.append(tally)
    parts[0].merge(parts[1])
    assert (parts[0].weights, parts[0].missing) == ({"a": 2.0, "b": 2.0, "c": 1.0}, 1.0)


def test_a_pool_beyond_the_limit_pools_the_lightest_half():
    pool, tally = TextPool(C), Tally(4)
    for words in (["a", "a", "b", "b"], ["c", "d", "e", "a"]):
        tally.add(pool.codes(pa.array(words)), pool, np.ones(4))
    tally.settle()
    assert (tally.weights, tally.pooled) == ({"a": 3.0, "b": 2.0}, 3.0)
