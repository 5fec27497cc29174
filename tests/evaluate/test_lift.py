"""Gains against plain counting, bands against new rows."""

from __future__ import annotations

import numpy as np
import pytest

from justright.errors import RecipeError, TableError
from justright.evaluate.lift import lift_points, precision_recall_points
from justright.metrics import METRICS


def drawn(seed: int, rows: int = 500) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = 1.0 / (1.0 + np.exp(-rng.normal(-1.5, 1.5, rows)))
    return (rng.uniform(size=rows) < p).astype(int), p


def test_gain_is_plain_counting() -> None:
    target, p = drawn(1)
    order = np.argsort(-p)
    for point in lift_points(target, p, depths=(0.1, 0.5)):
        top = order[: round(point.depth * 500)]
        assert point.gain.value == pytest.approx(target[top].sum() / target.sum())
        assert point.lift.value == pytest.approx(target[top].mean() / target.mean())
        assert point.threshold == p[top].min()


def test_of_equal_scores_a_part_counts() -> None:
    (half,) = lift_points([1, 0] * 50, [0.5] * 100, depths=(0.3,))
    assert half.gain.value == pytest.approx(0.3) and half.lift.value == pytest.approx(1.0)


def test_a_weight_is_as_many_copies() -> None:
    target, p = drawn(2)
    times = np.random.default_rng(3).integers(1, 4, 500)
    one = lift_points(target, p, times)
    other = lift_points(np.repeat(target, times), np.repeat(p, times))
    assert [a.gain.value for a in one] == pytest.approx([b.gain.value for b in other])
    curve = precision_recall_points(target, p, times)
    copies = precision_recall_points(np.repeat(target, times), np.repeat(p, times))
    assert [a.precision.value for a in curve] == pytest.approx([b.precision.value for b in copies])


@pytest.mark.parametrize("depth", [0.05, 0.2, 0.6])
def test_the_band_of_the_gain_holds_the_truth(depth: float) -> None:
    target, p = drawn(999, 400_000)
    (truth,) = lift_points(target, p, depths=(depth,))
    held = []
    for seed in range(400):
        (point,) = lift_points(*drawn(seed), depths=(depth,))
        held.append(point.gain.low <= truth.gain.value <= point.gain.high)
    assert 0.925 <= np.mean(held) <= 0.985


def test_the_bands_of_the_curve_hold_the_truth() -> None:
    target, p = drawn(999, 400_000)
    held = []
    for seed in range(200):
        point = precision_recall_points(*drawn(seed))[40]
        flagged = p >= point.threshold
        truth = target[flagged].mean(), flagged[target == 1].mean()
        held.append(
            [
                point.precision.low <= truth[0] <= point.precision.high,
                point.recall.low <= truth[1] <= point.recall.high,
            ]
        )
    assert (np.mean(held, axis=0) >= 0.92).all()


def test_the_area_under_the_points_is_the_average_precision() -> None:
    target, p = drawn(4, 90)
    points = precision_recall_points(target, p)
    recall = np.array([0.0, *(point.recall.value for point in points)])
    area = float(np.dot(np.diff(recall), [point.precision.value for point in points]))
    assert area == pytest.approx(METRICS["average_precision"].function(target, p))


def test_many_thresholds_are_thinned_to_the_ends() -> None:
    points = precision_recall_points(*drawn(5, 5000))
    assert len(points) <= 100
    recalls = [point.recall.value for point in points]
    assert recalls == sorted(recalls) and recalls[-1] == 1.0 and points[-1].flagged == pytest.approx(1.0)
    assert np.diff(recalls).max() < 0.05


def test_all_true_rows_on_top_leave_room_below() -> None:
    (point,) = lift_points([0] * 90 + [1] * 10, np.arange(100.0), depths=(0.2,))
    assert point.gain.value == 1.0 and point.gain.low < 0.95


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(RecipeError, match="depth=0"):
        lift_points([0, 1], [0.1, 0.2], depths=(0.0,))
    for curve in (lift_points, precision_recall_points):
        with pytest.raises(TableError, match="none is true"):
            curve([0, 0], [0.1, 0.2])
