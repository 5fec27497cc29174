"""Questions and answers, as the server has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from justright.serve.exchange import Answers, Question

Asks = Callable[..., tuple[Question, Answers]]


@pytest.fixture
def asks() -> Asks:
    """Make a request to a model of two classes: rows of any columns, and its answers."""

    def make(request: str, rows: list[dict[str, Any]], name: str = "churn", version: str = "1") -> Any:
        share = np.linspace(0.1, 0.9, len(rows))
        answers = Answers(
            name,
            version,
            "ab12",
            "binary",
            ("no", "yes"),
            probabilities=np.stack([1 - share, share], axis=1),
            labels=["yes" if each >= 0.5 else "no" for each in share],
        )
        return Question(size=len(rows), rows=rows, id=request), answers

    return make
