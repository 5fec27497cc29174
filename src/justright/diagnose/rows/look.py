"""What the checks share: the sample, the cheap model fitted once, and what each column says alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from justright.diagnose.rows.additive import Additive, explained
from justright.diagnose.rows.alone import columns_alone
from justright.diagnose.rows.sample import Sample
from justright.schema import FloatArray

__all__ = ["Look", "look_at"]


@dataclass(frozen=True)
class Look:
    """A sample with the predictions that the checks compare.

    Parameters
    ----------
    sample : Sample
        The rows.
    target : str
        Name of the target.
    design : Additive
        The cheap model.
    additive : float64 (rows, outputs)
        Its out-of-fold predictions.
    alone : list of float64 (rows, outputs)
        Those of each feature by itself.
    """

    sample: Sample
    target: str
    design: Additive
    additive: FloatArray
    alone: list[FloatArray]

    @property
    def judged(self) -> npt.NDArray[np.bool_]:
        """Rows on which model and checks are compared: all where the model was judged on none."""
        judged = self.sample.judged
        return judged if judged.any() else np.ones(self.sample.rows, bool)

    def gain(self, prediction: FloatArray) -> float:
        """Return the share of the spread that some predictions explain on the judged rows."""
        rows, sample = self.judged, self.sample
        return explained(sample.outcome[rows], prediction[rows], sample.weight[rows])

    @property
    def best(self) -> FloatArray:
        """The better predictions of the model and of the cheap one."""
        if not self.sample.judged.any():
            return self.additive
        ours = self.sample.prediction
        return ours if self.gain(ours) >= self.gain(self.additive) else self.additive

    def siblings(self, number: int) -> list[int]:
        """Return the features that come from the same column as one of them."""
        column = self.sample.features[number].column
        return [place for place, each in enumerate(self.sample.features) if each.column == column]


def look_at(sample: Sample, target: str) -> Look:
    """Fit what the checks share; 20,000 rows of 20 columns take about 0.4 s on one core."""
    design = Additive(sample.features, sample.weight, sample.fold)
    return Look(
        sample,
        target,
        design,
        design.out_of_fold(sample.outcome),
        columns_alone(sample.features, sample.outcome, sample.weight, sample.fold),
    )
