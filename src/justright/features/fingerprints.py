"""Fingerprints of Python texts: the hash of hashed categories and of n-grams."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from justright.kernels.hashing import fingerprint64

__all__ = ["fingerprint_texts"]


def fingerprint_texts(texts: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Return FarmHash Fingerprint64 of the UTF-8 form of each text, uint64 (texts,)."""
    encoded = [text.encode() for text in texts]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(piece) for piece in encoded], out=offsets[1:])
    # Never compiled: service hashes too, and must not import numba.
    return fingerprint64(np.frombuffer(b"".join(encoded), np.uint8), offsets, compiled=False)
