"""A training of an additive model: optimum, invariances, crosses, and that it goes on when killed."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from justright.errors import RecipeError, TrainingError
from justright.models.crossed import forward
from justright.models.crossed.learner import CrossedLearner
from justright.models.crossed.stage import FINISHED, read_stage
from justright.models.crossed.state import KEPT, REFUSED
from justright.recipe import Crosses
from justright.schema import Block, Member
from justright.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint


def kept(learner, state):
    """Return the pairs that stand, as places of fields."""
    return {(int(i), int(j)) for i, j, *_ in state["crosses"].tolist()}


def margins(learner, spec, state, blocks):
    return np.concatenate([learner.margins(spec, state, block) for block in blocks])


def quadrant(x, c):
    return 1.5 * ((x[:, 0] > 0) & (x[:, 1] > 0))


def squares(x, c):
    return 1.2 * ((c[:, 0] + c[:, 1]) % 2)


def steered(x, c):
    return np.where(c[:, 0] > 3, 1.0, -1.0) * x[:, 1]


@pytest.mark.parametrize(("effect", "pair"), [(quadrant, (0, 1)), (squares, (3, 4)), (steered, (1, 3))])
@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_a_planted_cross_is_found_and_no_other(table, tools, effect, pair, loss):
    size = 2.0 if loss == "logistic" else 1.0
    spec, blocks = table(n=4000, loss=loss, effect=lambda x, c: size * effect(x, c))
    learner, state = tools["trained"](spec, blocks)
    assert kept(learner, state) == {pair}
    found = {(int(row[0]), int(row[1])): row for row in state["tried"]}
    assert len(found) == 10
    assert found[pair][5] == KEPT and found[pair][4] < 1e-4 and found[pair][2] > 0
    assert all(row[5] == REFUSED for other, row in found.items() if other != pair)


def test_no_cross_is_found_where_there_is_none(table, tools):
    for seed in range(6):
        spec, blocks = table(n=1500, seed=seed)
        learner, state = tools["trained"](spec, blocks)
        assert kept(learner, state) == set()
        assert (state["tried"][:, 4] >= 0.01).all()


@pytest.mark.parametrize(("loss", "outputs"), [("poisson", 1), ("softmax", 3)])
def test_counts_and_classes_find_theirs(table, tools, loss, outputs):
    spec, blocks = table(n=4000, loss=loss, outputs=outputs, effect=lambda x, c: 2 * quadrant(x, c))
    learner, state = tools["trained"](spec, blocks)
    # One search of a hundred takes in a cross that is not there: with three classes this one does.
    assert (0, 1) in kept(learner, state) and len(kept(learner, state)) < 3
    made = margins(learner, spec, state, blocks)[:, :, 0]
    target = np.concatenate([block.target for block in blocks])
    if loss == "poisson":
        assert np.exp(made).mean() == pytest.approx(target.mean(), rel=1e-3)
    else:
        p = np.exp(made) / np.exp(made).sum(axis=1, keepdims=True)
        share = np.bincount(target, minlength=3) / len(target)
        np.testing.assert_allclose(p.mean(axis=0), share, atol=5e-3)


@pytest.mark.parametrize(
    ("loss", "outputs"),
    [("squared", 1), ("logistic", 1), ("poisson", 1), ("softmax", 3), ("huber", 1), ("quantile", 1)],
)
def test_forward_margins_contributions_and_export_say_the_same(table, tools, loss, outputs):
    made_of = "squared" if loss in ("huber", "quantile") else loss
    spec, blocks = table(n=800, loss=made_of, outputs=outputs, effect=quadrant)
    spec = tools["spec_of"](blocks, loss, outputs, sizes=(6, 5))
    crosses = Crosses(pairs=(("x0", "x1"), ("x2", "c0"), ("c0", "c1")), products=(("x0", "x2"),))
    members = tools["population"](3)
    learner, state = tools["trained"](spec, blocks, members, crosses=crosses)
    assert kept(learner, state) >= {(0, 1), (2, 3), (3, 4)}
    whole = blocks[1]
    numeric = whole.numeric.copy()
    numeric[:7] = np.array([np.nan, np.inf, -np.inf, 0.0, 1e30, -1e30, 1e-30])[:, None]
    block = Block(numeric, whole.codes, whole.target, whole.weight, whole.fold, None, whole.key)
    direct = learner.margins(spec, state, block)
    raw = np.zeros((block.rows, state["intercept"].shape[0])) + state["intercept"]
    fields, begin = learner._fields(spec, state), 0
    from justright.models.crossed.packed import _codes
    from justright.models.crossed.state import terms_of

    codes = [_codes(block, field).astype(np.int64) for field in fields]
    for term in terms_of(state, fields):
        if len(term.fields) == 1:
            cell = codes[term.fields[0]]
        else:
            a, b = (each[codes[i]] for each, i in zip(term.maps, term.fields, strict=True))
            cell = a.astype(np.int64) * term.shape[1] + b
        raw += state["tables"][begin : begin + term.cells][cell]
        begin += term.cells
    for place in range(len(members)):
        front, arrays = learner.export(spec, state, place)
        forward.check(front, arrays, outputs)
        scored = forward.margins(front, arrays, block)
        parts, intercept = forward.contributions(front, arrays, block)
        np.testing.assert_allclose(direct[:, :, place], scored, atol=1e-9)
        np.testing.assert_allclose(parts.sum(axis=1) + intercept, scored, atol=1e-9)
        # The state's own tables, summed row by row: moving mains out of crosses moves no margin.
        own = slice(place * outputs, (place + 1) * outputs)
        np.testing.assert_allclose(raw[:, own], scored, atol=1e-9)
        assert np.isfinite(scored).all()


def test_what_crosses_say_of_one_column_stands_with_that_column(table, tools):
    spec, blocks = table(n=1500, effect=quadrant)
    learner, state = tools["trained"](spec, blocks)
    front, arrays = learner.export(spec, state, 0)
    layout = forward.layout_of(front)
    begin, rows = 0, sum(float(block.weight.sum()) for block in blocks)
    for fields, shape, size in zip(layout.terms, layout.shapes, layout.cells, strict=True):
        mass = state["mass"][begin : begin + size].reshape(*shape, 1)
        heavy = arrays["tables"][begin : begin + size].reshape(*shape, -1) * mass / rows
        begin += size
        assert mass.sum() == rows
        for axis in range(len(fields)):
            assert np.abs(heavy.sum(axis=axis)).max() < 1e-9


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_a_training_goes_on_from_every_checkpoint_to_the_same_bits(table, tools, tmp_path, loss):
    spec, blocks = table(n=9000, loss=loss, effect=lambda x, c: 2 * quadrant(x, c))
    members, crosses = tools["population"](3), Crosses()
    learner = CrossedLearner(crosses)
    straight = killed = learner.start(spec, blocks, members, 0)
    for number in range(100):
        straight, progress = learner.advance(spec, straight, blocks, members, number)
        path = tmp_path / "checkpoint"
        save_checkpoint(path, Checkpoint(number, 0, killed, {}, {}, [], "q"))
        saved = load_checkpoint(path, "q")
        assert saved is not None
        killed, _ = CrossedLearner(crosses).advance(spec, saved.state, blocks, members, number)
        assert straight.keys() == killed.keys()
        for name in straight:
            assert np.array_equal(straight[name], killed[name], equal_nan=True), (number, name)
        if progress.done.all():
            break
    assert len(straight["crosses"]) == 1
    fresh = CrossedLearner(crosses)
    assert np.array_equal(fresh.margins(spec, killed, blocks[0]), learner.margins(spec, straight, blocks[0]))
    assert fresh.export(spec, killed, 1)[0] == learner.export(spec, straight, 1)[0]


def test_the_old_state_stays_whole(table, tools):
    spec, blocks = table(n=600)
    members = tools["population"](3)
    learner = CrossedLearner(Crosses())
    state = learner.start(spec, blocks, members, 0)
    for number in range(6):
        before = {name: array.copy() for name, array in state.items()}
        new, _ = learner.advance(spec, state, blocks, members, number)
        for name, array in before.items():
            assert np.array_equal(array, state[name], equal_nan=True), name
        state = new


def reordered(blocks, order):
    whole = Block(
        *(
            np.concatenate([getattr(b, name) for b in blocks])[order]
            for name in ("numeric", "codes", "target", "weight", "fold")
        ),
        None,
        np.concatenate([b.key for b in blocks])[order],
    )
    return [whole]


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_the_order_of_rows_and_the_cuts_of_blocks_do_not_matter(table, tools, loss):
    spec, blocks = table(n=2000, loss=loss, effect=lambda x, c: 2 * quadrant(x, c))
    learner, state = tools["trained"](spec, blocks)
    order = np.random.default_rng(1).permutation(2000)
    other, turned = tools["trained"](spec, reordered(blocks, order))
    assert np.array_equal(state["crosses"], turned["crosses"])
    np.testing.assert_allclose(turned["strength"], state["strength"], rtol=1e-9)
    np.testing.assert_allclose(turned["tables"], state["tables"], atol=2e-4)
    a, b = margins(learner, spec, state, blocks), margins(other, spec, turned, blocks)
    np.testing.assert_allclose(a, b, atol=2e-4)


def test_a_row_of_weight_two_is_two_rows(table, tools):
    spec, blocks = table(n=1200, effect=quadrant)
    weight = 1.0 + (np.arange(1200) % 3 == 0)
    heavy, _ = (
        reordered(blocks, np.arange(1200)),
        None,
    )
    one = Block(*(getattr(heavy[0], n) for n in ("numeric", "codes", "target")), weight.astype(np.float32),
                heavy[0].fold, None, heavy[0].key)  # fmt: skip
    twice = reordered([heavy[0]], np.repeat(np.arange(1200), weight.astype(int)))
    crosses = Crosses(search=False, pairs=(("x0", "x1"),))
    a, left = tools["trained"](spec, [one], crosses=crosses)
    b, right = tools["trained"](spec, twice, crosses=crosses)
    np.testing.assert_allclose(left["strength"], right["strength"], rtol=1e-9)
    np.testing.assert_allclose(left["tables"], right["tables"], atol=2e-4)


def test_the_order_of_columns_does_not_matter(table, tools):
    spec, blocks = table(n=1500, effect=quadrant)
    learner, state = tools["trained"](spec, blocks)
    turned = [
        Block(b.numeric[:, ::-1].copy(), b.codes, b.target, b.weight, b.fold, None, b.key) for b in blocks
    ]
    other, mirrored = tools["trained"](spec, turned)
    assert {frozenset((2 - i, 2 - j)) for i, j in kept(other, mirrored)} == {
        frozenset(p) for p in kept(learner, state)
    }
    a = margins(learner, spec, state, blocks)[:, 0, 0]
    b = margins(other, spec, mirrored, turned)[:, 0, 0]
    # The sweeps end at the rule, a hair before the one optimum, which they approach in another order.
    assert np.sqrt(np.mean((a - b) ** 2)) < 0.02 * a.std()


def test_a_constant_column_does_nothing(table, tools):
    spec, blocks = table(n=900)
    learner, state = tools["trained"](spec, blocks)
    wider = [
        Block(
            np.column_stack([b.numeric, np.full(b.rows, 2.5, np.float32)]),
            b.codes,
            b.target,
            b.weight,
            b.fold,
            None,
            b.key,
        )
        for b in blocks
    ]
    spec_wide = tools["spec_of"](wider, "squared", 1, sizes=(6, 5))
    other, state_wide = tools["trained"](spec_wide, wider)
    a, b = margins(learner, spec, state, blocks), margins(other, spec_wide, state_wide, wider)
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_folds_in_time_train_on_what_was_before(table, tools):
    n = 1200
    fold = np.array([-2, 0, 1, 2])[np.sort(np.arange(n) % 4)]  # the first rows come before all periods
    spec, blocks = table(n=n, effect=quadrant, fold=fold)
    members = (Member(-1, 0, 1.0), *(Member(k, 0, 1.0, forward=True) for k in range(3)))
    learner, state = tools["trained"](spec, blocks, members)
    later = [
        Block(b.numeric, b.codes, np.where(b.fold[:, 0] > 0, 99.0, b.target).astype(np.float32), b.weight,
              b.fold, None, b.key)
        for b in blocks
    ]  # fmt: skip
    crosses = Crosses(search=False)
    a, one = tools["trained"](spec, blocks, members, crosses)
    sweeps = CrossedLearner(crosses)
    first = sweeps.start(spec, blocks, members, 0)
    first["strength"][:] = first["own"][:] = 10.0
    second = {name: array.copy() for name, array in first.items()}
    from justright.models.crossed.stage import Stage

    quiet = Stage(0, 0, 0, 0, 2).to_array()  # a sweep that chooses no strength
    first["stage"], second["stage"] = quiet, quiet
    first["bends"][:] = second["bends"][:] = 1.0
    one, _ = sweeps.advance(spec, first, blocks, members, 2)
    two, _ = CrossedLearner(crosses).advance(spec, second, later, members, 2)
    assert np.array_equal(one["tables"][:, 1], two["tables"][:, 1])
    assert not np.allclose(one["tables"][:, 0], two["tables"][:, 0])
    assert np.isfinite(state["tables"]).all()


def test_without_folds_a_moderate_penalty_serves_and_nothing_is_searched(table, tools):
    spec, blocks = table(n=900, effect=quadrant)
    learner, state = tools["trained"](spec, blocks, (Member(-1, 0, 1.0),))
    assert state["tables"].shape[1] == 1
    assert (state["strength"] == 10.0).all() and len(state["tried"]) == 0
    made = margins(learner, spec, state, blocks)[:, 0, 0]
    target = np.concatenate([b.target for b in blocks])
    assert np.mean((made - target) ** 2) < 0.5 * target.var()
    forced, state = tools["trained"](
        spec, blocks, (Member(-1, 0, 1.0),), Crosses(search=False, pairs=(("x0", "x1"),))
    )
    assert kept(forced, state) == {(0, 1)}
    better = margins(forced, spec, state, blocks)[:, 0, 0]
    assert np.mean((better - target) ** 2) < np.mean((made - target) ** 2)


def test_several_repeats_and_penalties_train_together_as_alone(table, tools):
    n = 800
    rng = np.random.default_rng(5)
    fold = rng.integers(0, 3, (n, 2))
    spec, blocks = table(n=n, effect=quadrant, fold=fold)
    members = (
        Member(-1, 0, 1.0),
        *(Member(k, 0, 1.0, repeat=r) for r in range(2) for k in range(3)),
        Member(-1, 1, 30.0),
    )
    learner, state = tools["trained"](spec, blocks, members)
    used = len(members)
    assert np.isfinite(state["tables"]).all()
    stiff = state["tables"][: learner._fields(spec, state)[0].size]
    assert np.abs(np.diff(stiff[:-1, used - 1], n=2)).sum() < np.abs(np.diff(stiff[:-1, 0], n=2)).sum()


def test_a_users_own_loss_goes_the_generic_way_to_the_same_model(table, tools):
    class Mine:
        name, link = "mine", "identity"

        def value(self, margin, target):
            return 0.5 * np.square(margin - target)

        def gradient(self, margin, target):
            return margin - target

    spec, blocks = table(n=900, effect=quadrant)
    own = tools["spec_of"](blocks, Mine(), 1, sizes=(6, 5))
    a, left = tools["trained"](spec, blocks)
    b, right = tools["trained"](own, blocks)
    assert kept(a, left) == kept(b, right)
    np.testing.assert_allclose(
        margins(a, spec, left, blocks), margins(b, own, right, blocks), atol=2e-3, rtol=1e-3
    )


@pytest.mark.parametrize(("loss", "level"), [("huber", 0.5), ("quantile", 0.3)])
def test_robust_losses_bear_outliers(table, tools, loss, level):
    spec, blocks = table(n=2500)
    rng = np.random.default_rng(0)
    wild = [
        Block(b.numeric, b.codes, (b.target + 50 * (rng.random(b.rows) < 0.02)).astype(np.float32), b.weight,
              b.fold, None, b.key)
        for b in blocks
    ]  # fmt: skip
    learner, state = tools["trained"](tools["spec_of"](wild, loss, 1, sizes=(6, 5)), wild)
    made = margins(learner, spec, state, blocks)[:, 0, 0]
    target = np.concatenate([b.target for b in blocks])
    assert np.mean(target < made) == pytest.approx(level, abs=0.06)
    assert np.sqrt(np.mean((made - target) ** 2)) < 0.5


def test_as_near_to_an_additive_truth_as_scikit_learns_splines(tools):
    pytest.importorskip("sklearn")
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer

    rng = np.random.default_rng(3)
    x = rng.uniform(-2, 2, (8000, 3)).astype(np.float32)
    c = np.stack([rng.integers(2, 6, 8000), rng.integers(2, 5, 8000)], 1)
    truth = np.sin(2 * x[:, 0]) + 0.5 * x[:, 1] + 0.3 * (c[:, 0] - 3.5)
    y = (truth + 0.3 * rng.normal(size=8000)).astype(np.float32)
    seen, fresh = slice(0, 4000), slice(4000, 8000)
    blocks = tools["blocks_of"](x[seen], c[seen], y[seen])
    spec = tools["spec_of"](blocks, sizes=(6, 5))
    learner, state = tools["trained"](spec, blocks)
    asked = tools["blocks_of"](x[fresh], c[fresh], y[fresh], cuts=1)
    ours = margins(learner, spec, state, asked)[:, 0, 0]
    wide = np.column_stack([x, c[:, [0]] == np.arange(6), c[:, [1]] == np.arange(5)])
    rival = make_pipeline(SplineTransformer(12), RidgeCV(np.logspace(-4, 3, 15))).fit(wide[seen], y[seen])
    theirs = rival.predict(wide[fresh])
    off, their = (np.sqrt(np.mean((made - truth[fresh]) ** 2)) for made in (ours, theirs))
    assert off < 0.05 and off < 2 * their


def test_unknown_columns_and_tables_of_shares_are_refused(table, tools):
    spec, blocks = table(n=60)
    for asked in (Crosses(pairs=(("x0", "nobody"),)), Crosses(products=(("x0", "c0"),))):
        with pytest.raises(RecipeError):
            CrossedLearner(asked).start(spec, blocks, tools["population"](3), 0)
    shares = [
        Block(b.numeric, b.codes, np.ones((b.rows, 2), np.float32), b.weight, b.fold, None, b.key)
        for b in blocks
    ]
    learner = CrossedLearner(Crosses())
    state = learner.start(spec, shares, tools["population"](3), 0)
    with pytest.raises(TrainingError):
        learner.advance(spec, state, shares, tools["population"](3), 0)


def test_it_ends_by_its_own_rule_and_says_so(table, tools):
    spec, blocks = table(n=300)
    learner = CrossedLearner(Crosses())
    members = tools["population"](3)
    state = learner.start(spec, blocks, members, 0)
    last = np.inf
    for number in range(60):
        state, progress = learner.advance(spec, state, blocks, members, number)
        assert progress.rule == "the held-out loss stands"
        assert np.isnan(progress.curves[0].validation[0]) and np.isfinite(progress.curves[0].train).all()
        last = progress.curves[0].train[0]
        if progress.done.all():
            break
    assert read_stage(state).phase == FINISHED and last < 0.2


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("loss", ["poisson", "logistic"])
def test_the_loss_never_rises_much_from_sweep_to_sweep(tools, loss, seed):
    # Steep effects of columns that say nearly the same: bends of a former sweep once led to rates of e^12.
    rng = np.random.default_rng(seed)
    n = 1500
    z = rng.normal(size=n)
    x = np.column_stack([z, z + 0.1 * rng.normal(size=n), rng.integers(0, 24, n)])
    f = 1.5 * z + 3.0 * np.sin(x[:, 2] / 4)
    y = rng.poisson(np.exp(f)) if loss == "poisson" else (rng.random(n) < 1 / (1 + np.exp(-2 * f)))
    blocks = tools["blocks_of"](x, rng.integers(2, 6, (n, 1)), y.astype(np.float32))
    spec = tools["spec_of"](blocks, loss, 1, sizes=(6,))
    learner, members = CrossedLearner(Crosses(search=False)), tools["population"]()
    state, before = learner.start(spec, blocks, members, 0), np.inf
    for number in range(30):
        state, progress = learner.advance(spec, state, blocks, members, number)
        train = progress.curves[0].train[0]
        assert train < before + 0.02 * abs(before), number
        before = train
        if progress.done.all():
            break
