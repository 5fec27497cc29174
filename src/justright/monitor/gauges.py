"""The result of a monitor as gauges for Prometheus, in its text form."""

from __future__ import annotations

import math
from collections.abc import Iterable

from justright.monitor.cbpe import Estimate
from justright.monitor.drift import DriftRow

__all__ = ["gauges", "together"]


def gauges(
    model: str, rows: Iterable[DriftRow], estimates: Iterable[Estimate] = (), *, against: str = ""
) -> str:
    """Return gauges of the newest window, in the text form of Prometheus (version 0.0.4).

    Parameters
    ----------
    model : str
        Name of the model, as label.
    rows : iterable of DriftRow
        Of any number of windows; only the newest is told.
    estimates : iterable of Estimate, optional
    against : str, optional
        What the rows were compared with, as a label: `training`, or the time of an accepted baseline; empty =
        not told.

    Examples
    --------
    >>> print(gauges("churn", []).splitlines()[-1])
    justright_monitor_alarm{model="churn"} 0
    """
    every = list(rows)
    newest = max((row.window for row in every), default=0)
    told = [row for row in every if row.window == newest]
    lines: list[str] = []
    for name, text, read in (
        ("value", "Value of the metric of drift.", lambda row: row.value),
        ("threshold", "Value from which chance alone is ruled out.", lambda row: row.threshold),
        ("q_value", "Chance without drift, corrected over the window.", lambda row: row.q_value),
        ("effect", "Size of the change.", lambda row: row.effect),
        ("anomaly", "1 where the change is an alarm.", lambda row: float(row.is_anomaly)),
    ):
        lines += [f"# HELP justright_monitor_{name} {text}", f"# TYPE justright_monitor_{name} gauge"]
        for row in told:
            labels = _labels(model=model, input=row.input, kind=row.kind, metric=row.metric)
            lines.append(f"justright_monitor_{name}{labels} {_number(read(row))}")
    lines += [
        "# HELP justright_monitor_estimate Metric estimated without labels.",
        "# TYPE justright_monitor_estimate gauge",
    ]
    for each in (one for one in estimates if one.window == newest):
        for end in ("value", "low", "high"):
            labels = _labels(model=model, metric=each.metric, end=end)
            lines.append(f"justright_monitor_estimate{labels} {_number(getattr(each, end))}")
    lines += [
        "# HELP justright_monitor_alarm 1 where the newest window raises an alarm.",
        "# TYPE justright_monitor_alarm gauge",
        f"justright_monitor_alarm{_labels(model=model)} {int(any(row.is_anomaly for row in told))}",
    ]
    if against:
        lines += [
            "# HELP justright_monitor_baseline 1; the label says what the windows are compared with.",
            "# TYPE justright_monitor_baseline gauge",
            f"justright_monitor_baseline{_labels(model=model, baseline=against)} 1",
        ]
    return "\n".join(lines) + "\n"


def together(texts: Iterable[str]) -> str:
    """Return the gauges of several models as one text, each name described once, as its readers ask for.

    Examples
    --------
    >>> text = together([gauges("one", []), gauges("two", [])])
    >>> text.count("# TYPE justright_monitor_alarm"), text.splitlines()[-1]
    (1, 'justright_monitor_alarm{model="two"} 0')
    """
    families: dict[str, list[str]] = {}
    for text in texts:
        family: list[str] = []
        for line in text.splitlines():
            if line.startswith("# HELP "):
                family = families.setdefault(line, [])
            elif line not in family:
                family.append(line)
    return "".join(f"{line}\n" for head, own in families.items() for line in (head, *own))


def _labels(**names: str) -> str:
    """Write labels with their quotes."""
    parts = []
    for name, value in names.items():
        text = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        parts.append(f'{name}="{text}"')
    return "{" + ",".join(parts) + "}"


def _number(value: float) -> str:
    """Write a number as Prometheus reads it."""
    if math.isnan(value):
        return "NaN"
    return f"{value:.10g}" if math.isfinite(value) else ("+Inf" if value > 0 else "-Inf")
