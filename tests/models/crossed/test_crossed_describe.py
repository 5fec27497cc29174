"""What an additive model says: importances, curves, tables and choices agree with the model itself."""

from __future__ import annotations

import numpy as np
import pytest

from justright.models.crossed.describe import REASONS
from justright.models.crossed.forward import contributions
from justright.recipe import Crosses


def effect(x, c):
    return 1.5 * np.sign(x[:, 0] * x[:, 1]) + 0.8 * (c[:, 0] == 3) * x[:, 2]


@pytest.fixture(scope="module", params=["squared", "softmax"])
def told(request, table, tools):
    outputs = 3 if request.param == "softmax" else 1
    spec, blocks = table(n=2500, loss=request.param, outputs=outputs, effect=effect)
    members = tools["population"]()
    learner, state = tools["trained"](spec, blocks, members)
    reading = learner.describe(spec, state, blocks, members, 0)
    front, arrays = learner.export(spec, state, 0)
    return reading, front, arrays, blocks


def rows_of(told):
    reading, front, arrays, blocks = told
    parts = [contributions(front, arrays, block)[0] for block in blocks]
    names = [term["name"] for term in front["terms"]]
    return reading, names, np.concatenate(parts) - np.asarray(reading.means)


def test_importance_is_the_mean_size_of_the_contributions(told):
    reading, names, terms = rows_of(told)
    np.testing.assert_allclose(terms.mean(axis=0), 0.0, atol=1e-6)
    wanted = dict(zip(names, np.abs(terms).mean(axis=(0, 2)), strict=True))
    assert {term.name for term in reading.terms} == set(names)
    for term in reading.terms:
        assert term.importance.value == pytest.approx(wanted[term.name], rel=1e-4, abs=1e-7)
        assert 0 <= term.importance.low <= term.importance.value <= term.importance.high
    values = [term.importance.value for term in reading.terms]
    assert values == sorted(values, reverse=True)


def test_a_curve_is_what_rows_get(told):
    reading, names, terms = rows_of(told)
    blocks = told[3]
    x = np.concatenate([block.numeric[:, 1] for block in blocks])
    (term,) = [term for term in reading.terms if term.name == "x1"]
    curve = term.curve
    ends = np.asarray(curve.ends)
    assert len(ends) == len(curve.share) + 1 and (np.diff(ends) > 0).all()
    assert sum(curve.share) == pytest.approx(1.0, abs=1e-4)
    place = np.clip(np.searchsorted(ends, x, side="right") - 1, 0, len(curve.share) - 1)
    found = np.asarray(curve.values)[:, place].T
    off = np.abs(found - terms[:, names.index("x1")]).max(axis=1)
    assert (off < 1e-4).mean() > 0.999  # edges are written with nine digits
    assert (np.asarray(curve.low) <= np.asarray(curve.values)).all()
    assert (np.asarray(curve.high) >= np.asarray(curve.values)).all()


def test_categories_have_their_labels(told):
    reading, names, terms = rows_of(told)
    codes = np.concatenate([block.codes[:, 0] for block in told[3]])
    (term,) = [term for term in reading.terms if term.name == "c0"]
    by_label = {level.label: level for level in term.levels}
    assert set(by_label) == {"v0", "v1", "v2", "v3"} and term.more == 0
    for code in range(2, 6):
        level, rows = by_label[f"v{code - 2}"], codes == code
        assert level.share == pytest.approx(rows.mean(), abs=1e-5)
        np.testing.assert_allclose(level.values, terms[rows, names.index("c0")].mean(axis=0), atol=1e-5)
    shares = [level.share for level in term.levels]
    assert shares == sorted(shares, reverse=True)


def test_the_planted_cross_is_told_with_its_table(told):
    reading = told[0]
    (term,) = [term for term in reading.terms if term.fields == ("x0", "x1")]
    grid = term.grid
    shape = (len(grid.first.labels), len(grid.second.labels))
    assert np.asarray(grid.values).shape[1:] == shape == np.asarray(grid.share).shape
    assert len(grid.first.ends) in (shape[0], shape[0] + 1)
    assert np.asarray(grid.share).sum() == pytest.approx(1.0, abs=1e-3)
    if len(grid.values) == 1:
        middle = np.asarray(grid.values[0])
        corner = middle[: shape[0] // 3, : shape[1] // 3].mean()
        assert corner > 0.5 > -0.5 > middle[: shape[0] // 3, -shape[1] // 3 :].mean()


def test_every_pair_has_a_verdict_and_a_reason(told):
    reading = told[0]
    kept = {(pair.first, pair.second) for pair in reading.pairs if pair.verdict == "kept"}
    assert kept == {term.fields for term in reading.terms if term.kind == "cross"}
    assert ("x0", "x1") in kept
    assert len(reading.pairs) == 10  # of 5 fields
    assert all(pair.reason and pair.round >= 1 for pair in reading.pairs)
    verdicts = [pair.verdict for pair in reading.pairs]
    assert verdicts == sorted(verdicts)
    for pair in reading.pairs:
        assert pair.verdict == "refused" or pair.p < 0.05


def test_strengths_taken_are_the_best_and_one_error_is_no_weaker(told):
    for term in told[0].terms:
        one = term.strength
        best = max(one.tried, key=lambda each: each.gain)
        assert best.gain == 0.0
        assert one.taken == pytest.approx((best.smooth, best.ridge))
        (simple,) = [t for t in one.tried if (t.smooth, t.ridge) == pytest.approx(one.within_error)]
        assert simple.gain >= -simple.error - 1e-9
        assert simple.smooth >= best.smooth * 0.999 or simple.ridge >= best.ridge * 0.999


def test_a_cross_that_was_asked_for_says_so(table, tools):
    spec, blocks = table(n=400)
    members = tools["population"]()
    learner, state = tools["trained"](spec, blocks, members, Crosses(search=False, pairs=(("c0", "x2"),)))
    reading = learner.describe(spec, state, blocks, members, 0)
    (pair,) = reading.pairs
    assert (pair.first, pair.second, pair.gain, pair.verdict) == ("x2", "c0", None, "kept")
    assert pair.reason == REASONS[4][1]
