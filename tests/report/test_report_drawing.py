"""Charts as safe SVG: only what is allowed stays, names are text, ids are unique, bytes repeat."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import altair as alt
import pytest

from justright.report.drawing import axis, data, decades, draw, labels, wants_log

NAMES = ['<script>alert("x")</script>', "it's \\ 'quoted'", "a\u2028b & </svg>"]


def bars() -> alt.Chart:
    y = alt.Y("place:O", axis=alt.Axis(labelExpr=labels(NAMES), labelLimit=1000))
    return (
        alt.Chart(data([{"place": i, "x": i + 1} for i in range(3)])).mark_bar(clip=True).encode(y, x="x:Q")
    )


def test_names_stay_text() -> None:
    svg = draw(bars(), "bars", "told & <told>", height=120)
    tree = ElementTree.fromstring(svg)
    texts = [element.text for element in tree.iter("text")]
    for name in NAMES[:2]:
        assert name in texts
    assert {element.tag for element in tree.iter()} <= {
        "svg",
        "g",
        "path",
        "rect",
        "line",
        "text",
        "defs",
        "clipPath",
    }
    assert tree.get("aria-label") == "told & <told>"


def test_ids_begin_with_the_name_and_are_used() -> None:
    svg = draw(bars(), "mine", "told", height=120)
    ids = re.findall(r'id="([^"]*)"', svg)
    assert ids
    assert all(one.startswith("mine-") for one in ids)
    assert set(re.findall(r"url\(#([^)]*)\)", svg)) == set(ids)


def test_the_same_chart_gives_the_same_bytes_however_often() -> None:
    first = draw(bars(), "bars", "told", height=120)
    draw(bars(), "other", "told", height=140)
    assert draw(bars(), "bars", "told", height=120) == first


def test_the_drawing_has_the_size_that_was_asked() -> None:
    box = re.match(r'<svg viewBox="0 0 (\d+) (\d+)"', draw(bars(), "bars", "told", height=150))
    assert box is not None
    assert (int(box[1]), int(box[2])) == (360, 150)


@pytest.mark.parametrize(("largest", "shown"), [(250_000.0, "200k"), (2.5, "2"), (0.0004, "2e-4")])
def test_axes_write_numbers_that_can_be_read(largest: float, shown: str) -> None:
    x = alt.X("x:Q", axis=axis([largest]), scale=alt.Scale(domain=[0, largest]))
    svg = draw(alt.Chart(data([{"x": largest}])).mark_point().encode(x), "one", "told", height=60)
    texts = [element.text for element in ElementTree.fromstring(svg).iter("text")]
    assert shown in texts
    assert "0" in texts


def test_decades_are_few_and_inside() -> None:
    assert decades([1e-9, 10.0]) == [1e-09, 1e-07, 1e-05, 0.001, 0.1, 10.0]
    assert decades([0.03162, 0.03163]) == []


def test_wants_log() -> None:
    assert wants_log([1.0, 51.0])
    assert not wants_log([-1.0, 51.0])
    assert not wants_log([])
