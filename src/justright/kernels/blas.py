"""The threads of numpy's BLAS: one, where others compute beside it.

After a product its threads wait by spinning, about 30 ms, for the next one. Beside a compiled pass of a
network that costs a core: a pass of 256^3 over 20,000 rows took 107 ms instead of 56.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

__all__ = ["one_blas_thread"]


@contextmanager
def one_blas_thread(wanted: bool = True) -> Iterator[None]:
    """Hold the BLAS of numpy to one thread, where that can be (threadpoolctl); 20 us."""
    controller = _controller() if wanted else None
    if controller is None:
        yield
        return
    with controller.limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> Any:
    """Return the handle of the BLAS libraries that are loaded; finding them takes 10 ms."""
    return (
        None if find_spec("threadpoolctl") is None else import_module("threadpoolctl").ThreadpoolController()
    )
