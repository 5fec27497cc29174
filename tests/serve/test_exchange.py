"""The values between wire, models and watchers: frozen, light, with the names in order."""

import subprocess
import sys
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from justright.serve.exchange import Answers, Asked, Described, Question

ASKED = (Asked("age", "numeric", "number", True), Asked("shop", "categorical", "text"))


def test_names_are_in_the_order_of_the_columns():
    described = Described("churn", "3", "ab", "binary", ASKED, ("no", "yes"))
    assert described.names == ("age", "shop")
    assert described.names is described.names
    assert (described.versions, dict(described.aliases), described.levels) == ((), {}, ())


def test_values_cannot_be_changed():
    with pytest.raises(AttributeError):
        Question(size=1, rows=[{}]).size = 2
    with pytest.raises(AttributeError):
        Answers("m", "1", "ab", "regression", prediction=np.ones(1)).version = "2"
    with pytest.raises(FrozenInstanceError):
        Described("m", "1", "ab", "regression", ASKED).version = "2"


def test_it_imports_numpy_and_msgspec_only():
    code = "import sys, justright.serve.exchange; print(*{n.partition('.')[0] for n in sys.modules})"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"httptools", "uvloop", "pyarrow", "scipy", "sklearn", "numba"} & set(found.stdout.split())
