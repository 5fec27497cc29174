import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from justright.schema import Column
from justright.source.texts import text_array
from justright.values import canonical_text

TEXT = Column("t", "categorical", "text")
NUMBER = Column("n", "numeric", "number")


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (["a", " b ", None], ["a", " b ", None]),
        ([1, None, 10**15], ["1", None, "1000000000000000"]),
        ([1.0, 0.1, math.nan], ["1", "0.1", None]),
        ([True, None], ["true", None]),
        ([1, "x", 2.0, False], ["1", "x", "2", "false"]),
        ([1e16, 0.5], ["10000000000000000", "0.5"]),
        ([2**80], [str(2**80)]),
        ([None, None], [None, None]),
        ([], []),
        ([b"ab"], ["ab"]),
    ],
)
def test_known_answers(values, texts):
    assert text_array(values).to_pylist() == texts


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_infinity=False), st.text())
    )
)
def test_a_text_means_what_its_value_means(values):
    for value, text in zip(values, text_array(values).to_pylist(), strict=True):
        assert canonical_text(text, NUMBER) == canonical_text(value, NUMBER)
        if not isinstance(value, float):
            assert canonical_text(text, TEXT) == canonical_text(value, TEXT)
