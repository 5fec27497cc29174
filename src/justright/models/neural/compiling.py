"""Compiled programs are kept on disk for the next run, and the seconds of compiling are counted.

They lie beside the source file, as those of numba do, or in the user's cache folder where that is read-only.
A folder that the user gave jax stays.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Final

__all__ = ["keep_compiled", "seconds"]

_COUNTED: Final = (
    "/jax/core/compile/jaxpr_trace_duration",
    "/jax/core/compile/jaxpr_to_mlir_module_duration",
    "/jax/core/compile/backend_compile_duration",
)
_WORTH: Final = 0.2  # seconds of compiling from which a program is kept
_spent = [0.0]


def seconds() -> float:
    """Return the seconds that this process has spent on compiling networks."""
    return _spent[0]


@cache
def keep_compiled() -> None:
    """Tell jax where to keep compiled programs, and count what compiling costs; once a process.

    Examples
    --------
    >>> keep_compiled()
    >>> seconds() >= 0.0
    True
    """
    from jax import config, monitoring

    monitoring.register_event_duration_secs_listener(_count)
    settings: Any = config
    if settings.jax_compilation_cache_dir is None:
        folder = _folder()
        if folder is not None:
            settings.update("jax_compilation_cache_dir", str(folder))
            settings.update("jax_persistent_cache_min_compile_time_secs", _WORTH)


def _count(event: str, duration_secs: float, **kwargs: str | int) -> None:
    """Add the seconds of an event of jax."""
    if event in _COUNTED:
        _spent[0] += duration_secs


def _folder() -> Path | None:
    """Return the first folder that can be written, None where there is none: then nothing is kept."""
    beside = Path(__file__).parent / "__pycache__" / "jax"
    for folder in (beside, Path.home() / ".cache" / "justright" / "jax"):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return None
