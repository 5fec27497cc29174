"""The verdict in every case, from numbers alone."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from justright.schema import Column, Schema, Target, Value
from justright.workflow.summary import Baselines
from justright.workflow.verdict import verdict

SCHEMA = Schema((), Target(Column("price", "numeric", "number"), "regression"))


def said(value, base, boosted=None, same=None, metric="rmse"):
    judgement = SimpleNamespace(
        validation=Value(value, value * 0.9, value * 1.1),
        metric=metric,
        evaluation=SimpleNamespace(rows=500),
        baselines=Baselines(base, boosted),
        same_rows=same,
    )
    return verdict(judgement, SCHEMA, "linear")


def test_it_opens_with_what_was_reached():
    assert said(12_345.6, None) == (
        "A linear model of price reaches rmse 12,350 (95 % interval 11,110 to 13,580) "
        "on rows it has not seen."
    )


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((2.0, 1.9), "no better than the base rate"),
        ((1.0, 2.0), "The base rate gives 2."),
        ((1.0, 2.0, 1.1, 1.0), "no better: a linear model is enough"),
        ((1.0, 2.0, 1.0, 1.0), "no better: a linear model is enough"),
        ((1.0, 2.0, 0.98, 1.0), "98% of their gain."),
        ((1.0, 2.0, 0.5, 1.0), "67% of their gain and is too simple"),
    ],
)
def test_every_case_of_a_loss(numbers, words):
    assert words in said(*numbers)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((0.45, 0.5), "no better than the base rate"),
        ((0.9, 0.5, 0.88, 0.9), "a linear model is enough"),
        ((0.7, 0.5, 0.9, 0.7), "50% of their gain and is too simple"),
    ],
)
def test_every_case_where_greater_is_better(numbers, words):
    assert words in said(*numbers, metric="roc_auc")
