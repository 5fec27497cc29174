"""The charts of the monitor's page, as SVG written by hand: a service has no library for them.

Every function returns one `<svg>`; colours are classes of `page.css`, so that dark pages are dark.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from justright.values.figures import figure

__all__ = ["band", "bars", "heat", "steps"]

_NAME: Final = 150
_ROW: Final = 22
_WIDE: Final = 760


def heat(
    names: Sequence[str], columns: Sequence[str], cells: Sequence[Sequence[tuple[float, bool, str] | None]]
) -> str:
    """Return inputs x windows; each cell is (strength 0.., anomaly, tooltip), None = not asked."""
    width = (_WIDE - _NAME) / max(len(columns), 1)
    gap = 1.0 if width > 4 else 0.0
    height = _ROW * len(names) + 22
    parts = [f'<svg class="heat" viewBox="0 0 {_WIDE} {height}" role="img" aria-label="Change by input">']
    for place, name in enumerate(names):
        y = place * _ROW
        short = name if len(name) <= 22 else name[:21] + "..."
        parts.append(
            f'<text class="name" x="{_NAME - 8}" y="{y + 15}" text-anchor="end">{escape(short)}</text>'
        )
        for number, cell in enumerate(cells[place]):
            x = _NAME + number * width
            box = f'x="{x:.1f}" y="{y}" width="{max(width - gap, 0.5):.1f}" height="{_ROW - 2}"'
            if cell is None:
                parts.append(f'<rect class="none" {box} opacity="0.4"/>')
                continue
            strength, anomaly, text = cell
            kind = "loud" if anomaly else "quiet"
            shade = 0.35 + 0.65 * min(strength / 4.0, 1.0) if anomaly else 0.08 + 0.3 * min(strength, 1.0)
            title = f"<title>{escape(text)}</title>"
            parts.append(f'<rect class="{kind}" {box} opacity="{shade:.2f}">{title}</rect>')
    step = max(1, math.ceil(len(columns) * 90 / (_WIDE - _NAME)))
    for number in range(0, len(columns), step):
        x = _NAME + number * width
        parts.append(f'<text x="{x:.1f}" y="{height - 6}">{escape(columns[number])}</text>')
    return "".join(parts) + "</svg>"


def steps(edges: Sequence[float], was: Sequence[float], now: Sequence[float], bad: bool) -> str:
    """Return the shares of bins, one beside the other: was as an outline, now as filled columns."""
    width, height = 360.0, 110.0
    size = width / max(len(was), 1)
    top = max([*was, *now, 1e-9])
    parts = [f'<svg viewBox="0 0 {width:.0f} {height + 18:.0f}" role="img" aria-label="Shares by bin">']
    line = [f"M0 {height:.1f}"]
    for place, (before, after) in enumerate(zip(was, now, strict=True)):
        x, tall = place * size, height * after / top
        parts.append(
            f'<rect class="now{" bad" if bad else ""}" x="{x + 0.5:.1f}" y="{height - tall:.1f}"'
            f' width="{size - 1:.1f}" height="{tall:.1f}"/>'
        )
        y = height - height * before / top
        line.append(f"L{x:.1f} {y:.1f}L{x + size:.1f} {y:.1f}")
    parts.append(f'<path class="was" d="{"".join(line)}L{width:.1f} {height:.1f}"/>')
    parts.append(f'<line class="axis" x1="0" y1="{height}" x2="{width}" y2="{height}"/>')
    shown = sorted({round(share * (len(edges) - 1)) for share in (0.0, 0.35, 0.65, 1.0)}) if edges else []
    for place in shown:
        x = (place + 1) * size
        parts.append(
            f'<text x="{x:.1f}" y="{height + 14:.0f}" text-anchor="middle">{figure(edges[place], 4)}</text>'
        )
    return "".join(parts) + "</svg>"


def bars(labels: Sequence[str], was: Sequence[float], now: Sequence[float], bad: bool) -> str:
    """Return the shares of categories, a line each: was as a tick, now as a bar."""
    width, left, row = 360.0, 120.0, 17.0
    top = max([*was, *now, 1e-9])
    height = row * len(labels)
    parts = [f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="Shares by category">']
    for place, label in enumerate(labels):
        y = place * row
        short = label if len(label) <= 18 else label[:17] + "..."
        long = (width - left - 44) * now[place] / top
        at = left + (width - left - 44) * was[place] / top
        end = max(left + long, at) + 5
        parts.append(f'<text x="{left - 6}" y="{y + 12}" text-anchor="end">{escape(short)}</text>')
        parts.append(
            f'<rect class="now{" bad" if bad else ""}" x="{left}" y="{y + 2}" width="{long:.1f}"'
            f' height="{row - 5}"/>'
        )
        parts.append(f'<path class="was" d="M{at:.1f} {y}V{y + row - 1}"/>')
        parts.append(f'<text x="{end:.1f}" y="{y + 12}">{100 * now[place]:.1f} %</text>')
    return "".join(parts) + "</svg>"


def band(
    columns: Sequence[str],
    values: Sequence[tuple[float, float, float] | None],
    realized: Sequence[tuple[float, bool] | None],
    expected: float,
) -> str:
    """Return an estimate with its interval over windows; dots are what labels showed."""
    width, height, left = 380.0, 130.0, 44.0
    seen = [each for value in values if value for each in value]
    seen += [each[0] for each in realized if each] + ([expected] if math.isfinite(expected) else [])
    if not seen:
        return ""
    low, high = min(seen), max(seen)
    pad = 0.08 * (high - low) or 0.05 * abs(high) or 0.1
    low, high = low - pad, high + pad

    def y(value: float) -> float:
        """Return the height of a value."""
        return height - height * (value - low) / (high - low)

    step = (width - left) / max(len(columns), 1)
    xs = [left + (place + 0.5) * step for place in range(len(columns))]
    parts = [
        f'<svg viewBox="0 0 {width:.0f} {height + 20:.0f}" role="img" aria-label="Performance by window">'
    ]
    for share in (0.0, 0.5, 1.0):
        value = low + share * (high - low)
        parts.append(f'<line class="axis" x1="{left}" x2="{width}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        parts.append(
            f'<text x="{left - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{figure(value, 3)}</text>'
        )
    held = [place for place, value in enumerate(values) if value]
    if held:
        ends = [(xs[p], values[p]) for p in held]
        if len(ends) == 1:  # one window: the band is a column
            x, only = ends[0]
            ends = [(x - min(step / 3, 40), only), (x + min(step / 3, 40), only)]
        upper = "L".join(f"{x:.1f} {y(v[2]):.1f}" for x, v in ends if v)
        lower = "L".join(f"{x:.1f} {y(v[1]):.1f}" for x, v in reversed(ends) if v)
        parts.append(f'<path class="band" d="M{upper}L{lower}Z"/>')
        middle = "L".join(f"{x:.1f} {y(v[0]):.1f}" for x, v in ends if v)
        parts.append(f'<path class="line" d="M{middle}"/>')
    if math.isfinite(expected):
        at = y(expected)
        parts.append(f'<line class="then" x1="{left}" x2="{width}" y1="{at:.1f}" y2="{at:.1f}"/>')
    for x, each in zip(xs, realized, strict=True):
        if each:
            kind = "off" if each[1] else "real"
            title = f"<title>by labels: {figure(each[0], 4)}</title>"
            parts.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{y(each[0]):.1f}" r="4">{title}</circle>')
    every = max(1, math.ceil(len(columns) * 80 / (width - left)))
    parts += [
        f'<text x="{x:.1f}" y="{height + 16:.0f}" text-anchor="middle">{escape(name)}</text>'
        for x, name in list(zip(xs, columns, strict=True))[::every]
    ]
    return "".join(parts) + "</svg>"
