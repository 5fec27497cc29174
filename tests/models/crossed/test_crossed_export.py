"""Effects stand where a reader looks for them, and the margins do not move."""

from __future__ import annotations

import numpy as np
import pytest

from justright.models.crossed.export import export_model
from justright.models.crossed.fields import Field
from justright.models.crossed.forward import contributions, margins
from justright.models.crossed.terms import Term, single_term
from justright.schema import Block

NONE = np.zeros(0, bool)


def model(rng, outputs):
    """Return fields, terms and state of two categories, a number and two crosses."""
    fields = [
        Field("number", (0,), ("x",), 5, np.array([0, 1, 2], np.float32), np.zeros(5, bool)),
        Field("category", (0,), ("a",), 4, np.zeros(0, np.float32), NONE),
        Field("category", (1,), ("b",), 3, np.zeros(0, np.float32), NONE),
    ]
    terms = [single_term(place, field) for place, field in enumerate(fields)]
    near, all_a = np.array([0, 0, 1, 1, 2], np.int32), np.arange(4, dtype=np.int32)
    all_b = np.arange(3, dtype=np.int32)
    terms += [
        Term((0, 1), (3, 4), (near, all_a), (True, False), NONE),
        Term((1, 2), (4, 3), (all_a, all_b), (False, False), NONE),
    ]
    cells = sum(term.cells for term in terms)
    state = {
        "intercept": rng.normal(size=outputs),
        "tables": rng.normal(size=(cells, outputs)),
        "mass": np.zeros(cells),
    }
    return fields, terms, state


@pytest.mark.parametrize("known", [False, True])
def test_a_cross_holds_only_what_its_columns_do_together(known):
    rng = np.random.default_rng(0)
    fields, terms, state = model(rng, 2)
    if known:
        state["mass"] = rng.integers(0, 9, len(state["mass"])).astype(np.float64)
    before = {name: array.copy() for name, array in state.items()}
    front, arrays = export_model(fields, terms, state, slice(0, 2), 10.0, 3.0)
    assert all(np.array_equal(before[name], state[name]) for name in state)
    ends = np.cumsum([term.cells for term in terms])[:-1]
    masses = np.split(state["mass"] if known else np.ones(len(state["mass"])), ends)
    for term, mine, mass in zip(terms, np.split(arrays["tables"], ends), masses, strict=True):
        if len(term.fields) == 1:
            assert np.abs(mass @ mine).max() < 1e-9
            continue
        heavy = mine.reshape(*term.shape, 2) * mass.reshape(*term.shape, 1)
        assert np.abs(heavy.sum(axis=0)).max() < 1e-9 and np.abs(heavy.sum(axis=1)).max() < 1e-9
    n = 200
    codes = np.column_stack([rng.integers(0, 4, n), rng.integers(0, 3, n)]).astype(np.int32)
    x = rng.uniform(-1, 3, n).astype(np.float32)
    x[::7] = np.nan
    block = Block(x[:, None], codes, x[:0], x, np.zeros((n, 1), np.int8), None, np.zeros(n, np.uint64))
    wanted = np.repeat(state["intercept"][None], n, axis=0)
    own = np.split(state["tables"], ends)
    for i in range(n):
        code = [4 if np.isnan(x[i]) else int(np.sum(fields[0].edges <= x[i])), *codes[i].tolist()]
        for term, values in zip(terms, own, strict=True):
            if len(term.fields) == 1:
                wanted[i] += values[code[term.fields[0]]]
            else:
                a, b = (axis[code[f]] for axis, f in zip(term.maps, term.fields, strict=True))
                wanted[i] += values[a * term.shape[1] + b]
    np.testing.assert_allclose(margins(front, arrays, block), wanted * 3.0 + 10.0, atol=1e-11)
    parts, intercept = contributions(front, arrays, block)
    np.testing.assert_allclose(parts.sum(axis=1) + intercept, wanted * 3.0 + 10.0, atol=1e-11)
    assert [term["name"] for term in front["terms"]] == ["x", "a", "b", "x x a", "a x b"]


def test_one_member_of_several():
    rng = np.random.default_rng(1)
    fields, terms, state = model(rng, 4)
    _, both = export_model(fields, terms, state, slice(2, 4), 0.0, 1.0)
    _, alone = export_model(fields, terms, state, slice(3, 4), 0.0, 1.0)
    assert np.array_equal(both["tables"][:, 1:], alone["tables"])
    assert np.array_equal(both["intercept"][1:], alone["intercept"])
