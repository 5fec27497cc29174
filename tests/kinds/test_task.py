import datetime as dt

import numpy as np
import pytest

from justright.errors import ColumnError
from justright.kinds.guess import guess
from justright.kinds.task import target_of

RNG = np.random.default_rng(0)


@pytest.fixture
def target(seen):
    def _target(values, task="auto", name="y", typed=True):
        found = seen(values, name, typed=typed)
        return target_of(found, guess(found), task)

    return _target


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        ([0, 1], ("0", "1")),
        ([1, 0, None], ("0", "1")),
        ([-1, 1], ("-1", "1")),
        ([1, 2], ("1", "2")),
        ([0.0, 1.0], ("0", "1")),
        ([2.5, 10.0], ("2.5", "10")),
        (["no", "yes"], ("no", "yes")),
        (["True", "false"], ("false", "true")),
        ([True, False], ("false", "true")),
        (["b", " a"], ("a", "b")),
        (["10", "9"], ("9", "10")),
        (["<=50K", ">50K"], ("<=50K", ">50K")),
    ],
)
def test_two_values_are_binary_and_the_second_is_positive(target, values, classes):
    found = target(values * 30)
    assert (found.task, found.classes) == ("binary", classes)
    assert f"{classes[1]} is the positive class" in found.reason


def test_text_is_multiclass_in_the_order_of_its_text(target):
    found = target(["c", "a", "b", "None"] * 20)
    assert (found.task, found.classes) == ("multiclass", ("None", "a", "b", "c"))


def test_marks_that_can_only_be_missing_are_no_classes(target):
    assert target(["a", "b", "?", "", "NA"] * 20).classes == ("a", "b")


def test_numbers_are_regression(target):
    assert target(RNG.normal(size=100)).task == "regression"
    assert target(RNG.integers(0, 1000, 500)).task == "regression"
    assert target([f"{v:.3f}" for v in RNG.normal(size=100)], typed=False).task == "regression"
    assert target(RNG.normal(size=100)).column.kind == "numeric"


def test_integers_that_look_like_labels(target):
    found = target(RNG.integers(0, 10, 5000))
    assert found.task == "multiclass"
    assert found.classes == tuple("0123456789")
    assert "in even shares" in found.reason
    named = target(RNG.binomial(4, 0.3, 5000), name="label")
    assert named.task == "multiclass"
    assert "named as a label" in named.reason


def test_integers_that_are_an_ordered_quantity(target):
    grades = np.clip(RNG.normal(5.8, 0.9, 5000).round(), 3, 9).astype(int)
    found = target(grades, name="quality")
    assert found.task == "regression"
    assert "--task multiclass if they are labels" in found.reason
    assert target(RNG.choice([1, 5, 7], 5000)).task == "regression"
    assert target(RNG.integers(0, 30, 5000)).task == "regression"
    assert target(RNG.integers(0, 10, 100)).task == "regression"


def test_the_user_decides(target):
    grades = RNG.integers(3, 10, 1000)
    assert target(grades, "multiclass").classes == ("3", "4", "5", "6", "7", "8", "9")
    assert target([0, 1] * 50, "regression").task == "regression"
    assert target([0, 1] * 50, "multiclass").classes == ("0", "1")
    with pytest.raises(ColumnError, match=r"task=regression with target='y', which is not a number"):
        target(["a", "b"] * 30, "regression")
    with pytest.raises(ColumnError, match=r"task=binary with target='y' of 7 classes.*--task multiclass"):
        target(grades, "binary")
    with pytest.raises(ColumnError, match="at most 1000 classes.*--task regression"):
        target(RNG.normal(size=3000), "multiclass")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([None, None], "target='y' without a value in any row"),
        (["a", "a", None], "with one value, 'a', in every row"),
        ([3, 3], "with one value, '3'"),
        ([dt.date(2024, 1, 1), dt.date(2024, 1, 2)], "which holds dates"),
        ([f"name {i}" for i in range(500)], "with 500 classes in 500 rows"),
        ([f"name {i}" for i in range(12_000)], "more than 10,000 classes"),
    ],
)
def test_targets_that_are_none(target, values, message):
    with pytest.raises(ColumnError, match=message):
        target(values)


def test_every_class_counts_even_one_that_the_sample_does_not_hold():
    from justright.kinds import infer_schema
    from justright.source import open_source

    labels = ["a", "b"] * 50_000 + ["rare"]
    table = {"x": RNG.normal(size=len(labels)), "y": labels}
    schema, profile = infer_schema(open_source(table), target="y", sample_rows=1_000)
    assert schema.target.classes == ("a", "b", "rare")
    assert profile.sample <= 1_000
    assert profile.column("y").distinct == 3
