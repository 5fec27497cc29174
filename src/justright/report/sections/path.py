"""The path of penalties: under-fit | just right | over-fit, seen in the loss on held-out rows."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from justright.report.drawing import ACCENT, BAD, INK, MUTED, axis, data, decades, draw, loss_axis
from justright.report.facts import Facts
from justright.report.parts import Figure, Key, Section, Table
from justright.report.wording import number
from justright.training.history import Row

__all__ = ["chosen_penalty", "path"]

_TITLE = "Under-fit, just right, over-fit"


@dataclass(frozen=True, slots=True)
class _Tried:
    """One penalty: the last validation loss of each held-out member, and the share of rows they saw."""

    penalty: float
    losses: tuple[float, ...]
    share: float

    @property
    def mean(self) -> float:
        """Mean of the folds."""
        return float(np.mean(self.losses))


def path(facts: Facts) -> Section:
    """Return the section of the penalties that were tried."""
    tried = _tried(facts.history)
    if not tried:
        return Section("path", _TITLE, absent=facts.why_not("history.jsonl"))
    if len(tried) == 1:
        return Section("path", _TITLE, (f"A single penalty was tried: {number(tried[0].penalty)}.",))
    chosen = chosen_penalty(facts, [one.penalty for one in tried])
    return Section("path", _TITLE, (_words(tried, chosen),), figures=(_figure(tried, chosen),))


def chosen_penalty(facts: Facts, penalties: list[float]) -> float | None:
    """Return the penalty of the path that the run chose; None where it does not say."""
    told = facts.summary.hyperparameters.get("penalty")
    if not isinstance(told, int | float) or not penalties:
        return None
    return min(penalties, key=lambda one: abs(math.log((one or 1e-300) / (float(told) or 1e-300))))


def _within_error(tried: list[_Tried]) -> _Tried | None:
    """Return the strongest penalty whose mean is within one standard error of the smallest (Breiman 1984)."""
    whole = [one for one in tried if one.share == 1.0 and len(one.losses) > 1]
    if not whole:
        return None
    best = min(whole, key=lambda one: one.mean)
    error = float(np.std(best.losses, ddof=1)) / math.sqrt(len(best.losses))
    return next(one for one in whole if one.mean <= best.mean + error)


def _tried(history: tuple[Row, ...]) -> list[_Tried]:
    """Return every penalty above zero, the strongest first."""
    last: dict[float, dict[int, Row]] = defaultdict(dict)
    for row in history:
        if row.fold >= 0 and row.penalty > 0 and row.validation is not None:
            last[row.penalty][row.member] = row
    found = []
    for penalty in sorted(last, reverse=True):
        rows = [last[penalty][member] for member in sorted(last[penalty])]
        losses = tuple(row.validation for row in rows if row.validation is not None)
        found.append(_Tried(penalty, losses, max(row.share for row in rows)))
    return found


def _words(tried: list[_Tried], chosen: float | None) -> str:
    """Say what was chosen and what the ends of the path would have cost."""
    whole = [one for one in tried if one.share == 1.0] or tried
    best = min(whole, key=lambda one: one.mean)
    told = next((one for one in tried if one.penalty == chosen), best)
    text = (
        f"Of {len(tried)} penalties, {number(told.penalty)} was chosen: "
        f"validation loss {number(told.mean)}, mean of the folds."
    )
    if told is not best:
        text += f" The smallest mean is {number(best.mean)}, at {number(best.penalty)}."
    parts = []
    for one, what in ((tried[0], "strongest"), (tried[-1], "weakest")):
        same = number(one.mean) == number(told.mean)
        if one is not told:
            loss = "the same to four digits" if same else number(one.mean)
            parts.append(f"the {what} ({number(one.penalty)}) has {loss}")
    joined = " and ".join(parts)
    text += f" {joined[0].upper()}{joined[1:]}."
    simple = _within_error(tried)
    if simple is not None:
        text += (
            f" The rule of one standard error would take {number(simple.penalty)} "
            f"({number(simple.mean)}): shown, not taken."
        )
    early = sum(one.share < 1.0 for one in tried)
    if early:
        text += f" {early} fell behind on a part of the rows and were not trained on all of them."
    return text


def _figure(tried: list[_Tried], chosen: float | None) -> Figure:
    """Validation loss against penalty, a thin line a fold, the mean thick, the chosen one marked."""
    thin = [
        {"p": one.penalty, "loss": loss, "fold": fold}
        for one in tried
        for fold, loss in enumerate(one.losses)
    ]
    thick = [{"p": one.penalty, "loss": one.mean, "whole": one.share == 1.0} for one in tried]
    marked = [row for row in thick if row["p"] == chosen]
    ends = f"{number(tried[0].penalty)} to {number(tried[-1].penalty)}"
    told = f"Validation loss for {len(tried)} penalties from {ends}"
    simple = _within_error(tried)
    ringed = [row for row in thick if simple is not None and row["p"] == simple.penalty]
    drawing = draw(_layers(thin, thick, marked, ringed), "path", told, height=280)
    rows = tuple(
        (
            number(one.penalty),
            number(one.mean),
            f"{number(min(one.losses))} to {number(max(one.losses))}",
            _mark(one, chosen, simple),
        )
        for one in tried
    )
    table = Table("Validation loss of every penalty", ("penalty", "mean", "folds", ""), rows, texts=(3,))
    keys = [
        Key("accent", "mean of the folds", "line"),
        Key("muted", "each fold", "line"),
        Key("bad", "chosen"),
    ]
    if simple is not None:
        keys.append(Key("ink", "one standard error", "ring"))
    if any(one.share < 1.0 for one in tried):
        keys.append(Key("accent", "dropped early", "ring"))
    note = "Simple models stand on the left, free ones on the right."
    return Figure("Validation loss against penalty", drawing, told, table, tuple(keys), note, beside=True)


def _mark(one: _Tried, chosen: float | None, simple: _Tried | None) -> str:
    """Say what a penalty is."""
    if one.share < 1.0:
        return "dropped"
    words = ["chosen"] if one.penalty == chosen else []
    words += ["one standard error"] if one is simple else []
    return ", ".join(words)


def _layers(
    thin: list[dict[str, Any]],
    thick: list[dict[str, Any]],
    marked: list[dict[str, Any]],
    ringed: list[dict[str, Any]],
) -> Any:
    """The declaration of the chart."""
    import altair as alt

    losses, order = [row["loss"] for row in thin], [row["p"] for row in thick]
    x = alt.X(
        "p:Q",
        scale=alt.Scale(type="log", reverse=True, nice=False, domain=[order[-1], order[0]]),
        axis=axis(values=decades(order), grid=False),
        title="penalty, from strong to weak",
    )
    y = loss_axis(losses, "validation loss")
    faint = (
        alt.Chart(data(thin))
        .mark_line(color=MUTED, strokeWidth=0.9, opacity=0.5)
        .encode(x, y, detail="fold:N")
    )
    mean = alt.Chart(data(thick)).mark_line(color=ACCENT, strokeWidth=2.5).encode(x, y)
    dots = alt.Chart(data([row for row in thick if row["whole"]]))
    rings = alt.Chart(data([row for row in thick if not row["whole"]]))
    whole = dots.mark_point(color=ACCENT, filled=True, size=24, opacity=1).encode(x, y)
    early = rings.mark_point(color=ACCENT, filled=False, size=34, opacity=1, strokeWidth=1.5).encode(x, y)
    mark = alt.Chart(data(marked)).mark_point(color=BAD, filled=True, size=120, opacity=1).encode(x, y)
    rule = alt.Chart(data(marked)).mark_rule(color=BAD, strokeDash=[3, 3]).encode(x)
    ring = alt.Chart(data(ringed)).mark_point(color=INK, filled=False, size=190, opacity=1, strokeWidth=1.5)
    return alt.layer(faint, rule, mean, whole, early, mark, ring.encode(x, y))
