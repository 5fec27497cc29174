"""The compiled loop writes its answer in place and says how long it took."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")


def test_weights_in_place_and_sweeps_counted():
    from justright.kernels.compiled_coordinate import descend

    weights = np.zeros(2)
    sweeps = descend(np.diag([1.0, 4.0]), np.array([3.0, 4.0]), 1.0, 0.0, weights, 1e-9, 50)
    assert weights.tolist() == [2.0, 0.75]
    assert sweeps == 2
    assert descend(np.diag([1.0, 4.0]), np.array([3.0, 4.0]), 1.0, 0.0, weights, 1e-9, 0) == 0
