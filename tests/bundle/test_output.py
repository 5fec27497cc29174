"""Outputs: what is written is read back, with missing values as missing."""

import json

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from justright.bundle.output import OUTPUTS

BATCH = pa.record_batch(
    {
        "id": ['a "quoted", one', None, "\u00e9"],
        "p": [0.1, None, 1e-300],
        "n": [2**53 + 1, -1, None],
        "b": [True, None, False],
    }
)
READERS = {
    ".csv": lambda path: pyarrow.csv.read_csv(
        path, convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=True)
    ).to_pylist(),
    ".parquet": lambda path: pq.read_table(path).to_pylist(),
    ".jsonl": lambda path: [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()],
}


@pytest.mark.parametrize("extension", sorted(OUTPUTS))
def test_two_batches_are_read_back(tmp_path, extension):
    path = tmp_path / f"out{extension}"
    output = OUTPUTS[extension](path, BATCH.schema)
    output.write(BATCH)
    output.write(BATCH.slice(1))
    output.close()
    assert READERS[extension](path) == BATCH.to_pylist() + BATCH.slice(1).to_pylist()
