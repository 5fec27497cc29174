"""Pieces: former rows count through their curvature, and the sum of pieces comes near the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from justright.features.numeric import NumericFeature
from justright.features.plan import FeaturePlan, PlanData
from justright.models.base import Spec, State
from justright.models.crossed import pieces
from justright.models.crossed.fields import fit_fields
from justright.models.crossed.learner import CrossedLearner
from justright.optim.losses import loss_for
from justright.optim.schedules import schedule_for
from justright.recipe import Crosses, Descent
from justright.schema import Block, Column, FloatArray, Member
from justright.training.loop import Trainer


def block(X: FloatArray, y: npt.NDArray[Any], weight: FloatArray | None = None) -> Block:
    n = len(X)
    return Block(
        X.astype(np.float32),
        np.zeros((n, 0), np.int32),
        y.astype(np.float32),
        np.ones(n, np.float32) if weight is None else weight.astype(np.float32),
        np.full((n, 1), -2, np.int8),
        None,
        np.arange(n, dtype=np.uint64),
    )


def spec_of(columns: int, loss: str, rows: int) -> Spec:
    features = tuple(
        NumericFeature(Column(f"x{i}", "numeric", "number"), 0.0, 1.0, -1.0, 1.0) for i in range(columns)
    )
    plan = FeaturePlan(PlanData(features, (), (), None))
    task: Any = "regression" if loss == "squared" else "binary"
    return Spec(loss_for(loss, task), 1, plan, Descent(), schedule_for("constant"), rows)


def begun(spec: Spec, first: Block, pairs: tuple[tuple[str, str], ...] = ()) -> tuple[list[Any], State]:
    learner = CrossedLearner(Crosses(search=False, pairs=pairs))
    trained = Trainer(learner).fit(spec, [Member(-1, 0, 1.0)], [first])
    fields = fit_fields(spec.plan, [first], ())
    return fields, pieces.begin(spec, fields, trained.state, [first])


def test_beginning_moves_nothing_and_keeps_the_sums() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 2))
    y = X[:, 0] + 0.1 * rng.normal(size=500)
    spec = spec_of(2, "squared", 500)
    first = block(X, y)
    learner = CrossedLearner(Crosses(search=False))
    trained = Trainer(learner).fit(spec, [Member(-1, 0, 1.0)], [first])
    fields, state = begun(spec, first)
    np.testing.assert_array_equal(state["tables"], trained.state["tables"])
    assert state["weight"][0] == 500
    # For the squared loss the bend is the weight, and what the sums say at the tables is the slope there.
    assert state["bend"][0, 0] == 500 and state["mass"][: fields[0].size].sum() == 500
    np.testing.assert_allclose(state["bend"][1:, 0], state["mass"], rtol=1e-6)
    margin = state["intercept"][0] + sum(
        state["tables"][start : start + field.size, 0][
            np.searchsorted(field.edges, X[:, place].astype(np.float32), side="right")
        ]
        for place, (start, field) in enumerate(zip((0, fields[0].size), fields, strict=True))
    )
    slope = (margin - y).sum()
    said = state["bend"][0, 0] * state["intercept"][0] - state["pull"][0, 0]
    assert said == pytest.approx(slope, abs=1e-3)


def test_one_column_of_squared_loss_is_exact() -> None:
    """With the one table there is nothing that the sums leave out but the intercept's coupling."""
    rng = np.random.default_rng(1)
    X = rng.integers(0, 6, (4000, 1)).astype(float)
    y = np.sin(X[:, 0]) + 0.1 * rng.normal(size=4000)
    spec = spec_of(1, "squared", 4000)
    fields, state = begun(spec, block(X[:1000], y[:1000]))
    for begin in range(1000, 4000, 250):
        part = slice(begin, begin + 250)
        state = pieces.go_on(spec, fields, state, [block(X[part], y[part])])
    _, whole = begun(spec, block(X, y))

    def at(made: State) -> FloatArray:
        return np.asarray(made["intercept"][0] + made["tables"][:6, 0])

    np.testing.assert_allclose(at(state), at(whole), atol=2e-3)
    assert state["weight"][0] == 4000 and state["mass"].sum() == 4000


