"""The one decorator of all compiled kernels: where the flags of the compiler are decided.

Invariant: a kernel is serial, releases the GIL, keeps strict IEEE arithmetic (x / 0 is infinite), and is
compiled when it is first called, never at import.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

__all__ = ["inner", "kernel"]

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a loop over scalars with numba on its first call.

    Parameters
    ----------
    function : callable
        A loop over scalars and arrays. A kernel and the inner functions it calls share one file, since
        a change in another file does not renew the cache.

    Returns
    -------
    callable
        The same function, compiled per type of its arguments; threads may call it at once.

    Notes
    -----
    Machine code is cached beside the source file, or in the user's cache folder where that is
    read-only. Where neither can be written the code is compiled anew in each process.

    Examples
    --------
    >>> @kernel
    ... def double(x):
    ...     return 2 * x
    >>> double(21)
    42
    """
    return _compiled(function)


def inner(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a part of a kernel that kernels of its file alone call: no shell for calls from Python."""
    return _compiled(function, no_cpython_wrapper=True)


def _compiled(function: Callable[P, R], **more: bool) -> Callable[P, R]:
    """Hand a function to numba with the flags of all kernels."""
    from numba import njit

    flags: dict[str, Any] = {
        "nogil": True,
        "fastmath": False,
        # Python's model raises on a division by zero: a branch that keeps every loop with a division scalar
        # (a logistic slope: 5.6 ns with it, 1.4 ns without).
        "error_model": "numpy",
        "no_cfunc_wrapper": True,  # a shell for C that nobody calls, a tenth of the time to compile
        **more,
    }
    try:
        compiled = njit(cache=True, **flags)(function)
    except RuntimeError as error:
        # numba's word for "no folder to keep a cache in": a read-only image, or code typed at a prompt.
        if "cannot cache function" not in str(error):
            raise
        compiled = njit(cache=False, **flags)(function)
    return cast(Callable[P, R], compiled)
