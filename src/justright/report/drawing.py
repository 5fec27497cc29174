"""Charts as small, safe SVG: declared with Altair, drawn by vl-convert, rewritten by a list of what may stay.

Colours are the light palette of the style sheet, written as they are; the sheet maps each of them to
its dark twin by attribute, so that one drawing serves both. Sizes are for a column of 360 px.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

import numpy as np

from justright.errors import MissingExtraError

if TYPE_CHECKING:
    import altair as alt

__all__ = [
    "ACCENT",
    "BAD",
    "FAINT",
    "GOOD",
    "INK",
    "MUTED",
    "WARM",
    "axis",
    "data",
    "decades",
    "draw",
    "labels",
    "loss_axis",
    "require_libraries",
    "rungs",
    "wants_log",
]

INK: Final = "#1c2126"
MUTED: Final = "#5a6570"
FAINT: Final = "#dfe3e8"
ACCENT: Final = "#1f62a8"
WARM: Final = "#a84f0a"
BAD: Final = "#b3312b"
GOOD: Final = "#2a7a4c"

_WIDTH: Final = 360
# Widths of labels are measured with this font; the style sheet asks for one of the same widths.
_FONT: Final = "Liberation Sans"
_TAGS: Final = frozenset({"svg", "g", "path", "rect", "line", "text", "circle", "defs", "clipPath"})
# fmt: off
_ATTRIBUTES: Final = frozenset({
    "clip-path", "cx", "cy", "d", "dx", "dy", "fill", "fill-opacity", "font-size", "font-style",
    "font-weight", "height", "id", "opacity", "r", "rx", "ry", "stroke", "stroke-dasharray",
    "stroke-linecap", "stroke-opacity", "stroke-width", "text-anchor", "transform", "width",
    "x", "x1", "x2", "y", "y1", "y2",
})
# fmt: on
_DECIMALS: Final = re.compile(r"(\d+\.\d{2})\d+")
_URL: Final = re.compile(r"url\(#([^)]*)\)")

_CONFIG: Final[dict[str, Any]] = {
    "aria": False,
    "background": None,
    "font": _FONT,
    "padding": {"left": 4, "right": 8, "top": 4, "bottom": 2},
    "view": {"stroke": None},
    "axis": {
        "domainColor": FAINT,
        "gridColor": FAINT,
        "gridWidth": 0.75,
        "tickColor": FAINT,
        "tickSize": 4,
        "labelColor": MUTED,
        "titleColor": MUTED,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "labelPadding": 4,
        "labelLimit": 130,
        "tickCount": 5,
        "labelOverlap": True,
        "labelFlush": False,
    },
    "axisY": {"domain": False, "ticks": False},
    "text": {"fontSize": 11, "color": INK},
    "line": {"strokeWidth": 2},
    "rule": {"color": MUTED},
}


def require_libraries() -> None:
    """Raise MissingExtraError where a library that draws or lays out is not installed."""
    try:
        import altair  # noqa: F401 - asked for here, used where charts are declared
        import jinja2  # noqa: F401
        import vl_convert  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            f"no library {error.name!r}",
            allowed="altair, vl-convert-python and jinja2 for a report",
            next_step="pip install 'justright[train]'",
        ) from error


def data(rows: Sequence[Mapping[str, Any]]) -> alt.InlineData:
    """Return rows as the inline data of a chart."""
    import altair as alt

    values: Any = list(rows)
    return alt.InlineData(values=values)


def labels(names: Sequence[str]) -> str:
    """Return the expression that turns a place 0, 1, 2, ... into its name.

    Names come from the table: JSON keeps whatever they hold inside a string of the expression.

    Examples
    --------
    >>> print(labels(["a", "b'c"]))
    ["a", "b'c"][datum.value]
    """
    return f"{json.dumps(list(names))}[datum.value]"


def draw(chart: Any, name: str, description: str, *, height: int, width: int = _WIDTH) -> str:
    """Draw a chart.

    Parameters
    ----------
    chart : altair chart
        A single or layered view; width and height are set here.
    name : str
        Unique on the page: ids inside the drawing begin with it.
    description : str
        One sentence for those who do not see it.
    height, width : int
        Of the whole drawing in px, axes included.

    Returns
    -------
    str
        An `<svg>` element without outside references, script or event; safe in a page.

    Notes
    -----
    About 50 ms; the first drawing of a process starts the engine, about half a second more.
    """
    import vl_convert

    # Checking every chart against the schema again costs a third of the time; the tests draw them all.
    spec = chart.properties(width=width, height=height).to_dict(validate=False)
    spec["autosize"] = {"type": "fit", "contains": "padding"}
    spec["config"] = _CONFIG
    root = ElementTree.fromstring(vl_convert.vegalite_to_svg(json.dumps(spec)))
    ids = _Ids(name)
    body = "".join(_kept(child, ids) for child in root)
    box = escape(root.get("viewBox", f"0 0 {width} {height}"))
    return f'<svg viewBox="{box}" role="img" aria-label="{escape(description)}">{body}</svg>'


class _Ids:
    """Ids of one drawing, numbered as they come: the engine's own count goes on from drawing to drawing."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._known: dict[str, str] = {}

    def of(self, given: str) -> str:
        """Return the id that stands for a given one."""
        return self._known.setdefault(given, f"{self._name}-{len(self._known)}")


