"""Classes: factors of weights, and what margins say."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from justright.errors import RecipeError
from justright.estimators.classes import class_factors, likeliest, log_probabilities, probabilities

NUMBER = np.array([0, 0, 1, 2, 2, 2], np.int32)
CLASSES = np.array(["a", "b", "c"])


def test_balanced_is_that_of_scikit_learn() -> None:
    found = class_factors("balanced", CLASSES, NUMBER, np.ones(6))
    wanted = compute_class_weight("balanced", classes=CLASSES, y=CLASSES[NUMBER])
    np.testing.assert_allclose(found, wanted)


def test_a_class_without_rows_counts_as_one() -> None:
    found = class_factors("balanced", CLASSES, np.array([0, 0, 1], np.int32), np.ones(3))
    assert np.isfinite(found).all() and found[2] == found[1]


def test_a_dict_leaves_the_others_alone() -> None:
    assert class_factors({"b": 2.0}, CLASSES, NUMBER, np.ones(6)).tolist() == [1.0, 2.0, 1.0]
    for wrong in ({"b": 0.0}, {"b": np.inf}, {"z": 1.0}):
        with pytest.raises(RecipeError, match="class_weight"):
            class_factors(wrong, CLASSES, NUMBER, np.ones(6))


@pytest.mark.parametrize("outputs", [1, 3])
def test_probabilities_agree_with_each_other(outputs: int) -> None:
    margins = np.random.default_rng(0).normal(scale=30.0, size=(50, outputs))
    chance = probabilities(margins)
    np.testing.assert_allclose(chance.sum(axis=1), 1.0)
    np.testing.assert_array_equal(chance.argmax(axis=1), likeliest(margins))
    np.testing.assert_allclose(np.exp(log_probabilities(margins)), chance, rtol=1e-9)
