"""What moves the prediction: the strongest columns and categories of a linear model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np

from justright.report.drawing import ACCENT, INK, MUTED, WARM, axis, data, draw, labels
from justright.report.facts import Facts
from justright.report.parts import Figure, Key, Section, Table
from justright.report.weights import Category, ColumnEffect, Weights, read_weights
from justright.report.wording import number, percent, plain

__all__ = ["coefficients"]

_SHOWN: Final = 12
_LISTED: Final = 40
_ERRORS: Final = 60
_ROW: Final = 22
_CAUTION: Final = (
    "A weight says how this model moves, not what causes what: columns that go together share their effect."
)


def coefficients(facts: Facts) -> Section:
    """Return the section of the weights."""
    title = "What moves the prediction"
    if facts.bundle is None:
        return Section("weights", title, absent=facts.why_not("model"))
    weights = read_weights(facts.bundle)
    if weights is None or not (weights.columns or weights.texts):
        return Section(
            "weights", title, absent=f"Left out: the {facts.bundle.model.family} model has no plain weights."
        )
    outputs = facts.bundle.model.outputs
    lede = [f"{_unit(facts)} {_CAUTION}"]
    if weights.texts:
        lede.append(f"Words of text columns have {weights.texts:,} hashed weights, which carry no names.")
    figures = (_columns(weights, outputs), *_categories(weights, outputs, _intervals(facts)))
    if len(figures) == 1 and len(weights.columns) <= _SHOWN:
        figures = (replace(figures[0], beside=True),)
    errors = _errors(facts)
    if errors is not None:
        lede.append(
            "Standard errors are robust: rows need not have equal variances, but must not depend on each "
            "other. They are those of weights drawn towards 0 by the penalty."
        )
    tables = (_by_class(weights, facts),) if outputs > 1 else ()
    if outputs > _SHOWN:
        folded = (*tables, *((errors,) if errors else ()))
        return Section("weights", title, tuple(lede), figures=figures, folded=folded)
    if errors is not None and outputs == 1:
        tables = (errors,)
    more = (errors,) if errors is not None and outputs > 1 else ()
    return Section("weights", title, tuple(lede), figures=figures, tables=tables, folded=more)


def _errors(facts: Facts) -> Table | None:
    """Coefficients in the columns' own units with standard errors; None where they are not defined."""
    terms = facts.reading.terms if facts.reading is not None else ()
    classes = facts.reading.classes if facts.reading is not None else ()
    rows = [
        (
            plain(term.name) + (f" [{plain(name, 30)}]" if name else ""),
            number(one.value),
            number(one.error),
            f"{number(one.low)} to {number(one.high)}",
        )
        for term in terms
        for name, one in zip(classes or ("",), term.coefficients, strict=False)
    ]
    if not rows:
        return None
    more = f"and {len(rows) - _ERRORS} more in terms.json" if len(rows) > _ERRORS else ""
    head = ("one more of", "adds", "standard error", "95 % interval")
    return Table("Coefficients in the unit of the column", head, tuple(rows[:_ERRORS]), (0,), more)


def _intervals(facts: Facts) -> dict[tuple[str, str], str]:
    """Intervals of the effects of categories, by column and label; empty where there are none."""
    terms = facts.reading.terms if facts.reading is not None else ()
    if not any(term.coefficients for term in terms) and not any(
        level.low != level.high for term in terms for level in term.levels
    ):
        return {}
    found = {}
    for term in terms:
        for level in (*term.levels, *((term.missing,) if term.missing else ())):
            found[term.name, level.label] = f"{number(level.low[0])} to {number(level.high[0])}"
    return found


def _unit(facts: Facts) -> str:
    """What an effect is measured in."""
    target = plain(facts.summary.target, 40)
    link = facts.bundle.model.link if facts.bundle is not None else "identity"
    if link == "identity":
        one = "one standard deviation of a number, or one category against its column's mean"
        return f"Effects are in the unit of {target}: {one}."
    if link == "log":
        return f"Effects are on the logarithm of {target}: 0.1 is about ten per cent more."
    classes = facts.evaluation.classes if facts.evaluation is not None else ()
    what = f"of {plain(classes[1], 40)!r}" if link == "logistic" and len(classes) == 2 else "of a class"
    return f"Effects are on the logarithm of the odds {what}: 0.7 doubles the odds, -0.7 halves them."


def _columns(weights: Weights, outputs: int) -> Figure:
    """The strongest columns."""
    found = weights.columns
    title = "The strongest columns"
    points = [_bar(plain(c.name, 40), *_tone(c, outputs)) for c in found[:_SHOWN]]
    drawn = " and ".join(plain(c.name, 40) for c in found[:3])
    told = f"{title}: {drawn} first" if found else title
    drawing = draw(
        _bars(points, "effect of one standard deviation"), "columns", told, height=52 + _ROW * len(points)
    )
    head = (
        "column",
        "strength",
        "kind",
        *(("effect of one deviation", "one deviation") if outputs == 1 else ()),
    )
    rows = tuple(
        (
            plain(c.name),
            number(c.strength),
            c.kind,
            *((_signed(c) if c.kind == "number" else "", _optional(c.deviation)) if outputs == 1 else ()),
        )
        for c in found[:_LISTED]
    )
    more = f"and {len(found) - _LISTED} weaker ones" if len(found) > _LISTED else ""
    keys = (
        Key("accent", "number, raises"),
        Key("warm", "number, lowers"),
        Key("muted", "categories, either way"),
    )
    several = (Key("muted", "strength over all classes"),)
    return Figure(
        title, drawing, told, Table(title, head, rows, (0, 2), more), keys if outputs == 1 else several
    )


