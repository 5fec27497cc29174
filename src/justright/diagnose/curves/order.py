"""The order of rows: batches that are not alike, and a mean that follows the rows seen last."""

from __future__ import annotations

from typing import Final

import numpy as np

from justright.diagnose.curves.reading import Reading, is_behind, is_matched, late_norm
from justright.diagnose.curves.sign import Sign
from justright.schema import Finding
from justright.values import figure

__all__ = ["batch_order"]

# Variance of the losses of batches over that of mixed rows: at most 1.9 with mixed rows at any rate, 3.4 to
# 25 with rows that are sorted by their target a quarter of a pass at a time.
# The same of mean targets, which linear models keep: 0.9 to 1.3, and 37 to 55.
_APART: Final = 2.5
_KEPT: Final = {"apart": "losses", "targets_apart": "mean targets"}
# Of the trees' gain, for networks and for linear models: a run that has it was not harmed, unless the length
# of its gradients (of batches, and of all rows), in units of what there is to gain, says so.
_NEARLY: Final = 0.93
_NEARLY_LINEAR: Final = 0.9
_LONG: Final = 20.0
_LONG_LINEAR: Final = 1.0
_OFF: Final = 6.0  # standard errors by which a mean prediction is off
_COSTS: Final = 0.02  # of what there is to gain, lost by a mean that is off
_CLIMBED: Final = 1.0  # of what there is to gain, lost again by the training loss: no order does that

_MIX: Final = "mix the rows of a pass"


def batch_order(reading: Reading) -> Sign | None:
    """Batches differ by far more than rows do; or the mean prediction follows the rows seen last."""
    if not reading.evidence.steps or reading.evidence.failed:
        return None
    for norm, what in _KEPT.items():
        apart = late_norm(reading, norm)
        if not np.isfinite(apart):
            continue
        if apart <= _APART or not _is_harmed(reading):
            return None
        times = figure(float(np.sqrt(apart)), 2)
        sentence = (
            f"The {what} of the batches of a pass are {times} times as far apart as those of mixed rows would"
            " be: the rows come in an order."
        )
        return Sign(Finding("batch-order", "warning", sentence, {"apart": apart}), 0.965, (), _MIX)
    return None if is_matched(reading, _NEARLY) else _mean_off(reading)


def _is_harmed(reading: Reading) -> bool:
    """Say whether an order costs: the run stays behind trees, or its steps go to and fro to the end.

    Rows in an order pull the weights this way and that way within a pass, and what is left of the pull at
    the end says how far they are from where they would rest.
    """
    part, longest = (_NEARLY, _LONG) if reading.evidence.network else (_NEARLY_LINEAR, _LONG_LINEAR)
    pull = late_norm(reading, "gradient") / reading.worth
    return is_behind(reading, part) or bool(pull > longest)


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
