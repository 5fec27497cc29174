"""Scoring with numpy alone: a known answer, odd values, and every damaged bundle refused."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.errors import BundleError
from justright.models.crossed import forward
from justright.schema import Block

NAN = np.nan


def front():
    """A number with edges 0 and 1, a category of three, their product's curve and their cross of 2 x 2."""
    return {
        "fields": [
            {"kind": "number", "source": [0], "size": 4},
            {"kind": "category", "source": [0], "size": 3},
            {"kind": "product", "source": [0, 1], "size": 3},
        ],
        "terms": [
            {"fields": [0], "shape": [4], "name": "x"},
            {"fields": [1], "shape": [3], "name": "c"},
            {"fields": [2], "shape": [3], "name": "x * z"},
            {"fields": [0, 1], "shape": [2, 2], "name": "x x c"},
        ],
        "centre": 100.0,
        "scale": 2.0,
    }


def arrays():
    return {
        "intercept": np.array([1.0]),
        "tables": np.array([0.0, 10.0, 20.0, 30.0, 0.1, 0.2, 0.3, 1.0, 2.0, 3.0, 0.0, 5.0, 7.0, 9.0])[
            :, None
        ],
        "edges": np.array([0.0, 1.0, 4.0], np.float32),
        "maps": np.array([0, 0, 1, 1, 0, 1, 1], np.int32),
    }


def block(x, z, c):
    n = len(x)
    empty = np.zeros(n, np.float32)
    numeric = np.column_stack([x, z]).astype(np.float32)
    return Block(
        numeric,
        np.asarray(c, np.int32)[:, None],
        empty[:0],
        empty + 1,
        np.full((n, 1), -2, np.int8),
        None,
        np.zeros(n, np.uint64),
    )


def test_a_known_answer():
    rows = block([-1.0, 0.0, 2.0, NAN, np.inf], [1.0, 1.0, 3.0, 1.0, 1.0], [0, 1, 2, 0, 1])
    wanted = [
        1 + 0 + 0.1 + 1 + 0.0,
        1 + 10 + 0.2 + 1 + 5.0,
        1 + 20 + 0.3 + 2 + 9.0,
        1 + 30 + 0.1 + 3 + 7.0,
        1 + 20 + 0.2 + 2 + 9.0,
    ]
    found = forward.margins(front(), arrays(), rows)
    np.testing.assert_allclose(found[:, 0], 100 + 2 * np.asarray(wanted), rtol=1e-12)
    parts, intercept = forward.contributions(front(), arrays(), rows)
    assert parts.shape == (5, 4, 1)
    np.testing.assert_allclose(parts.sum(axis=1) + intercept, found, rtol=1e-12)
    forward.check(front(), arrays(), 1)


def test_no_rows_no_margins():
    assert forward.margins(front(), arrays(), block([], [], [])).shape == (0, 1)


def test_a_layout_is_its_front():
    layout = forward.layout_of(front())
    assert layout.to_front() == {name: front()[name] for name in ("fields", "terms")}
    assert layout.cells == [4, 3, 3, 4] and layout.edge_ends == [0, 2, 2, 3]


@pytest.mark.parametrize("name", ["intercept", "tables", "edges", "maps"])
def test_a_missing_truncated_or_reshaped_array_is_refused(name):
    for damage in ("gone", "short", "long", "deep"):
        broken = arrays()
        if damage == "gone":
            del broken[name]
        elif damage == "short":
            broken[name] = broken[name][:-1]
        elif damage == "long":
            broken[name] = np.concatenate([broken[name], broken[name][:1]])
        else:
            broken[name] = broken[name][..., None]
        with pytest.raises(BundleError):
            forward.check(front(), broken, 1)
    with pytest.raises(BundleError):
        forward.check(front(), arrays(), 2)


@pytest.mark.parametrize("value", [-1, 2, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("place", range(7))
def test_maps_that_lead_out_of_a_table_are_refused(value, place):
    broken = arrays()
    broken["maps"][place] = value
    with pytest.raises(BundleError):
        forward.check(front(), broken, 1)


def test_maps_of_floats_are_refused():
    broken = arrays()
    broken["maps"] = broken["maps"].astype(np.float32)
    with pytest.raises(BundleError):
        forward.check(front(), broken, 1)


@pytest.mark.parametrize("damage", ["nan", "inf"])
@pytest.mark.parametrize("name", ["intercept", "tables"])
def test_tables_that_are_no_numbers_are_refused(name, damage):
    broken = arrays()
    broken[name].reshape(-1)[0] = float(damage)
    with pytest.raises(BundleError):
        forward.check(front(), broken, 1)


@pytest.mark.parametrize("edges", [[1.0, 0.0, 4.0], [NAN, 1.0, 4.0]])
def test_edges_out_of_order_are_refused(edges):
    broken = arrays()
    broken["edges"] = np.asarray(edges, np.float32)
    with pytest.raises(BundleError):
        forward.check(front(), broken, 1)


JUNK = st.one_of(
    st.none(),
    st.integers(-(2**40), 2**40),
    st.floats(),
    st.text(max_size=3),
    st.lists(st.integers(-3, 2**33), max_size=3),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)


@given(st.data())
def test_a_forged_front_is_refused_or_scores(data):
    """Whatever one value of the front becomes: BundleError, or a model that stays within its arrays."""
    forged = copy.deepcopy(front())
    kind = data.draw(st.sampled_from(["fields", "terms"]))
    junk = data.draw(JUNK)
    where = data.draw(st.sampled_from(["whole", "item", "key"]))
    if where == "whole":
        forged[kind] = junk
    else:
        item = data.draw(st.integers(0, len(forged[kind]) - 1))
        if where == "item":
            forged[kind][item] = junk
        else:
            forged[kind][item][data.draw(st.sampled_from(sorted(forged[kind][item])))] = junk
    try:
        forward.check(forged, arrays(), 1)
    except BundleError:
        return
    layout = forward.layout_of(forged)
    rows = block([0.5, NAN], [1.0, 2.0], [0, 2])
    # Places of columns are the plan's business, which a trial with the last code of each column asks.
    within = all(
        max(s) < (1 if k == "category" else 2) for k, s in zip(layout.kinds, layout.sources, strict=True)
    )
    codes = [n for k, n in zip(layout.kinds, layout.sizes, strict=True) if k == "category"]
    if within and min(codes, default=3) >= 3:
        assert forward.margins(forged, arrays(), rows).shape == (2, 1)
