"""The path of penalties: under-fit | just right | over-fit, seen in the loss on held-out rows."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np

from justright.report.drawing import ACCENT, BAD, MUTED, axis, data, decades, draw, wants_log
from justright.report.facts import Facts
from justright.report.parts import Figure, Key, Section, Table
from justright.report.wording import number
from justright.training.history import Row

__all__ = ["chosen_penalty", "path"]


def path(facts: Facts) -> Section:
    """Return the section of the penalties that were tried."""
    title = "Under-fit, just right, over-fit"
    ends = _ends(facts.history)
    losses = {penalty: folds for penalty, folds in ends.items() if penalty > 0}
    if not losses:
        return Section("path", title, absent=facts.why_not("history.jsonl"))
    if len(losses) == 1:
        return Section("path", title, lede=(f"A single penalty was tried: {number(next(iter(losses)))}.",))
    means = {penalty: float(np.mean(list(folds.values()))) for penalty, folds in losses.items()}
    best = min(means, key=lambda penalty: means[penalty])
    chosen = chosen_penalty(facts, list(losses))
    return Section("path", title, (_words(means, chosen, best),), figures=(_figure(losses, means, chosen),))


def chosen_penalty(facts: Facts, penalties: list[float]) -> float | None:
    """Return the penalty of the path that the run chose; None where it does not say."""
    told = facts.summary.hyperparameters.get("penalty")
    if not isinstance(told, int | float) or not penalties:
        return None
    return min(penalties, key=lambda penalty: abs(math.log((penalty or 1e-300) / (float(told) or 1e-300))))


def _ends(history: tuple[Row, ...]) -> dict[float, dict[int, float]]:
    """Last validation loss of each held-out member on all rows, by penalty and member."""
    found: dict[float, dict[int, float]] = defaultdict(dict)
    for row in history:
        if row.fold >= 0 and row.share == 1.0 and row.validation is not None:
            found[row.penalty][row.member] = row.validation
    return dict(found)


def _words(means: dict[float, float], chosen: float | None, best: float) -> str:
    """Say what was chosen and what the ends of the path would have cost."""
    told = best if chosen is None else chosen
    strong, weak = max(means), min(means)
    text = f"Of {len(means)} penalties, {number(told)} was chosen: validation loss {number(means[told])}, mean of the folds."
    if chosen is not None and chosen != best:
        text += f" The smallest mean is {number(means[best])}, at {number(best)}."
    parts = []
    for at, what in ((strong, "strongest"), (weak, "weakest")):
        same = number(means[at]) == number(means[told])
        if at != told:
            parts.append(
                f"the {what} ({number(at)}) has {'the same to four digits' if same else number(means[at])}"
            )
    if parts:
        joined = " and ".join(parts)
        text += f" {joined[0].upper()}{joined[1:]}."
    if told == weak:
        text += " It is the weakest of the path: the model could bear to be more complex."
    return text


def _figure(losses: dict[float, dict[int, float]], means: dict[float, float], chosen: float | None) -> Figure:
    """Validation loss against penalty, a thin line a fold, the mean thick, the chosen one marked."""
    members: dict[int, list[tuple[float, float]]] = defaultdict(list)
    order = sorted(losses, reverse=True)
    folds = [sorted(losses[penalty].items()) for penalty in order]
    # Members differ by penalty; the n-th member of every penalty is the same fold.
    for penalty, values in zip(order, folds, strict=True):
        for place, (_, loss) in enumerate(values):
            members[place].append((penalty, loss))
    thin = [{"p": p, "loss": v, "fold": place} for place, line in members.items() for p, v in line]
    thick = [{"p": penalty, "loss": means[penalty]} for penalty in order]
    marked = [row for row in thick if row["p"] == chosen]
    told = f"Validation loss for {len(order)} penalties from {number(order[0])} to {number(order[-1])}"
    drawing = draw(_layers(thin, thick, marked, order), "path", told, height=270)
    rows = tuple(
        (
            number(penalty),
            number(means[penalty]),
            number(min(losses[penalty].values())),
            number(max(losses[penalty].values())),
            "chosen" if penalty == chosen else "",
        )
        for penalty in order
    )
    head = ("penalty", "mean loss", "best fold", "worst fold", "")
    table = Table("Validation loss of every penalty", head, rows, texts=(4,))
    keys = (
        Key("accent", "mean of the folds", "line"),
        Key("muted", "each fold", "line"),
        Key("bad", "chosen"),
    )
    note = "Simple models stand on the left, free ones on the right."
    return Figure("Validation loss against penalty", drawing, told, table, keys, note)


def _layers(
    thin: list[dict[str, Any]], thick: list[dict[str, Any]], marked: list[dict[str, Any]], order: list[float]
) -> Any:
    """The declaration of the chart."""
    import altair as alt

    values = [row["loss"] for row in thin]
    kind = "log" if wants_log(values) else "linear"
    x = alt.X(
        "p:Q",
        scale=alt.Scale(type="log", reverse=True, nice=False, domain=[order[-1], order[0]]),
        axis=axis(values=decades(order), grid=False),
        title="penalty, from strong to weak",
    )
    y = alt.Y(
        "loss:Q",
        scale=alt.Scale(type=kind, zero=False),  # type: ignore[arg-type]  # a str that is one of its literals
        axis=axis(values),
        title="validation loss",
    )
    faint = (
        alt.Chart(data(thin))
        .mark_line(color=MUTED, strokeWidth=0.9, opacity=0.5)
        .encode(x, y, detail="fold:N")
    )
    mean = alt.Chart(data(thick)).mark_line(color=ACCENT, strokeWidth=2.5).encode(x, y)
    dots = alt.Chart(data(thick)).mark_point(color=ACCENT, filled=True, size=22, opacity=1).encode(x, y)
    mark = alt.Chart(data(marked)).mark_point(color=BAD, filled=True, size=120, opacity=1).encode(x, y)
    rule = alt.Chart(data(marked)).mark_rule(color=BAD, strokeDash=[3, 3]).encode(x)
    return alt.layer(faint, rule, mean, dots, mark)
