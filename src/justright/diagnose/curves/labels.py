"""What held-out predictions say of labels: a class never said, wrong labels."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.diagnose.curves.fit import nothing_learned, trees_gain
from justright.diagnose.curves.reading import Reading
from justright.diagnose.curves.sign import Sign, Unknown
from justright.diagnose.curves.strays import strays_of
from justright.schema import Finding, FloatArray

__all__ = ["class_collapse", "label_noise"]

_SHARE: Final = 0.05  # a class with so many rows should be said now and then
_SAID: Final = 0.15  # of its share: said less often is hardly said
_OFF: Final = 6.0  # standard errors by which the mean probability of a class is off
_SURE: Final = 0.2  # share of rows, those of which the model is surest
_WRONG: Final = 0.15  # errors among them
_SUREST: Final = 0.02  # share of rows of which the model is surest of all
# Probability that labels of which some are wrong do not let it pass, once it is tempered: of two classes
# (tables as they are: 0.88 and more; with a fifth wrong at most 0.85), and of more, which grade into each
# other (0.81 and more; at most 0.7).
_CEILING: Final = {2: 0.865}
_CEILING_OF_MORE: Final = 0.79
_TEMPERS: Final = tuple(float(power) for power in np.geomspace(0.1, 1.0, 24))
_NEAR: Final = 0.8  # of the trees' gain: a model that has less has other faults
_ALIKE: Final = 0.5  # of the errors among the surer half: a plateau
_TRACE: Final = 2.2  # standard errors of a correlation beyond chance
_CHASED: Final = 1.18  # gain of the run over that of trees, which chase single rows
# Share of values of other rows: predictions are drawn to the mean by it, which costs its square of the gain.
# Tables as they are have at most 0.16.
_STRAYS: Final = (0.27, 0.6)
_MIXED: Final = 12.0  # twice the gain in log-likelihood by a mixture
_ODD: Final = 0.3  # what is not of the law of all rows is a law of its own: a group that no column tells


def class_collapse(reading: Reading) -> Sign | Unknown | None:
    """A class is hardly ever given any probability, far less than its share of the rows."""
    held = reading.evidence.held
    if reading.evidence.task == "regression":
        return None
    if held is None:
        return Unknown("class collapse: no held-out predictions")
    p, classes = reading.evidence.probabilities(), reading.evidence.classes
    true = np.bincount(held.target.astype(int), minlength=classes) / held.rows
    given = p.mean(axis=0)
    said = np.bincount(p.argmax(axis=1), minlength=classes) / held.rows
    error = np.sqrt(true * (1.0 - true) / held.rows)
    weighed = bool(np.ptp(held.weight) > 0)
    if weighed:
        # Weights move what a model says of a class: by half and more is no accident.
        said = np.minimum(said, np.where(given < 0.5 * true, 0.0, said))
    lost = (true > _SHARE) & (said < _SAID * true) & (given < true - _OFF * error) & (given < 0.6 * true)
    if not lost.any():
        return None
    worst = int(np.argmax(np.where(lost, true - given, -1.0)))
    sentence = (
        f"Class number {worst} has {true[worst]:.1%} of the rows, but is said for {said[worst]:.1%} of them,"
        f" and is given a probability of {given[worst]:.1%} on average."
    )
    evidence = {"class": worst, "true": float(true[worst]), "said": float(said[worst])}
    evidence["given"] = float(given[worst])
    change = ('weight=""',) if weighed else ()
    return Sign(
        Finding("class-collapse", "warning", sentence, evidence),
        0.97 if weighed else 0.5,
        change,
        "weigh classes alike",
    )


def label_noise(reading: Reading) -> Sign | Unknown | None:
    """The surest predictions are wrong as often as others; numbers are a mixture, or trees stay behind."""
    held = reading.evidence.held
    if held is None or reading.evidence.rival is None or held.rows < 100:
        return Unknown("label noise: too few held-out predictions, or no boosted trees beside the run")
    mean, error = reading.advantage
    if nothing_learned(reading):
        return _trace(reading)
    if np.ptp(held.weight) > 0:
        return None
    if reading.lowest >= reading.base or mean < error:
        return _trace(reading)
    if reading.evidence.task == "regression":
        return _chased(reading) or _mixed(reading)
    p = reading.evidence.probabilities()
    sure = np.argsort(-p.max(axis=1), kind="stable")
    wrong = (p.argmax(axis=1) != held.target)[sure]
    top, half = float(wrong[: round(_SURE * held.rows)].mean()), float(wrong[: held.rows // 2].mean())
    ceiling = float(np.sort(_tempered(p, held.target).max(axis=1))[::-1][int(_SUREST * held.rows)])
    behind = reading.share is not None and reading.share < _NEAR
    if top < _WRONG or top < _ALIKE * half or ceiling > _CEILING.get(p.shape[1], _CEILING_OF_MORE) or behind:
        return None
    sentence = (
        f"Of the fifth of the rows of which the model is surest, {top:.0%} are wrong, of the surer half"
        f" {half:.0%}, and hardly any probability is worth more than {ceiling:.0%}: labels are wrong there as"
        " often as anywhere."
    )
    found = {"surest": top, "half": half, "ceiling": ceiling}
    return Sign(Finding("label-noise", "warning", sentence, found), 0.6, (), "look at the rows it is sure of")


def _tempered(p: FloatArray, target: npt.NDArray[Any]) -> FloatArray:
    """Return probabilities made as much less sure as the rows ask for: a power of each, all to one sum.

    A network that chases wrong labels is surer than it may be, and would hide how often they are wrong.
    """
    logs, rows, own = np.log(np.maximum(p, 1e-12)), np.arange(len(p)), np.asarray(target).astype(int)
    best, found = -np.inf, p
    for power in _TEMPERS:
        made = np.exp(power * (logs - logs.max(axis=1, keepdims=True)))
        made /= made.sum(axis=1, keepdims=True)
        likelihood = float(np.log(made[rows, own]).sum())
        if likelihood > best:
            best, found = likelihood, made
    return found


def _trace(reading: Reading) -> Sign | None:
    """Predictions follow the target beyond chance, but bring nothing: labels hide what could be learned."""
    held = reading.evidence.held
    assert held is not None
    if reading.evidence.task == "regression":
        said, true = [held.prediction], [np.asarray(held.target, np.float64)]
    else:
        p = reading.evidence.probabilities()
        said, true = list(p.T), [np.asarray(held.target == k, np.float64) for k in range(p.shape[1])]
    found = [_correlation(a, b) for a, b in zip(said, true, strict=True)]
    errors = float(np.median(found)) * np.sqrt(held.rows)
    heart = len(reading.train) and reading.train[-1] < 0.5 * reading.last
    if errors < _TRACE or heart or not np.isfinite(reading.last):
        return None
    sentence = (
        f"Predictions follow the target beyond chance ({errors:.1f} standard errors), yet they bring nothing"
        " over the base rate: many labels are wrong, or say little."
    )
    # Where trees do find something, a run that found nothing has a fault of its own.
    weight = 0.93 if errors > 2.0 * _TRACE and not trees_gain(reading) else 0.58
    return Sign(
        Finding("label-noise", "warning", sentence, {"errors": errors}),
        weight,
        (),
        "look at how the labels were made",
    )


def _correlation(a: FloatArray, b: FloatArray) -> float:
    """Return the correlation of two columns, 0 where one is constant."""
    spread = float(a.std() * b.std())
    return float(((a - a.mean()) * (b - b.mean())).mean()) / spread if spread > 1e-12 else 0.0


def _chased(reading: Reading) -> Sign | None:
    """Boosted trees of default settings fit single rows; where values are wrong, they lose by it."""
    share, rival, (mean, error) = reading.share, reading.evidence.rival, reading.advantage
    if share is None or share < _CHASED or rival is None or rival.loss is None:
        return None
    if mean - (reading.base - rival.loss) < error:
        return None
    sentence = (
        f"Boosted trees, which chase single rows, have {1.0 / share:.0%} of the gain of this model: many"
        " values of the target look like those of other rows."
    )
    move = "look at the rows with the largest errors"
    return Sign(Finding("label-noise", "warning", sentence, {"share": share}), 0.6, ("loss=huber",), move)


def _mixed(reading: Reading) -> Sign | None:
    """Residuals are a mixture: some narrow, the others as wide as the target, whatever is predicted."""
    held = reading.evidence.held
    if held is None or np.ptp(held.prediction) <= 0.0:
        return None
    found = strays_of(held.target, held.prediction)
    if found.evidence < _MIXED or found.odd > _ODD or not _STRAYS[0] <= found.share <= _STRAYS[1]:
        return None
    sentence = (
        f"About {found.share:.0%} of the held-out values lie as if they were those of other rows, whatever is"
        " predicted for them; the others lie near their predictions."
    )
    evidence = {"share": found.share, "evidence": found.evidence}
    move = "look at the rows with the largest errors"
    return Sign(Finding("label-noise", "warning", sentence, evidence), 0.6, ("loss=huber",), move)
