"""The monitor's page: one HTML file without a script, from counts alone; no row of the table is in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from html import escape
from pathlib import Path
from typing import Final

from justright.monitor.cbpe import Estimate
from justright.monitor.drawing import band, bars, heat, steps
from justright.monitor.drift import DriftRow
from justright.monitor.frame import Counts, Frame
from justright.monitor.unjudged import NotJudged
from justright.values.figures import figure

__all__ = ["PageFacts", "page"]

_HEAT_ROWS: Final = 40
_HEAT_COLUMNS: Final = 120
_CHARTS: Final = 12
_TABLE: Final = 150
_SHOWN: Final = {"binary": ("roc_auc", "log_loss", "accuracy"), "multiclass": ("accuracy",)}
_BLIND: Final = (
    "A change of the relation between inputs and target cannot be seen without labels: the estimate takes for"
    " granted that a stated 70 % still comes true in 70 % of cases. A change of how inputs go together, each"
    " by itself unchanged, shows only where it moves the predictions or a cross. Rows that depend on"
    " each other (a daily cycle, one customer many times) count as more than they are: watch windows of whole"
    " cycles."
)


@dataclass(frozen=True)
class PageFacts:
    """What the page tells; the fields are those of `workflow.monitor.Watched`, with the frame and the model.

    Parameters
    ----------
    model : str
        Name for people.
    model_id, task, against : str
    level : float
    rows, labelled : int
    frame : Frame
    reference : Counts
    windows : sequence of Counts
    results : sequence of DriftRow
    estimates : sequence of Estimate
    importance : dict of str to float
    sentences : sequence of str
        Findings in plain words.
    retrain : str
        The command that answers an alarm; empty where there is none.
    not_judged : sequence of NotJudged
        What could not be asked.
    batch : bool
        All windows are judged at once: an alarm in any is the verdict. Else that of the newest is, as in a
        server.
    """

    model: str
    model_id: str
    task: str
    against: str
    level: float
    rows: int
    labelled: int
    frame: Frame
    reference: Counts
    windows: Sequence[Counts]
    results: Sequence[DriftRow]
    estimates: Sequence[Estimate]
    importance: dict[str, float]
    sentences: Sequence[str] = ()
    retrain: str = ""
    not_judged: Sequence[NotJudged] = ()
    batch: bool = False


def page(facts: PageFacts) -> str:
    """Return the page as HTML.

    Parameters
    ----------
    facts : PageFacts
        What it tells.

    Notes
    -----
    Asks for nothing from outside and runs no script. At most 40 inputs x 120 windows in the heat map, 12
    charts and 150 lines of the table: below half a megabyte.
    """
    title = f"Monitor of {facts.model}"
    body = [
        _head(facts),
        "<main>",
        _verdict(facts),
        _heat(facts),
        _charts(facts),
        _performance(facts),
        _table(facts),
        _unjudged(facts),
        f"<section><h2>What this cannot see</h2><p>{_BLIND}</p></section>",
        "</main>",
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{_style()}</style></head><body>{''.join(body)}</body></html>\n"
    )


@cache
def _style() -> str:
    """Read the style sheet."""
    return Path(__file__).with_name("page.css").read_text(encoding="utf-8")


def _head(facts: PageFacts) -> str:
    """Return the name of the model, and of what was compared."""
    count = len(facts.windows)
    return (
        '<header><div class="brand">justright <span>monitor</span></div>'
        f"<h1>{escape(facts.model)}</h1>"
        f'<p class="about">{facts.rows:,} rows in {count} window{"s" * (count != 1)}, against'
        f" {escape(facts.against)}. Model <code>{facts.model_id[:12]}</code></p></header>"
    )


def _verdict(facts: PageFacts) -> str:
    """Return what came out, in words and tiles, and the next command."""
    newest = _newest(facts)
    alarmed = sorted({row.window for row in facts.results if row.is_anomaly})
    inputs = list(dict.fromkeys(row.input for row in facts.results if row.is_anomaly))
    peers = {row.input for row in facts.results if row.compat_anomaly}
    names = ", ".join(inputs[:5]) + (f" and {len(inputs) - 5} more" if len(inputs) > 5 else "")
    if facts.batch and inputs and len(facts.windows) > 1:
        where = f"in {len(alarmed)} of {len(facts.windows)} windows"
        last = "" if newest else " Nothing in the newest."
        said = f'<p class="verdict bad">Changed beyond chance, {where}: {escape(names)}.{last}</p>'
    elif inputs and not newest:
        said = (
            '<p class="verdict good">Nothing in the newest window has changed that chance alone does not'
            f" explain; in earlier ones had: {escape(names)}.</p>"
        )
    elif inputs:
        said = f'<p class="verdict bad">Changed beyond chance, and by enough to matter: {escape(names)}.</p>'
    elif not facts.results:
        said = '<p class="verdict">Nothing could be judged.</p>'
    else:
        said = '<p class="verdict good">Nothing has changed that chance alone does not explain.</p>'
    tiles = [
        ("bad" if alarmed else "", f"{len(alarmed)} of {len(facts.windows)}", "windows with an alarm"),
        ("", figure(facts.level * len(facts.windows), 2), "expected without any drift"),
        ("bad" if newest else "", str(len(newest)), "inputs changed in the newest window"),
        ("", str(len(peers)), "inputs above 0.3, the rule of Vertex AI and BigQuery"),
    ]
    items = "".join(
        f'<li class="{kind}"><b>{value}</b><span>{text}</span></li>' for kind, value, text in tiles
    )
    command = f'<p class="next"><b>Next</b><code>{escape(facts.retrain)}</code></p>' if facts.retrain else ""
    listed = ", ".join(_when(facts, number) for number in alarmed[-_HEAT_COLUMNS:])
    where = f"Alarm in {listed}." if alarmed and len(facts.windows) > 1 else ""
    found = "".join(f'<p class="more">{escape(each)}</p>' for each in (where, *facts.sentences) if each)
    return f'<section>{said}<ul class="tiles">{items}</ul>{command}{found}</section>'


def _newest(facts: PageFacts) -> list[str]:
    """Return the inputs that are anomalies in the newest window that holds enough rows."""
    last = max((row.window for row in facts.results), default=0)
    return list(dict.fromkeys(row.input for row in facts.results if row.is_anomaly and row.window == last))


def _heat(facts: PageFacts) -> str:
    """Return inputs by windows."""
    first = max(0, len(facts.windows) - _HEAT_COLUMNS)
    best: dict[tuple[str, int], DriftRow] = {}
    weight: dict[str, tuple[float, ...]] = {}
    for row in facts.results:
        if row.kind == "drift" and len(facts.windows) > 1:
            continue
        key = (row.input, row.window)
        known = best.get(key)
        if known is None or (row.is_anomaly, _strength(row)) > (known.is_anomaly, _strength(known)):
            best[key] = row
    for (name, _), row in best.items():
        count, most = weight.get(name, (0.0, 0.0))
        weight[name] = (count + row.is_anomaly, max(most, _strength(row) * (0.02 + (row.importance or 0.0))))
    names = sorted(weight, key=lambda name: weight[name], reverse=True)[:_HEAT_ROWS]
    if not names:
        return ""
    columns = range(first, len(facts.windows))
    cells = [[_cell(best.get((name, number)), facts, number) for number in columns] for name in names]
    drawn = heat(names, [_when(facts, number) for number in columns], cells)
    more = len(weight) - len(names)
    note = f'<p class="more">{more} more inputs, quieter than these.</p>' if more > 0 else ""
    keys = (
        '<ul class="keys"><li><span class="key b"></span>alarm: beyond chance and large enough</li>'
        '<li><span class="key a" style="opacity:.3"></span>no alarm</li>'
        '<li><span class="key r"></span>not asked</li></ul>'
    )
    return f'<section><h2>Where and when</h2>{keys}<div class="scroll">{drawn}</div>{note}</section>'


def _strength(row: DriftRow) -> float:
    """Return the size of a change in units of the least that counts."""
    return row.effect / row.effect_least if row.effect_least > 0 else 0.0


def _cell(row: DriftRow | None, facts: PageFacts, number: int) -> tuple[float, bool, str] | None:
    """Return one cell of the heat map."""
    if row is None:
        return None
    text = f"{row.input}, {_when(facts, number)}: {row.metric} {figure(row.value, 3)}"
    text += f", effect {figure(row.effect, 3)}, q {_chance(row.q_value)}"
    return _strength(row), row.is_anomaly, text


def _charts(facts: PageFacts) -> str:
    """Return baseline and now of the inputs that matter most."""
    if not facts.windows:
        return ""
    last = len(facts.windows) - 1
    ordered = [row for row in facts.results if row.window == last]
    names = list(dict.fromkeys(row.input for row in ordered))
    bad = set(_newest(facts))
    now = facts.windows[-1]
    drawn = []
    for name in names:
        chart = _chart(name, facts, now, name in bad)
        if chart:
            row = next(each for each in ordered if each.input == name)
            effect = f"{row.metric}, effect {figure(row.effect, 3)}, q {_chance(row.q_value)}"
            drawn.append(f"<figure><h3>{escape(name)}</h3>{chart}<figcaption>{effect}</figcaption></figure>")
        if len(drawn) >= _CHARTS:
            break
    if not drawn:
        return ""
    keys = (
        '<ul class="keys"><li><span class="key outline m"></span>before</li>'
        '<li><span class="key a"></span>now</li><li><span class="key b"></span>now, changed</li></ul>'
        '<p class="more">Numbers: each column is a bin that held one share of the rows before.</p>'
    )
    return f'<section><h2>Before and now</h2>{keys}<div class="grid">{"".join(drawn)}</div></section>'


def _chart(name: str, facts: PageFacts, now: Counts, bad: bool) -> str:
    """Return one chart, or nothing where the counts are not there."""
    frame, was = facts.frame, facts.reference
    groups = (
        (frame.numeric, was.numeric, now.numeric),
        (frame.said, was.said, now.said),
        (frame.terms, was.terms, now.terms),
    )
    for members, before, after in groups:
        for place, member in enumerate(members):
            if member.name == name and before and after:
                return steps(member.edges.tolist(), _shares(before[place]), _shares(after[place]), bad)
        if members is frame.numeric:
            for place, category in enumerate(frame.categorical):
                if category.name == name:
                    return _categories(category.labels, was.categorical[place], now.categorical[place], bad)
    return ""


def _categories(labels: Sequence[str], before: Sequence[float], after: Sequence[float], bad: bool) -> str:
    """Return the chart of the categories that hold most, on either side."""
    was, now = _shares(before), _shares(after)
    order = sorted(range(len(labels)), key=lambda k: -max(was[k], now[k]))[:8]
    order = [k for k in order if max(was[k], now[k]) > 0]
    return bars([labels[k] for k in order], [was[k] for k in order], [now[k] for k in order], bad)


def _shares(counts: Sequence[float]) -> list[float]:
    """Return counts as shares."""
    total = sum(counts) or 1.0
    return [each / total for each in counts]


def _performance(facts: PageFacts) -> str:
    """Return estimated performance over the windows."""
    names = dict.fromkeys(each.metric for each in facts.estimates)
    wanted = [name for name in _SHOWN.get(facts.task, ("mae", "rmse")) if name in names]
    if not wanted:
        return ""
    columns = [_when(facts, number) for number in range(len(facts.windows))]
    drawn = []
    for name in wanted:
        own = {each.window: each for each in facts.estimates if each.metric == name}
        values = [
            (e.value, e.low, e.high) if (e := own.get(k)) and not e.withdrawn else None
            for k in range(len(columns))
        ]
        realized = [
            (e.realized, e.withdrawn) if (e := own.get(k)) and e.realized is not None else None
            for k in range(len(columns))
        ]
        expected = next(iter(own.values())).expected
        gone = sum(each.withdrawn for each in own.values())
        note = f"at training {figure(expected, 3)}" + (f"; withdrawn in {gone} windows" if gone else "")
        drawn.append(
            f"<figure><h3>{escape(name)}</h3>{band(columns, values, realized, expected)}"
            f"<figcaption>{note}</figcaption></figure>"
        )
    keys = (
        '<ul class="keys"><li><span class="key d"></span>estimated without labels, 95 % interval</li>'
        '<li><span class="key dash m"></span>at training</li>'
        '<li><span class="key round i"></span>by labels</li>'
        '<li><span class="key round b"></span>labels contradict: estimate withdrawn</li></ul>'
    )
    return f'<section><h2>Is it still good?</h2>{keys}<div class="grid">{"".join(drawn)}</div></section>'


def _table(facts: PageFacts) -> str:
    """Return the rows of the newest window, and the anomalies of the others."""
    last = len(facts.windows) - 1
    rows = [row for row in facts.results if row.window == last]
    rows += [row for row in facts.results if row.window != last and row.is_anomaly]
    head = (
        "input",
        "kind",
        "metric",
        "value",
        "threshold",
        "alarm",
        "effect",
        "q",
        "rows",
        "0.3 rule",
        "importance",
    )
    lines = []
    for row in rows[:_TABLE]:
        peer = f"{figure(row.compat_value, 2)} {'yes' if row.compat_anomaly else 'no'}" if row.compat else "-"
        cells = [
            f'<td class="text">{row.kind}</td><td class="text">{escape(row.metric)}</td>',
            f"<td>{figure(row.value, 3)}</td><td>{figure(row.threshold, 3)}</td>",
            f'<td class="flag">{"yes" if row.is_anomaly else "no"}</td><td>{figure(row.effect, 3)}</td>',
            f"<td>{_chance(row.q_value)}</td><td>{row.n_window:,}</td><td>{peer}</td>",
            f"<td>{figure(row.importance, 2)}</td>",
        ]
        name = row.input if row.window == last else f"{row.input} ({_when(facts, row.window)})"
        kind = ' class="bad"' if row.is_anomaly else ""
        lines.append(f'<tr{kind}><th scope="row" class="text">{escape(name)}</th>{"".join(cells)}</tr>')
    heads = "".join(f'<th scope="col"{_text(place)}>{name}</th>' for place, name in enumerate(head))
    more = len(rows) - _TABLE
    note = f'<p class="more">{more:,} more lines: --json.</p>' if more > 0 else ""
    return (
        '<section><h2>All questions of the newest window</h2><div class="scroll"><table><thead>'
        f"<tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>{note}</section>"
    )


def _unjudged(facts: PageFacts) -> str:
    """Return what could not be asked of the newest window."""
    last = len(facts.windows) - 1
    own = [each for each in facts.not_judged if each.window == last]
    if not own:
        return ""
    lines = "".join(
        f'<tr><th scope="row" class="text">{escape(each.input)}</th>'
        f'<td class="text">{escape(each.question)}</td><td class="text">{escape(each.reason)}</td></tr>'
        for each in own[:_TABLE]
    )
    heads = "".join(f'<th scope="col" class="text">{each}</th>' for each in ("input", "question", "reason"))
    return (
        '<section><h2>Not judged in the newest window</h2><div class="scroll"><table><thead>'
        f"<tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div></section>"
    )


def _chance(q: float) -> str:
    """Write a chance; below 1e-16 its digits mean nothing."""
    return figure(q, 2) if q >= 1e-16 else "below 1e-16"


def _text(place: int) -> str:
    """Return the class of a heading."""
    return ' class="text"' if place < 3 else ""


def _when(facts: PageFacts, number: int) -> str:
    """Return what to call a window: its day, or time, or number."""
    begin = facts.windows[number].begin
    if begin is None or not math.isfinite(begin):
        return f"window {number}" if len(facts.windows) < 20 else str(number)
    try:
        moment = datetime.fromtimestamp(begin, UTC)
    except (OverflowError, OSError, ValueError):
        return figure(begin, 4)
    clock = (moment.hour, moment.minute, moment.second) != (0, 0, 0)
    return moment.strftime("%Y-%m-%d %H:%M" if clock else "%Y-%m-%d")
