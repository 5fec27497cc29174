import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from justright.kinds.tally import ColumnTally, Moments, tally
from justright.source import open_source


def _column(values, *, pieces=1, **more):
    column = ColumnTally("c", **more)
    array = values if isinstance(values, pa.Array) else pa.array(values)
    size = max(1, len(array) // pieces)
    for start in range(0, len(array), size):
        column.add(array.slice(start, size))
    return column


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.integers(1, 5))
def test_moments_added_up_equal_moments_of_all(values, pieces):
    moments = Moments()
    for part in np.array_split(np.array(values), pieces):
        moments.add(part)
    assert moments.n == len(values)
    np.testing.assert_allclose(moments.mean, np.mean(values), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(moments.deviation, np.std(values), rtol=1e-7, atol=1e-6)
    assert (moments.low, moments.high) == (min(values), max(values))


def test_moments_of_nothing():
    moments = Moments()
    moments.add(np.array([np.nan]))
    assert (moments.n, moments.deviation) == (0, 0.0)


@pytest.mark.parametrize("pieces", [1, 3, 7])
def test_marks_blanks_and_unreadable_values_are_counted(pieces):
    values = ["1", "2.5", "NA", " ? ", "", "  ", None, "nAn", "12%", "7", "8", "9", "3", "4", "5"]
    column = _column(values, pieces=pieces)
    assert column.rows == 15
    assert dict(column.marks) == {"NA": 1, "?": 1, "": 2}
    assert column.missing == 6
    assert column.unreadable == 1
    assert column.numbers.n == 8
    assert column.numbers.low == 1.0
    assert column.numbers.high == 9.0


def test_words_are_not_tried_as_numbers_for_long():
    column = _column(["a", "b", "1"] * 10)
    assert column.numbers is None
    assert column.present == 30
    late = _column(["1"] * 100 + ["a"] * 900, pieces=10)
    assert late.numbers is None
    mostly = _column(["1"] * 1000 + ["a"], pieces=10)
    assert mostly.numbers.n == 1000
    assert mostly.unreadable == 1
    assert mostly.unreadable_seen == {"a": 1}


def test_decimal_comma_is_found():
    column = _column(["1,5", "2", "NA", "3,25"])
    assert column.trial.decimal == ","
    assert column.numbers.high == 3.25


def test_one_value_is_of_all_rows():
    assert _column(["a"] * 10, pieces=4).one_value
    assert not _column(["a"] * 10 + ["b"], pieces=4).one_value
    assert _column(["a", None, "a", "NA"]).one_value


def test_values_are_counted_on_request_and_given_up_when_many():
    column = _column(["a", "b", None, "a"], count_values=True, pieces=2)
    assert column.values == {"a": 2, "b": 1, None: 1}
    assert _column([str(i) for i in range(10_001)], count_values=True).values is None


def test_few_distinct_values_are_known_exactly():
    assert _column(pa.array([1, 2, 1, None]), pieces=2).few == {1, 2, None}
    assert _column(pa.array(range(300))).few is None
    assert _column(pa.array(range(300)), pieces=10).few is None


def test_dates_have_a_range():
    column = _column(pa.array([0, 86_400_000_000, None], pa.timestamp("us")))
    assert (column.numbers.low, column.numbers.high, column.missing) == (0.0, 86400.0, 1)


def test_the_sample_is_uniform_for_a_sorted_table_and_independent_of_batches():
    n = 100_000
    source = open_source({"a": np.arange(n), "b": np.arange(n) % 2})
    found = tally(source, None, 3_000)
    assert found.rows == n
    assert not found.whole
    sample = found.sample.column("a").to_numpy()
    assert 1_500 <= len(sample) <= 3_000
    assert (np.diff(sample) > 0).all()
    # Four standard errors of a uniform mean and of a fair coin.
    assert abs(sample.mean() / n - 0.5) < 4 * 0.2887 / np.sqrt(len(sample))
    assert abs(found.sample.column("b").to_numpy().mean() - 0.5) < 4 * 0.5 / np.sqrt(len(sample))

    class Small:
        names = source.names

        def batches(self, columns=None):
            for batch in source.batches(columns):
                for start in range(0, batch.num_rows, 777):
                    yield batch.slice(start, 777)

    again = tally(Small(), None, 3_000)
    assert again.sample.column("a").to_pylist() == sample.tolist()


def test_a_wide_table_keeps_fewer_rows():
    source = open_source({f"x{i}": np.zeros(30_000) for i in range(1_000)})
    assert tally(source, None, 200_000).sample.num_rows <= 20_000
    assert tally(source, None, 200_000).columns["x3"].rows == 30_000
