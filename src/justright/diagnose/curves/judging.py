"""The rows that judge: too few of them to tell one run from another."""

from __future__ import annotations

from typing import Final

import numpy as np

from justright.diagnose.curves.reading import Reading
from justright.diagnose.curves.sign import Sign, Unknown
from justright.schema import Finding
from justright.values import figure

__all__ = ["validation_small"]

_FEW: Final = 100  # rows
_BLUR: Final = 0.2  # standard error of the loss, in units of what was gained


def validation_small(reading: Reading) -> Sign | Unknown | None:
    """Few rows judge, and their loss is known no better than a fifth of what was gained."""
    held = reading.evidence.held
    mean, error = reading.advantage
    if held is None or not np.isfinite(error):
        return Unknown("validation too small: no held-out predictions")
    blur = error / max(abs(mean), 1e-300)
    if held.rows >= _FEW or (blur < _BLUR and held.rows >= _FEW // 2):
        return None
    sentence = (
        f"Only {held.rows} rows judge: the loss is known to {figure(error, 2)}, {blur:.0%} of all that was"
        " gained over the base rate."
    )
    evidence = {"rows": held.rows, "error": error, "advantage": mean}
    folds = ("network.cv=5",) if reading.evidence.network else ()
    return Sign(
        Finding("validation-small", "warning", sentence, evidence), 0.94, folds, "more rows, or more folds"
    )
