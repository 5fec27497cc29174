"""Trees as flat arrays: what a bundle holds, and how LightGBM's text becomes it.

All trees share each array. A node that splits is numbered among the nodes of all trees, a leaf among the
leaves of all trees; a child c >= 0 is a node, c < 0 is the leaf ~c. Children come after their parents, so
that no walk can go in circles.

    rule, bits as in LightGBM's decision_type:
        1    the feature is a category: left if its bit is set, else right (never seen, negative too)
        2    missing goes left
        4    zero is missing                      (x in [-1e-35, 1e-35])
        8    NaN is missing; else NaN counts as 0
    a number goes left if x <= threshold
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.errors import BundleError
from justright.schema import FloatArray

__all__ = ["CATEGORY", "DEFAULT_LEFT", "NAN_MISSING", "ZERO_MISSING", "Trees", "checked", "read_trees"]

Ints = npt.NDArray[np.int32]

CATEGORY: Final = 1
DEFAULT_LEFT: Final = 2
ZERO_MISSING: Final = 4
NAN_MISSING: Final = 8
_DEEPEST: Final = 4_096
_LARGEST: Final = float(np.finfo(np.float64).max)
_AGAIN: Final = "train the model again"


@dataclass(frozen=True, eq=False)
class Trees:
    """Trees as flat arrays.

    Parameters
    ----------
    feature : int32 (nodes,)
        Column that a node looks at.
    threshold : float64 (nodes,)
        A number goes left if it is at most this; 0 for categories.
    left, right : int32 (nodes,)
        Children: a node, or ~leaf.
    rule : uint8 (nodes,)
        Bits as above.
    bits_at : int64 (nodes + 1,)
        Where the words of a node's category set begin in `bits`.
    bits : uint32 (words,)
        Sets of categories, 32 a word, the lowest first.
    value : float64 (leaves,)
        What a leaf adds to the margin.
    root : int32 (trees,)
        First node of each tree, or ~leaf where a tree is one leaf.
    output : int32 (trees,)
        Output that each tree adds to.
    """

    feature: Ints
    threshold: FloatArray
    left: Ints
    right: Ints
    rule: npt.NDArray[np.uint8]
    bits_at: npt.NDArray[np.int64]
    bits: npt.NDArray[np.uint32]
    value: FloatArray
    root: Ints
    output: Ints

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays by name, as a bundle holds them.

        A split of the missing from all others stands at infinity, and a bundle holds finite numbers only:
        there it stands at the largest of them, which no value of a table is beyond.
        """
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return found | {"threshold": np.clip(self.threshold, -_LARGEST, _LARGEST)}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Trees:
        """Return trees of named arrays, as they are."""
        return cls(**{field.name: arrays[field.name] for field in fields(cls)})


_KINDS: Final[dict[str, Any]] = {
    "feature": np.int32,
    "threshold": np.float64,
    "left": np.int32,
    "right": np.int32,
    "rule": np.uint8,
    "bits_at": np.int64,
    "bits": np.uint32,
    "value": np.float64,
    "root": np.int32,
    "output": np.int32,
}


def read_trees(text: str, outputs: int) -> Trees:
    """Read trees from the text of a LightGBM model, which tells every number to the last bit.

    Parameters
    ----------
    text : str
        What `Booster.model_to_string` gives.
    outputs : int
        Trees a round: tree i adds to output i mod outputs.

    References
    ----------
    LightGBM 4, include/LightGBM/tree.h (decision_type, NumericalDecision, CategoricalDecision).
    """
    parts: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in _KINDS}
    nodes = leaves = words = trees = 0
    for tree in _sections(text):
        value = _numbers(tree["leaf_value"], np.float64)
        count = len(value) - 1
        parts["value"].append(value)
        parts["root"].append(np.asarray([nodes if count else ~leaves], np.int32))
        parts["output"].append(np.asarray([trees % outputs], np.int32))
        if count:
            _add_nodes(parts, tree, nodes, leaves, words)
            words += len(parts["bits"][-1])
        nodes, leaves, trees = nodes + count, leaves + len(value), trees + 1
    parts["bits_at"].append(np.asarray([words], np.int64))
    return Trees(**{n: np.concatenate([np.empty(0, kind), *parts[n]]) for n, kind in _KINDS.items()})


def _sections(text: str) -> Iterator[dict[str, str]]:
    """Yield the keys and values of each tree."""
    for part in ("\n" + text.partition("\nend of trees")[0]).split("\nTree=")[1:]:
        pairs = (line.partition("=") for line in part.split("\n")[1:])
        yield {key: value for key, _, value in pairs if value}


def _numbers(text: str, kind: Any) -> npt.NDArray[Any]:
    """Read numbers that stand side by side."""
    return np.asarray(text.split(), dtype=kind)


