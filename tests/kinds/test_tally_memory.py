"""The sample of a tally: bounded by its rows, not by the dictionaries of the batches it comes from."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from justright.kinds.tally import tally
from justright.source import open_source


def test_the_sample_lets_go_of_the_dictionaries_of_its_batches(tmp_path):
    rows = 400_000
    texts = [f"value {i % 50_000:06d}" for i in range(rows)]
    pq.write_table(pa.table({"text": texts}), tmp_path / "rows.parquet", row_group_size=100_000)
    made = tally(open_source(str(tmp_path / "rows.parquet")), None, 2_000)
    assert 1_000 <= made.sample.num_rows <= 2_000
    assert made.sample.nbytes < 100 * made.sample.num_rows
    assert set(made.sample["text"].to_pylist()) <= set(texts)
