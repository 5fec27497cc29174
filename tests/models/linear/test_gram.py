"""Exact least squares from sums against scikit-learn and against direct computation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from justright.features.plan import FeaturePlan, PlanData
from justright.models.linear import gram
from justright.schema import Member

PENALTIES = (1.0, 0.1, 1e-3, 1e-7)


def trains(table, member, repeat=0):
    fold = table.fold[:, repeat]
    keep = (fold != member.fold) if member.fold >= 0 else np.ones(len(fold), bool)
    return keep & ~((fold > member.fold) & member.forward & (member.fold >= 0))


def direct(table, keep, penalty):
    """Ridge with a free bias by plain linear algebra."""
    X, y, w = table.X[keep], table.y[keep].astype(float), table.w[keep]
    ones = np.column_stack([X, np.ones(len(X))])
    left = ones.T @ (ones * w[:, None]) / w.sum()
    left[:-1, :-1] += penalty * np.eye(X.shape[1])
    solved = np.linalg.lstsq(left, ones.T @ (w * y) / w.sum(), rcond=None)[0]
    return solved[:-1], solved[-1]


def loss(table, keep, weights, bias):
    return np.average(0.5 * (table.X[keep] @ weights + bias - table.y[keep]) ** 2, weights=table.w[keep])


def solved(spec, blocks, members):
    return gram.solve(gram.sums(spec, blocks, members), members)


@pytest.mark.parametrize("weighted", [False, True])
def test_every_penalty_and_fold_is_the_ridge_of_scikit_learn(problem, table_of, members_of, weighted):
    from sklearn.linear_model import Ridge

    spec, blocks = problem(n=300, p=4, fields=(4, 6), slots=8, missing=True, weighted=weighted)
    members, table = members_of(PENALTIES), table_of(spec, blocks)
    found = solved(spec, blocks, members)
    for place, member in enumerate(members):
        keep = trains(table, member)
        rival = Ridge(alpha=member.penalty * table.w[keep].sum(), solver="svd")
        rival.fit(table.X[keep], table.y[keep].astype(float), table.w[keep])
        # One-hot columns and the bias say the same thing twice: what is unique is the prediction.
        ours = table.X @ found.weights[:, place] + found.bias[place]
        np.testing.assert_allclose(ours, rival.predict(table.X), atol=1e-8)
        if member.penalty > 1e-5:
            np.testing.assert_allclose(found.weights[:, place], rival.coef_, atol=1e-8)


def test_curves_are_the_losses_on_nested_samples(problem, table_of, members_of):
    spec, blocks = problem(n=900, p=2, fields=(), weighted=True)
    members, table = members_of((0.1, 0.001)), table_of(spec, blocks)
    curves = solved(spec, blocks, members).curves
    assert [curve.share for curve in curves] == [0.125, 0.25, 0.5, 1.0]
    for curve in curves:
        drawn = table.key < np.uint64(curve.share * 2.0**63 * 2 - 1) if curve.share < 1 else table.key >= 0
        for place, member in enumerate(members):
            keep = trains(table, member) & drawn
            weights, bias = direct(table, keep, member.penalty)
            assert curve.train[place] == pytest.approx(loss(table, keep, weights, bias), rel=1e-9)
            if member.fold < 0:
                assert np.isnan(curve.validation[place])
                continue
            held = table.fold[:, 0] == member.fold
            assert curve.validation[place] == pytest.approx(loss(table, held, weights, bias), rel=1e-9)


def test_repetitions_have_their_own_folds(problem, table_of):
    spec, blocks = problem(n=200, repeats=2)
    members = tuple(Member(fold, 0, 0.1, repeat=r) for r in range(2) for fold in range(3))
    table, found = table_of(spec, blocks), solved(spec, blocks, members)
    for place, member in enumerate(members):
        keep = trains(table, member, member.repeat)
        weights, bias = direct(table, keep, 0.1)
        np.testing.assert_allclose(found.weights[:, place], weights, atol=1e-9)
        assert found.bias[place] == pytest.approx(bias, abs=1e-9)
        held = table.fold[:, member.repeat] == member.fold
        assert found.curves[-1].validation[place] == pytest.approx(loss(table, held, weights, bias))


def test_forward_folds_train_on_the_past_only(problem, table_of, members_of):
    spec, blocks = problem(n=200)
    blocks = [replace(b, fold=(b.fold - (b.fold == 0) * 2).astype(np.int8)) for b in blocks]
    blocks = [replace(b, fold=np.where(b.fold > 0, b.fold - 1, b.fold).astype(np.int8)) for b in blocks]
    members = members_of((0.01,), folds=2, forward=True)
    table, found = table_of(spec, blocks), solved(spec, blocks, members)
    assert sorted(set(table.fold[:, 0].tolist())) == [-2, 0, 1]
    for place, member in enumerate(members):
        keep = trains(table, member)
        weights, bias = direct(table, keep, 0.01)
        np.testing.assert_allclose(found.weights[:, place], weights, atol=1e-9)
        if member.fold >= 0:
            held = table.fold[:, 0] == member.fold
            assert found.curves[-1].validation[place] == pytest.approx(loss(table, held, weights, bias))


def test_members_without_folds_use_all_rows(problem, table_of):
    """Folds that no member asks for are rows like others."""
    spec, blocks = problem(n=100)
    found = solved(spec, blocks, [Member(penalty=0.1)])
    table = table_of(spec, blocks)
    weights, bias = direct(table, np.ones(100, bool), 0.1)
    np.testing.assert_allclose(found.weights[:, 0], weights, atol=1e-10)
    assert found.bias[0] == pytest.approx(bias)


@pytest.mark.parametrize("mix", [1.0, 0.5, 0.05])
def test_elastic_net_is_that_of_scikit_learn(problem, table_of, members_of, mix):
    from sklearn.linear_model import ElasticNet

    spec, blocks = problem(n=200, p=6, fields=(5,), weighted=True)
    members, table = members_of((0.2, 0.02, 0.002), mix=mix), table_of(spec, blocks)
    found = solved(spec, blocks, members)
    for place, member in enumerate(members):
        keep = trains(table, member)
        rival = ElasticNet(alpha=member.penalty, l1_ratio=mix, tol=1e-13, max_iter=100_000)
        rival.fit(table.X[keep], table.y[keep].astype(float), table.w[keep])
        ours = table.X @ found.weights[:, place] + found.bias[place]
        np.testing.assert_allclose(ours, rival.predict(table.X), atol=2e-6)
        assert np.abs(found.weights[:, place]).sum() == pytest.approx(np.abs(rival.coef_).sum(), rel=1e-4)


def test_a_strong_lasso_leaves_the_mean(problem, table_of):
    spec, blocks = problem(n=100)
    found = solved(spec, blocks, [Member(penalty=100.0, mix=1.0)])
    assert not found.weights.any()
    assert found.bias[0] == pytest.approx(table_of(spec, blocks).y.mean())


def test_a_weight_is_a_repetition_and_order_is_irrelevant(problem, members_of):
    spec, blocks = problem(n=120, slots=6, n_blocks=1)
    times = np.random.default_rng(3).integers(0, 4, 120)
    heavy = replace(blocks[0], weight=times.astype(np.float32))
    repeated = blocks[0].take(np.repeat(np.arange(120), times))
    members = members_of((0.1, 0.001))
    one, other = solved(spec, [heavy], members), solved(spec, [repeated], members)
    np.testing.assert_allclose(one.weights, other.weights, atol=1e-10)
    np.testing.assert_allclose(one.curves[-1].validation, other.curves[-1].validation, rtol=1e-10)
    mixed = repeated.take(np.random.default_rng(4).permutation(repeated.rows))
    cut = [mixed.slice(0, 50), mixed.slice(50, mixed.rows)]
    np.testing.assert_allclose(solved(spec, cut, members).weights, one.weights, atol=1e-10)


def test_one_hot_codes_are_dense_columns(problem, members_of, table_of):
    spec, blocks = problem(n=150, p=2, fields=(5,), n_blocks=1)
    table = table_of(spec, blocks)
    dense = replace(blocks[0], numeric=table.X.astype(np.float32), codes=np.zeros((150, 0), np.int32))
    first = spec.plan.data.numeric[0]
    plan = FeaturePlan(PlanData((first,) * table.X.shape[1], (), (), None))
    members = members_of((0.1, 1e-4))
    one = solved(spec, blocks, members)
    other = solved(replace(spec, plan=plan), [dense], members)
    np.testing.assert_allclose(one.weights, other.weights, atol=1e-9)


def test_copies_of_a_column_share_its_weight(problem, members_of):
    spec, blocks = problem(n=200, p=3, fields=())
    twice = [replace(b, numeric=np.repeat(b.numeric, 2, axis=1)) for b in blocks]
    plan = FeaturePlan(PlanData(spec.plan.data.numeric * 2, (), (), None))
    members = members_of((0.0, 1e-9))
    single = solved(spec, blocks, members_of((0.0, 0.0)))
    double = solved(replace(spec, plan=plan), twice, members)
    np.testing.assert_allclose(double.weights[::2], double.weights[1::2], atol=1e-9)
    np.testing.assert_allclose(2 * double.weights[::2], single.weights, atol=1e-6)


def test_more_columns_than_rows(problem, table_of, members_of):
    spec, blocks = problem(n=20, p=3, fields=(), slots=40)
    table = table_of(spec, blocks)
    members = members_of((0.1, 1e-6))
    found = solved(spec, blocks, members)
    for place, member in enumerate(members):
        weights, bias = direct(table, trains(table, member), member.penalty)
        np.testing.assert_allclose(
            table.X @ found.weights[:, place] + found.bias[place], table.X @ weights + bias, atol=1e-6
        )


def test_a_fold_that_holds_all_rows_leaves_nothing_to_train_on(problem):
    spec, blocks = problem(n=30)
    blocks = [replace(b, fold=np.zeros_like(b.fold)) for b in blocks]
    found = solved(spec, blocks, [Member(), Member(0, 0, 0.1)])
    assert not found.weights[:, 1].any()
    assert np.isnan(found.curves[-1].train[1])
    assert np.isfinite(found.curves[-1].validation[1])


def test_an_exact_line_leaves_no_loss(problem):
    spec, blocks = problem(n=100, p=2, fields=())
    blocks = [
        replace(b, target=(3 + b.numeric.astype(float) @ [2.0, -1.0]).astype(np.float32)) for b in blocks
    ]
    found = solved(spec, blocks, [Member(0, 0, 1e-12), Member(-1, 0, 1e-12)])
    np.testing.assert_allclose(found.weights[:, 0], [2.0, -1.0], atol=1e-5)
    assert 0.0 <= found.curves[-1].validation[0] < 1e-10


def test_the_sums_stay_within_their_memory(problem, members_of):
    spec, blocks = problem(n=64, p=2, fields=(), slots=1500)
    total = gram.sums(replace(spec, rows=10**8), blocks, members_of((1.0,)))
    assert total.nbytes <= 2**29
    assert total.shape[:2] == (1, 4)
