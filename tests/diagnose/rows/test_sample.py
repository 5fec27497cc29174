"""The sample is a function of fingerprints, in the order of the file, in the units of the table."""

from __future__ import annotations

import numpy as np
import pytest

from justright.diagnose.rows.sample import Judged, chosen_places, gather, take_rows
from justright.kernels.hashing import mix64


def table(rows=400):
    rng = np.random.default_rng(0)
    y = rng.normal(size=rows) * 10 + 1000
    y[::9] = np.nan
    return {
        "x": rng.normal(size=rows) * 1e4 + 5e5,
        "c": np.array(["u", "v", "w"])[rng.integers(0, 3, rows)],
        "y": y,
    }


def test_rows_are_those_of_the_file_with_a_target(made):
    columns = table()
    known = np.isfinite(columns["y"])
    sample = made(columns).sample
    np.testing.assert_allclose(sample.target, columns["y"][known], rtol=1e-6)
    np.testing.assert_allclose(sample.features[0].values, columns["x"][known], rtol=1e-6)
    assert [f.name for f in sample.features] == ["x", "c"]


def test_some_rows_are_the_same_as_all_of_them(made):
    one = made(table())
    places = np.arange(3, one.data.rows, 7)
    some = take_rows(one.data, one.judged, places)
    np.testing.assert_array_equal(some.outcome, one.sample.outcome[places])
    np.testing.assert_array_equal(some.prediction, one.sample.prediction[places])
    np.testing.assert_array_equal(some.content, one.sample.content[places])
    np.testing.assert_array_equal(some.features[1].codes, one.sample.features[1].codes[places])
    np.testing.assert_array_equal(some.features[1].codes, gather(one.data.blocks, places, 0, codes=True))


def test_rows_that_were_not_judged_have_no_prediction(made):
    one = made(table())
    half = np.arange(0, one.data.rows, 2)
    judged = Judged(half, one.judged.prediction[half], one.judged.target[half], one.judged.weight[half])
    sample = take_rows(one.data, judged, np.arange(one.data.rows))
    np.testing.assert_array_equal(np.flatnonzero(sample.judged), half)


def test_copies_share_a_fold_of_the_checks(made):
    columns = {name: np.r_[values, values] for name, values in table().items()}
    sample = made(columns).sample
    half = sample.rows // 2
    np.testing.assert_array_equal(sample.fold[:half], sample.fold[half:])
    assert np.bincount(sample.fold, minlength=5).min() > 0.1 * sample.rows


@pytest.mark.parametrize("most", [50, 200, 5000])
def test_chosen_rows_are_whole_keys_in_order(most):
    key = mix64(np.arange(1000, dtype=np.uint64) // np.uint64(4))
    places = chosen_places(key, most)
    assert (np.diff(places) > 0).all()
    assert set(key[places]).isdisjoint(key[np.setdiff1d(np.arange(1000), places)])
    assert len(places) == 1000 if most >= 1000 else abs(len(places) - most) < 6 * np.sqrt(4 * most)
