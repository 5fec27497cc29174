"""Is the loss one for the task, and does the metric say what it seems to say?

A loss that cannot be right is refused with the right one; a choice that can mislead is a Finding.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from justright.errors import RecipeError
from justright.metrics.registry import default_metric, metric
from justright.schema import Finding, Task

__all__ = ["ACCURACY_LIMIT", "check_loss"]

ACCURACY_LIMIT: Final = 0.8
"""Share of the largest class above which accuracy alone misleads."""

_LOSSES: Final = MappingProxyType(
    {
        "regression": ("squared", "absolute", "huber", "quantile", "poisson"),
        "binary": ("logistic", "softmax"),
        "multiclass": ("softmax",),
    }
)
_PARTNERS: Final = MappingProxyType(
    {"squared": "rmse", "absolute": "mae", "poisson": "poisson_deviance", "quantile": "pinball"}
)


def check_loss(
    task: Task, loss: str = "auto", metric_name: str = "auto", largest_share: float | None = None
) -> tuple[Finding, ...]:
    """Judge the choice of loss and metric before anything is trained.

    Parameters
    ----------
    task : {"regression", "binary", "multiclass"}
        What is learned.
    loss : str, default "auto"
        A loss of the Recipe; "auto" is always right.
    metric_name : str, default "auto"
        A metric; "auto" is `default_metric(task)`.
    largest_share : float, optional
        Share of the largest class, 0..1; None = unknown.

    Returns
    -------
    tuple of Finding
        `loss-and-metric-differ` (info) where the loss aims at another figure than the metric;
        `accuracy-misleads` (warning) where accuracy is chosen and one class holds most rows.

    Raises
    ------
    RecipeError
        A loss of numbers for classes, a loss of classes for numbers, or a metric that is not for
        the task; with the reason and the right one.

    Examples
    --------
    >>> [finding.id for finding in check_loss("binary", metric_name="accuracy", largest_share=0.99)]
    ['accuracy-misleads']
    """
    _refuse_wrong_loss(task, loss)
    chosen = metric(default_metric(task) if metric_name == "auto" else metric_name, task).name
    findings = []
    partner = _PARTNERS.get(loss, "")
    if task == "regression" and metric_name != "auto" and partner and chosen not in (partner, "r2"):
        findings.append(_differ(loss, chosen, partner))
    if chosen == "accuracy" and largest_share is not None and largest_share > ACCURACY_LIMIT:
        findings.append(_misleads(task, largest_share))
    return tuple(findings)


def _refuse_wrong_loss(task: Task, loss: str) -> None:
    """Raise when the loss belongs to another task."""
    if loss == "auto" or loss in _LOSSES[task]:
        return
    right = _LOSSES[task][0]
    if task == "regression":
        reason = "cross-entropy compares probabilities of classes; the target here is a number"
    elif loss in _LOSSES["regression"]:
        reason = (
            "a loss of numbers treats class numbers as amounts, its gradient vanishes where the model is "
            "sure and wrong, and its output is no probability"
        )
    else:
        reason = f"{loss} is for two classes" if loss == "logistic" else "no such loss"
    raise RecipeError(
        f"loss={loss!r} for {task}: {reason}",
        allowed="one of: auto, " + ", ".join(_LOSSES[task]),
        next_step=f"--set loss={right}",
    )


def _differ(loss: str, chosen: str, partner: str) -> Finding:
    """The model is trained for one figure and judged by another."""
    return Finding(
        "loss-and-metric-differ",
        "info",
        f"The {loss} loss aims at {partner}, but the model is judged by {chosen}.",
        {"loss": loss, "metric": chosen, "partner": partner},
        f"--set metric={partner}, or choose the loss that aims at {chosen}",
    )


def _misleads(task: Task, share: float) -> Finding:
    """Accuracy was chosen although one class holds most rows."""
    better = "average_precision" if task == "binary" else "balanced_accuracy"
    return Finding(
        "accuracy-misleads",
        "warning",
        f"The largest class holds {share:.1%} of the rows: always naming it already has an accuracy of "
        f"{share:.3f}, so accuracy says little about the model.",
        {"largest_share": share, "limit": ACCURACY_LIMIT},
        f"--set metric={better}",
    )
