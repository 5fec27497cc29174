"""The one place that imports lightgbm, and what its errors are called here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from justright.errors import MissingExtraError, TrainingError

__all__ = ["lightgbm_for", "silence", "translated"]


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


def silence() -> None:
    """Let LightGBM print nothing in this thread.

    It keeps one level of messages a thread, set by what is made in it; its warnings go to standard output,
    where they would stand amid the JSON of `--json`. Costs 0.2 ms. The number of threads is one for the
    whole process, read twice by a member that begins beside this one: another number here would lead it out
    of its arrays (seen once, as a segmentation fault), so it is 1, as in all that trains side by side.
    """
    import lightgbm

    quiet = {"verbosity": -1, "min_data_in_bin": 1, "feature_pre_filter": False, "num_threads": 1}
    lightgbm.Dataset(np.zeros((2, 1)), np.zeros(2), params=quiet).construct()
