"""The trial at loading: a fitting bundle passes; codes, slots and scales that cannot be are refused."""

import json

import msgspec
import numpy as np
import pytest

from justright.bundle.families import FAMILIES, Served
from justright.bundle.fit_check import check_fit
from justright.bundle.format import Bundle
from justright.errors import BundleError
from justright.models.linear.forward import margins


def bundle_of(parts, **changes):
    model = parts["model"]
    features = json.loads(msgspec.json.encode(model.features))
    for path, value in changes.get("features", {}).items():
        inside = features
        *steps, last = path
        for step in steps:
            inside = inside[step]
        inside[last] = value
    model = msgspec.structs.replace(model, features=features)
    return Bundle(model, parts["arrays"] | changes.get("arrays", {}), {}, "", "id")


def test_a_fitting_bundle_passes(parts):
    assert list(check_fit(bundle_of(parts), Served(margins)).columns)


@pytest.mark.parametrize(
    "features",
    [
        {("categorical", 1, "buckets"): 10**12},
        {("categorical", 1, "buckets"): -1},
        {("categorical", 1, "buckets"): 5},
        {("categorical", 0, "vocabulary"): ["red", "blue", "green", "grey"]},
        {("text", 0, "slots"): 0},
        {("text", 0, "slots"): 2**40},
        {("text", 0, "slots"): 17},
        {("numeric", 0, "scale"): 0.0},
        {("numeric", 0, "scale"): -1.0},
        {("numeric", 0, "column", "kind"): "categorical"},
        {("categorical", 0, "column", "kind"): "numeric"},
        {("numeric", 2, "part"): "hour"},
        {("categorical", 3, "part"): "trend"},
        {("numeric", 0, "column", "form"): "poem"},
        {("numeric",): []},
    ],
)
def test_features_that_do_not_fit_are_refused(parts, features):
    with pytest.raises(BundleError):
        check_fit(bundle_of(parts, features=features), Served(margins))


@pytest.mark.parametrize(
    "forward",
    [
        lambda front, arrays, block: np.zeros(block.rows),
        lambda front, arrays, block: np.zeros((block.rows, 2)),
        lambda front, arrays, block: np.full((block.rows, 1), np.nan),
        lambda front, arrays, block: np.zeros((block.rows, 1), np.int64),
        lambda front, arrays, block: [["a"]] * block.rows,
        lambda front, arrays, block: arrays["none"],
        lambda front, arrays, block: 1 / 0,
    ],
)
def test_a_forward_that_does_not_give_margins_is_refused(parts, forward):
    with pytest.raises(BundleError, match="trial"):
        check_fit(bundle_of(parts), Served(forward))


def test_the_last_code_is_tried(parts):
    seen = []

    def forward(front, arrays, block):
        seen.append(block.codes.max(axis=0).tolist())
        return margins(front, arrays, block)

    plan = check_fit(bundle_of(parts), Served(forward))
    assert seen[-1] == [feature.size - 1 for feature in plan.data.categorical]


def test_the_check_of_a_family_is_asked_before_the_trial(parts):
    def check(front, arrays, outputs):
        raise BundleError(f"{sorted(arrays)} for {outputs} outputs")

    with pytest.raises(BundleError, match=r"bias.*1 outputs"):
        check_fit(bundle_of(parts), Served(lambda *told: pytest.fail("tried"), check))


def test_every_family_of_ours_has_a_check():
    assert all(served().check is not None for served in FAMILIES.values())
