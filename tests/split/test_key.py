"""Keys: the joined canonical texts, salts, and that the form of the columns does not matter."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.errors import ColumnError
from justright.split import farm_fingerprint, key_fingerprints, part_of

TEXT = st.one_of(st.none(), st.text(st.characters(codec="utf-8"), max_size=6))


def coded(texts):
    distinct = list(dict.fromkeys(texts))
    return np.array([distinct.index(t) for t in texts], np.int32), distinct


@given(st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=12), st.text("ab|", max_size=3), st.integers(1, 3))
def test_key_is_the_joined_texts(rows, salt, width):
    columns = [coded([row[i] for row in rows]) for i in range(width)]
    arrays = [pa.array([row[i] for row in rows], pa.string()) for i in range(width)]
    plain = ["|".join([*(t or "" for t in row[:width]), *([salt] if salt else [])]) for row in rows]
    assert np.array_equal(key_fingerprints(columns, salt), farm_fingerprint(plain))
    assert np.array_equal(key_fingerprints(arrays, salt), farm_fingerprint(plain))
    assert np.array_equal(key_fingerprints([columns[0], *arrays[1:]], salt), farm_fingerprint(plain))


def test_salts_give_independent_splits():
    column = coded([str(i) for i in range(5000)])
    first, second = (part_of(key_fingerprints([column], salt), "50/50") for salt in ("", "b"))
    both = ((first == 0) & (second == 0)).mean()
    assert abs(both - 0.25) < 0.03


def test_errors():
    with pytest.raises(ColumnError, match="no key column"):
        key_fingerprints([])
    with pytest.raises(ColumnError, match="one length"):
        key_fingerprints([pa.array(["a"]), pa.array(["a", "b"])])
