"""Wrong labels: rows whose class the model surely denies, and rows that are equal and have other targets.

Class overlap and wrong labels look alike in one row, but not together: where classes merely overlap, errors
vanish as the model grows surer; labels that are wrong at random leave a floor. Confident learning (Northcutt
and others, 2021) counts the rows; the floor says whether they are more than overlap.

    t_k = mean probability of class k among its rows;   row i counts against its label y when some k != y has
    p_ik >= t_k and is the largest such
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from justright.diagnose.rows.sample import Judged, Sample
from justright.evaluate.intervals import wilson
from justright.schema import Finding, FloatArray, IntArray, Task, Value

__all__ = ["contradictions", "denied", "floor", "wrong_labels"]

_FEWEST: Final = 500
_BANDS: Final = ((0.0, 0.05), (0.05, 0.25), (0.25, 0.5))  # of the rows of a predicted class, the surest first
_LEAST: Final = 0.01  # low end of the error rate among the surest
_FALLS: Final = 0.67  # the surest err less than so much of the next band: overlap, which goes on falling
_DOUBT: Final = 2.0  # times the error rate that the model itself states there
_LARGEST: Final = 0.25  # a floor beyond is no floor
_OF_BASE: Final = 0.6  # nor is one that is hardly below the error of always the commonest class
_RISES: Final = 1.3  # the third band errs more than so many times the second: no floor
_CONTRADICTED: Final = 0.01
_MOST: Final = 500_000


def wrong_labels(judged: Judged, task: Task) -> list[Finding]:
    """Say which share of the labels is wrong, where that can be told from overlap.

    Parameters
    ----------
    judged : Judged
        Out-of-fold probabilities.
    task : {"regression", "binary", "multiclass"}
        Of a regression nothing is said.

    Notes
    -----
    Silent unless the error rate is flat over the surest half of the rows and clearly above 0: a floor. The
    model's own probabilities do not deny it: where they are calibrated, it has learned the floor.
    """
    if task == "regression" or len(judged.place) < _FEWEST:
        return []
    probability, label = _probabilities(judged)
    surest, sure, rather = floor(probability, label)
    base = 1.0 - float(np.bincount(label).max()) / len(label)
    if sure.value > min(_LARGEST, _OF_BASE * base):
        return []
    rank, stated = _ranked(probability)
    # A model that was cut short doubts where nothing is to be doubted: its surest rows are any rows.
    if float(1.0 - stated[rank <= _BANDS[0][1]].mean()) > _DOUBT * surest.value:
        return []
    share = denied(probability, label)
    if surest.low < _LEAST or surest.value < _FALLS * sure.value or rather.value > _RISES * sure.value:
        return []
    sentence = (
        f"However sure the model is, its class is denied: in {surest.value:.1%} ({surest.low:.1%} to "
        f"{surest.high:.1%}) of the surest twentieth, {sure.value:.1%} of the next fifth, "
        f"{rather.value:.1%} of the next "
        f"quarter. Overlap of classes leaves no such floor, wrong labels do: about {sure.value:.0%}. "
        f"{share.value:.1%} ({share.low:.1%} to {share.high:.1%}) of all labels are confidently denied."
    )
    bands = {"surest": surest, "sure": sure, "rather": rather, "denied": share}
    evidence = {k: [round(v.value, 4), round(v.low, 4), round(v.high, 4)] for k, v in bands.items()}
    return [
        Finding("labels-wrong", "warning", sentence, evidence, "look at the rows that are denied most surely")
    ]


def denied(probability: FloatArray, label: IntArray) -> Value:
    """Return the share of labels that are confidently denied, with its interval.

    Examples
    --------
    >>> p = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.95, 0.05]])
    >>> denied(p, np.array([0, 0, 1, 1])).value
    0.25
    """
    rows = np.arange(len(label))
    classes = probability.shape[1]
    count = np.maximum(np.bincount(label, minlength=classes), 1)
    mean = np.bincount(label, weights=probability[rows, label], minlength=classes) / count
    sure = np.where(probability >= mean, probability, -1.0)
    guess = sure.argmax(axis=1)
    wrong = (sure[rows, guess] >= 0.0) & (guess != label)
    return wilson(float(wrong.mean()), float(len(label)))


def floor(probability: FloatArray, label: IntArray) -> tuple[Value, Value, Value]:
    """Return the error rates of the surest twentieth of the rows, the next fifth and the next quarter.

    Rows are ranked inside their predicted class, so that a common class that is easily guessed does not hide
    the others; each rate has its Wilson interval.

    Examples
    --------
    >>> p = np.linspace(0.5, 1.0, 1000)
    >>> wrong = (np.arange(1000) % 10 == 0).astype(np.int64)
    >>> [round(band.value, 2) for band in floor(np.column_stack([p, 1.0 - p]), wrong)]
    [0.1, 0.1, 0.1]
    """
    rank, _ = _ranked(probability)
    wrong = probability.argmax(axis=1) != label
    first, second, third = (_rate(wrong[(rank > low) & (rank <= high)]) for low, high in _BANDS)
    return first, second, third


def _ranked(probability: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the place of each row in its predicted class, the surest first, 0..1; and how sure it is."""
    guess = probability.argmax(axis=1)
    sure: FloatArray = probability[np.arange(len(guess)), guess]
    rank = np.empty(len(guess))
    for number in range(probability.shape[1]):
        own = np.flatnonzero(guess == number)
        rank[own[np.argsort(-sure[own], kind="stable")]] = (np.arange(len(own)) + 0.5) / max(len(own), 1)
    return rank, sure


def _rate(wrong: npt.NDArray[np.bool_]) -> Value:
    """Return a share with its interval."""
    return wilson(float(wrong.mean()) if len(wrong) else 0.0, float(max(len(wrong), 1)))


def contradictions(sample: Sample) -> list[Finding]:
    """Say how many rows are equal in every column to rows of another target: no model gets them all.

    Parameters
    ----------
    sample : Sample
        Rows with fingerprints; copies of a row are in it together.
    """
    if sample.task == "regression" or sample.rows < _FEWEST:
        return []
    order = np.argsort(sample.content, kind="stable")
    key, outcome = sample.content[order], sample.target[order].astype(np.int64)
    begins = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    group = np.cumsum(np.r_[True, key[1:] != key[:-1]]) - 1
    cells = np.zeros((len(begins), max(sample.classes, 2)))
    np.add.at(cells, (group, outcome), 1.0)
    lost = float((cells.sum(axis=1) - cells.max(axis=1)).sum())
    share = wilson(lost / sample.rows, float(sample.rows))
    if share.low < _CONTRADICTED:
        return []
    sentence = (
        f"{share.value:.1%} of the rows ({share.low:.1%} to {share.high:.1%}) have the columns of other "
        "rows and another "
        "target: no model of these columns can be right more often than in the rest."
    )
    evidence = {"share": round(share.value, 4), "low": round(share.low, 4), "high": round(share.high, 4)}
    return [Finding("rows-contradict", "info", sentence, evidence, "look for a column that tells them apart")]


def _probabilities(judged: Judged) -> tuple[FloatArray, IntArray]:
    """Return probabilities of every class and the labels, of at most 500,000 rows."""
    step = max(1, -(-len(judged.place) // _MOST))
    probability = np.asarray(judged.prediction[::step], np.float64)
    if probability.ndim == 1:
        probability = np.column_stack([1.0 - probability, probability])
    return probability, np.asarray(judged.target[::step]).astype(np.int64)
