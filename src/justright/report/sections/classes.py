"""Said against true, for classes: which are taken for which; then the probabilities and the threshold."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from justright.evaluate import Evaluation
from justright.report.drawing import ACCENT, BAD, data, draw, labels
from justright.report.facts import Facts
from justright.report.parts import Figure, Key, Matrix, MatrixCell, Section, Table
from justright.report.sections.lift import lift
from justright.report.sections.precision_recall import precision_recall
from justright.report.sections.probabilities import calibration, spread
from justright.report.sections.thresholds import cost, trade
from justright.report.wording import count, number, percent, plain

__all__ = ["classes"]

_MATRIX: Final = 8
_MOST: Final = 30


def classes(facts: Facts) -> Section:
    """Return the section of the predictions of a classification."""
    title, found = "Said against true", facts.evaluation
    figures: list[Figure] = []
    if found is not None:
        figures += [] if len(found.classes) <= _MATRIX else [_confusion(found)]
        figures += [calibration(found)] if found.calibration else []
    if facts.out_of_fold is not None and facts.summary.task == "binary":
        chosen = found.threshold if found is not None else None
        figures.append(spread(facts.out_of_fold, facts))
        figures += [*precision_recall(facts.out_of_fold, chosen), *lift(facts.out_of_fold)]
    if found is not None and found.threshold is not None and len(found.threshold.curve) > 1:
        figures += [cost(found.threshold), trade(found.threshold)]
    if not figures:
        return Section("predictions", title, absent=facts.why_not("evaluation.json"))
    matrix = _matrix(found) if found is not None and 1 < len(found.classes) <= _MATRIX else None
    return Section("predictions", title, tuple(_words(found)), figures=tuple(figures), matrix=matrix)


def _words(found: Evaluation | None) -> list[str]:
    """Say from which probability a row is flagged, and why."""
    words = ["Each row was predicted by a model that has not seen it."]
    if found is not None and found.threshold is not None:
        chosen, name = found.threshold, plain(found.classes[1], 40)
        words.append(f"A row is called {name!r} from a probability of {number(chosen.value)} on:")
        words.append(f"{plain(chosen.note, 200)}.")
    return [" ".join(words)]


def _matrix(found: Evaluation) -> Matrix:
    """The confusion as a tinted table: count and share of the true class."""
    cells = np.asarray(found.confusion, dtype=np.float64)
    share = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1e-300)
    names = [plain(name, 24) for name in found.classes]
    rows = tuple(
        (
            name,
            tuple(
                MatrixCell(
                    count(cells[i, j]),
                    percent(share[i, j]),
                    float(share[i, j]),
                    "accent" if i == j else "bad",
                )
                for j in range(len(names))
            ),
        )
        for i, name in enumerate(names)
    )
    note = "Rows: the truth. Columns: what the model says. Per cent of the true class."
    return Matrix("Confusion", "truly", tuple(f"said {name}" for name in names), rows, note)


def _confusion(found: Evaluation) -> Figure:
    """The confusion of many classes as a map."""
    cells = np.asarray(found.confusion, dtype=np.float64)
    share = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1e-300)
    wrong = (cells.sum(axis=1) - np.diagonal(cells)) + (cells.sum(axis=0) - np.diagonal(cells))
    # Of very many classes those with the most mistakes are drawn, in their own order.
    kept = np.sort(np.argsort(-wrong, kind="stable")[:_MOST]).tolist()
    names = [plain(found.classes[i], 16) for i in kept]
    rows = [
        {"t": a, "s": b, "tint": float(np.sqrt(share[i, j])), "kind": "right" if i == j else "wrong"}
        for a, i in enumerate(kept)
        for b, j in enumerate(kept)
        if share[i, j] > 0
    ]
    pairs = sorted(
        (
            (cells[i, j], i, j)
            for i in range(len(cells))
            for j in range(len(cells))
            if i != j and cells[i, j] > 0
        ),
        key=lambda pair: (-pair[0], pair[1:]),
    )
    lines = tuple(
        (plain(found.classes[i], 40), plain(found.classes[j], 40), count(n), percent(share[i, j]))
        for n, i, j in pairs[:20]
    )
    told = f"Confusion of {len(kept)} classes" + (
        f"; most often {lines[0][0]} is taken for {lines[0][1]}" if lines else ""
    )
    table = Table("The commonest mistakes", ("truly", "said", "rows", "of the true class"), lines, (0, 1))
    keys = (Key("accent", "right", "square"), Key("bad", "wrong", "square"))
    note = (
        "" if len(kept) == len(cells) else f"The {len(kept)} classes with the most mistakes, of {len(cells)}."
    )
    drawing = draw(_map(rows, names), "confusion", told, height=380)
    return Figure("Confusion", drawing, told, table, keys, note)


def _map(rows: list[dict[str, Any]], names: list[str]) -> Any:
    """The declaration of the map of classes."""
    import altair as alt

    domain = list(range(len(names)))
    axis = alt.Axis(
        labelExpr=labels(names), labelOverlap=False, labelFontSize=9 if len(names) > 16 else 11, labelAngle=0
    )
    across = alt.Axis(
        labelExpr=labels(names), labelOverlap=True, labelFontSize=9 if len(names) > 16 else 11, labelAngle=-90
    )
    return (
        alt.Chart(data(rows))
        .mark_rect()
        .encode(
            alt.X("s:O", scale=alt.Scale(domain=domain), axis=across, title="said"),
            alt.Y("t:O", scale=alt.Scale(domain=domain), axis=axis, title="truly"),
            alt.Color("kind:N", scale=alt.Scale(domain=["right", "wrong"], range=[ACCENT, BAD]), legend=None),
            opacity=alt.Opacity("tint:Q", scale=alt.Scale(domain=[0, 1], range=[0.06, 1]), legend=None),
        )
    )
