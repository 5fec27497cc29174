"""The penalties of an additive model: how the held-out loss goes with the strength of each."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from justright.models.reading import Strength, Term
from justright.report.drawing import ACCENT, BAD, INK, axis, data, decades, draw
from justright.report.facts import Facts
from justright.report.parts import Figure, Key, Section, Table
from justright.report.wording import number, plain

__all__ = ["strengths"]

_TITLE: Final = "Under-fit, just right, over-fit"
_DRAWN: Final = 6
_LISTED: Final = 60


def strengths(facts: Facts) -> Section:
    """Return the section of the penalties that were tried."""
    if facts.reading is None:
        return Section("path", _TITLE, absent=facts.why_not("terms.json"))
    chosen = [(term, term.strength) for term in facts.reading.terms if term.strength is not None]
    if not chosen:
        return Section("path", _TITLE, ("No row was held out to choose penalties by.",))
    stronger = sum(one.within_error != one.taken for _, one in chosen)
    lede = (
        f"Each of {len(chosen)} terms has its own penalty, chosen by the loss of the held-out rows of all "
        "folds: smoothness keeps neighbouring values alike, the ridge pulls values to what the other "
        "terms say. What was tried last is shown, around what was chosen before.",
        f"The rule of one standard error would take a stronger penalty in {stronger} of {len(chosen)} "
        "terms: a simpler function that held-out rows cannot tell from the best. It is shown, not taken: "
        "the best is.",
    )
    figures = tuple(_figure(term, one, place) for place, (term, one) in enumerate(_spread(chosen)))
    rows = tuple(
        (plain(term.name, 60), *(_pair(both) for both in (one.taken, one.within_error)), str(len(one.tried)))
        for term, one in chosen[:_LISTED]
    )
    more = f"and {len(chosen) - _LISTED} more in terms.json" if len(chosen) > _LISTED else ""
    head = ("term", "taken", "within one standard error", "strengths tried")
    table = Table("Penalties of every term", head, rows, (0, 1, 2), more)
    return Section("path", _TITLE, lede, figures=figures, folded=(table,))


def _spread(chosen: list[tuple[Term, Strength]]) -> list[tuple[Term, Strength]]:
    """The most important terms whose curve says something."""
    return [(term, one) for term, one in chosen if len(one.tried) > 2][:_DRAWN]


def _pair(both: tuple[float, float]) -> str:
    """Write smoothness and ridge."""
    parts = [
        f"{name} {number(value)}" for name, value in zip(("smoothness", "ridge"), both, strict=True) if value
    ]
    return ", ".join(parts) or "none"


def _figure(term: Term, strength: Strength, place: int) -> Figure:
    """Held-out loss against strength, one line for each strength of the other kind."""
    name = plain(term.name, 40)
    tried = np.asarray([(one.smooth, one.ridge, -one.gain, one.error) for one in strength.tried])
    along = 0 if len(np.unique(tried[:, 0])) > 1 and len(np.unique(tried[:, 1])) == 1 else 1
    words = ("smoothness", "ridge")[along]
    rows = [
        {
            "p": row[along],
            "loss": row[2],
            "l": max(row[2] - row[3], 0.0),
            "h": row[2] + row[3],
            "other": row[1 - along],
        }
        for row in tried.tolist()
        if row[along] > 0
    ]
    marked = [
        {"p": pair[along], "loss": row["loss"], "kind": kind}
        for kind, pair in (("one", strength.within_error), ("taken", strength.taken))
        for row in rows
        if np.isclose(row["p"], pair[along]) and np.isclose(row["other"], pair[1 - along])
    ]
    told = f"Held-out loss of {name} for {len(tried)} strengths of its penalty, above that of the best"
    cells = tuple(
        (
            number(one.smooth),
            number(one.ridge),
            number(0.0 - one.gain),
            number(one.error),
            _mark(one, strength),
        )
        for one in strength.tried
    )
    head = ("smoothness", "ridge", "loss above the best", "standard error", "")
    drawing = draw(_chart(rows, marked, words), f"strength-{place}", told, height=225)
    keys = (
        Key("accent", "summed held-out loss", "line"),
        Key("bad", "taken"),
        Key("ink", "within one standard error", "ring"),
    )
    note = "A line for each smoothness." if along == 1 and len(np.unique(tried[:, 0])) > 1 else ""
    return Figure(name, drawing, told, Table(told, head, cells, (4,)), keys, note)


def _mark(one: Any, strength: Strength) -> str:
    """Say what a strength is."""
    found = []
    for word, pair in (("taken", strength.taken), ("one standard error", strength.within_error)):
        if np.isclose(one.smooth, pair[0]) and np.isclose(one.ridge, pair[1]):
            found.append(word)
    return ", ".join(found)


def _chart(rows: list[dict[str, Any]], marked: list[dict[str, Any]], words: str) -> Any:
    """The declaration of the chart."""
    import altair as alt

    seen = [row["p"] for row in rows]
    ticks = decades(seen) if len(decades(seen)) > 1 else sorted(set(seen))
    ends = [min(seen) / 1.3, max(seen) * 1.3]
    x = alt.X(
        "p:Q",
        scale=alt.Scale(type="log", reverse=True, nice=False, domain=ends),
        axis=axis(values=ticks, grid=False),
        title=f"{words}, from strong to weak",
    )
    highs = [row["h"] for row in rows]
    y = alt.Y("loss:Q", axis=axis(highs, tickCount=4), title="loss above the best")
    base = alt.Chart(data(rows))
    errors = base.mark_rule(color=ACCENT, opacity=0.45).encode(x, alt.Y("l:Q"), y2="h:Q")
    line = base.mark_line(color=ACCENT, strokeWidth=1.75).encode(x, y, detail="other:N")
    dots = base.mark_point(color=ACCENT, filled=True, size=22, opacity=1).encode(x, y)
    ring = alt.Chart(data([row for row in marked if row["kind"] == "one"]))
    best = alt.Chart(data([row for row in marked if row["kind"] == "taken"]))
    return alt.layer(
        errors,
        line,
        dots,
        best.mark_point(color=BAD, filled=True, size=80, opacity=1).encode(x, y),
        ring.mark_point(color=INK, filled=False, size=130, opacity=1, strokeWidth=1.5).encode(x, y),
    )
