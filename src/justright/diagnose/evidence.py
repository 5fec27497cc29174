"""What a diagnosis reads of a run: its history, what held-out rows were told, and a few facts beside them.

Nothing here knows a run folder or a Learner: `workflow.diagnose` fills it from the files of a run, a
benchmark from a training in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from justright.models.registry import is_network
from justright.recipe import Recipe
from justright.schema import FloatArray, Task
from justright.training.history import Row

__all__ = ["Evidence", "HeldRows", "InputColumn", "Rival"]


@dataclass(frozen=True)
class HeldRows:
    """Held-out predictions, each by a model that has not seen its row.

    Parameters
    ----------
    target : int (rows,) class numbers, or float64 (rows,) values in the target's own unit
    prediction : float64 (rows,) or (rows, classes)
        Value, probability of class 1, or of each class.
    weight : float64 (rows,)
        Weight of each row.
    fold : int (rows,)
        Fold of each row.
    """

    target: npt.NDArray[Any]
    prediction: FloatArray
    weight: FloatArray
    fold: npt.NDArray[Any]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.weight)


@dataclass(frozen=True)
class Rival:
    """The headline metric of boosted trees, of the base rate and of the run itself.

    `share` is the part of the trees' gain over the base rate that the run has; None where trees gain nothing.
    `loss` is the mean loss of the trees on the held-out rows, in the unit of the history; None = unknown.
    """

    metric: str
    base: float
    boosted: float
    ours: float
    greater_is_better: bool
    loss: float | None = None

    @property
    def gain(self) -> float:
        """What trees gain over the base rate, in the unit of the metric; <= 0 = nothing."""
        return (self.boosted - self.base) * (1.0 if self.greater_is_better else -1.0)

    @property
    def share(self) -> float | None:
        """Part of the trees' gain that the run has."""
        ours = (self.ours - self.base) * (1.0 if self.greater_is_better else -1.0)
        return ours / self.gain if self.gain > 0 else None


@dataclass(frozen=True)
class InputColumn:
    """A numeric column as training sees it.

    Parameters
    ----------
    name : str
        As in the table.
    middle : float
        Width of its middle half (75 % less 25 % quantile) in standard deviations: 1.35 for normal values,
        near 0 where a few rows make the spread.
    reach : float
        Its farthest value, in standard deviations from the mean.
    """

    name: str
    middle: float
    reach: float


@dataclass(frozen=True)
class Evidence:
    """What is known of a run.

    Parameters
    ----------
    history : tuple of Row
        Rows of the members of the setting that was chosen.
    task : {"regression", "binary", "multiclass"}
        What was learned.
    family : str
        By which family.
    recipe : Recipe
        Every choice.
    rows : int
        Rows to learn from.
    passes : int
        Passes that were planned.
    base : float
        Mean loss of the best constant on the held-out rows, in the unit of the history; NaN = unknown.
    held : HeldRows or None
        Held-out predictions.
    rival : Rival or None
        What boosted trees reach.
    columns : tuple of InputColumn
        Numeric inputs.
    failed : int
        Members that diverged.
    ended : str
        Why the training ended, in words.
    kept : bool
        The model is that of the best pass, not of the last one: what later passes lost is not lost.
    """

    history: tuple[Row, ...]
    task: Task
    family: str
    recipe: Recipe
    rows: int
    passes: int
    base: float = float("nan")
    held: HeldRows | None = None
    rival: Rival | None = None
    columns: tuple[InputColumn, ...] = ()
    failed: int = 0
    ended: str = ""
    kept: bool = False

    @property
    def network(self) -> bool:
        """Whether a network was trained."""
        return is_network(self.family)

    @property
    def steps(self) -> bool:
        """Whether the weights moved by steps of a learning rate."""
        return self.network or (self.family == "linear" and self.recipe.descent.optimizer != "exact")

    @property
    def classes(self) -> int:
        """Number of classes; 0 for regression."""
        if self.task == "regression" or self.held is None:
            return 0
        return 2 if self.held.prediction.ndim == 1 else int(self.held.prediction.shape[1])

    def probabilities(self) -> FloatArray:
        """Return the probability of every class, float64 (rows, classes)."""
        assert self.held is not None
        p = self.held.prediction
        return np.column_stack([1.0 - p, p]) if p.ndim == 1 else p
