"""All checks of the rows, in one call: what is assumed of them, looked at one by one.

    look once (sample, cheap model, columns alone) -> each check says nothing, or one Finding a trap

Nothing here fits the model again; what a check needs of it are its held-out predictions. No name of a
column or a table stands in the code.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.datamodule import DataModule
from justright.diagnose.rows.control import control
from justright.diagnose.rows.copies import copies
from justright.diagnose.rows.drift import drift
from justright.diagnose.rows.duplicates import duplicates
from justright.diagnose.rows.groups import groups
from justright.diagnose.rows.identifiers import set_aside
from justright.diagnose.rows.identities import identities
from justright.diagnose.rows.leaks import leaks
from justright.diagnose.rows.look import look_at
from justright.diagnose.rows.near import near_copies
from justright.diagnose.rows.noise import contradictions, wrong_labels
from justright.diagnose.rows.order import order_of, ordered
from justright.diagnose.rows.parts import parts
from justright.diagnose.rows.sample import Judged, Sample, chosen_places, take_rows
from justright.diagnose.rows.small import too_small
from justright.kernels.blas import one_blas_thread
from justright.schema import Finding, FloatArray, IntArray, Schema
from justright.source import Source

__all__ = ["check_rows"]

_ROWS: Final = 20_000
_CELLS: Final = 2_000_000
_FEWEST: Final = 30


def check_rows(
    data: DataModule,
    schema: Schema,
    *,
    metric: str,
    place: IntArray | None = None,
    prediction: FloatArray | None = None,
    target: npt.NDArray[Any] | None = None,
    weight: FloatArray | None = None,
    source: Source | None = None,
    rows: int = _ROWS,
) -> list[Finding]:
    """Look whether the rows are what a training assumes of them.

    Parameters
    ----------
    data : DataModule
        Blocks in the order of the file, plan, facts.
    schema : Schema
        Target, and the columns that were set aside.
    metric : str
        The headline metric.
    place : int64 (judged,), optional
        Number of each judged row among the rows of the Blocks, rising; None = no model was judged.
    prediction : float64 (judged,) or (judged, classes), optional
        Held-out predictions in the target's own unit, or probabilities.
    target : (judged,), optional
        Values or class numbers of the judged rows.
    weight : float64 (judged,), optional
        Their weights.
    source : Source, optional
        The table: its identifiers are read once more, to find groups; None = they are not looked at.
    rows : int, default 20,000
        Most rows that are looked at closely, chosen by fingerprint; counts of copies and the order of the
        target take up to two million.

    Returns
    -------
    list of Finding
        The gravest first; empty for rows that are what they seem.

    Notes
    -----
    About one second of one core for 20,000 rows of 20 columns, bounded above that; no random numbers.
    """
    judged = None
    if place is not None and prediction is not None and target is not None:
        counted = np.ones(len(place)) if weight is None else weight
        judged = Judged(place, prediction, target, counted)
    goal = data.plan.data.target
    if goal is None or data.rows < _FEWEST:
        return []
    with one_blas_thread():
        found = _found(data, schema, judged, source, metric, rows)
    return sorted(found, key=lambda finding: ("error", "warning", "info").index(finding.severity))


def _found(
    data: DataModule, schema: Schema, judged: Judged | None, source: Source | None, metric: str, rows: int
) -> list[Finding]:
    """Return what every check says."""
    goal = data.plan.data.target
    assert goal is not None
    name, task, classes = goal.target.column.name, goal.target.task, len(goal.target.classes)
    sample = take_rows(data, judged, _places(data, rows))
    if sample.rows < _FEWEST or not sample.features:
        return []
    look = look_at(sample, name)
    whole = identities(sample, name)
    known = frozenset(column for finding in whole for column in finding.evidence["columns"])
    order = order_of(data, sample)
    aside = {} if source is None else set_aside(source, schema, data)
    return [
        *whole,
        *leaks(look, known),
        *duplicates(data, sample),
        *near_copies(sample),
        *groups(data, judged, sample, aside),
        *copies(sample),
        *ordered(look, order),
        *drift(look, order.times),
        *parts(sample, look.design, _folds_of(data, sample), forward=data.forward),
        *control(look),
        *contradictions(sample),
        *(() if judged is None else wrong_labels(judged, task)),
        *(() if judged is None else too_small(judged, task, classes, metric)),
    ]


def _places(data: DataModule, rows: int) -> IntArray:
    """Return the rows to look at: fewer of a wide table."""
    width = max(len(data.plan.data.numeric) + len(data.plan.data.categorical), 1)
    most = max(min(rows, _CELLS // width), 1_000)
    return chosen_places(data.facts.key[data.facts.part == 0], most)


def _folds_of(data: DataModule, sample: Sample) -> npt.NDArray[np.int8]:
    """Return the fold that the training gave each sampled row."""
    fold: npt.NDArray[np.int8] = np.concatenate([block.fold[:, 0] for block in data.blocks])[sample.place]
    return fold
