"""Files to read, and what a source says of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from justright.source import Source


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def _write(text: str | bytes, name: str = "t.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return _write


@pytest.fixture
def read() -> Callable[[Source], dict[str, list[Any]]]:
    def _read(source: Source) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {name: [] for name in source.names}
        for batch in source.batches():
            assert batch.num_rows <= 65_536
            assert tuple(batch.schema.names) == source.names
            for name, values in batch.to_pydict().items():
                found[name] += values
        return found

    return _read
