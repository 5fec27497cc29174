"""Key texts are the canonical ones, whatever short cut was taken."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.schema import Column
from justright.split.texts import key_texts
from justright.values import canonical_text

NUMBER = Column("x", "numeric", "number")
EDGES = [
    0.0,
    -0.0,
    1e-4,
    9.999e-5,
    1e10 - 0.5,
    1e10 + 0.5,
    1e15,
    1e15 + 0.5,
    1e16,
    2.0**53,
    2.0**53 - 1,
    2.0**63,
    1e22,
    np.nan,
    np.inf,
]


def written(array, column=NUMBER):
    texts = key_texts(array, column)
    if isinstance(texts, tuple):
        return [texts[1][code] for code in texts[0]]
    return texts.to_pylist()


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.floats(),
            st.floats(-1e17, 1e17),
            st.integers(-(10**6), 10**6).map(lambda i: i / 1000),
            st.sampled_from(EDGES),
        ),
        max_size=40,
    )
)
def test_floats(values):
    assert written(pa.array(values, pa.float64())) == [canonical_text(v, NUMBER) for v in values]


def test_many_floats():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(size=3000) * 10.0**p for p in range(-7, 18)])
    assert written(pa.array(values)) == [canonical_text(v, NUMBER) for v in values.tolist()]


@pytest.mark.parametrize(
    "array",
    [
        pa.array([1, -5, None], pa.int8()),
        pa.array([2**63 - 1, -(2**63), 0]),
        pa.array([2**64 - 1, 7, None], pa.uint64()),
        pa.array([2**32 - 1, None], pa.uint32()),
        pa.array(["01", "1.0", " 2,5", None, "x"]),
        pa.array([0.1, None, 3.0], pa.float32()),
        pa.array([True, None]),
    ],
)
def test_other_types(array):
    values = array.to_numpy(zero_copy_only=False) if array.type == pa.float32() else array.to_pylist()
    assert written(array) == [canonical_text(v, NUMBER) for v in values]


def test_a_number_in_a_column_of_text_keeps_its_own_text():
    text = Column("x", "categorical", "text")
    assert written(pa.array([1.0, 0.25, None]), text) == ["1", "0.25", None]
    assert written(pa.array(["01", " a "]), text) == ["01", "a"]
