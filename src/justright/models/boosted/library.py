"""The one place that imports lightgbm, and what its errors are called here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from justright.errors import MissingExtraError, TrainingError

__all__ = ["lightgbm_for", "translated"]


def lightgbm_for(purpose: str, without: str) -> Any:
    """Return the library, or say in one sentence how to get it.

    Parameters
    ----------
    purpose : str
        What needs it, for the message.
    without : str
        What to do instead, an option of the command line.

    Raises
    ------
    MissingExtraError
        LightGBM is not installed, or a system library that it needs cannot be loaded.
    """
    try:
        import lightgbm
    except (ImportError, OSError) as error:
        # OSError: the package is there, but a system library it needs (libgomp) is not.
        raise MissingExtraError(
            f"lightgbm, which cannot be loaded: {error}",
            allowed="the extra `train`",
            where=purpose,
            next_step=f"pip install 'justright[train]' (and the system library libgomp1), or {without}",
        ) from error
    return lightgbm


@contextmanager
def translated(lightgbm: Any, where: str) -> Iterator[None]:
    """Turn an error of LightGBM into a TrainingError."""
    try:
        yield
    except lightgbm.basic.LightGBMError as error:
        raise TrainingError(
            f"rows that LightGBM refuses: {error}", where=where, next_step="--family crossed"
        ) from error
