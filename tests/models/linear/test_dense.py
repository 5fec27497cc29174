"""Newton on dense tables: the optimum of scikit-learn and of the other solver, folds, odd columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.model_selection import KFold

from justright.errors import JustrightWarning
from justright.estimators import LinearClassifier, LinearRegressor, dense_fitting
from justright.kernels import dense as loops
from justright.kernels.dense import evaluate, products, rows_of, survey
from justright.models.linear.dense import Answer, solve
from justright.schema import FloatArray


def table(rows: int = 3_000, columns: int = 6, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    random = np.random.default_rng(seed)
    X = random.normal(size=(rows, columns)) @ random.normal(size=(columns, columns)) + 3.0
    margin = (X - 3.0) @ random.normal(size=columns) / columns
    return X, (random.random(rows) < 1 / (1 + np.exp(-margin))).astype(float)


def solved(X: Any, y: Any, penalties: list[float], fold: Any = None, **settings: Any) -> Answer:
    weight = settings.pop("weight", np.ones(len(X)))
    found = survey(X, weight)
    factor = np.where(found.spread > 0, 1 / np.where(found.spread > 0, found.spread, 1.0), 0.0)
    settings = {"tolerance": 1e-13, "most": 100.0} | settings
    answer = solve(X, y, weight, fold, found.mean, factor, penalties, **settings)
    assert answer is not None
    return answer


def oracle(X: FloatArray, y: FloatArray, weight: FloatArray, penalty: float) -> FloatArray:
    """Return the optimum found by a general minimiser on columns that are standardised already."""
    Z = np.column_stack([X, np.ones(len(X))])

    def loss(theta: FloatArray) -> tuple[float, FloatArray]:
        margin = Z @ theta
        value = weight @ (np.logaddexp(0, margin) - y * margin) / weight.sum()
        slope = Z.T @ (weight * (1 / (1 + np.exp(-margin)) - y)) / weight.sum()
        slope[:-1] += penalty * theta[:-1]
        return float(value + 0.5 * penalty * theta[:-1] @ theta[:-1]), slope

    start = np.zeros(Z.shape[1])
    return np.asarray(minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-11}).x)


def standardised(X: FloatArray, weight: FloatArray) -> FloatArray:
    mean = weight @ X / weight.sum()
    return np.asarray((X - mean) / np.sqrt(weight @ (X - mean) ** 2 / weight.sum()))


@pytest.mark.parametrize("penalty", [1e-6, 1e-2, 1.0])
def test_the_optimum_is_that_of_a_general_minimiser(penalty: float) -> None:
    X, y = table()
    weight = np.random.default_rng(1).integers(1, 5, len(X)).astype(float)
    theta = solved(X, y, [penalty], weight=weight).theta[:, 0]
    assert theta == pytest.approx(oracle(standardised(X, weight), y, weight, penalty), abs=1e-6)


def test_the_sample_and_the_threads_do_not_move_the_optimum(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = table(60_000)
    first = solved(X, y, [1e-3])
    assert {one.share for one in first.passes} == {1 / 3, 1.0}
    monkeypatch.setattr(loops, "_PIECES", 3)
    monkeypatch.setattr("justright.models.linear.dense._SAMPLE", 10**9)
    assert solved(X, y, [1e-3]).theta == pytest.approx(first.theta, abs=2e-7)


def test_rows_in_the_order_of_their_classes() -> None:
    X, y = table(60_000)
    order = np.argsort(y, kind="stable")
    assert solved(X[order], y[order], [1e-3]).theta == pytest.approx(solved(X, y, [1e-3]).theta, abs=1e-7)


def test_every_fold_is_the_fit_without_its_rows() -> None:
    X, y = table(4_000)
    fold = np.random.default_rng(2).integers(-1, 4, len(X))
    penalties = np.logspace(0, -6, 11).tolist()
    found = solved(X, y, penalties, fold)
    Z, weight = standardised(X, np.ones(len(X))), np.ones(len(X))
    for place in (0, 5, 10):
        for own in range(4):
            theta = oracle(Z[fold != own], y[fold != own], weight[fold != own], penalties[place])
            margin = Z[fold == own] @ theta[:-1] + theta[-1]
            held = np.mean(np.logaddexp(0, margin) - y[fold == own] * margin)
            assert found.losses[place, own] == pytest.approx(held, rel=1e-6)


def test_a_few_rows_where_folds_are_far_from_the_whole() -> None:
    X, y = table(60, 8)
    fold = np.arange(60) % 3
    found = solved(X, y, [0.1, 1e-3], fold)
    Z = standardised(X, np.ones(60))
    for place, penalty in enumerate((0.1, 1e-3)):
        theta = oracle(Z[fold != 1], y[fold != 1], np.ones(40), penalty)
        margin = Z[fold == 1] @ theta[:-1] + theta[-1]
        held = np.mean(np.logaddexp(0, margin) - y[fold == 1] * margin)
        assert found.losses[place, 1] == pytest.approx(held, rel=1e-4)


def test_copies_share_their_weight_and_constants_have_none() -> None:
    X, y = table(2_000, 3)
    wide = np.column_stack([X, X[:, 0], np.full(len(X), 7.0)])
    theta = solved(wide, y, [0.0]).theta[:, 0]
    alone = solved(X, y, [0.0]).theta[:, 0]
    assert theta[4] == 0.0
    assert theta[[0, 3]] == pytest.approx([alone[0] / 2] * 2, abs=2e-6)
    assert theta[[1, 2, 5]] == pytest.approx(alone[1:], abs=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_mean_far_above_the_spread_costs_no_digits(dtype: Any) -> None:
    X, y = table(3_000)
    # Whole numbers: moved by 2**23 they are the same numbers in float32.
    X = np.round(X * 100)
    moved = (X + 2.0**23).astype(dtype)
    assert solved(moved, y, [1e-3]).theta == pytest.approx(solved(X, y, [1e-3]).theta, abs=1e-7)


def test_separable_classes_have_an_optimum_under_a_penalty() -> None:
    X = np.linspace(-1, 1, 2_000)[:, None]
    y = (X[:, 0] > 0).astype(float)
    found = solved(X, y, [1e-4])
    expected = oracle(standardised(X, np.ones(2_000)), y, np.ones(2_000), 1e-4)
    assert found.theta[:, 0] == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_separable_classes_without_a_penalty_are_left_to_others_or_finite() -> None:
    X = np.linspace(-1, 1, 200)[:, None]
    found = solve(
        X,
        (X[:, 0] > 0).astype(float),
        np.ones(200),
        None,
        np.zeros(1),
        np.ones(1),
        [0.0],
        tolerance=1e-13,
        most=99,
    )
    assert found is None or np.isfinite(found.theta).all()


def test_a_single_class_is_left_to_others() -> None:
    X, _ = table(100)
    settings: dict[str, Any] = {"tolerance": 1e-9, "most": 9.0}
    assert solve(X, np.ones(100), np.ones(100), None, X[0], X[0] * 0, [1.0], **settings) is None


def test_a_budget_of_passes_ends_it() -> None:
    X, y = table()
    answer = solved(X, y, [1e-6], most=2.0)
    assert len(answer.passes) == 2
    assert not answer.passes[-1].done.any()


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.integers(0, 3), st.integers(1, 6), st.integers(0, 99))
def test_sums_are_those_of_plain_numpy(columns: int, groups: int, members: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    n = int(random.integers(1, 700))
    X, y = random.normal(size=(n, columns)) + 2, (random.random(n) < 0.5).astype(float)
    weight, group = random.uniform(0.1, 3, n), random.integers(0, groups + 1, n)
    centre, factor = random.normal(size=columns), random.uniform(0, 2, columns)
    theta = random.normal(size=(columns + 1, members))
    rows = rows_of(X, y, weight, group, groups + 1, centre, factor)
    found = evaluate(rows, theta, [members - 1])
    Z = np.column_stack([(X - centre) * factor, np.ones(n)])
    margin = Z @ theta
    p = 1 / (1 + np.exp(-margin))
    for one in range(groups + 1):
        of = (group == one) if groups else np.ones(n, bool)
        w = weight[of][:, None]
        loss = (w * (np.logaddexp(0, margin[of]) - y[of, None] * margin[of])).sum(axis=0)
        assert found.loss[one] == pytest.approx(loss, rel=1e-11, abs=1e-11)
        assert found.gradient[one] == pytest.approx(Z[of].T @ (w * (p[of] - y[of, None])), rel=1e-9, abs=1e-9)
        bend = w[:, 0] * p[of, -1] * (1 - p[of, -1])
        assert found.bends[0, one] == pytest.approx(Z[of].T @ (Z[of] * bend[:, None]), rel=1e-9, abs=1e-9)
        whole = np.column_stack([np.ones(of.sum()), y[of], Z[of, :-1]])
        assert products(rows)[one] == pytest.approx(whole.T @ (whole * w), rel=1e-9, abs=1e-9)
    assert rows.weights().sum() == pytest.approx(weight.sum())


def test_margins_far_out() -> None:
    margin = np.array([-800.0, -50.0, -1e-9, 0.0, 1e-9, 50.0, 800.0])
    rows = rows_of(margin[:, None], np.ones(7), np.ones(7), np.arange(7), 7, np.zeros(1), np.ones(1))
    found = evaluate(rows, np.array([[1.0], [0.0]]))
    assert found.loss[:, 0] == pytest.approx(np.logaddexp(0, -margin), rel=1e-12, abs=1e-15)


@given(st.integers(1, 2_000), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_moments_are_those_of_plain_numpy(n: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    X, weight = random.normal(size=(n, 3)) + [0.0, 1e6, -1e9], random.uniform(0.1, 2, n)
    found = survey(X, weight)
    mean = np.average(X, axis=0, weights=weight)
    assert found.mean == pytest.approx(mean, rel=1e-13, abs=1e-12)
    assert found.spread == pytest.approx(
        np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weight)), rel=1e-6
    )
    assert found.low.tolist() == X.min(axis=0).tolist()
    assert found.high.tolist() == X.max(axis=0).tolist()


# The estimators: both ways give the same model.


def both_ways(monkeypatch: pytest.MonkeyPatch, model: Any, X: Any, y: Any, **more: Any) -> tuple[Any, Any]:
    made = []
    for fewest in (2, 1 << 40):
        monkeypatch.setattr(dense_fitting, "_FEWEST", fewest)
        made.append(type(model)(**model.get_params()).fit(X, y, **more))
    assert {row.norms != {} for row in made[0].history_.rows} == {False}  # it was taken
    return made[0], made[1]


MODELS = [
    LinearClassifier(alphas=1e-3),
    LinearClassifier(alphas=[1.0, 1e-2, 1e-4], cv=3),
    LinearClassifier(alphas=[0.1, 1e-3], cv=KFold(4)),
    LinearClassifier(),
    LinearClassifier(alphas=1e-3, class_weight="balanced"),
    LinearRegressor(alphas=np.logspace(0, -5, 9), cv=KFold(4)),
    LinearRegressor(),
    LinearRegressor(penalty="elasticnet"),
]


@pytest.mark.parametrize("model", MODELS, ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_estimators_agree_with_the_longer_way(
    monkeypatch: pytest.MonkeyPatch, model: Any, weighted: bool
) -> None:
    X, y = table(1_500)
    X = np.column_stack([X, X[:, 1], np.full(len(X), 2.0)])
    more = {"sample_weight": np.random.default_rng(5).integers(0, 4, len(X))} if weighted else {}
    first, second = both_ways(monkeypatch, model, X, y, **more)
    assert first.alpha_ == second.alpha_
    assert first.coef_ == pytest.approx(second.coef_, rel=1e-5, abs=1e-6)
    assert first.intercept_ == pytest.approx(second.intercept_, rel=1e-5, abs=1e-5)
    assert first.cv_losses_.shape == second.cv_losses_.shape
    chosen = first.alphas_ == first.alpha_
    assert first.cv_losses_[chosen] == pytest.approx(second.cv_losses_[chosen], rel=1e-5)


@pytest.mark.parametrize("fewest", [2, 1 << 40])
@pytest.mark.parametrize("model", [LinearClassifier(), LinearRegressor()], ids=str)
def test_float32_is_read_as_it_stands(monkeypatch: pytest.MonkeyPatch, model: Any, fewest: int) -> None:
    X, y = table(1_500)
    narrow = X.astype(np.float32)
    monkeypatch.setattr(dense_fitting, "_FEWEST", fewest)
    first, same = type(model)().fit(narrow, y), type(model)().fit(narrow.astype(np.float64), y)
    assert first.alpha_ == same.alpha_
    assert first.coef_ == pytest.approx(same.coef_, rel=1e-9, abs=1e-10)
    assert first.predict(narrow) == pytest.approx(same.predict(narrow), rel=1e-9, abs=1e-10)


def test_a_data_frame_of_numbers_and_other_orders_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    pandas = pytest.importorskip("pandas")
    X, y = table(1_500)
    monkeypatch.setattr(dense_fitting, "_FEWEST", 2)
    model = LinearClassifier().fit(X, y)
    frame = LinearClassifier().fit(pandas.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])]), y)
    assert frame.coef_.tolist() == model.coef_.tolist()
    assert LinearClassifier().fit(np.asfortranarray(X), y).coef_.tolist() == model.coef_.tolist()
    assert LinearClassifier().fit(np.repeat(X, 2, axis=1)[:, ::2], y).coef_.tolist() == model.coef_.tolist()


def test_no_convergence_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.exceptions import ConvergenceWarning

    monkeypatch.setattr(dense_fitting, "_FEWEST", 2)
    X, y = table(1_500)
    with pytest.warns(ConvergenceWarning, match="passes were not enough"):
        LinearClassifier(alphas=1e-6, max_iter=1).fit(X, y)
    with pytest.warns(JustrightWarning, match="Too few different rows"):
        LinearRegressor().fit([[0.0], [0.0]], [1.0, 1.0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_that_are_not_finite_are_refused(bad: float, dtype: Any) -> None:
    X, y = table(20_000, 2)
    X = X.astype(dtype)
    X[12_345, 1] = bad
    with pytest.raises(ValueError, match="Input X contains"):
        LinearClassifier().fit(X, y)
