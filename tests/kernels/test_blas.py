"""The threads of BLAS: one inside, as many as before afterwards, and no matter where they cannot be held."""

import numpy as np
import pytest

from justright.kernels import blas


def threads() -> list[int]:
    control = pytest.importorskip("threadpoolctl")
    return [pool["num_threads"] for pool in control.threadpool_info() if pool["user_api"] == "blas"]


@pytest.fixture(autouse=True)
def fresh():
    blas._controller.cache_clear()
    yield
    blas._controller.cache_clear()


def test_one_thread_inside_and_as_many_as_before_afterwards():
    before = threads()
    if not before:
        pytest.skip("no BLAS whose threads can be told")
    with blas.one_blas_thread():
        assert set(threads()) == {1}
    assert threads() == before
    with blas.one_blas_thread(False):
        assert threads() == before


def test_an_error_inside_gives_the_threads_back():
    before = threads()
    with pytest.raises(RuntimeError), blas.one_blas_thread():
        raise RuntimeError
    assert threads() == before


def test_without_the_means_to_hold_threads_nothing_changes(monkeypatch):
    monkeypatch.setattr(blas, "find_spec", lambda name: None)
    with blas.one_blas_thread():
        assert float(np.ones((3, 3)).sum()) == 9.0