def _kept(element: ElementTree.Element, ids: _Ids) -> str:
    """Write an element with what is allowed of it; nothing for others and for empty frames."""
    tag = element.tag.rpartition("}")[2]
    if tag not in _TAGS or element.get("class") == "background" or element.get("d") == "":
        return ""
    inner = escape(element.text or "", quote=False) if tag == "text" else ""
    inner += "".join(_kept(child, ids) for child in element)
    if not inner and tag in ("g", "defs", "text"):
        return ""
    attributes = "".join(
        f' {key}="{escape(_value(key, value, ids))}"'
        for key, value in element.attrib.items()
        if key in _ATTRIBUTES and not (key == "opacity" and value == "1")
    )
    if tag == "g" and not attributes:
        return inner
    return f"<{tag}{attributes}>{inner}</{tag}>" if inner else f"<{tag}{attributes}/>"


def _value(key: str, value: str, ids: _Ids) -> str:
    """Return an attribute with its ids made unique and its numbers cut to a hundredth of a pixel."""
    if key == "id":
        return ids.of(value)
    if key == "clip-path":
        return _URL.sub(lambda found: f"url(#{ids.of(found[1])})", value)
    return _DECIMALS.sub(r"\1", value) if key in ("d", "transform", "x", "y", "x2", "y2") else value


def loss_axis(losses: Sequence[float], title: str) -> alt.Y:
    """Return the y channel of a loss: from about the smallest on, logarithmic where it spreads far."""
    import altair as alt

    if not wants_log(losses):
        return alt.Y("loss:Q", scale=alt.Scale(zero=False), axis=axis(losses), title=title)
    # The engine labels a logarithm at 0.7, 0.3, 0.08: whole powers of ten are easier to read.
    ticks = {"values": decades(losses)} if len(decades(losses)) > 1 else {}
    return alt.Y("loss:Q", scale=alt.Scale(type="log", zero=False), axis=axis(losses, **ticks), title=title)


def wants_log(values: Iterable[float]) -> bool:
    """Whether values spread so far that only a logarithmic axis shows them all.

    Examples
    --------
    >>> wants_log([0.001, 1.0]), wants_log([0.5, 1.0]), wants_log([0.0, 1.0])
    (True, False, False)
    """
    found = np.asarray(list(values), dtype=np.float64)
    return bool(found.size) and bool(found.min() > 0) and bool(found.max() / found.min() > 50.0)


def axis(seen: Iterable[float] = (), **options: Any) -> alt.Axis:
    """Return an axis for such values: thousands as k, tiny numbers with an exponent; options are Altair's."""
    import altair as alt

    largest = max((abs(value) for value in seen), default=0.0)
    kind = "~s" if largest >= 10_000 else "~e" if 0 < largest < 0.001 else "~g"
    # An expression, since the option `format` writes 0 as 0k beside 10k and as 0e+0 beside 1e-4.
    return alt.Axis(labelExpr=f"datum.value == 0 ? '0' : format(datum.value, '{kind}')", **options)


def decades(values: Iterable[float], most: int = 7) -> list[float]:
    """Return whole powers of ten that cover values above zero, at most `most`.

    Examples
    --------
    >>> decades([0.02, 30.0])
    [0.1, 1.0, 10.0]
    """
    found = [value for value in values if value > 0]
    low, high = np.ceil(np.log10(min(found)) - 1e-9), np.floor(np.log10(max(found)) + 1e-9)
    step = max(1, int(np.ceil((high - low + 1) / most)))
    return [float(f"1e{int(power)}") for power in np.arange(low, high + 1, step)]


def rungs(values: Iterable[float], most: int = 6) -> list[float]:
    """Return the round numbers 1, 2, 5, 10, ... that values above zero span, whole powers of ten where many.

    Examples
    --------
    >>> rungs([0.06, 0.5]), rungs([0.02, 30.0])
    ([0.1, 0.2, 0.5], [0.1, 1.0, 10.0])
    """
    found = [value for value in values if value > 0]
    low, high = min(found), max(found)
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    every = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    between = [one for one in every if low <= one <= high]
    return between if len(between) <= most else decades(found, most)
