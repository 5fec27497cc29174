"""Wrong labels leave a floor that overlap does not."""

from __future__ import annotations

import numpy as np
import pytest

from justright.diagnose.rows.noise import contradictions, denied, floor, wrong_labels
from justright.diagnose.rows.sample import Judged

ROWS = 8000


def judged(wrong=0.0, spread=3.0, seed=0):
    """Calibrated predictions of a binary target of which a share was turned round."""
    rng = np.random.default_rng(seed)
    clean = 1.0 / (1.0 + np.exp(-spread * rng.normal(size=ROWS)))
    label = (rng.random(ROWS) < clean).astype(np.int64)
    label = np.where(rng.random(ROWS) < wrong, 1 - label, label)
    seen = clean * (1.0 - wrong) + (1.0 - clean) * wrong
    return Judged(np.arange(ROWS), seen, label, np.ones(ROWS))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("spread", [0.5, 1.0, 2.0, 5.0])
def test_overlap_of_classes_is_silent(spread, seed):
    assert wrong_labels(judged(0.0, spread, seed), "binary") == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("wrong", [0.05, 0.1, 0.2])
def test_share_of_wrong_labels_is_estimated(wrong, seed):
    found = wrong_labels(judged(wrong, 30.0, seed), "binary")
    assert [f.id for f in found] == ["labels-wrong"]
    assert found[0].evidence["surest"][1] < wrong + 0.01
    assert found[0].evidence["sure"][0] == pytest.approx(wrong, abs=0.02)


def test_regression_and_few_rows_are_not_looked_at():
    assert wrong_labels(judged(0.2, 6.0), "regression") == []
    few = judged(0.2, 6.0)
    assert (
        wrong_labels(
            Judged(few.place[:300], few.prediction[:300], few.target[:300], few.weight[:300]), "binary"
        )
        == []
    )


def banded(first, second, third):
    """Rows of one predicted class with these error rates in the bands, wrong ones evenly spread."""
    rate = np.select([np.arange(ROWS) < 0.05 * ROWS, np.arange(ROWS) < 0.25 * ROWS], [first, second], third)
    wrong = np.floor(np.cumsum(rate)) > np.floor(np.cumsum(rate) - rate)
    wrong[ROWS // 2 :] = np.arange(ROWS // 2) % 5 < 3
    return Judged(np.arange(ROWS), np.linspace(0.0, 0.49, ROWS), wrong.astype(np.int64), np.ones(ROWS))


@pytest.mark.parametrize(
    ("bands", "told"), [((0.1, 0.1, 0.1), True), ((0.04, 0.1, 0.1), False), ((0.1, 0.1, 0.2), False)]
)
def test_only_a_flat_floor_is_told(bands, told):
    assert bool(wrong_labels(banded(*bands), "binary")) == told


def test_model_that_was_cut_short_says_nothing_of_labels():
    seen = judged(0.1, 30.0)
    timid = Judged(seen.place, 0.5 + 0.2 * (seen.prediction - 0.5), seen.target, seen.weight)
    assert wrong_labels(timid, "binary") == []


def test_denied_rows_in_plain_python():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(3), 200)
    y = rng.integers(0, 3, 200)
    mean = [p[y == k, k].mean() for k in range(3)]
    count = 0
    for row, label in zip(p, y, strict=True):
        sure = [(row[k], k) for k in range(3) if row[k] >= mean[k]]
        count += bool(sure) and max(sure)[1] != label
    assert denied(p, y).value == pytest.approx(count / 200)


def test_bands_of_the_floor_are_the_surest_of_each_class():
    p = np.column_stack([np.linspace(1.0, 0.51, 100), np.linspace(0.0, 0.49, 100)])
    label = np.zeros(100, np.int64)
    label[:5] = 1
    assert [band.value for band in floor(p, label)] == [1.0, 0.0, 0.0]


def test_rows_that_contradict_each_other_are_counted(made):
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=400), 2)
    label = np.array(["n", "p"])[rng.integers(0, 2, 800)]
    found = contradictions(made({"x": x, "z": np.round(x, 3), "y": label}).sample)
    differ = (label[::2] != label[1::2]).sum()
    assert found[0].evidence["share"] == pytest.approx(differ / 800, abs=1e-4)
    assert contradictions(made({"x": rng.normal(size=800), "y": label}).sample) == []
