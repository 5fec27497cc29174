"""Calibration and spread of probabilities on rows made by hand."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np

from justright.evaluate import reliability
from justright.report.facts import Facts
from justright.report.out_of_fold import OutOfFold
from justright.report.sections.probabilities import calibration, spread


def test_calibration_shows_every_bin(binary: Facts) -> None:
    assert binary.evaluation is not None
    bins = reliability([0, 1, 1, 1, 0], [0.75] * 4 + [0.05])
    figure = calibration(msgspec.structs.replace(binary.evaluation, calibration=bins))
    assert figure.table is not None
    assert [row[:4] for row in figure.table.rows] == [
        ("0 % to 10 %", "1", "5 %", "0 %"),
        ("70 % to 80 %", "4", "75 %", "75 %"),
    ]


def test_shares_of_each_class_count_weights(binary: Facts) -> None:
    target, weight = np.array([0, 0, 1, 1]), np.array([3.0, 1.0, 1.0, 1.0])
    held = OutOfFold(target, np.array([0.01, 0.99, 0.99, 1.0]), weight, 1)
    table = spread(held, replace(binary, out_of_fold=held)).table
    assert table is not None
    assert len(table.rows) == 20
    assert table.rows[0] == ("0 % to 5 %", "75 %", "0 %")
    assert table.rows[-1] == ("95 % to 100 %", "25 %", "100 %")


def test_a_class_that_never_came_and_a_threshold_above_one(binary: Facts) -> None:
    held = OutOfFold(np.zeros(5), np.linspace(0.0, 1.0, 5), np.ones(5), 1)
    summary = msgspec.structs.replace(binary.summary, threshold=1.5)
    figure = spread(held, replace(binary, evaluation=None, summary=summary))
    assert [key.label for key in figure.keys][-1].startswith("truly")
