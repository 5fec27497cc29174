"""Champion and challenger on the same rows, which neither has seen: the paired difference of each metric."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from justright.bundle.predictor import Predictor
from justright.datamodule.rows import columns_to_read, read_batch
from justright.errors import TrainingError
from justright.evaluate.paired import Difference, paired_differences
from justright.metrics.registry import metrics_for
from justright.recipe import Recipe
from justright.schema import FloatArray
from justright.source import Source
from justright.workflow.set_apart import Apart, Mask

__all__ = ["challenged"]

_LOSSES: Final = ("rmse", "mae", "mape", "pinball", "poisson_deviance", "log_loss", "brier")


def challenged(
    champion: Predictor,
    challenger: Predictor,
    table: Source,
    apart: Apart,
    recipe: Recipe,
    headline: str,
    *,
    level: float = 0.95,
) -> tuple[Difference, ...]:
    """Compare two models on rows that were set apart, the loss that decides first.

    Parameters
    ----------
    champion, challenger : Predictor
        Models of the same question.
    table : Source
        The new table.
    apart : Apart
        Which of its rows judge, and which of those depend on each other.
    recipe : Recipe
        Of the champion.
    headline : str
        Headline metric; it decides where it is a loss, else log loss or rmse does.
    level : float, default 0.95
        Of the intervals.

    Returns
    -------
    tuple of Difference
        `challenger - champion`.

    Raises
    ------
    TrainingError
        The classes differ, or the loss is not defined on these rows.
    """
    if sorted(challenger.classes) != sorted(champion.classes):
        raise TrainingError(
            f"a challenger with the classes {', '.join(challenger.classes):.200}",
            allowed=f"those of the champion: {', '.join(champion.classes):.200}",
        )
    target, first, second, weight = _predicted(champion, challenger, table, apart.judges, recipe)
    finite = np.isfinite(first.reshape(len(first), -1)).all(axis=1)
    finite &= np.isfinite(second.reshape(len(second), -1)).all(axis=1)
    decides = _loss_of(champion.task, headline)
    names = dict.fromkeys([decides, headline, *(each.name for each in metrics_for(champion.task))])
    group = None if apart.group is None else apart.group[apart.judges][finite]
    found = paired_differences(
        names, target[finite], first[finite], second[finite], weight[finite],
        groups=group,
        thresholds=(champion.threshold, challenger.threshold),
        quantile=recipe.quantile, level=level,
    )  # fmt: skip
    if not found or found[0].metric != decides:
        raise TrainingError(
            f"{len(target)} judging rows of which {decides} is not defined", next_step="--judge 50"
        )
    return found


def _loss_of(task: str, headline: str) -> str:
    """Return the loss that decides: the headline where it is one, else that of the task."""
    if headline in _LOSSES:
        return headline
    return "rmse" if task == "regression" else "log_loss"


def _predicted(
    champion: Predictor, challenger: Predictor, table: Source, judges: Mask, recipe: Recipe
) -> tuple[Any, FloatArray, FloatArray, FloatArray]:
    """Return target, both predictions and weight of the rows that judge, in the champion's meaning."""
    import pyarrow as pa

    schema, begin = champion.schema, 0
    # Both models read their own columns; the challenger's are among those of the tables together.
    wanted = dict.fromkeys([*columns_to_read(schema, recipe.split), *champion.columns, *challenger.columns])
    order = [challenger.classes.index(name) for name in champion.classes]
    pieces: list[tuple[Any, ...]] = []
    for batch in table.batches(list(wanted)):
        chosen = batch.filter(pa.array(judges[begin : begin + batch.num_rows]))
        begin += batch.num_rows
        if not chosen.num_rows:
            continue
        rows = read_batch(chosen, schema, recipe.split)
        margins, _ = champion.score_batch(chosen)
        theirs, _ = challenger.score_batch(chosen)
        pieces.append(
            (rows.target, champion.expected(margins), _expected(challenger, theirs, order), rows.weight)
        )
    target, first, second, weight = (np.concatenate(column) for column in zip(*pieces, strict=True))
    return target, first, second, weight


def _expected(model: Predictor, margins: FloatArray, order: list[int]) -> FloatArray:
    """Return what is judged of a model, its classes in the order of another."""
    if not order:
        return model.expected(margins)
    shares = model.probabilities(margins)[:, order]
    return shares[:, 1] if model.task == "binary" else shares
