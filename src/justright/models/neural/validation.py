"""The validation rows of a population: looked at after each pass, told as losses and a metric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from justright.metrics import Metric, metric
from justright.models.base import Spec
from justright.models.neural.judging import gathered, looked, looks_of, mean_loss
from justright.models.neural.program import Carry, Program
from justright.models.neural.rows import Rows
from justright.optim.losses import margins_to_predictions
from justright.schema import FloatArray, Member

__all__ = ["JUDGED", "Seen", "Validation"]

JUDGED: Final = 65_536
"""Validation rows looked at after each pass."""


class Seen(NamedTuple):
    """The margins (members, rows, outputs) of validation rows by the members at some places."""

    rows: Rows
    places: list[int]
    margins: npt.NDArray[np.float32]


class Validation:
    """The validation rows of each member.

    Parameters
    ----------
    spec : Spec
        What is minimised.
    program : Program
        The compiled functions.
    rows : Rows
        All rows.
    members : sequence of Member
        The population.
    """

    def __init__(self, spec: Spec, program: Program, rows: Rows, members: Sequence[Member]) -> None:
        self.spec, self.program, self.rows, self.members = spec, program, rows, members
        self._kept: dict[tuple[int, int], Rows] = {}
        self._shown: dict[tuple[int, int], list[Any]] = {}

    @property
    def judged(self) -> npt.NDArray[np.bool_]:
        """Which members have validation rows, bool (members,)."""
        counts = [m.fold >= 0 and self.rows_of(m.fold, m.repeat).count for m in self.members]
        return np.asarray(counts) > 0

    def look(self, carry: Carry) -> list[Seen]:
        """Look at all validation rows.

        It waits: beside the steps of the next group, looks keep their threads waiting, and a pass of 256^3
        takes 107 ms instead of 60.
        """
        seen = []
        for fold, repeat in sorted({(m.fold, m.repeat) for m in self.members if m.fold >= 0}):
            places = [i for i, m in enumerate(self.members) if (m.fold, m.repeat) == (fold, repeat)]
            if self.rows_of(fold, repeat).count:
                some = None if len(places) == len(self.members) else places
                made = looked(self.program, carry, self._looks(fold, repeat), some)
                seen.append((self.rows_of(fold, repeat), places, made))
        return [Seen(own, places, gathered(made, own.count)) for own, places, made in seen]

    def validated(self, seen: Sequence[Seen], name: str = "auto") -> tuple[FloatArray, FloatArray | None]:
        """Return each member's loss on its own validation rows, and a metric of that name; NaN without any.

        The metric is turned so that smaller is better; `auto` has none beside the loss.
        """
        losses, turned = np.full((2, len(self.members)), np.nan)
        for own, places, margins in seen:
            losses[places] = [mean_loss(self.spec, margin, own) for margin in margins]
            if name != "auto":
                turned[places] = [self._criterion(metric(name), margin, own) for margin in margins]
        return losses, turned if name != "auto" else None

    def _criterion(self, chosen: Metric, margin: npt.NDArray[np.float32], own: Rows) -> float:
        """Return a metric of rows, turned so that smaller is better."""
        prediction = margins_to_predictions(margin.astype(np.float64), self.spec.loss.link)
        value = chosen.function(self._unit(own.target), self._unit(prediction), own.weight)
        return -value if chosen.greater_is_better else value

    def _unit(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return targets and predictions in the target's own unit."""
        target = self.spec.plan.data.target
        return target.unscaled(values) if target and self.spec.loss.link == "identity" else values

    def rows_of(self, fold: int, repeat: int) -> Rows:
        """Return the validation rows of a fold, thinned where they are many."""
        key = (fold, repeat)
        if key not in self._kept:
            chosen = np.flatnonzero((self.rows.fold[:, repeat] == fold) & (self.rows.weight > 0))
            step = -(-len(chosen) // JUDGED) if len(chosen) else 1
            self._kept[key] = self.rows.take(chosen[::step])
        return self._kept[key]

    def _looks(self, fold: int, repeat: int) -> list[Any]:
        """Return the validation rows of a fold as they are looked at after every pass."""
        key = (fold, repeat)
        if key not in self._shown:
            own = self.rows_of(fold, repeat)
            self._shown[key] = looks_of(own.x, own.codes, own.offset)
        return self._shown[key]
