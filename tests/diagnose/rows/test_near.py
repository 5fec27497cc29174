"""Near copies stand out of the law of distances."""

from __future__ import annotations

import numpy as np
import pytest

from justright.diagnose.rows.near import near_copies, ratios

ROWS = 900


def table(rows=ROWS, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 5)) @ rng.normal(size=(5, 5))
    made = {f"x{i}": x[:, i] for i in range(5)}
    return rng, made | {"y": x[:, 0] + rng.normal(size=rows)}


@pytest.mark.parametrize("seed", range(4))
def test_smooth_tables_are_silent(made, seed):
    assert near_copies(made(table(seed=seed)[1]).sample) == []


def test_shaken_copies_are_named(made):
    rng, columns = table()
    again = np.r_[np.arange(ROWS), rng.integers(0, ROWS, 200)]
    shaken = {name: values[again] for name, values in columns.items()}
    for name in ("x0", "x1", "x2"):
        shaken[name] = shaken[name] + np.r_[np.zeros(ROWS), 1e-3 * rng.normal(size=200)]
    found = near_copies(made(shaken).sample)
    assert [(f.id, f.severity) for f in found] == [("rows-nearly-equal", "warning")]
    # 200 copies and about as many originals among 1,100 rows.
    assert 0.2 < found[0].evidence["share"] < 0.45


def test_exact_copies_are_left_to_others(made):
    rng, columns = table()
    again = np.r_[np.arange(ROWS), rng.integers(0, ROWS, 200)]
    assert near_copies(made({name: values[again] for name, values in columns.items()}).sample) == []


def test_ratios_follow_plain_python():
    points = np.random.default_rng(0).normal(size=(40, 3))
    got = ratios(points, 40)
    for i, ratio in enumerate(got):
        away = sorted(float(np.linalg.norm(points[i] - p)) for k, p in enumerate(points) if k != i)
        assert ratio == pytest.approx(away[0] / away[4])