def test_pieces_of_no_weight_and_of_one_row() -> None:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(300, 2))
    y = X[:, 0]
    spec = spec_of(2, "squared", 300)
    fields, state = begun(spec, block(X, y))
    same = pieces.go_on(spec, fields, state, [block(X[:3], y[:3], np.zeros(3))])
    assert same is state
    one = pieces.go_on(spec, fields, state, [block(X[:1], np.array([50.0]))])
    assert one["weight"][0] == 301 and np.isfinite(one["tables"]).all()
    assert 0 < np.abs(one["tables"] - state["tables"]).max() < 10.0


def test_the_penalty_counts_once() -> None:
    """Rows that say the same in many pieces or in one end in the same tables."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(400, 1))
    y = 3.0 * X[:, 0]
    spec = spec_of(1, "squared", 400)
    fields, start = begun(spec, block(X, y))
    state = start
    for _ in range(10):
        state = pieces.go_on(spec, fields, state, [block(X, y)])
    whole = pieces.go_on(spec, fields, start, [block(X, y) for _ in range(10)])
    np.testing.assert_allclose(state["tables"], whole["tables"], atol=2e-3)


def table(loss: str, n: int, seed: int) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 1))
    X = 0.6 * shared + 0.8 * rng.normal(size=(n, 5))
    f = np.sin(2 * X[:, 0]) + np.abs(X[:, 1]) + 0.5 * X[:, 2] * X[:, 3]
    y = f + 0.5 * rng.normal(size=n) if loss == "squared" else 1.0 * (2 * f + rng.logistic(size=n) > 0)
    return X, y


def held_out(spec: Spec, fields: list[Any], state: State, X: FloatArray, y: FloatArray) -> float:
    from justright.models.crossed.export import export_model
    from justright.models.crossed.forward import margins
    from justright.models.crossed.state import terms_of

    front, arrays = export_model(fields, terms_of(state, fields), state, slice(0, 1), 0.0, 1.0)
    margin = margins(front, arrays, block(X, y))[:, 0]
    value = spec.loss.value(margin[:, None, None], y[:, None, None])
    return float(value.mean())


@pytest.mark.parametrize("loss", ["squared", "logistic"])
@pytest.mark.parametrize("count", [4, 50])
def test_pieces_come_near_the_whole(loss: str, count: int) -> None:
    X, y = table(loss, 60_000, 4)
    fresh = table(loss, 20_000, 5)
    spec = spec_of(5, loss, len(X))
    pairs = (("x2", "x3"),)
    fields, whole = begun(spec, block(X, y), pairs)
    wanted = held_out(spec, fields, whole, *fresh)
    cuts = np.array_split(np.arange(len(X)), count)
    fields, state = begun(spec, block(X[cuts[0]], y[cuts[0]]), pairs)
    first = held_out(spec, fields, state, *fresh)
    for cut in cuts[1:]:
        state = pieces.go_on(spec, fields, state, [block(X[cut], y[cut])])
    reached = held_out(spec, fields, state, *fresh)
    assert reached < 1.01 * wanted
    assert count == 4 or first > 1.05 * wanted  # the first piece alone is clearly worse


def test_strengths_are_chosen_by_what_comes_next() -> None:
    rng = np.random.default_rng(6)
    X = rng.normal(size=(6000, 2))
    y = np.sign(np.sin(8 * X[:, 0])) + 0.1 * rng.normal(size=6000)
    spec = spec_of(2, "squared", 6000)
    fields, state = begun(spec, block(X[:2000], y[:2000]))
    assert state["strength"].tolist() == [[10.0, 10.0]] * 2
    for begin in (2000, 4000):
        part = slice(begin, begin + 2000)
        state = pieces.go_on(spec, fields, state, [block(X[part], y[part])], choosing=True)
    wiggly, empty = state["strength"][:, 0]
    assert wiggly < 10.0 < empty
