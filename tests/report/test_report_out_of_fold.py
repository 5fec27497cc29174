"""Held-out predictions in every form that a run may hold them in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from justright.errors import StorageError
from justright.report.out_of_fold import read_out_of_fold
from justright.schema import Column, Target, Task


def target(task: Task, *classes: str) -> Target:
    return Target(
        Column("y", "categorical" if classes else "numeric", "text" if classes else "number"), task, classes
    )


def written(path: Path, **columns: Any) -> Path:
    file = path / "out_of_fold.parquet"
    pq.write_table(pa.table(columns), file, row_group_size=7)
    return file


BINARY = target("binary", "no", "yes")


def test_numbers(tmp_path: Path) -> None:
    file = written(
        tmp_path, target=[1.0, 2.0, 3.0], prediction=[1.5, 2.5, 3.5], weight=[1.0, 2.0, 3.0], fold=[0, 1, 2]
    )
    found = read_out_of_fold(file, target("regression"))
    assert found.target.tolist() == [1.0, 2.0, 3.0]
    assert found.prediction.tolist() == [1.5, 2.5, 3.5]
    assert found.weight.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
def test_classes_as_text(tmp_path: Path, kind: Any) -> None:
    truth = pa.array(["yes", "no", "yes", "no"]).cast(kind)
    found = read_out_of_fold(written(tmp_path, target=truth, probability_yes=[0.9, 0.1, 0.4, 0.6]), BINARY)
    assert found.target.tolist() == [1, 0, 1, 0]
    assert found.weight.tolist() == [1.0] * 4


@pytest.mark.parametrize("name", ["probability_yes", "probability", "prediction"])
def test_class_numbers(tmp_path: Path, name: str) -> None:
    found = read_out_of_fold(written(tmp_path, target=[1, 0], **{name: [0.9, 0.1]}), BINARY)
    assert found.target.tolist() == [1, 0]
    assert found.prediction.tolist() == [0.9, 0.1]


def test_several_classes_go_in_the_order_of_the_schema(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        target=["c", "a"],
        probability_c=[0.7, 0.1],
        probability_b=[0.2, 0.2],
        probability_a=[0.1, 0.7],
    )
    found = read_out_of_fold(file, target("multiclass", "a", "b", "c"))
    assert found.target.tolist() == [2, 0]
    assert found.prediction.tolist() == [[0.1, 0.2, 0.7], [0.7, 0.2, 0.1]]


def test_rows_that_say_nothing_are_left_out(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        target=["yes", "maybe", None, "no", "yes", "no"],
        probability_yes=[0.5, 0.5, 0.5, None, 1.5, 0.2],
        weight=[1.0, 1.0, 1.0, 1.0, 1.0, 0.0],
    )
    assert read_out_of_fold(file, BINARY).prediction.tolist() == [0.5]


@pytest.mark.parametrize("rows", [1, 10, 11, 100, 101, 1000])
def test_of_many_rows_every_kth_is_taken(tmp_path: Path, rows: int) -> None:
    values = np.arange(rows, dtype=np.float64)
    found = read_out_of_fold(
        written(tmp_path, target=values, prediction=values), target("regression"), most=10
    )
    step = max(1, -(-rows // 10))
    assert found.every == step
    assert found.target.tolist() == [float(i) for i in range(rows) if i % step == 0]


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    lacking = written(tmp_path, target=[1.0])
    with pytest.raises(StorageError, match="lacks the columns target and prediction"):
        read_out_of_fold(lacking, target("regression"))
    empty = written(tmp_path, target=pa.array([], pa.float64()), prediction=pa.array([], pa.float64()))
    with pytest.raises(StorageError, match="holds no row"):
        read_out_of_fold(empty, target("regression"))
    hopeless = written(tmp_path, target=[float("nan")], prediction=[1.0])
    with pytest.raises(StorageError, match="no row has a target"):
        read_out_of_fold(hopeless, target("regression"))
    words = written(tmp_path, target=[1.0], prediction=["much"])
    with pytest.raises(StorageError):
        read_out_of_fold(words, target("regression"))
    words.write_bytes(b"PAR1")
    with pytest.raises(StorageError):
        read_out_of_fold(words, target("regression"))
