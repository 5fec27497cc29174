"""Encoded rows kept as Blocks: in memory, or in files that are mapped when they outgrow it.

Rows are appended in the order of the source; `blocks()` hands them out again in slices of at most
`BLOCK_ROWS`. A mapped file is not anonymous memory: the system drops its pages when it needs them.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from justright.errors import StorageError
from justright.schema import BLOCK_ROWS, Block, Tokens

__all__ = ["BlockStore"]

_PARTS: Final = ("numeric", "codes", "target", "weight", "fold", "key")
_TOKENS: Final = ("token_sizes", "token_indices", "token_values")


class BlockStore:
    """Blocks of one table.

    Parameters
    ----------
    folder : Path or None
        Where the arrays are written and mapped; None keeps them in memory.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.rows = 0
        self._shapes: dict[str, tuple[np.dtype[Any], tuple[int, ...]]] = {}
        self._lists: dict[str, list[npt.NDArray[Any]]] = {}
        self._files: dict[str, BinaryIO] = {}
        self._width = 0
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise _trouble(folder, "a folder for encoded rows", error) from error

    def append(self, block: Block) -> None:
        """Add rows; every block of a store has the same columns and types."""
        if not block.rows:
            return
        self.rows += block.rows
        for name in _PARTS:
            self._put(name, getattr(block, name))
        if block.tokens is not None:
            self._width = block.tokens.width
            self._put("token_sizes", np.diff(block.tokens.indptr))
            self._put("token_indices", block.tokens.indices)
            self._put("token_values", block.tokens.values)

    def blocks(self) -> list[Block]:
        """Return all rows as Blocks of at most BLOCK_ROWS rows; call once, after the last append."""
        arrays = {name: self._whole(name) for name in (*_PARTS, *_TOKENS) if name in self._shapes}
        starts = None
        if "token_sizes" in arrays:
            starts = np.concatenate([[0], np.cumsum(arrays["token_sizes"])]).astype(np.int64)
        made = []
        for begin in range(0, self.rows, BLOCK_ROWS):
            end = min(begin + BLOCK_ROWS, self.rows)
            tokens = None
            if starts is not None:
                low, high = starts[begin], starts[end]
                tokens = Tokens(
                    starts[begin : end + 1] - low,
                    arrays["token_indices"][low:high],
                    arrays["token_values"][low:high],
                    self._width,
                )
            parts = {name: arrays[name][begin:end] for name in _PARTS}
            made.append(Block(tokens=tokens, **parts))
        return made

    def __enter__(self) -> BlockStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the files; mapped blocks stay usable."""
        for file in self._files.values():
            # Every write was flushed and its failure said: closing can only fail for the same reason again.
            with suppress(OSError):
                file.close()
        self._files.clear()

    def _put(self, name: str, array: npt.NDArray[Any]) -> None:
        """Append one array to its list or file."""
        self._shapes.setdefault(name, (array.dtype, array.shape[1:]))
        if self.folder is None:
            self._lists.setdefault(name, []).append(array)
            return
        try:
            if name not in self._files:
                self._files[name] = (self.folder / f"{name}.bin").open("wb")
            self._files[name].write(np.ascontiguousarray(array).data)
            self._files[name].flush()
        except OSError as error:
            raise _trouble(self.folder, f"{len(array)} rows to keep on disk", error) from error

    def _whole(self, name: str) -> npt.NDArray[Any]:
        """Return one array over all rows, joined or mapped."""
        kind, shape = self._shapes[name]
        if self.folder is None:
            return np.concatenate(self._lists.pop(name))
        path = self.folder / f"{name}.bin"
        width = int(np.prod(shape, dtype=np.int64))
        size = path.stat().st_size // kind.itemsize
        if not size:
            return np.zeros((self.rows if width == 0 else 0, *shape), kind)
        return np.memmap(path, kind, "r", shape=(size // width, *shape))


def _trouble(folder: Path, received: str, error: OSError) -> StorageError:
    """Return the file system's refusal in our words."""
    return StorageError(
        received,
        where=f"{folder}: {error.strerror}",
        next_step="free some disk space, or choose another --out folder",
    )
