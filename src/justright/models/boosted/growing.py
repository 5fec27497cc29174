"""The trees of one member while they grow: a LightGBM booster with its own training and held-out rows."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from justright.models.boosted.library import translated
from justright.models.boosted.objective import margins_from
from justright.models.boosted.trees import Trees, read_trees
from justright.optim.losses import Loss, row_losses
from justright.recipe import Boosting
from justright.schema import FloatArray

__all__ = ["Grower", "Losses", "parameters"]

_AT_ONCE: Final = 65_536


class Losses(NamedTuple):
    """Mean losses of one member; NaN where it has no such rows."""

    train: float
    held_out: float


class Grower:
    """Grows the trees of one member.

    LightGBM keeps the sums of the trees of training and held-out rows itself: a round adds only its own
    trees' answers to them, on binned rows.

    Parameters
    ----------
    lightgbm : module
        The library.
    params : dict
        As `parameters` gives them.
    train, held_out : lightgbm.Dataset
        Rows of this member; `held_out` may be None.
    loss : Loss
        By which it is judged.
    outputs : int
        Margins a row.
    """

    def __init__(
        self, lightgbm: Any, params: dict[str, Any], train: Any, held_out: Any, loss: Loss, outputs: int
    ) -> None:
        self._lightgbm = lightgbm
        self._loss = loss
        self._outputs = outputs
        self._judges = held_out is not None
        with translated(lightgbm, "boosted trees"):
            self._booster = lightgbm.Booster(params, train)
            if held_out is not None:
                self._booster.add_valid(held_out, "held out")
        self._trees: tuple[int, Trees] | None = None

    @property
    def rounds(self) -> int:
        """Rounds so far."""
        return int(self._booster.current_iteration())

    def grow(self, rounds: int) -> bool:
        """Grow until there are so many rounds; False where no split is left that its rules allow."""
        with translated(self._lightgbm, "boosted trees"):
            while self.rounds < rounds:
                if self._booster.update():
                    return False
        return True

    def losses(self) -> Losses:
        """Return the mean losses after the last round."""
        said: list[float] = []

        def judge(predictions: FloatArray, rows: Any) -> tuple[str, float, bool]:
            said.append(self._mean(predictions, rows))
            return "loss", said[-1], False

        self._booster.eval_train(judge)
        if self._judges:
            self._booster.eval_valid(judge)
        return Losses(said[0], said[1] if self._judges else math.nan)

    def trees(self, rounds: int) -> Trees:
        """Return the trees of the first rounds."""
        if self._trees is None or self._trees[0] != rounds:
            # LightGBM reads 0 rounds as all of them.
            text = self._booster.model_to_string(num_iteration=max(rounds, 1))
            self._trees = (rounds, read_trees(text, self._outputs))
        return self._trees[1]

    def _mean(self, predictions: FloatArray, rows: Any) -> float:
        """Return the weighted mean loss of predictions."""
        target, weight = rows.get_label(), rows.get_weight()
        total = 0.0
        for begin in range(0, len(target), _AT_ONCE):
            part = slice(begin, begin + _AT_ONCE)
            margin = margins_from(predictions[part], self._loss.link)
            each = row_losses(self._loss, margin, target[part])
            total += float(each.sum() if weight is None else each @ weight[part])
        return total / (len(target) if weight is None else max(float(weight.sum(dtype=np.float64)), 1e-300))


def parameters(
    boosting: Boosting, objective: dict[str, Any], *, seed: int, threads: int, rate: float = 0.0
) -> dict[str, Any]:
    """Return LightGBM's parameters.

    Parameters
    ----------
    boosting : Boosting
        The settings.
    objective : dict
        What `objective_for` gives.
    seed : int
        Of the samples of rows and columns.
    threads : int
        Threads of each call.
    rate : float
        Learning rate instead of the settings' own; 0 = theirs.
    """
    return {
        **objective,
        "learning_rate": rate or boosting.rate,
        "num_leaves": boosting.leaves,
        "max_depth": boosting.depth or -1,
        "min_data_in_leaf": boosting.rows_a_leaf,
        "lambda_l2": boosting.l2,
        "bagging_fraction": boosting.rows,
        "bagging_freq": 1 if boosting.rows < 1.0 else 0,
        "feature_fraction": boosting.columns,
        "max_bin": boosting.bins,
        "metric": "none",
        "seed": seed % (2**31),
        "num_threads": threads,
        "deterministic": True,
        "force_row_wise": True,
        "feature_pre_filter": False,
        "verbosity": -1,
    }


def dataset_parameters(params: dict[str, Any]) -> dict[str, Any]:
    """Return those parameters that the bins of the rows depend on."""
    names = ("max_bin", "feature_pre_filter", "seed", "num_threads", "verbosity", "deterministic")
    return {name: params[name] for name in (*names, "force_row_wise")}


def rows_of(chosen: npt.NDArray[np.bool_]) -> list[int]:
    """Return row numbers as LightGBM wants them."""
    rows: list[int] = np.flatnonzero(chosen).tolist()
    return rows
