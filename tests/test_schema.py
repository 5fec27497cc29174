"""Values that cross boundaries: frozen, strict, the same after JSON."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from justright.schema import Block, Column, Finding, Member, Schema, Target, Tokens, Value

COLUMNS = (
    Column("x", "numeric", "number", "12 numbers", decimal=",", missing=("?",)),
    Column("id", "identifier", "text"),
    Column("same", "constant", "number"),
    Column("day", "datetime", "datetime", format="%d.%m.%Y", zone="Europe/Paris"),
)
SCHEMA = Schema(
    COLUMNS,
    Target(Column("y", "categorical", "text"), "binary", ("no", "yes"), "two texts"),
    Column("w", "numeric", "number"),
    ("dropped",),
)


def test_identifiers_and_constants_do_not_feed_the_model():
    assert [c.name for c in SCHEMA.features] == ["x", "day"]


@pytest.mark.parametrize("value", [SCHEMA, Member(2, 1, 0.5, forward=True), Value(1.0, 0.5, 2.0)])
def test_there_and_back_through_json(value):
    assert msgspec.json.decode(msgspec.json.encode(value), type=type(value)) == value


@pytest.mark.parametrize(
    "value", [COLUMNS[0], SCHEMA, Member(), Value(1.0, 0.0, 2.0), Finding("a", "info", "A.")]
)
def test_values_are_frozen(value):
    with pytest.raises(AttributeError):
        setattr(value, value.__struct_fields__[0], None)


@pytest.mark.parametrize(
    "text",
    [
        b'{"name": "x", "kind": "numeric"}',
        b'{"name": "x", "kind": "number", "form": "number"}',
        b'{"name": "x", "kind": "numeric", "form": "number", "more": 1}',
        b'{"name": 1, "kind": "numeric", "form": "number"}',
    ],
)
def test_a_column_that_is_none_is_refused(text):
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=Column)


def test_findings_do_not_share_their_evidence():
    one, other = Finding("a", "info", "A."), Finding("a", "info", "A.")
    assert one == other
    assert one.evidence is not other.evidence


def test_rows_of_a_block_by_slice_and_by_number():
    tokens = Tokens(np.array([0, 2, 2, 3]), np.array([5, 6, 7], np.int32), np.ones(3, np.float32), 9)
    n = np.arange(3)
    block = Block(
        n[:, None].astype(np.float32), n[:, None].astype(np.int32), n, np.ones(3, np.float32),
        n[:, None].astype(np.int8), tokens, n.astype(np.uint64),
    )  # fmt: skip
    part = block.slice(1, 3)
    assert (part.rows, part.numeric.base is not None) == (2, True)
    assert (part.tokens.indptr.tolist(), part.tokens.indices.tolist()) == ([0, 0, 1], [7])
    turned = block.take(np.array([2, 0]))
    assert (turned.target.tolist(), turned.tokens.indptr.tolist()) == ([2, 0], [0, 1, 3])
    assert turned.tokens.indices.tolist() == [7, 5, 6]
    assert block.take(np.zeros(0, np.int64)).rows == 0
