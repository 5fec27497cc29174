"""Scores in numpy alone are LightGBM's, and bundles that lie are refused."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from justright.errors import BundleError
from justright.models.boosted import forward
from justright.models.boosted.forward import check, margins, prepared, sums
from justright.models.boosted.learner import BoostedLearner
from justright.models.boosted.lookup import lookup_of
from justright.recipe import Boosting
from justright.schema import Block, Tokens


def raw(rng, n, numbers=3, categories=2, most=40, missing=0.15, zero=0.15, infinite=0.02):
    """Numbers with gaps, zeros, near zeros and infinities; then categories."""
    x = rng.normal(size=(n, numbers)) * 10.0 ** rng.integers(-3, 4, numbers)
    x[:, 0] = np.round(x[:, 0])
    draw = rng.random(x.shape)
    x[draw < missing] = np.nan
    x[(draw > 1 - zero) & (rng.random(x.shape) < 0.8)] = 0.0
    x[(draw > 1 - zero / 8)] = 1e-36
    x[(draw > 1 - infinite / 2)] = np.inf
    x[(draw > 1 - infinite / 4)] = -np.inf
    c = rng.integers(0, most, (n, categories))
    return np.column_stack([x, c]).astype(np.float32)


def signal(rng, rows):
    x = np.nan_to_num(rows, nan=0.7, posinf=3.0, neginf=-3.0)
    scaled = x / np.maximum(np.abs(x).max(axis=0), 1e-30)
    return scaled[:, 0] + scaled[:, 1] * scaled[:, -1] + (x[:, -1] % 3) + rng.normal(size=len(x)) / 4


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10**6),
    rows=st.integers(5, 400),
    leaves=st.integers(2, 90),
    missing=st.sampled_from([0.0, 0.02, 0.5]),
    zero_as_missing=st.booleans(),
    use_missing=st.booleans(),
    many=st.booleans(),
    outputs=st.sampled_from([1, 3]),
)
def test_equal_to_lightgbm(grown, seed, rows, leaves, missing, zero_as_missing, use_missing, many, outputs):
    rng = np.random.default_rng(seed)
    train = raw(rng, rows, missing=missing)
    target = signal(rng, train)
    if outputs > 1:
        target = np.digitize(target, np.quantile(target, [0.3, 0.6]))
    told = {"num_leaves": leaves, "zero_as_missing": zero_as_missing, "use_missing": use_missing}
    booster, trees = grown(train, target, categories=[3, 4], outputs=outputs, **told)
    # Categories up to 59: those above 39 were never seen; gaps where there were none in training.
    other = raw(rng, 120, most=60, missing=0.3)
    if many:
        other = np.concatenate([other] * (1 + forward._WORTH // (120 * max(len(trees.root), 1))))
    expected = booster.predict(other, raw_score=True).reshape(len(other), outputs)
    np.testing.assert_allclose(sums(trees, other, outputs), expected, rtol=1e-6, atol=1e-9)


def test_few_rows_and_many_rows_give_the_same_bits(grown):
    rng = np.random.default_rng(0)
    train = raw(rng, 500)
    _, trees = grown(train, signal(rng, train), categories=[3, 4], rounds=60)
    other = raw(rng, 3000)
    walked = np.concatenate([sums(trees, other[i : i + 7], 1) for i in range(0, 700, 7)])
    alone = np.concatenate([sums(trees, other[i : i + 1], 1) for i in range(50)])
    assert id(trees.value) not in forward._MADE
    at_once = sums(trees, other, 1)
    assert id(trees.value) in forward._MADE
    np.testing.assert_array_equal(walked, at_once[:700])
    np.testing.assert_array_equal(alone, at_once[:50])
    np.testing.assert_array_equal(sums(trees, other[:3], 1), at_once[:3])


def test_tables_live_as_long_as_their_trees(grown):
    rng = np.random.default_rng(1)
    train = raw(rng, 300)
    _, trees = grown(train, signal(rng, train), categories=[3, 4])
    forward._tables(trees, True)
    key = id(trees.value)
    assert key in forward._MADE
    del trees
    assert key not in forward._MADE


@pytest.fixture
def model(table, members_of):
    """Return a maker of (front, arrays, blocks)."""

    def make(**given):
        spec, blocks = table(**given)
        learner, members = BoostedLearner(Boosting(rounds=20, rate=0.2, rows_a_leaf=5)), members_of(2)
        state = learner.start(spec, blocks, members, 0)
        state, _ = learner.advance(spec, state, blocks, members, 0)
        front, arrays = learner.export(spec, state, 0)
        return front, arrays, blocks, spec.outputs, learner.margins(spec, state, blocks[0])[:, :, 0]

    return make


@pytest.mark.parametrize("loss", ["squared", "softmax"])
def test_a_model_passes_the_check_and_scores_as_the_learner(model, loss):
    front, arrays, blocks, outputs, said = model(loss=loss, text=True)
    check(front, arrays, outputs)
    assert len(arrays["words"]) == 50
    np.testing.assert_array_equal(margins(front, arrays, blocks[0]), said)


def test_the_unit_of_the_target_is_given_back(model):
    front, arrays, blocks, _, said = model()
    scaled = margins({**front, "scale": 3.0, "centre": -1.0}, arrays, blocks[0])
    np.testing.assert_allclose(scaled, 3.0 * said - 1.0)


def test_service_makes_tables_once_rows_have_walked_as_long_as_that_takes(model, monkeypatch):
    front, arrays, blocks, _, said = model()
    monkeypatch.setattr(forward, "_WORTH", 20 * len(arrays["root"]))
    score, made = prepared(front, arrays), []
    monkeypatch.setattr(forward, "lookup_of", lambda trees: made.append(trees) or lookup_of(trees))
    sizes = [6, 10, 9, 1, 5, 40]  # 10 and 9 walk, 40 more would walk longer than tables take; 6 need neither
    found, counts, begin = [], [], 0
    for size in sizes:
        found.append(score(blocks[0].slice(begin, begin + size)))
        counts.append(len(made))
        begin += size
    assert counts == [0, 0, 0, 0, 0, 1]
    np.testing.assert_array_equal(np.concatenate(found), said[:begin])


def test_words_decide_wherever_they_stand_in_a_row(model):
    front, arrays, blocks, _, _ = model(text=True, n=600)
    n = 40
    numeric, codes = np.zeros((n, 3), np.float32), np.zeros((n, 1), np.int32)
    pairs = np.stack([np.arange(n), np.arange(n) + 5], axis=1) % 50
    plain = [np.zeros(n, np.float32), np.ones(n, np.float32), np.zeros((n, 1), np.int8)]

    def block(order):
        values = np.ones(2 * n, np.float32)
        tokens = Tokens(np.arange(0, 2 * n + 1, 2), pairs[:, order].reshape(-1).astype(np.int32), values, 50)
        return Block(numeric, codes, *plain, tokens, np.zeros(n, np.uint64))

    once = margins(front, arrays, block([0, 1]))
    assert len(np.unique(once)) > 1
    np.testing.assert_array_equal(once, margins(front, arrays, block([1, 0])))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"numeric": "many"}, "does not fit"),
        ({"codes": None}, "does not fit"),
        ({"tokens": -1}, "impossible sizes"),
        ({"outputs": 0}, "impossible sizes"),
        ({"numeric": 4, "codes": 0}, "split as a category"),
        ({"numeric": 1}, "column that is not there"),
    ],
)
def test_fronts_that_lie_are_refused(model, change, says):
    front, arrays, _, outputs, _ = model()
    with pytest.raises(BundleError, match=says):
        check({**front, **change}, arrays, outputs)
    with pytest.raises(BundleError, match="does not fit"):
        check({}, arrays, outputs)


def test_words_that_lie_are_refused(model):
    front, arrays, _, outputs, _ = model(text=True)
    for words in ([3, 2], [-1, 2], [3, 50], [2, 2]):
        with pytest.raises(BundleError, match="no slots in order"):
            check(front, {**arrays, "words": np.asarray(words)}, outputs)
    with pytest.raises(BundleError, match="without `words`"):
        check(front, {name: array for name, array in arrays.items() if name != "words"}, outputs)


def test_more_outputs_than_trees_know_are_refused(model):
    front, arrays, _, _, _ = model(loss="softmax")
    with pytest.raises(BundleError, match="output that is not there"):
        check(front, arrays, 2)


def test_service_needs_neither_lightgbm_nor_what_trains():
    code = """
import sys
for name in ("lightgbm", "scipy", "sklearn", "numba", "pandas", "pyarrow"):
    sys.modules[name] = None
import numpy as np
from justright.models.boosted.forward import check, margins
from justright.models.boosted.trees import read_trees
from justright.schema import Block
trees = read_trees("Tree=0\\nnum_leaves=2\\nsplit_feature=0\\nthreshold=1.5\\ndecision_type=2\\n"
                   "left_child=-1\\nright_child=-2\\nleaf_value=0.25 0.5\\n\\nend of trees", 1)
front = {"numeric": 1, "codes": 0, "tokens": 0, "outputs": 1}
arrays = {**trees.to_arrays(), "words": np.zeros(0, np.int64)}
check(front, arrays, 1)
x = np.asarray([[1.0], [2.0]], np.float32)
none = np.zeros((2, 0), np.int32)
block = Block(x, none, x[:, 0], x[:, 0], none.astype(np.int8), None, np.zeros(2, np.uint64))
print(margins(front, arrays, block)[:, 0].tolist())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[0.25, 0.5]\n", done.stderr
