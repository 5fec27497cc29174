"""Too few rows to judge by: the interval of the headline metric is wider than what the model gains."""

from __future__ import annotations

import math

from justright.diagnose.rows.sample import Judged
from justright.evaluate import interval
from justright.evaluate.baselines import base_rate_metrics
from justright.metrics import metric
from justright.schema import Finding, Task
from justright.values import figure

__all__ = ["too_small"]


def too_small(judged: Judged, task: Task, classes: int, name: str) -> list[Finding]:
    """Say when the held-out rows cannot tell the model from the base rate, or hardly.

    Parameters
    ----------
    judged : Judged
        Held-out predictions.
    task : {"regression", "binary", "multiclass"}
        What is predicted.
    classes : int
        Number of classes.
    name : str
        The headline metric.
    """
    if len(judged.place) < 2:
        return []
    base = base_rate_metrics(task, judged.target, judged.weight, n_classes=max(classes, 2)).get(name)
    seen = interval(name, judged.target, judged.prediction, judged.weight)
    if base is None or not math.isfinite(seen.high - seen.low):
        return []
    gain = seen.value - base if metric(name).greater_is_better else base - seen.value
    width = seen.high - seen.low
    if gain <= 0.0 or width <= gain:
        return []
    rows = len(judged.place)
    needed = math.ceil(rows * (2.0 * width / gain) ** 2)
    sentence = (
        f"{rows:,} rows judge {name} as {figure(seen.value)}, between {figure(seen.low)} and "
        f"{figure(seen.high)}: wider than "
        f"the gain over the base rate ({figure(base)}). About {needed:,} rows would halve the doubt to "
        "half the gain."
    )
    evidence = {
        "rows": rows,
        "value": seen.value,
        "low": seen.low,
        "high": seen.high,
        "base_rate": base,
        "needed": needed,
    }
    return [
        Finding(
            "held-out-too-small",
            "warning",
            sentence,
            evidence,
            "collect more rows; more folds let all of them judge",
        )
    ]
