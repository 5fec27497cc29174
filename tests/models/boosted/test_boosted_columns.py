import numpy as np

from justright.models.boosted.columns import commonest, matrix
from justright.schema import Block, Tokens


def block(words, n=3):
    x = np.asarray([[0.5, np.nan], [1.0, 2.0], [3.0, -0.0]], np.float32)
    sizes = [len(each) for each in words]
    flat = np.asarray([slot for each in words for slot in each], np.int32)
    values = np.arange(1, len(flat) + 1, dtype=np.float32)
    tokens = Tokens(np.cumsum([0, *sizes]), flat, values, 6)
    ones, none = np.ones(n, np.float32), np.zeros((n, 1), np.int8)
    codes = np.asarray([[7], [0], [1]], np.int32)
    return Block(x, codes, ones, ones, none, tokens, np.zeros(n, np.uint64))


def test_numbers_codes_and_words_side_by_side():
    made = matrix(block([[4, 1], [], [1, 5]]), np.asarray([1, 4]))
    expected = [[0.5, np.nan, 7, 2, 1], [1, 2, 0, 0, 0], [3, 0, 1, 3, 0]]
    np.testing.assert_array_equal(made, np.asarray(expected, np.float32))
    assert made.dtype == np.float32


def test_some_rows_are_those_rows_of_all():
    whole, words = block([[4, 1], [2], [1, 5]]), np.asarray([1, 2, 5])
    every = matrix(whole, words)
    np.testing.assert_array_equal(matrix(whole, words, np.asarray([2, 0])), every[[2, 0]])
    np.testing.assert_array_equal(matrix(whole, words, slice(1, 3)), every[1:])
    out = np.zeros((5, 6), np.float32)
    matrix(whole, words, out=out[1:4])
    np.testing.assert_array_equal(out[1:4], every)
    assert not out[[0, 4]].any()


def test_the_commonest_words_the_first_of_equals():
    parts = [block([[4, 1], [4], [1, 5]]), block([[4], [2], []])]
    assert commonest(parts, 2).tolist() == [1, 4]
    assert commonest(parts, 3).tolist() == [1, 2, 4]
    assert commonest(parts).tolist() == [1, 2, 4, 5]
    assert commonest([]).tolist() == []