def _add_nodes(
    parts: dict[str, list[npt.NDArray[Any]]], tree: dict[str, str], nodes: int, leaves: int, words: int
) -> None:
    """Append the nodes of one tree, numbered after those so far."""
    rule = _numbers(tree["decision_type"], np.uint8)
    threshold = _numbers(tree["threshold"], np.float64)
    for name, key in (("left", "left_child"), ("right", "right_child")):
        child = _numbers(tree[key], np.int32)
        parts[name].append(np.where(child >= 0, child + nodes, child - leaves).astype(np.int32))
    category = (rule & CATEGORY) > 0
    begin, bits = np.zeros(len(rule), np.int64), np.empty(0, np.uint32)
    if category.any():
        # The threshold of a category is the number of its set; sets lie in the order of the nodes.
        ends = _numbers(tree["cat_boundaries"], np.int64)
        bits = _numbers(tree["cat_threshold"], np.uint32)
        size = np.where(category, np.diff(ends)[np.where(category, threshold, 0).astype(np.int64)], 0)
        chosen = [bits[ends[int(s)] : ends[int(s) + 1]] for s in threshold[category]]
        bits = np.concatenate(chosen)
        begin = np.cumsum(size) - size
        threshold = np.where(category, 0.0, threshold)
    parts["feature"].append(_numbers(tree["split_feature"], np.int32))
    parts["threshold"].append(threshold)
    parts["rule"].append(rule)
    parts["bits_at"].append(begin + words)
    parts["bits"].append(bits)


def checked(arrays: Mapping[str, npt.NDArray[Any]], width: int, outputs: int) -> Trees:
    """Return the trees of a bundle; BundleError unless every walk ends in a leaf of its tree.

    Parameters
    ----------
    arrays : mapping of arrays
        As `Trees.to_arrays` gives them.
    width : int
        Columns of a row.
    outputs : int
        Margins of a row.
    """
    for name, kind in _KINDS.items():
        if name not in arrays or arrays[name].ndim != 1 or arrays[name].dtype != kind:
            got = f"{arrays[name].dtype}{arrays[name].shape}" if name in arrays else "nothing"
            _refuse(f"{name} of {got}", f"{np.dtype(kind).name} in one row")
    trees = Trees.of_arrays(arrays)
    nodes, leaves = len(trees.feature), len(trees.value)
    for name, count in (("threshold", nodes), ("left", nodes), ("right", nodes), ("rule", nodes)):
        if len(arrays[name]) != count:
            _refuse(f"{name} of {len(arrays[name])} nodes", f"{count}")
    if len(trees.bits_at) != nodes + 1 or len(trees.root) != len(trees.output):
        _refuse("arrays of trees of different lengths", "one entry a node, one a tree")
    _check_ranges(trees, width, outputs)
    _check_shape(trees, nodes, leaves)
    return trees


def _check_ranges(trees: Trees, width: int, outputs: int) -> None:
    """Refuse columns, outputs, sets and numbers that lead out of what there is."""
    if not _within(trees.feature, 0, width):
        _refuse("a tree that looks at a column that is not there", f"columns 0..{width - 1}")
    if not _within(trees.output, 0, outputs):
        _refuse("a tree for an output that is not there", f"outputs 0..{outputs - 1}")
    if not np.isfinite(trees.value).all() or np.isnan(trees.threshold).any():
        _refuse("leaves or thresholds that are no numbers", "finite numbers")
    if (trees.rule > 11).any():
        _refuse("a rule that nobody knows", "0..11")
    ends = trees.bits_at
    if ends[0] != 0 or ends[-1] != len(trees.bits) or (np.diff(ends) < 0).any():
        _refuse("sets of categories that lead out of their array", "rising places")


def _check_shape(trees: Trees, nodes: int, leaves: int) -> None:
    """Refuse nodes and leaves that hang in no tree or in two, and walks that go back or too deep."""
    children = np.concatenate([trees.left, trees.right]).astype(np.int64)
    parents = np.tile(np.arange(nodes), 2)
    inner = children >= 0
    if not _within(children, -leaves, nodes) or (children[inner] <= parents[inner]).any():
        _refuse("a child that is not after its parent", f"nodes to {nodes - 1}, leaves to {leaves - 1}")
    if not _within(trees.root, -leaves, nodes):
        _refuse("a tree that begins nowhere", f"nodes to {nodes - 1}, leaves to {leaves - 1}")
    all_ends = np.concatenate([children, trees.root.astype(np.int64)])
    hung = np.bincount(all_ends[all_ends >= 0], minlength=nodes)
    fallen = np.bincount(~all_ends[all_ends < 0], minlength=leaves)
    if (hung != 1).any() or (fallen != 1).any():
        _refuse("nodes or leaves that belong to no tree or to two", "each in one place of one tree")
    level = trees.root[trees.root >= 0]
    for _ in range(_DEEPEST):
        if not len(level):
            return
        level = np.concatenate([trees.left[level], trees.right[level]])
        level = level[level >= 0]
    _refuse(f"a tree deeper than {_DEEPEST} splits", f"at most {_DEEPEST}")


def _within(numbers: npt.NDArray[Any], low: int, end: int) -> bool:
    """Say whether all numbers are in low..end - 1."""
    return not len(numbers) or bool(numbers.min() >= low and numbers.max() < end)


def _refuse(received: str, allowed: str) -> None:
    """Raise BundleError."""
    raise BundleError(received, allowed=allowed, where="weights.safetensors", next_step=_AGAIN)
