"""The decorator of kernels: compiles on first call, and works where no cache can be written."""

from types import FunctionType

import pytest

from justright.kernels.jit import kernel

numba = pytest.importorskip("numba")


def test_nothing_is_compiled_before_the_first_call():
    @kernel
    def add(a, b):
        return a + b

    if not numba.config.DISABLE_JIT:
        assert add.signatures == []
    assert add(2, 3) == 5


def test_code_without_a_file_is_compiled_without_a_cache():
    triple = (lambda x: 3 * x).__code__.replace(co_filename="<prompt>")
    assert kernel(FunctionType(triple, {}))(7) == 21


def test_other_faults_of_the_compiler_are_not_hidden(monkeypatch):
    def broken(**flags):
        raise RuntimeError("out of order")

    monkeypatch.setattr(numba, "njit", broken)
    with pytest.raises(RuntimeError, match="out of order"):
        kernel(lambda x: x)
