"""One batch: the same bits as the predictor, whatever the threads and however texts are coded."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from justright.bundle.in_order import in_order
from justright.bundle.scored_batch import Scorer
from justright.kernels.blas import one_blas_thread


def batch_of(rng: np.random.Generator, rows: int, codes: str = "plain") -> pa.RecordBatch:
    colours = pa.array(["red", "blue", "mauve", " red ", "", "?", None])
    if codes != "plain":
        colours = colours.dictionary_encode()
    colour = colours.take(pa.array(rng.integers(0, 7, rows)))
    shops = pa.array(rng.integers(0, 12, rows), mask=rng.random(rows) < 0.1)
    return pa.record_batch(
        {
            "age": pa.array(rng.normal(40, 9, rows), mask=rng.random(rows) < 0.1),
            "income": rng.normal(2000, 900, rows),
            "seen": pa.array(rng.integers(1_600_000_000, 1_800_000_000, rows), pa.timestamp("s")),
            "colour": colour,
            "shop": shops,
            "member": rng.random(rows) < 0.5,
            "note": pa.array(["good", "bad one", "good good bad", None]).take(
                pa.array(rng.integers(0, 4, rows))
            ),
        }
    )


@pytest.mark.parametrize("codes", ["plain", "dictionary"])
@pytest.mark.parametrize("threads", [1, 3])
def test_the_bits_are_those_of_the_predictor(model, codes, threads):
    rng = np.random.default_rng(3)
    batches = [batch_of(rng, rows, codes) for rows in (700, 1, 333, 700, 65, 2)]
    scorer = Scorer(model, ())
    found = [scored.batch for scored in in_order(scorer.score, batches, threads)]
    for batch, scored in zip(batches, found, strict=True):
        with one_blas_thread():
            margins, _ = model.score_batch(batch)
        shares = model.probabilities(margins)
        np.testing.assert_array_equal(scored["probability_yes"].to_numpy(), shares[:, 1])
        assert scored["prediction"].to_pylist() == model.from_margins(margins).tolist()


def test_pools_that_are_full_are_begun_anew(model, monkeypatch):
    monkeypatch.setattr("justright.values.pool._LIMIT", 2)
    rng = np.random.default_rng(4)
    batches = [batch_of(rng, 50) for _ in range(5)]
    scorer = Scorer(model, ())
    for batch in batches:
        expected = model.probabilities(model.score_batch(batch)[0])[:, 1]
        np.testing.assert_array_equal(scorer.score(batch).batch["probability_yes"].to_numpy(), expected)
