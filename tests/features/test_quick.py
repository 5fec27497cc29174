"""Few rows encoded quickly are those of the plan to the bit, or are left to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from justright.bundle.predictor import load
from justright.errors import JustrightError
from justright.features.quick import QuickPlan

GOLDEN = Path(__file__).parents[1] / "golden" / "bundle-1"
PLAN = load(GOLDEN).plan
QUICK = QuickPlan(PLAN)
KNOWN = [text for feature in PLAN.data.categorical for text in feature.vocabulary]

CELL = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from([*KNOWN, " red ", "", "NA", "nan", "2024-01-31", "1e400", "7", "-0", "true", "9" * 400])
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_it_gives_what_the_plan_gives(data):
    rows = data.draw(st.integers(1, 3))
    columns = {name: data.draw(st.lists(CELL, min_size=rows, max_size=rows)) for name in PLAN.columns}
    quick = QUICK.encode(tuple(columns.values()), rows)
    try:
        with np.errstate(all="ignore"):
            block, unreadable = PLAN.transform_rows(columns, rows)
    except (ValueError, JustrightError):
        assert quick is None
        return
    if quick is None:
        return
    assert not unreadable
    assert quick.numeric.tobytes() == block.numeric.tobytes()
    assert (quick.codes == block.codes).all()
    assert (quick.tokens is None) == (block.tokens is None)
    if quick.tokens is not None:
        assert (quick.tokens.indices == block.tokens.indices).all()
        assert (quick.tokens.values == block.tokens.values).all()
    for mine, theirs in ((quick.weight, block.weight), (quick.fold, block.fold), (quick.key, block.key)):
        assert mine.dtype == theirs.dtype and mine.shape == theirs.shape and (mine == theirs).all()


@pytest.mark.parametrize("cell", [[1], {"a": 1}, (1,), np.float64(1.0), b"red"])
def test_what_is_no_scalar_is_left_to_the_plan(cell):
    columns = {name: [cell] for name in PLAN.columns}
    assert QUICK.encode(tuple(columns.values()), 1) is None


def test_common_rows_are_not_left_to_the_plan():
    columns = {name: [None] for name in PLAN.columns}
    assert QUICK.encode(tuple(columns.values()), 1) is not None


def test_what_is_kept_is_bounded():
    column = next(f.column.name for f in PLAN.data.categorical if not f.part and f.column.form == "text")
    columns = {name: [None] for name in PLAN.columns}
    for i in range(600):
        assert QUICK.encode(tuple((columns | {column: [f"never seen {i}"]}).values()), 1) is not None
    assert all(len(known.codes) <= 2 * size + 64 for known, size in _kept())


def _kept():
    sizes = [feature.size for feature in PLAN.data.categorical if not feature.part]
    return zip(QUICK._known, sizes, strict=True)
