import dataclasses

import numpy as np
import pytest

from justright.errors import BundleError
from justright.models.boosted.trees import CATEGORY, DEFAULT_LEFT, Trees, checked, read_trees


def raw(n=300, seed=0):
    rng = np.random.default_rng(seed)
    rows = np.column_stack([rng.normal(size=(n, 2)), rng.integers(0, 40, n)]).astype(np.float32)
    rows[rng.random((n, 3)) < 0.1] = np.nan
    rows[:, 2] = np.nan_to_num(rows[:, 2])
    return rows, np.nan_to_num(rows[:, 0]) + rows[:, 2] % 3 + rng.normal(size=n) / 5


def below(node):
    """Nodes of LightGBM's own tree, in its order of their numbers."""
    if "split_index" not in node:
        return []
    return [node, *below(node["left_child"]), *below(node["right_child"])]


def test_says_what_lightgbm_says_of_its_own_trees(grown):
    rows, target = raw()
    booster, trees = grown(rows, target, categories=[2])
    told = booster.dump_model()["tree_info"]
    assert len(told) == len(trees.root) == 12
    nodes = []
    for tree in told:
        nodes += sorted(below(tree["tree_structure"]), key=lambda node: node["split_index"])
    assert len(nodes) == len(trees.feature)
    np.testing.assert_array_equal(trees.feature, [node["split_feature"] for node in nodes])
    category = np.asarray([node["decision_type"] == "==" for node in nodes])
    assert category.any() and not category.all()
    np.testing.assert_array_equal((trees.rule & CATEGORY) > 0, category)
    np.testing.assert_array_equal(
        ((trees.rule & DEFAULT_LEFT) > 0)[~category],
        np.asarray([node["default_left"] for node in nodes])[~category],
    )
    for number, node in enumerate(nodes):
        if not category[number]:
            assert trees.threshold[number] == node["threshold"]
            continue
        words = trees.bits[trees.bits_at[number] : trees.bits_at[number + 1]]
        held = [32 * w + b for w, word in enumerate(words) for b in range(32) if int(word) >> b & 1]
        assert held == [int(text) for text in node["threshold"].split("||")]


def test_a_tree_without_a_split_is_one_leaf(grown):
    booster, trees = grown(np.zeros((10, 1)), np.full(10, 2.5), rounds=1)
    assert booster.num_trees() == 1
    assert trees.root.tolist() == [-1]
    assert trees.value.tolist() == [2.5]
    assert len(checked(trees.to_arrays(), 1, 1).feature) == 0


def test_no_trees_at_all_are_fine():
    trees = read_trees("tree\nversion=v4\n\nend of trees\n", 1)
    assert len(trees.root) == len(trees.value) == 0
    checked(trees.to_arrays(), 0, 1)


def small():
    """One tree of three leaves: x0 <= 1 then leaf 0, else x1 in {0, 33} then leaf 1, else leaf 2."""
    return Trees(
        feature=np.asarray([0, 1], np.int32),
        threshold=np.asarray([1.0, 0.0]),
        left=np.asarray([-1, -2], np.int32),
        right=np.asarray([1, -3], np.int32),
        rule=np.asarray([DEFAULT_LEFT, CATEGORY], np.uint8),
        bits_at=np.asarray([0, 0, 2]),
        bits=np.asarray([1, 2], np.uint32),
        value=np.asarray([0.5, 1.0, 2.0]),
        root=np.asarray([0], np.int32),
        output=np.asarray([0], np.int32),
    )


def test_sound_arrays_pass():
    trees = checked(small().to_arrays(), 2, 1)
    np.testing.assert_array_equal(trees.value, [0.5, 1.0, 2.0])


@pytest.mark.parametrize(
    ("name", "lie", "says"),
    [
        ("feature", [0, 2], "column that is not there"),
        ("feature", [-1, 1], "column that is not there"),
        ("right", [0, -3], "not after its parent"),
        ("right", [2, -3], "not after its parent"),
        ("left", [-4, -2], "not after its parent"),
        ("left", [-2, -2], "to no tree or to two"),
        ("left", [1, -2], "to no tree or to two"),
        ("root", [1], "to no tree or to two"),
        ("root", [2], "begins nowhere"),
        ("root", [], "different lengths"),
        ("output", [1], "output that is not there"),
        ("value", [0.5, np.nan, 2.0], "no numbers"),
        ("value", [0.5, 1.0], "not after its parent"),
        ("threshold", [np.nan, 0.0], "no numbers"),
        ("threshold", [1.0], "1 nodes"),
        ("rule", [16, 1], "rule that nobody knows"),
        ("bits_at", [0, 0, 3], "out of their array"),
        ("bits_at", [0, 3, 2], "out of their array"),
        ("bits_at", [0, 2], "different lengths"),
    ],
)
def test_arrays_that_lie_are_refused(name, lie, says):
    arrays = small().to_arrays()
    arrays[name] = np.asarray(lie, arrays[name].dtype)
    with pytest.raises(BundleError, match=says):
        checked(arrays, 2, 1)


def test_kinds_and_gaps_are_refused():
    arrays = small().to_arrays()
    with pytest.raises(BundleError, match="nothing"):
        checked({name: array for name, array in arrays.items() if name != "rule"}, 2, 1)
    with pytest.raises(BundleError, match="threshold of float32"):
        checked({**arrays, "threshold": arrays["threshold"].astype(np.float32)}, 2, 1)
    with pytest.raises(BundleError, match=r"value of float64\(3, 1\)"):
        checked({**arrays, "value": arrays["value"][:, None]}, 2, 1)


def test_a_tree_that_is_too_deep_is_refused():
    n = 5000
    nodes = np.arange(n)
    chain = dataclasses.replace(
        small(),
        feature=np.zeros(n, np.int32),
        threshold=np.zeros(n),
        left=(~nodes).astype(np.int32),
        right=np.append(nodes[1:], ~n).astype(np.int32),
        rule=np.zeros(n, np.uint8),
        bits_at=np.zeros(n + 1, np.int64),
        bits=np.zeros(0, np.uint32),
        value=np.zeros(n + 1),
    )
    with pytest.raises(BundleError, match="deeper than 4096"):
        checked(chain.to_arrays(), 1, 1)
