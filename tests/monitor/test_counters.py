"""Counting in service: the same counts however rows come, and those of the baseline for its own rows."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from justright.errors import BundleError
from justright.features.plan import FeaturePlan, PlanData
from justright.monitor.counters import importance_of, watch
from justright.monitor.frame import counts_of, frame_of


def same(one, other):
    for name in ("rows", "numeric", "missing", "categorical", "said", "terms", "sure"):
        assert getattr(one, name) == getattr(other, name), name
    np.testing.assert_allclose(np.concatenate(one.moved), np.concatenate(other.moved), atol=1e-9)


def test_rows_one_by_one_and_together_are_counted_alike(model):
    block = model.block(1300, missing=0.1)
    margins = model.margins(block)
    whole, single = watch(model), watch(model)
    whole.add(block, margins)
    for row in range(block.rows):
        single.add(block.slice(row, row + 1), margins[row : row + 1])
    same(whole.snapshot(), single.snapshot())


def test_workers_merge_by_addition(model):
    block = replace(model.block(900), target=np.zeros(0, np.float32))  # as scoring makes them
    margins = model.margins(block)
    whole, *workers = (watch(model) for _ in range(4))
    whole.add(block, margins)
    for worker, begin in zip(workers, (0, 300, 600), strict=True):
        worker.add(block.slice(begin, begin + 300), margins[begin : begin + 300])
    one, two, three = (worker.snapshot() for worker in workers)
    same(whole.snapshot(), one.plus(two).plus(three))


def test_training_rows_are_counted_as_in_the_baseline(model):
    from justright.monitor.baseline import baseline

    block = model.block(2500, missing=0.05)
    block.numeric[:] = np.round(block.numeric, 1)  # many values on an edge
    model.bundle.baseline = baseline(model.plan, [block])
    counters = watch(model)
    counters.add(block, model.margins(block))
    found, expected = counters.snapshot(), counts_of(model.bundle.baseline)
    assert (found.numeric, found.missing, found.categorical) == (
        expected.numeric,
        expected.missing,
        expected.categorical,
    )


def test_a_snapshot_can_begin_anew(model):
    counters = watch(model)
    block = model.block(50)
    counters.add(block, model.margins(block))
    assert counters.snapshot(clear=True).rows == 50
    assert counters.snapshot().rows == 0


def test_threads_lose_nothing(model):
    counters = watch(model)
    block = model.block(7)
    margins = model.margins(block)

    def many():
        for _ in range(200):
            counters.add(block, margins)

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counters.snapshot().rows == 7 * 200 * 4


def test_a_score_that_overflowed_is_counted_and_harms_nothing(model):
    counters = watch(model)
    block = model.block(40)
    margins = model.margins(block)
    margins[3] = np.nan
    counters.add(block, margins)
    found = counters.snapshot()
    assert found.rows == 40
    assert sum(found.said[0]) == 39
    assert np.isfinite(np.concatenate(found.moved)).all()


def test_importance_goes_by_what_moves_the_prediction(model):
    counters = watch(model)
    block = model.block(20_000)
    counters.add(block, model.margins(block))
    found = importance_of(counters.frame, counters.snapshot())
    # margin = x + y / 2 + colour: variances 1, 1/4 and about 1/6
    assert found["x"] == pytest.approx(1 / (1 + 0.25 + 0.163), abs=0.03)
    assert found["x"] > found["y"] > found["colour"] > 0.05


def test_a_baseline_of_the_first_format_is_enough(model):
    old = {name: model.bundle.baseline[name] for name in ("format", "rows", "numeric", "categorical")}
    frame = frame_of(old, model.plan)
    assert (frame.said, frame.terms) == ((), ())
    assert counts_of(old).said == []


@pytest.mark.parametrize("broken", [{}, {"rows": 1, "numeric": [], "categorical": []}])
def test_a_baseline_that_does_not_fit_is_refused(model, broken):
    with pytest.raises(BundleError):
        frame_of(broken, model.plan)
    assert frame_of({"rows": 0, "numeric": [], "categorical": []}, FeaturePlan(PlanData((), (), (), None)))
