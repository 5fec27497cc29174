"""Work in threads: results in order, few items held, errors where they belong, nothing left running."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from justright.bundle.in_order import in_order, threads_for


@given(st.lists(st.integers(), max_size=30), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_results_come_in_order(items, threads):
    def work(item):
        time.sleep(0.0005 * (item % 3))
        return -item

    assert list(in_order(work, iter(items), threads)) == [-item for item in items]


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_items_are_read_little_ahead(threads):
    read = []
    items = (read.append(i) or i for i in range(100))
    with closing(in_order(abs, items, threads)) as results:
        for done, _ in enumerate(results, 1):
            assert len(read) <= done + threads
            if done == 10:
                break
    assert not [each for each in threading.enumerate() if each.name.startswith("score")]


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_comes_in_its_place(threads):
    def work(item):
        if item == 5:
            raise ValueError("five")
        return item

    seen = []
    with pytest.raises(ValueError, match="five"):
        for result in in_order(work, range(20), threads):
            seen.append(result)  # noqa: PERF402 - what came before the error counts
    assert seen == [0, 1, 2, 3, 4]


def test_wide_tables_are_scored_one_batch_at_a_time():
    assert threads_for(600) == 1
    assert threads_for(20) >= 1
