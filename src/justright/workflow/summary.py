"""The summary of a run: the one JSON object that `train --json` prints and `run.json` holds.

Keys are added in later versions, never changed.
"""

from __future__ import annotations

from typing import Final

import msgspec

from justright.schema import Finding, Task, Value

__all__ = ["Baselines", "CrossPair", "Crosses", "Passes", "Rows", "Rung", "Seconds", "Summary"]

_SHARES: Final = {2: "half", 3: "third", 4: "quarter", 5: "fifth", 6: "sixth", 8: "eighth", 10: "tenth"}
_LIKE: Final = 0.25  # how far, of its size, a part may be off the share that names it


class Rows(msgspec.Struct, frozen=True):
    """Rows to learn from, rows kept for the test, and those of the first that judged and did not train.

    `held_out` is 0 where folds judge: every row then trains and judges.
    """

    train: int
    test: int
    held_out: int = 0


class Baselines(msgspec.Struct, frozen=True):
    """The headline metric of the base rate and of boosted trees; None where not fitted."""

    base_rate: float | None
    boosted: float | None


class Rung(msgspec.Struct, frozen=True):
    """One family on the ladder from simple to complex.

    Parameters
    ----------
    family : str
        Its name.
    value, low, high : float or None
        Headline metric on held-out rows, and its 95 % interval.
    seconds : float
        Wall time.
    chosen : bool
        Whether it is the model.
    loss : float or None
        Mean held-out loss a row, in the unit of the training, on all rows that judged it. None, as all
        that follows, where nothing was compared: one family alone.
    train : float or None
        Mean training loss of the model, in the same unit; of a network as its last pass went on, dropout
        and all.
    gap : float or None
        Mean paired difference of its held-out loss to that of the rung all are compared with, on the rows
        that judged both; 0 for that rung itself.
    error : float or None
        Standard error of that difference.
    judged : int
        Rows that judged both.
    """

    family: str
    value: float | None
    low: float | None
    high: float | None
    seconds: float
    chosen: bool
    loss: float | None = None
    train: float | None = None
    gap: float | None = None
    error: float | None = None
    judged: int = 0


class Seconds(msgspec.Struct, frozen=True):
    """Wall time: reading and inferring kinds, splitting and encoding, training, and all together."""

    read: float
    features: float
    train: float
    total: float


class Passes(msgspec.Struct, frozen=True):
    """How a network was trained.

    Parameters
    ----------
    rate : float
        Learning rate of its last pass, before the schedule.
    passes, kept : float
        Passes over the rows, and how many of them made the model: the best ones. Whole numbers where a
        table is not so large that it is looked at in parts.
    steps : int
        Updates of the weights in all passes.
    race_steps : int or None
        Steps that the race for the rate took beside them; None where there was none, or nobody counted.
    compile_seconds : float or None
        Of the training time, seconds of compiling; None where the family does not say.
    """

    rate: float
    passes: float
    kept: float
    steps: int
    race_steps: int | None = None
    compile_seconds: float | None = None


class CrossPair(msgspec.Struct, frozen=True):
    """A pair of columns tried as a cross: fall of the held-out loss, strength over noise, corrected chance.

    `gain`, `z` and `p` are None for a cross that was asked for; `verdict` is kept or refused, and why.
    """

    first: str
    second: str
    gain: float | None
    z: float | None
    p: float | None
    verdict: str
    reason: str


class Crosses(msgspec.Struct, frozen=True):
    """Crosses tried, kept and refused, seconds of the search; those kept and the best 100 of the others."""

    tried: int = 0
    kept: int = 0
    refused: int = 0
    seconds: float = 0.0
    pairs: list[CrossPair] = []


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a run found.

    Parameters
    ----------
    format : int
        Number of this form.
    run, model : str
        Paths of the run folder and of the bundle.
    model_id : str
        sha256 of the bundle's manifest.
    task, family, target : str
        What was learned, by which family, of which column.
    rows : Rows
        Rows used.
    folds : int
        Folds of the cross-validation; where `rows.held_out` is not 0, the parts of which one judged.
    metric : str
        Headline metric.
    validation : Value
        The headline metric on held-out rows after all choices, with its 95 % interval.
    metrics : dict of Value
        All metrics on out-of-fold predictions.
    baselines : Baselines
        The same metric of simpler and of harder rivals.
    ladder : list of Rung
        Every family tried.
    threshold : float or None
        Probability from which class 1 is said; binary only.
    seconds : Seconds
        Wall time.
    verdict : str
        The result in plain words.
    findings : list of Finding
        What a user must know.
    crosses : Crosses
        Pairs of columns tried together; empty for families without crosses.
    passes : Passes or None
        How a network was trained; None for other families.
    """

    format: int = 1
    run: str
    model: str
    model_id: str
    task: Task
    family: str
    target: str
    rows: Rows
    folds: int
    metric: str
    validation: Value
    metrics: dict[str, Value]
    baselines: Baselines
    ladder: list[Rung]
    threshold: float | None
    seconds: Seconds
    verdict: str
    findings: list[Finding]
    hyperparameters: dict[str, float | int | str] = {}
    interrupted: bool = False
    crosses: Crosses = Crosses()
    passes: Passes | None = None

    @property
    def judged_by(self) -> str:
        """What judged the model: `5 folds`, `one held-out fifth`, or `one held-out part` of another size."""
        if not self.rows.held_out:
            return f"{self.folds} folds"
        share = self.rows.held_out / max(self.rows.train, 1)
        # A fold, or of many rows half a fold.
        like = next((n for n in (self.folds, 2 * self.folds) if abs(share * n - 1.0) <= _LIKE), 0)
        return f"one held-out {_SHARES.get(like, 'part')}"
