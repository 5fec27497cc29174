"""Values in another unit: a few inputs or targets so large that all others look the same."""

from __future__ import annotations

from typing import Final

import numpy as np

from justright.diagnose.curves.reading import Reading
from justright.diagnose.curves.sign import Sign, Unknown
from justright.schema import Finding

__all__ = ["unscaled_input", "unscaled_target"]

_NARROW: Final = 0.1  # middle half of the rows, in standard deviations: 1.35 for normal values
# The same of a target, and of one with a value far out.
_TIGHT: Final = 0.4
_TIGHT_FAR: Final = 0.7
_FAR: Final = 12.0  # standard deviations
_POOR: Final = 0.93  # of the trees' gain, which no unit disturbs


def unscaled_input(reading: Reading) -> Sign | Unknown | None:
    """A few rows make the spread of a column, and the model is worse than trees, which do not mind."""
    columns = reading.evidence.columns
    if not columns:
        return Unknown("unscaled input: no numeric columns, or no profile of the table")
    bad = [c for c in columns if 0.0 < c.middle < _NARROW and c.reach > _FAR]
    if not bad or reading.share is None:
        return None
    if reading.share >= _POOR:
        return None
    worst = max(bad, key=lambda c: c.reach)
    sentence = (
        f"A few rows make the spread of {', '.join(c.name for c in bad[:3])}: the farthest value of"
        f" {worst.name} lies {worst.reach:.0f} standard deviations out, and half of all rows within"
        f" {worst.middle:.2g} of one."
    )
    evidence = {"columns": [c.name for c in bad], "reach": worst.reach, "middle": worst.middle}
    change = () if reading.evidence.network else ("features.clip=5",)
    weight = 0.97 if len(bad) > 0.3 * len(columns) else 0.88
    return Sign(
        Finding("unscaled-input", "warning", sentence, evidence),
        weight,
        change,
        "mend these values, or take logarithms",
    )


def unscaled_target(reading: Reading) -> Sign | None:
    """A few rows make the spread of the target."""
    held = reading.evidence.held
    if reading.evidence.task != "regression" or held is None or held.rows < 20:
        return None
    target = np.asarray(held.target, np.float64)
    spread = reading.scale
    middle = float(np.subtract(*np.quantile(target, [0.75, 0.25]))) / max(spread, 1e-300)
    reach = float(np.abs(target - np.median(target)).max()) / max(spread, 1e-300)
    if not (0.0 < middle < _TIGHT or (0.0 < middle < _TIGHT_FAR and reach > _FAR)):
        return None
    sentence = (
        f"A few rows make the spread of the target: half of all rows lie within {middle:.2g} of its standard"
        " deviation, so that the loss is theirs alone."
    )
    evidence = {"middle": middle, "reach": reach}
    return Sign(
        Finding("unscaled-target", "warning", sentence, evidence), 0.96, ("loss=huber",), "mend these values"
    )
