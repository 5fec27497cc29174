"""How good the model is: the ladder from simple to complex, and every metric with its interval."""

from __future__ import annotations

from typing import Any, Final

from justright.evaluate import base_rate_metrics
from justright.metrics import METRICS
from justright.report.drawing import ACCENT, FAINT, INK, MUTED, WARM, axis, data, draw
from justright.report.facts import Facts
from justright.report.parts import Figure, Key, Section, Table
from justright.report.wording import count, interval, number, plain
from justright.schema import Value
from justright.workflow.summary import Summary

__all__ = ["quality"]

_ROW: Final = 27


def quality(facts: Facts) -> Section:
    """Return the section of the metrics beside the baselines."""
    summary = facts.summary
    base = _base_rates(facts)
    seen = f"{count(summary.rows.train)} rows, each predicted by a model that has not seen it"
    if summary.rows.held_out:
        seen = f"{count(summary.rows.held_out)} rows, which chose where to stop but did not train the model"
    lede = (
        f"All figures are of held-out predictions ({seen}, {summary.judged_by}). "
        "A whisker is the 95 % interval for new rows of the same kind.",
    )
    figures = (_ladder(summary), *_all_metrics(summary, base))
    return Section("quality", "How good it is", lede, figures=figures, folded=(_meanings(summary),))


def _base_rates(facts: Facts) -> dict[str, float]:
    """Metrics of the base rate on the held-out rows; the headline one from the summary."""
    summary, held = facts.summary, facts.out_of_fold
    found: dict[str, float] = {}
    if held is not None:
        outputs = held.prediction.shape[1] if held.prediction.ndim == 2 else 2
        exact = base_rate_metrics(summary.task, held.target, held.weight, n_classes=outputs)
        # Its r2 is 0 but for rounding, which nobody wants to read.
        found = {name: round(value, 12) + 0.0 for name, value in exact.items()}
    if summary.baselines.base_rate is not None:
        found[summary.metric] = summary.baselines.base_rate
    return found


def _ladder(summary: Summary) -> Figure:
    """The headline metric of every rung, simple ones on top."""
    better = "higher" if METRICS[summary.metric].greater_is_better else "lower"
    rungs: list[tuple[str, Value | None, float | None, str]] = []
    if summary.baselines.base_rate is not None:
        rungs.append(("base rate", None, summary.baselines.base_rate, "rival"))
    for rung in summary.ladder:
        value = None
        if rung.value is not None and rung.low is not None and rung.high is not None:
            value = Value(rung.value, rung.low, rung.high)
        rungs.append((rung.family, value, rung.value, "chosen" if rung.chosen else "rival"))
    if summary.baselines.boosted is not None and "boosted" not in {rung.family for rung in summary.ladder}:
        rungs.append(("boosted trees", None, summary.baselines.boosted, "rival"))
    rows = tuple(
        (name, number(at), interval(value) if value else "", "chosen" if kind == "chosen" else "")
        for name, value, at, kind in rungs
    )
    table = Table("The ladder", ("rung", plain(summary.metric), "95 % interval", ""), rows, texts=(0, 3))
    points: list[dict[str, Any]] = [
        {
            "name": name,
            "x": at,
            "low": value.low if value else at,
            "high": value.high if value else at,
            "kind": kind,
        }
        for name, value, at, kind in rungs
        if at is not None
    ]
    title = f"{summary.metric} ({better} is better)"
    told = "; ".join(f"{row[0]} {row[1]}" for row in rows)
    drawing = draw(_whiskers(points, title), "ladder", told, height=58 + _ROW * len(points))
    keys = (Key("accent", "this model"), Key("muted", "for comparison"))
    return Figure("From simple to complex", drawing, told, table, keys, beside=True)


def _all_metrics(summary: Summary, base: dict[str, float]) -> tuple[Figure, ...]:
    """Metrics on one common axis: those in the target's unit, or those of classes."""
    regression = summary.task == "regression"
    names = [name for name in summary.metrics if not regression or name in ("rmse", "mae")]
    names.sort(key=lambda name: not METRICS[name].greater_is_better if name in METRICS else True)
    if len(names) < 2:
        return ()
    points: list[dict[str, Any]] = [
        {"name": name, "x": v.value, "low": v.low, "high": v.high, "kind": "chosen"}
        for name, v in ((name, summary.metrics[name]) for name in names)
    ]
    points += [{"name": name, "x": base[name], "kind": "base"} for name in names if name in base]
    title = f"in the unit of {plain(summary.target, 30)}, lower is better" if regression else ""
    told = "; ".join(f"{name} {number(summary.metrics[name].value)}" for name in names)
    drawing = draw(_whiskers(points, title, names), "metrics", told, height=58 + _ROW * len(names))
    keys = (Key("accent", "this model"), *((Key("warm", "base rate", "tick"),) if base else ()))
    note = ""
    lower = [name for name in names if name in METRICS and not METRICS[name].greater_is_better]
    if not regression and lower:
        note = f"Lower is better for {', '.join(lower)}; higher for the others."
    return (Figure("Metric by metric", drawing, told, _table(summary, base), keys, note, beside=True),)


def _whiskers(points: list[dict[str, Any]], title: str, order: list[str] | None = None) -> Any:
    """Dots with whiskers on one axis, one row a name."""
    import altair as alt

    names = order or [point["name"] for point in points]
    ends = [
        value
        for point in points
        for value in (point["x"], point.get("low"), point.get("high"))
        if value is not None
    ]
    span = (max(ends) - min(ends)) or abs(ends[0]) or 1.0
    scale = alt.Scale(domain=[min(ends) - 0.06 * span, max(ends) + 0.06 * span], nice=False)
    numbers = axis(ends, title=title or None, tickCount=4)
    y = alt.Y("name:N", sort=names, title=None, axis=alt.Axis(labelColor=INK, grid=False))
    base = alt.Chart(data(points)).encode(y=y)
    # A rule behind each row leads the eye from the name to the dot.
    guide = base.mark_rule(color=FAINT, strokeWidth=0.75).encode(x=alt.value(0), x2=alt.value("width"))
    tone: Any = alt.condition("datum.kind == 'chosen'", alt.value(ACCENT), alt.value(MUTED))
    x = alt.X("x:Q", scale=scale, axis=numbers)
    whisker = base.mark_rule(strokeWidth=2.5).encode(
        alt.X("low:Q", scale=scale, axis=numbers), x2="high:Q", color=tone
    )
    model = alt.datum.kind != "base"
    dots = base.mark_point(filled=True, size=70, opacity=1).encode(x, color=tone).transform_filter(model)
    ticks = (
        base.mark_tick(color=WARM, thickness=2.5, size=13)
        .encode(x)
        .transform_filter(alt.datum.kind == "base")
    )
    return alt.layer(guide, whisker.transform_filter(model), ticks, dots)


def _table(summary: Summary, base: dict[str, float]) -> Table:
    """Every metric with its interval and that of the base rate."""
    rows = tuple(
        (
            plain(name),
            number(value.value),
            interval(value, digits=3),
            number(base[name]) if name in base else "",
        )
        for name, value in summary.metrics.items()
    )
    return Table("All metrics", ("metric", "this model", "95 % interval", "base rate"), rows)


def _meanings(summary: Summary) -> Table:
    """What every metric says and which way is better."""
    known = [METRICS[name] for name in summary.metrics if name in METRICS]
    rows = tuple((one.name, "higher" if one.greater_is_better else "lower", one.meaning) for one in known)
    return Table("What the metrics mean", ("metric", "better", "meaning"), rows, texts=(0, 1, 2))
