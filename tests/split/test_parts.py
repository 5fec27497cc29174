"""Parts: exact intervals, the two-stage trap, nested samples, rows that never move."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.errors import RecipeError
from justright.split import bounds, farm_fingerprint, parse_shares, part_of, uniform

WORDS = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=30)
SHARES = st.lists(st.integers(1, 100), min_size=1, max_size=5)


@pytest.fixture(scope="module")
def keys():
    return farm_fingerprint([str(i) for i in range(200_000)])


@given(WORDS)
def test_uniform_is_the_upper_53_bits_exactly(words):
    out = uniform(np.array(words, np.int64))
    assert [Fraction(u) for u in out.tolist()] == [Fraction(w % 2**64 // 2**11, 2**53) for w in words]
    assert all(0 <= u < 1 for u in out.tolist())


def test_uniform_at_the_ends_of_the_signed_range():
    ends = uniform(np.array([0, -1, 2**63 - 1, -(2**63)], np.int64))
    assert ends.tolist() == [0.0, 1 - 2.0**-53, 0.5 - 2.0**-53, 0.5]


@given(WORDS, SHARES, st.sampled_from([1.0, 0.5, 0.1, 1 / 70, 1e-9]))
def test_part_is_the_definition_in_rational_numbers(words, shares, sample):
    ends = [Fraction(s) / sum(shares) * Fraction(str(sample)) for s in itertools.accumulate(shares)]
    wanted = []
    for word in words:
        u = Fraction(word % 2**64 // 2**11, 2**53)
        wanted.append(next((i for i, end in enumerate(ends) if u < end), -1))
    assert part_of(np.array(words, np.int64), shares, sample).tolist() == wanted


def test_intervals_are_exact_at_their_borders():
    for end, part in zip(bounds("80/10/10").tolist(), range(3), strict=True):
        below, above = np.array([end - 1, min(end, 2**53 - 1)], np.uint64) << np.uint64(11)
        assert part_of(np.array([below], np.uint64).view(np.int64), "80/10/10").tolist() == [part]
        if part < 2:
            assert part_of(np.array([above], np.uint64).view(np.int64), "80/10/10").tolist() == [part + 1]
    assert bounds("80/10/10")[-1] == 2**53


def test_real_shares_are_those_asked_for(keys):
    counts = np.bincount(part_of(keys, "80/10/10"))
    assert np.all(np.abs(counts / len(keys) - [0.8, 0.1, 0.1]) < 4 * np.sqrt(0.16 / len(keys)))


def test_two_stages_on_one_hash_empty_the_validation_part_and_ours_do_not(keys):
    first = keys[keys % 10 == 0]
    assert len(first) == 19_867
    assert (first % 10 >= 8).sum() == 0  # the trap: h % 10 twice
    after_70 = keys[keys % 70 == 0]
    assert len(after_70) == 2_842
    assert (after_70 % 10 >= 8).sum() == (after_70 % 7 >= 5).sum() == 0  # and a shared factor
    part = part_of(keys, "80/20", sample=0.1)
    assert np.bincount(part + 1)[1:].tolist() == [15_985, 4_149]


def test_a_smaller_sample_is_a_subset(keys):
    small, large = (part_of(keys, "80/20", sample=s) >= 0 for s in (0.05, 0.3))
    assert np.all(large[small])
    assert abs(small.mean() - 0.05) < 0.002


@given(WORDS, WORDS, SHARES)
def test_a_row_never_moves_when_rows_come(old, new, shares):
    before = part_of(np.array(old, np.int64), shares)
    after = part_of(np.array(new + old, np.int64), shares)
    assert np.array_equal(after[len(new) :], before)


def test_splitting_a_later_part_further_leaves_the_earlier_ones(keys):
    two, three = part_of(keys, "80/20"), part_of(keys, "80/10/10")
    assert np.array_equal(two == 0, three == 0)


@pytest.mark.parametrize("text", ["80/10/10", "0.8/0.1/0.1", "8,1,1", "8:1:1", "80 10 10", " 80 / 10 /10"])
def test_spellings_of_shares(text):
    assert parse_shares(text) == (0.8, 0.1, 0.1)
    assert np.array_equal(bounds(text), bounds([8, 1, 1]))
    assert np.array_equal(bounds(text), bounds([0.8, 0.1, 0.1]))


@pytest.mark.parametrize(
    "bad",
    ["", "80/", "80//10", "a/b", "80/-10", "0/100", "nan/1", "inf/1", "1/0/2", [], [0.5, 0], [np.nan, 1]],
)
def test_bad_shares(bad):
    with pytest.raises(RecipeError, match="positive numbers such as 80/10/10"):
        parse_shares(bad)


def test_too_many_parts():
    assert len(parse_shares([1] * 100)) == 100
    with pytest.raises(RecipeError, match="shares"):
        parse_shares([1] * 101)


@pytest.mark.parametrize("sample", [0, -1, 1.01, float("nan")])
def test_bad_sample(sample):
    with pytest.raises(RecipeError, match="sample"):
        bounds("80/20", sample)
