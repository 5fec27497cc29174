"""Targets there and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.features.target import TargetFeature, encode_classes
from justright.schema import Column, Target

NUMBER = Target(Column("y", "numeric", "number"), "regression")


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_scaled_there_and_back(values, centre, scale):
    feature = TargetFeature(NUMBER, centre, scale)
    z = feature.scaled(np.asarray(values))
    assert z.dtype == np.float32
    room = 1e-6 * (max(abs(v) for v in values) + abs(centre) + scale)
    np.testing.assert_allclose(feature.unscaled(z), values, rtol=1e-6, atol=room)


def test_a_count_keeps_its_unit():
    assert TargetFeature(NUMBER).scaled(np.array([0.0, 7.0])).tolist() == [0.0, 7.0]


def test_classes_by_their_text():
    codes = np.array([0, 1, 2, 3, 0], np.int32)
    found = encode_classes(codes, ["yes", "no", None, "maybe"], ("no", "yes"))
    assert found.dtype == np.int32
    assert found.tolist() == [1, 0, -1, -1, 1]


def test_no_rows():
    assert encode_classes(np.zeros(0, np.int32), [], ("a", "b")).tolist() == []


def test_the_value_is_frozen():
    with pytest.raises(AttributeError):
        TargetFeature(NUMBER).centre = 3.0
