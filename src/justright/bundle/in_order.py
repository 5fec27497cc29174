"""Work on batches by several threads, with the results in order: numpy and Arrow leave the interpreter free.

The threads of BLAS rest meanwhile. They wait by spinning, which cost more than half of all time; and where
they cut a batch in two they change the last bit of a row, so that a score would depend on the cores.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

from justright.kernels.blas import one_blas_thread

__all__ = ["in_order", "threads_for"]

_MOST: Final = 4
_CELLS: Final = 1_024  # columns of all batches that are worked on at a time

T = TypeVar("T")
S = TypeVar("S")


def threads_for(columns: int) -> int:
    """Return how many batches of so many columns are scored at a time: memory is that of all of them.

    Parameters
    ----------
    columns : int
        Columns of a batch.

    Examples
    --------
    >>> threads_for(1_000_000)
    1
    """
    return max(1, min(os.cpu_count() or 1, _MOST, _CELLS // max(columns, 1)))


def in_order(work: Callable[[T], S], items: Iterable[T], threads: int) -> Generator[S, None, None]:
    """Give the results of the items in their order; at most `threads` + 1 items are held.

    Parameters
    ----------
    work : callable
        Called in one of the threads, with one item.
    items : iterable
        Read in the thread of the caller, as far ahead as there are threads.
    threads : int
        1 = no thread but that of the caller.

    Yields
    ------
    object
        The result of each item. Close the generator where it is left before its end.

    Examples
    --------
    >>> list(in_order(abs, iter([-3, 2, -1]), 2))
    [3, 2, 1]
    """
    if threads <= 1:
        with one_blas_thread():
            yield from map(work, items)
        return
    with one_blas_thread(), ThreadPoolExecutor(threads, thread_name_prefix="score") as pool:
        waiting: deque[Future[S]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
