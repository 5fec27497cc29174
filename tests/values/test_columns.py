import subprocess
import sys

import numpy as np
import pytest

from justright.schema import Column
from justright.values import to_codes, to_moments, to_numbers

NUMBER = Column("n", "numeric", "number")


def test_lists_give_numbers_and_say_what_is_none():
    numbers, unreadable = to_numbers(["1", 2, None, "x", "NA"], NUMBER)
    np.testing.assert_array_equal(numbers, [1.0, 2.0, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(unreadable, [False, False, False, True, False])
    assert to_numbers([1, "2"], NUMBER)[1] is None


def test_lists_give_codes_in_order_of_first_appearance():
    codes, texts = to_codes(["b", None, "a", "b ", ""], Column("t", "categorical", "text"))
    assert codes.dtype == np.int32
    assert codes.tolist() == [0, 1, 2, 0, 1]
    assert texts == ["b", None, "a"]


def test_lists_give_moments():
    seconds, unreadable = to_moments(["1970-01-02", "x", None], Column("d", "datetime", "datetime"))
    np.testing.assert_array_equal(seconds, [86400.0, np.nan, np.nan])
    assert unreadable is not None
    assert unreadable.tolist() == [False, True, False]


def test_empty_columns():
    for values in ([], np.empty(0)):
        assert to_numbers(values, NUMBER)[0].shape == (0,)
        assert to_codes(values, NUMBER)[1] == []


@pytest.mark.parametrize("dtype", ["int8", "uint64", "float32", "float64", "bool"])
def test_numpy_arrays_are_read_as_lists_are(dtype):
    array = np.array([0, 1, 1, 0]).astype(dtype)
    np.testing.assert_array_equal(to_numbers(array, NUMBER)[0], to_numbers(list(array), NUMBER)[0])
    assert to_codes(array, NUMBER)[1] == to_codes(list(array), NUMBER)[1]
    assert to_codes(array.astype(object), NUMBER)[1] == ["0", "1"]


def test_numpy_dates_and_texts():
    column = Column("d", "datetime", "datetime")
    assert to_moments(np.array(["1970-01-02", "NaT"], "M8[ns]"), column)[0][0] == 86400.0
    assert to_codes(np.array(["a", "b"]), Column("t", "categorical", "text"))[1] == ["a", "b"]


def test_lists_need_no_pyarrow():
    script = (
        "import sys; from justright.values import to_numbers, to_codes; from justright.schema import Column;"
        "to_numbers(['1', 2], Column('n', 'numeric', 'number')); print('pyarrow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
