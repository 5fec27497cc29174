"""The order of rows: batches that are not alike, and a mean that follows the rows seen last."""

from __future__ import annotations

from typing import Final

import numpy as np

from justright.diagnose.curves.reading import Reading, is_matched, late_norm
from justright.diagnose.curves.sign import Sign
from justright.schema import Finding
from justright.values import figure

__all__ = ["batch_order"]

# Variance of the losses of batches over that of mixed rows: at most 1.9 with mixed rows at any rate, 3.4 to
# 25 with rows that are sorted by their target a quarter of a pass at a time.
_APART: Final = 2.5
_NEARLY: Final = 0.93  # of the trees' gain: a model that has it, and no more than they, was not harmed
_OFF: Final = 6.0  # standard errors by which a mean prediction is off
_COSTS: Final = 0.02  # of what there is to gain, lost by a mean that is off
_CLIMBED: Final = 1.0  # of what there is to gain, lost again by the training loss: no order does that

_MIX: Final = "mix the rows of a pass"


def batch_order(reading: Reading) -> Sign | None:
    """Batches differ by far more than rows do; or the mean prediction follows the rows seen last."""
    if not reading.evidence.steps or reading.evidence.failed or is_matched(reading, _NEARLY):
        return None
    apart = late_norm(reading, "apart")
    if np.isfinite(apart) and apart > _APART:
        times = figure(float(np.sqrt(apart)), 2)
        sentence = (
            f"The losses of the batches of a pass are {times} times as far apart as those of mixed rows would"
            " be: the rows come in an order."
        )
        return Sign(Finding("batch-order", "warning", sentence, {"apart": apart}), 0.965, (), _MIX)
    return None if np.isfinite(apart) else _mean_off(reading)


def _mean_off(reading: Reading) -> Sign | None:
    """Return the sign of a mean prediction that is off."""
    held, t = reading.evidence.held, reading.train
    if held is None or held.rows < 100 or np.ptp(held.weight) > 0:
        return None
    climbed = np.inf if not len(t) or not np.isfinite(t).all() else (t[-1] - t.min()) / reading.worth
    off, unit = _off(reading)
    if abs(off) <= _OFF or climbed > _CLIMBED:
        return None
    spread = reading.scale if reading.evidence.task == "regression" else 0.5
    if 0.5 * (unit / max(spread, 1e-300)) ** 2 < _COSTS * reading.worth:
        return None
    sentence = (
        f"Held-out predictions are off on average by {abs(off):.1f} standard errors ({figure(unit, 2)}),"
        " though a mean is the first thing a model learns: the rows taken last weigh more than the others."
    )
    # Networks mix the rows of a pass by themselves, and end at a rate at which order says little.
    weight = 0.62 if reading.evidence.network else 0.91
    found = {"errors": off, "off": unit}
    return Sign(Finding("batch-order", "warning", sentence, found), weight, (), _MIX)


def _off(reading: Reading) -> tuple[float, float]:
    """Return by how much the mean prediction is off: in standard errors, and in its own unit."""
    held = reading.evidence.held
    assert held is not None
    if reading.evidence.task == "regression":
        residual = np.asarray(held.target, np.float64) - held.prediction
        error = float(residual.std() / np.sqrt(held.rows))
        return float(residual.mean()) / max(error, 1e-300), float(residual.mean())
    p = reading.evidence.probabilities()
    true = np.eye(p.shape[1])[held.target.astype(int)]
    gap = (true - p).mean(axis=0)
    error = np.sqrt(np.maximum((p * (1.0 - p)).mean(axis=0), 1e-6) / held.rows)
    worst = int(np.argmax(np.abs(gap / error)))
    return float(gap[worst] / error[worst]), float(gap[worst])