def _tone(column: ColumnEffect, outputs: int) -> tuple[float, str]:
    """Length and colour of a column's bar."""
    if column.kind == "number" and outputs == 1:
        effect = float(column.effects[0])
        return effect, "up" if effect > 0 else "down"
    return column.strength, "either"


def _categories(weights: Weights, outputs: int, intervals: dict[tuple[str, str], str]) -> tuple[Figure, ...]:
    """The strongest categories; for several classes those that move any class most."""
    found = [one for one in weights.categories if float(np.abs(one.effects).max(initial=0.0)) > 0]
    if not found or outputs > 1:
        return ()
    title = "The strongest categories"
    points = [
        _bar(_label(one, 14, 19), e := float(one.effects[0]), "up" if e > 0 else "down")
        for one in found[:_SHOWN]
    ]
    told = f"{title}: {points[0]['name']} first"
    drawing = draw(
        _bars(points, "effect against the column's mean"), "categories", told, height=52 + _ROW * len(points)
    )
    rows = tuple(
        (
            _label(one),
            number(float(one.effects[0])),
            *((intervals.get((one.column, one.value), ""),) if intervals else ()),
            percent(one.share),
        )
        for one in found[:_LISTED]
    )
    more = f"and {len(found) - _LISTED} weaker ones" if len(found) > _LISTED else ""
    head = ("category", "effect", *(("95 % interval",) if intervals else ()), "share of the rows")
    table = Table(title, head, rows, (0,), more)
    return (Figure(title, drawing, told, table, (Key("accent", "raises"), Key("warm", "lowers"))),)


def _by_class(weights: Weights, facts: Facts) -> Table:
    """For each class the three strongest pushes."""
    assert facts.bundle is not None
    target = facts.bundle.model.schema.target
    classes = target.classes if target is not None else ()
    every = [(plain(c.name, 40), c.effects) for c in weights.columns if c.kind == "number"]
    every += [(_label(one, 30, 40), one.effects) for one in weights.categories]
    table = np.stack([effects for _, effects in every]) if every else np.zeros((0, len(classes)))
    centred = table - table.mean(axis=1, keepdims=True)
    rows = []
    for number_, name in enumerate(classes[:_LISTED]):
        order = np.argsort(-np.abs(centred[:, number_]), kind="stable")[:3].tolist()
        pushes = [f"{every[i][0]} {centred[i, number_]:+.3g}" for i in order]
        rows.append((plain(name, 40), "; ".join(pushes)))
    more = f"and {len(classes) - _LISTED} more" if len(classes) > _LISTED else ""
    return Table(
        "What pushes each class most, against the other classes",
        ("class", "pushes"),
        tuple(rows),
        (0, 1),
        more,
    )


def _label(one: Category, column: int = 80, value: int = 80) -> str:
    """Column and value, each cut at its limit."""
    return f"{plain(one.column, column)} = {plain(one.value, value)}"


def _signed(column: ColumnEffect) -> str:
    """The effect of a number with its sign."""
    return number(float(column.effects[0]))


def _optional(value: float | None) -> str:
    """A number, or nothing."""
    return "" if value is None else number(value)


def _bar(name: str, effect: float, kind: str) -> dict[str, Any]:
    """One bar."""
    return {"name": name, "effect": effect, "kind": kind}


def _bars(points: list[dict[str, Any]], title: str) -> Any:
    """The declaration of a chart of signed bars, the longest on top."""
    import altair as alt

    for place, point in enumerate(points):
        point["place"] = place
    effects = [point["effect"] for point in points]
    # Rows go by place, since two long names may be cut to the same text.
    names = [point["name"] for point in points]
    y = alt.Y(
        "place:O",
        title=None,
        axis=alt.Axis(labelExpr=labels(names), labelColor=INK, grid=False, labelLimit=150),
        scale=alt.Scale(paddingInner=0.35),
    )
    tone = alt.Color(
        "kind:N", scale=alt.Scale(domain=["up", "down", "either"], range=[ACCENT, WARM, MUTED]), legend=None
    )
    bars = (
        alt.Chart(data(points))
        .mark_bar()
        .encode(alt.X("effect:Q", axis=axis(effects, tickCount=4), title=title), y, tone)
    )
    zero = alt.Chart(data([{"x": 0}])).mark_rule(color=MUTED, strokeWidth=1).encode(x="x:Q")
    return alt.layer(bars, zero)
