"""One window: the correction over its columns, the two conditions of an alarm, the promised fields."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from justright.monitor.counters import importance_of, watch
from justright.monitor.drift import FIELDS, Sensitivity, alarms, compare, corrected
from justright.monitor.frame import Counts, Frame, Number, counts_of
from justright.monitor.gauges import gauges


def test_correction_is_that_of_benjamini_and_hochberg():
    p = np.random.default_rng(0).uniform(size=40) ** 2
    np.testing.assert_allclose(corrected(p.tolist()), false_discovery_control(p))
    assert corrected([]).tolist() == []


def test_the_first_fields_are_those_of_bigquery():
    assert FIELDS[:5] == ("input", "metric", "threshold", "value", "is_anomaly")


def window_of(model, **kwargs):
    counters = watch(model)
    block = model.block(**kwargs)
    counters.add(block, model.margins(block))
    return counters.snapshot()


def rows_of(model, **kwargs):
    counters = watch(model)
    block = model.block(**kwargs)
    counters.add(block, model.margins(block))
    now = counters.snapshot()
    reference = counts_of(model.bundle.baseline)
    importance = importance_of(counters.frame, now)
    return alarms(compare(counters.frame, reference, now), importance=importance)


def test_nothing_changed(model):
    assert not any(row.is_anomaly for row in rows_of(model, rows=1000))


def test_a_shift_is_named_first_with_what_follows_from_it(model):
    rows = rows_of(model, rows=400, shift=0.8)
    alarmed = [(row.input, row.kind) for row in rows if row.is_anomaly]
    assert ("x", "skew") in alarmed
    assert ("x", "attribution") in alarmed
    assert ("(prediction)", "prediction") in alarmed
    assert not {"y", "colour"} & {name for name, _ in alarmed}
    assert rows[0].is_anomaly
    assert [row.rank for row in rows] == list(range(1, len(rows) + 1))
    for row in rows:
        assert (row.q_value <= 0.01) == (row.value > row.threshold)
        assert row.is_anomaly == (row.value > row.threshold and row.effect >= row.effect_least)


def test_missing_values_and_new_categories_are_schema(model):
    rows = rows_of(model, rows=500, missing=0.2, shares=[0.2, 0.02, 0.26, 0.26, 0.26])
    found = {(row.input, row.metric) for row in rows if row.is_anomaly and row.kind == "schema"}
    assert found == {("y", "missing_rate"), ("colour", "new_rate")}


def test_a_change_too_small_to_matter_is_no_alarm(model):
    reference = counts_of(model.bundle.baseline)
    frame = watch(model).frame
    huge = window_of(model, rows=60_000, shift=0.07)
    (row,) = [
        each for each in alarms(compare(frame, reference, huge)) if (each.input, each.kind) == ("x", "skew")
    ]
    assert row.q_value < 0.01
    assert row.effect < 0.1
    assert not row.is_anomaly
    fine = Sensitivity(numbers=0.03)
    (row,) = [
        each
        for each in alarms(compare(frame, reference, huge, sensitivity=fine), sensitivity=fine)
        if (each.input, each.kind) == ("x", "skew")
    ]
    assert row.is_anomaly


def test_fifty_columns_raise_no_more_false_alarms_than_one():
    rng = np.random.default_rng(5)
    frame = Frame(tuple(Number(str(k), np.arange(1.0, 20.0)) for k in range(50)), ())
    reference = Counts(1000.0, [[50.0] * 20] * 50, [0.0] * 50, [])
    alarmed = 0
    for _ in range(40):
        # Quantile edges of 1,000 rows: the true shares of the bins are Dirichlet numbers.
        now = [
            rng.multinomial(300, rng.dirichlet(np.full(20, 50.0))).astype(float).tolist() for _ in range(50)
        ]
        q = corrected(
            [each.found.p for each in compare(frame, reference, Counts(300.0, now, [0.0] * 50, []))]
        )
        alarmed += bool((q <= 0.01).any())
    assert alarmed <= 3


def test_a_peer_that_sleeps_is_shown_beside(model):
    (row,) = [
        each for each in rows_of(model, rows=1000, shift=1.0) if (each.input, each.kind) == ("x", "skew")
    ]
    assert row.compat == "jensen_shannon_divergence"
    assert row.compat_value == pytest.approx(0.16, abs=0.03)  # drift.md section 4: 1 sd is 0.16 bits
    assert (row.is_anomaly, row.compat_anomaly) == (True, False)


def test_a_window_of_few_rows_is_not_judged(model):
    assert rows_of(model, rows=19) == []


def test_gauges_are_of_the_newest_window_and_quote_what_they_must(model):
    rows = rows_of(model, rows=300, shift=1.0)
    text = gauges('a"b\\', rows)
    assert 'justright_monitor_alarm{model="a\\"b\\\\"} 1' in text
    assert 'justright_monitor_anomaly{model="a\\"b\\\\",input="x",kind="skew",metric="shift"} 1' in text
    for line in text.splitlines():
        assert line.startswith("#") or len(line.rsplit(" ", 1)) == 2
