"""What a page is made of: sections with figures, tables and cards, as frozen values.

Texts are plain: the template escapes them. Only `Figure.drawing` and `Matrix` tints are markup, and
those are made by this package alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Card", "ColumnRow", "Figure", "Headline", "Key", "Matrix", "MatrixCell", "Section", "Table"]


@dataclass(frozen=True, slots=True)
class Table:
    """A table: `head` names the columns; the cells of columns in `texts` are left-aligned."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: tuple[int, ...] = (0,)
    more: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of a legend: a colour by its name in the style sheet, and what it stands for."""

    tone: str
    label: str
    shape: str = "dot"


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart: trusted SVG, a sentence for those who do not see it, a legend and its numbers as a table.

    With `beside` the table stands open next to the chart instead of folded below it.
    """

    title: str
    drawing: str
    description: str
    table: Table | None = None
    keys: tuple[Key, ...] = ()
    note: str = ""
    beside: bool = False


@dataclass(frozen=True, slots=True)
class Headline:
    """A big number with what it counts, its interval, and a tone."""

    value: str
    label: str
    detail: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """A cell of a tinted table; `strength` 0..1, `tone` names its colour."""

    text: str
    detail: str
    strength: float
    tone: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """A small table with tinted cells: truth in rows, what was said in columns."""

    title: str
    corner: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, tuple[MatrixCell, ...]], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A finding: how grave, what, the numbers behind it, and the next move."""

    severity: str
    code: str
    sentence: str
    evidence: tuple[tuple[str, str], ...] = ()
    next_move: str = ""


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """A column of the data profile, with a small drawing of its values."""

    name: str
    kind: str
    role: str
    reason: str
    drawing: str
    facts: tuple[str, ...]
    top: tuple[tuple[str, str, float], ...] = ()
    missing: str = ""
    alarm: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the page; `absent` says why there is nothing to show."""

    name: str
    title: str
    lede: tuple[str, ...] = ()
    headlines: tuple[Headline, ...] = ()
    figures: tuple[Figure, ...] = ()
    matrix: Matrix | None = None
    tables: tuple[Table, ...] = ()
    cards: tuple[Card, ...] = ()
    columns: tuple[ColumnRow, ...] = ()
    folded: tuple[Table, ...] = field(default=())
    absent: str = ""
