"""The hash of categories is the hash of the split, and imports no compiler."""

from __future__ import annotations

import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from justright.features.fingerprints import fingerprint_texts
from justright.split import farm_fingerprint


@given(st.lists(st.text(max_size=80), min_size=1, max_size=20))
def test_equal_to_the_fingerprint_of_the_split(texts):
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    np.testing.assert_array_equal(fingerprint_texts(texts), farm_fingerprint(texts).view(np.uint64))


def test_no_texts():
    assert fingerprint_texts([]).tolist() == []


def test_many_texts_do_not_wake_the_compiler():
    import subprocess

    code = (
        "import sys; from justright.features.fingerprints import fingerprint_texts as f;"
        "f(['a%d' % i for i in range(100_000)]); assert 'numba' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
