"""What is done to margins so that the probabilities they stand for come true: plain numbers, and numpy.

    one output    z = a ln p - b ln(1 - p) + c        (a = b, c = 0: a temperature; a = b: Platt; else beta)
                  or z = h(ln p - ln(1 - p)), h linear between knots, of slope 1 beyond them (isotonic)
    k outputs     z_j = a_j ln p_j + b_j               (all a_j equal, b_j = 0: a temperature)

The calibrated probability is the logistic function, or the softmax, of z. For one output z never falls
when p rises: the order of the rows stays. The maps are found by `evaluate.calibrated`.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from justright.schema import FloatArray, Value

__all__ = ["Calibration", "CalibrationKind", "calibrate", "calibrate_margins", "margins_of"]

CalibrationKind: TypeAlias = Literal["temperature", "platt", "beta", "isotonic", "vector"]

_LEAST: Final = 1e-15  # a probability counts as at least so much away from 0 and 1


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A map from stated to calibrated probabilities, with the proof that it helps.

    Parameters
    ----------
    kind : {"temperature", "platt", "beta", "isotonic", "vector"}
        How it was fitted.
    outputs : int
        1 for the probability of class 1, else the number of classes.
    slope : tuple of float
        One output: factors of ln p and of -ln(1 - p), >= 0. Several: one factor for each class.
    offset : tuple of float
        What is added: one number, or one for each class.
    stated, observed : tuple of float
        Knots of an isotonic map in log odds, rising; empty for the others.
    before, after : float
        Log loss without and with the map, on rows that did not fit it.
    gain : Value
        `before - after` with its 95 % interval, paired by row.
    note : str
        Why this map, in one plain sentence.
    """

    kind: CalibrationKind
    outputs: int
    slope: tuple[float, ...] = ()
    offset: tuple[float, ...] = ()
    stated: tuple[float, ...] = ()
    observed: tuple[float, ...] = ()
    before: float = 0.0
    after: float = 0.0
    gain: Value = Value(0.0, 0.0, 0.0)
    note: str = ""


def calibrate(calibration: Calibration, probability: npt.ArrayLike) -> FloatArray:
    """Return calibrated probabilities.

    Parameters
    ----------
    calibration : Calibration
        The map.
    probability : float (rows,), (rows, 2) or (rows, classes)
        As the model states them; two columns for the two classes of one output.

    Returns
    -------
    float64, of the shape of `probability`
        Between 0 and 1; rows of several columns sum to 1.

    Notes
    -----
    O(rows * outputs): 200,000 rows of one output in 10 ms.

    Examples
    --------
    >>> half_as_sure = Calibration("temperature", 1, slope=(0.5, 0.5), offset=(0.0,))
    >>> calibrate(half_as_sure, [0.5, 0.9]).round(4)
    array([0.5 , 0.75])
    """
    stated = np.asarray(probability, dtype=np.float64)
    two = calibration.outputs == 1 and stated.ndim == 2
    z = calibrate_margins(calibration, margins_of(stated[:, 1] if two else stated))
    if calibration.outputs > 1:
        share = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(share / share.sum(axis=1, keepdims=True))
    small = np.exp(-np.abs(z[:, 0]))
    true = np.where(z[:, 0] >= 0.0, 1.0, small) / (1.0 + small)
    return np.stack([1.0 - true, true], axis=1) if two else true


def calibrate_margins(calibration: Calibration, margins: FloatArray) -> FloatArray:
    """Return calibrated margins (rows, outputs) of margins, for the same link; see `calibrate`.

    Examples
    --------
    >>> double = Calibration("platt", 1, slope=(2.0, 2.0), offset=(1.0,))
    >>> calibrate_margins(double, np.array([[0.0], [1.5]]))
    array([[1.],
           [4.]])
    """
    if calibration.outputs > 1:
        top = margins.max(axis=1, keepdims=True)
        logs = margins - top - np.log(np.exp(margins - top).sum(axis=1, keepdims=True))
        return np.asarray(logs * np.asarray(calibration.slope) + np.asarray(calibration.offset))
    margin = margins[:, 0]
    if calibration.stated:
        return _between_knots(calibration, margin)[:, None]
    rest = np.log1p(np.exp(-np.abs(margin)))
    true, false = np.minimum(margin, 0.0) - rest, -np.maximum(margin, 0.0) - rest
    a, b = calibration.slope
    return np.asarray(a * true - b * false + calibration.offset[0])[:, None]


def margins_of(probability: FloatArray) -> FloatArray:
    """Return the log odds (rows, 1), or the logarithms (rows, classes), of probabilities.

    Examples
    --------
    >>> margins_of(np.array([0.5, 0.75])).round(2).ravel()
    array([0. , 1.1])
    """
    if probability.ndim == 2:
        return np.asarray(np.log(np.clip(probability, _LEAST, 1.0)))
    inside = np.clip(probability, _LEAST, 1.0 - _LEAST)
    return np.asarray(np.log(inside) - np.log1p(-inside))[:, None]


def _between_knots(calibration: Calibration, margin: FloatArray) -> FloatArray:
    """The line through the knots; beyond them parallel to no change, so that the order of rows stays."""
    stated, observed = np.asarray(calibration.stated), np.asarray(calibration.observed)
    inside = np.clip(margin, stated[0], stated[-1])
    return np.asarray(np.interp(inside, stated, observed) + (margin - inside))
