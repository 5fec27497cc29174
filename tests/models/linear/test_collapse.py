"""Repeated rows as one row: the same objective on fewer rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from justright.models.linear import collapse, newton
from justright.models.linear.collapse import collapsed, kept_collapsed
from justright.models.linear.exact import ExactLinear
from justright.models.linear.passes import evaluate


def repeated(blocks, times, seed=0):
    """Every row so many times, in an order of its own, in as many blocks."""
    rng = np.random.default_rng(seed)
    return [b.take(rng.permutation(np.repeat(np.arange(b.rows), times))) for b in blocks for _ in range(2)]


def contents(blocks):
    """Rows and their summed weight, in any order."""
    found = {}
    for b in blocks:
        for i in range(b.rows):
            row = b.key[i].item(), b.numeric[i].tobytes(), b.codes[i].tobytes(), b.target[i].tobytes()
            found[(*row, b.fold[i].tobytes())] = found.get((*row, b.fold[i].tobytes()), 0) + float(
                b.weight[i]
            )
    return found


@pytest.mark.parametrize("loss", ["softmax", "logistic", "huber"])
def test_each_row_once_with_the_sum_of_its_weights(problem, loss):
    outputs = 3 if loss == "softmax" else 1
    spec, blocks = problem(n=90, loss=loss, outputs=outputs, weighted=True, missing=True, repeats=2)
    many = repeated(blocks, 3)
    fewer = collapsed(many)
    assert sum(b.rows for b in fewer) == 90
    whole, less = contents(many), contents(fewer)
    assert whole.keys() == less.keys()
    assert all(less[row] == pytest.approx(whole[row], rel=1e-6) for row in whole)


@pytest.mark.parametrize("share", [1.0, 0.4])
def test_loss_and_gradient_are_the_same_also_on_a_sample(problem, members_of, share):
    spec, blocks = problem(n=120, loss="softmax", outputs=3)
    many, members = repeated(blocks, 4), members_of((0.1, 0.001))
    theta = np.random.default_rng(1).normal(size=(8, 3, len(members)))
    one, other = (evaluate(spec, rows, members, theta, share) for rows in (many, collapsed(many)))
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("field", ["key", "target", "fold", "codes", "numeric"])
def test_rows_that_differ_in_anything_stay_apart(problem, field):
    _, blocks = problem(n=60, loss="softmax", outputs=3, n_blocks=1)
    twice = blocks[0].take(np.repeat(np.arange(60), 3))
    values = getattr(twice, field).copy()
    values[::3] = values[::3] + np.asarray(1, values.dtype)
    fewer = collapsed([replace(twice, **{field: values})])
    assert sum(b.rows for b in fewer) == 120


def test_what_saves_little_and_texts_are_left_alone(problem):
    _, blocks = problem(n=60, n_blocks=1)
    few = [blocks[0].take(np.concatenate([np.arange(60), np.arange(20)]))]
    assert collapsed(few) is few
    _, texts = problem(n=60, slots=5, n_blocks=1)
    many = repeated(texts, 3)
    assert collapsed(many) is many
    assert collapsed([]) == []


def test_what_is_too_large_to_compare_or_to_copy_is_left_alone(problem, monkeypatch):
    _, blocks = problem(n=60)
    many = repeated(blocks, 3)
    with monkeypatch.context() as patch:
        patch.setattr(collapse, "_MOST_ROWS", 179)
        assert collapsed(many) is many
    with monkeypatch.context() as patch:
        patch.setattr(collapse, "_MOST_BYTES", 100)
        assert collapsed(many) is many
    with monkeypatch.context() as patch:
        patch.setattr(collapse, "_LOOKED_AT", 0)  # no row tells: one fingerprint for all, say
        assert collapsed(many) is many
    assert sum(block.rows for block in collapsed(many)) == 60


def test_tables_of_numbers_or_of_categories_alone(problem):
    for shape in ({"p": 0}, {"fields": ()}):
        _, blocks = problem(n=60, **shape)
        assert sum(block.rows for block in collapsed(repeated(blocks, 3))) == 60


def test_a_collision_of_hashes_makes_no_row_vanish(problem, monkeypatch):
    _, blocks = problem(n=60, n_blocks=1, loss="logistic")
    many = repeated(blocks, 5)
    monkeypatch.setattr(collapse, "_hashed", lambda block: block.key % np.uint64(7))
    assert contents(collapsed(many)) == contents(many)


def test_it_is_done_once_for_the_same_blocks(problem, monkeypatch):
    spec, blocks = problem(n=60)
    many, cache = repeated(blocks, 3), {}
    seen, fewer = kept_collapsed(spec, many, cache)
    assert seen.rows == sum(b.rows for b in fewer) == 60
    cache["metric"] = "of these rows"
    assert kept_collapsed(spec, many, cache)[1] is fewer
    kept_collapsed(spec, list(many), cache)
    assert "metric" not in cache


def test_a_training_on_repeated_rows_ends_where_it_did(problem, members_of, minimised, monkeypatch):
    monkeypatch.setattr(newton, "_STALE", -np.inf)
    spec, blocks = problem(n=150, loss="softmax", outputs=3, optimizer="exact", tolerance=1e-10)
    many, members = repeated(blocks, 3), members_of((1e-2, 1e-4))
    spec = replace(spec, rows=sum(b.rows for b in many))
    one, _ = minimised(spec, many, members)
    monkeypatch.setattr(collapse, "_WORTH", 0.0)
    other, _ = minimised(spec, many, members)
    np.testing.assert_allclose(one["validation"], other["validation"], rtol=1e-4)
    assert ExactLinear().margins(spec, one, many[0]).shape == (many[0].rows, 3, len(members))
