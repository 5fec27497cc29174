"""What the training rows looked like, against counting in plain Python."""

from __future__ import annotations

import importlib
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from justright.features.categorical import CategoricalFeature
from justright.features.numeric import NumericFeature
from justright.features.plan import FeaturePlan, PlanData
from justright.kernels.hashing import mix64
from justright.monitor import baseline
from justright.schema import Block, Column

X = NumericFeature(Column("x", "numeric", "number"), 10.0, 2.0, 0.0, 20.0)
C = CategoricalFeature(Column("c", "categorical", "text"), ("a", "b"), (0.0, 0.0, 1.0, 1.0))
PLAN = FeaturePlan(PlanData((X,), (C,), (), None))


def block(z, codes=None, weight=None):
    n = len(z)
    return Block(
        np.asarray(z, np.float32)[:, None],
        np.zeros((n, 1), np.int32) if codes is None else np.asarray(codes, np.int32)[:, None],
        np.zeros(n, np.float32),
        np.ones(n, np.float32) if weight is None else np.asarray(weight, np.float32),
        np.zeros((n, 1), np.int8),
        None,
        mix64(np.arange(n, dtype=np.uint64)),
    )


def test_bins_hold_equal_weight_in_the_unit_of_the_column():
    z = np.linspace(-2, 2, 2000)
    (found,) = baseline(PLAN, [block(z[:700]), block(z[700:])])["numeric"]
    assert found["name"] == "x"
    assert len(found["edges"]) == 19
    assert len(found["counts"]) == 20
    np.testing.assert_allclose(found["counts"], 100, atol=1)
    assert found["edges"] == sorted(found["edges"])
    np.testing.assert_allclose(found["edges"], 10 + 2 * np.quantile(z, np.arange(1, 20) / 20), atol=1e-5)


def test_every_row_is_counted_in_the_bin_it_would_be_counted_in_service():
    rng = np.random.default_rng(0)
    z, weight = np.round(rng.normal(size=500), 1), rng.integers(0, 4, 500)
    z[::17] = np.nan
    (found,) = baseline(PLAN, [block(z, weight=weight)])["numeric"]
    values = z.astype(np.float32).astype(float) * 2.0 + 10.0
    counts = [0.0] * (len(found["edges"]) + 1)
    for value, w in zip(values, weight, strict=True):
        if not np.isnan(value):
            counts[sum(edge <= value for edge in found["edges"])] += w
    assert found["counts"] == counts
    assert found["missing"] == weight[np.isnan(z)].sum()


def test_one_value_and_no_value():
    (found,) = baseline(PLAN, [block([0.5] * 9)])["numeric"]
    assert (found["edges"], found["counts"], found["missing"]) == ([11.0], [0.0, 9.0], 0.0)
    (found,) = baseline(PLAN, [block([np.nan] * 3)])["numeric"]
    assert (found["edges"], found["counts"], found["missing"]) == ([], [0.0], 3.0)


def test_codes_are_counted_by_weight():
    found = baseline(PLAN, [block([0.0] * 4, [2, 3, 2, 1], [1, 2, 3, 4])])
    assert found["categorical"] == [{"name": "c", "counts": [0.0, 4.0, 4.0, 2.0]}]
    assert found["rows"] == 10.0


def test_it_is_json_and_says_its_format():
    found = baseline(PLAN, [block([0.1, np.nan, 1.0])])
    assert msgspec.json.decode(msgspec.json.encode(found)) == found
    assert found["format"] == 1


def test_a_large_table_is_sampled_by_fingerprint(monkeypatch):
    # The package offers the function of the same name.
    monkeypatch.setattr(importlib.import_module("justright.monitor.baseline"), "_ROWS", 1000)
    many = block(np.random.default_rng(0).normal(size=5000))
    found = baseline(PLAN, [many])
    assert found["rows"] == pytest.approx(1000, abs=120)
    turned = replace(many.take(np.arange(5000)[::-1]))
    assert baseline(PLAN, [turned]) == found
