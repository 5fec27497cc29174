"""Where the arrays of a training lie: in memory, or in mapped files when the table is large."""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

__all__ = ["Room"]

_NAMES: Final = count()
_MEMORY: Final = 1 << 29  # bytes of all arrays together that stay in memory


class Room:
    """Makes arrays of zeros.

    Parameters
    ----------
    folder : Path or None
        Where files may lie; None = everything stays in memory.
    rows : int
        Rows of the table.
    row : int
        Bytes a row needs in all arrays together.
    """

    def __init__(self, folder: Path | None, rows: int, row: int) -> None:
        self._folder = folder if rows * row > _MEMORY else None

    def array(self, shape: tuple[int, ...], kind: Any) -> npt.NDArray[Any]:
        """Return an array of zeros. Pages of a mapped one go to its file when memory is short."""
        if self._folder is None or 0 in shape:
            return np.zeros(shape, kind)
        path = self._folder / f"packed-{next(_NAMES)}.bin"
        self._folder.mkdir(parents=True, exist_ok=True)
        made = np.memmap(path, dtype=kind, mode="w+", shape=shape)
        with suppress(PermissionError):
            # The open map keeps the file alive, so a killed process leaves nothing behind. Windows refuses;
            # there the folder is cleared with the run.
            path.unlink()
        return made
