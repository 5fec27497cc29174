"""Maps of the crosses that were kept, and the pairs that were not."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from justright.models.reading import Axis, Pair
from justright.report.facts import Facts
from justright.report.sections.crosses import _pooled, _side, crosses


@pytest.mark.parametrize("task", ["crossed", "crossed_classes"])
def test_every_kept_cross_has_a_map(task: str, request: pytest.FixtureRequest) -> None:
    facts = request.getfixturevalue(task)
    kept = [term for term in facts.reading.terms if term.kind == "cross"]
    section = crosses(facts)
    assert len(section.figures) == len(kept) >= 3
    for figure in section.figures:
        assert figure.table is not None and 1 <= len(figure.table.rows) <= 8
        assert "<svg" in figure.drawing and len(figure.drawing) < 150_000
    (table,) = (*section.tables, *section.folded)
    assert len(table.rows) == min(len(facts.reading.pairs), len(kept) + 30)
    assert {row[1] for row in table.rows} <= {"kept", "refused"} and "asked for" in [r[4] for r in table.rows]


def test_long_lists_are_cut(crossed: Facts) -> None:
    refused = tuple(Pair("a", f"b{i}", -1.0, 0.0, 1.0, "refused", "no", 1) for i in range(90))
    reading = msgspec.structs.replace(crossed.reading, pairs=refused, terms=())
    section = crosses(replace(crossed, reading=reading))
    assert section.folded[0].more == "and 60 more that were refused"
    assert "Of 90 pairs of columns that were tried, 0 were kept" in section.lede[0]


def test_groups_of_equal_width_stand_at_their_values() -> None:
    even = _side(Axis("x", ["a", "b", "c", "d"], [0.0, 1.0, 2.0, 3.0, 4.0], "number"), np.full(4, 0.25))
    assert even.real and even.ends.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    ends = [0.0, 0.1, 0.2, 0.3, 50.0, 100.0]
    skew = _side(Axis("x", list("abcde"), ends, "number"), np.full(5, 0.2))
    assert not skew.real and skew.ends.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_missing_values_have_a_group_where_they_are_many() -> None:
    side = Axis("x", ["0 to 1", "1 to 2", "(missing)"], [0.0, 1.0, 2.0], "number")
    many, few = _side(side, np.array([0.4, 0.4, 0.2])), _side(side, np.array([0.5, 0.499, 0.001]))
    assert many.group.tolist() == [0, 1, 2] and many.labels[-1] == "missing"
    assert few.group.tolist() == [0, 1, -1]


def test_pooled_cells_are_weighted_means() -> None:
    side = Axis("x", [str(i) for i in range(64)], [float(i) for i in range(65)], "number")
    random = np.random.default_rng(0)
    values, share = random.normal(size=(64, 64)), random.random((64, 64))
    a = _side(side, share.sum(axis=1))
    mean, weight = _pooled(values, share, a, a)
    assert mean.shape == (32, 32) and weight.sum() == pytest.approx(share.sum())
    part = (slice(2, 4), slice(6, 8))
    assert mean[1, 3] == pytest.approx((values[part] * share[part]).sum() / share[part].sum())


def test_no_pair_and_no_reading(crossed: Facts) -> None:
    reading = msgspec.structs.replace(crossed.reading, pairs=(), terms=())
    assert crosses(replace(crossed, reading=reading)).lede == ("No pair of columns was tried as a cross.",)
    assert crosses(replace(crossed, reading=None)).absent.startswith("Left out")
