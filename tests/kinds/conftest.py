"""Columns of a table as the rules see them."""

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pytest

from justright.kinds.evidence import Evidence, evidence
from justright.kinds.tally import ColumnTally


@pytest.fixture
def seen() -> Callable[..., Evidence]:
    def _seen(values: Sequence[Any] | pa.Array, name: str = "c", *, typed: bool = True) -> Evidence:
        array = values if isinstance(values, pa.Array) else pa.array(values)
        tally = ColumnTally(name, count_values=True)
        tally.add(array)
        return evidence(tally, pa.chunked_array([array]), whole=True, typed=typed)

    return _seen
