"""One training for all penalties and folds, and the choice of the penalty: what both estimators share.

    minimise  weighted mean loss(b + z'w, y)  +  alpha (l1_ratio |w|_1 + (1 - l1_ratio) |w|_2^2 / 2)

z are the columns centred and scaled to standard deviation 1, the bias b is free.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from justright.errors import JustrightWarning
from justright.features.plan import FeaturePlan
from justright.models.base import Spec
from justright.models.linear.exact import ExactLinear
from justright.optim.losses import Loss
from justright.optim.schedules import schedule_for
from justright.recipe import Descent
from justright.schema import Block, FloatArray, Member
from justright.training.history import History
from justright.training.loop import Trained, Trainer
from justright.workflow.held_out import choose_setting
from justright.workflow.population import penalty_path

__all__ = ["Fitted", "fit_path", "path_of", "raw", "tell"]


@dataclass(frozen=True)
class Fitted:
    """The model of the chosen penalty, trained on all rows, and how it was chosen.

    Parameters
    ----------
    front : dict
        Layout of the weights and scale of the target.
    arrays : dict of float64 arrays
        `weights` (d, outputs) for encoded columns, `bias` (outputs,).
    alpha : float
        The chosen strength.
    alphas : float64 (settings,)
        The path, from strong to weak.
    losses : float64 (settings, folds)
        Held-out loss; NaN where a setting was given up early. No fold where one setting was asked for.
    history : History
        All passes of all members.
    """

    front: Mapping[str, Any]
    arrays: Mapping[str, FloatArray]
    alpha: float
    alphas: FloatArray
    losses: FloatArray
    history: History


def path_of(alphas: Any, mix: float, rows: int, *, exact_sums: bool) -> tuple[float, ...]:
    """Return the strengths from strong to weak: those given, or the workflow's for so many different rows."""
    if alphas is None:
        return penalty_path(rows, "l2" if mix == 0 else "l1", 2 if exact_sums else 1)
    return tuple(np.unique(np.asarray(alphas, np.float64))[::-1].tolist())


def fit_path(
    loss: Loss,
    outputs: int,
    plan: FeaturePlan,
    blocks: Sequence[Block],
    *,
    path: Sequence[float],
    mix: float,
    rows: int,
    max_iter: int,
    tol: float,
) -> Fitted:
    """Train every member, choose, and return the model trained on all rows.

    Parameters
    ----------
    loss, outputs, plan, blocks
        What is learned from what; the folds stand in the blocks.
    path : sequence of float
        Strengths.
    mix : float
        Share of L1.
    rows : int
        Number of different rows: repeated rows train as weighted ones.
    max_iter : int
        Most passes.
    tol : float
        Relative accuracy of the coefficients.

    Raises
    ------
    TrainingError
        Every member diverged.
    """
    # The rule of the solver is on the objective, which near its minimum goes with the square of the error.
    descent = Descent(epochs=max_iter, tolerance=tol**2)
    spec = Spec(loss, outputs, plan, descent, schedule_for("constant"), rows)
    n_folds = 1 + max(-1, *(int(block.fold.max()) for block in blocks))
    groups = [-1, *range(n_folds)]
    members = [Member(fold, place, alpha, mix) for fold in groups for place, alpha in enumerate(path)]
    learner = ExactLinear()
    trained = Trainer(learner).fit(spec, members, blocks)
    if trained.interrupted:
        raise KeyboardInterrupt
    losses = _losses(trained, members, len(path), n_folds)
    chosen = choose_setting(members, np.r_[np.full(len(path), np.nan), losses.T.ravel()], trained.failed)
    tell(trained.history, chosen, path, n_folds)
    front, arrays = learner.export(spec, trained.state, chosen)
    return Fitted(front, arrays, float(path[chosen]), np.asarray(path), losses, trained.history)


def _losses(trained: Trained, members: Sequence[Member], settings: int, n_folds: int) -> FloatArray:
    """Return each fold member's last loss on its own validation rows, float64 (settings, folds)."""
    losses = np.full((settings, n_folds), np.nan)
    for row in trained.history.rows:
        member = members[row.member]
        if row.share == 1.0 and member.fold >= 0:
            losses[member.setting, member.fold] = np.nan if row.validation is None else row.validation
    return losses


def tell(history: History, chosen: int, path: Sequence[float], n_folds: int) -> None:
    """Warn the caller of `fit` where the model of the chosen member is not what was asked for."""
    from sklearn.exceptions import ConvergenceWarning

    last = next(row for row in reversed(history.rows) if row.member == chosen)
    if not last.done:
        warnings.warn(
            f"{history.passes} passes were not enough at alpha={path[chosen]:g}."
            " Next: raise max_iter, or tol, or the penalty",
            ConvergenceWarning,
            stacklevel=4,
        )
    if len(path) > 1 and n_folds == 0:
        warnings.warn(
            f"Too few different rows to choose among {len(path)} penalties: the strongest of them,"
            f" {path[chosen]:g}, is taken. Next: give one with alphas=",
            JustrightWarning,
            stacklevel=4,
        )


def raw(fitted: Fitted, plan: FeaturePlan) -> tuple[FloatArray, FloatArray]:
    """Return coefficients (d, outputs) and intercept (outputs,) in the units of X and y."""
    numeric = plan.data.numeric
    centre = np.asarray([feature.centre for feature in numeric])
    coefficients = fitted.arrays["weights"] * float(fitted.front["scale"])
    coefficients[: len(numeric)] /= np.asarray([feature.scale for feature in numeric])[:, None]
    intercept = fitted.arrays["bias"] * float(fitted.front["scale"]) + float(fitted.front["centre"])
    intercept = intercept - centre @ coefficients[: len(numeric)]
    # A softmax does not see a shift common to all classes: the one with mean 0 is given.
    return coefficients, intercept - intercept.mean() if len(intercept) > 1 else intercept
