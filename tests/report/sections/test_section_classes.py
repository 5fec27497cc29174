"""Said against true: cells, shares and the commonest mistakes."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np

from justright.report.facts import Facts
from justright.report.sections.classes import classes

NEW = ("Precision and recall", "Gains")


def confused(facts: Facts, cells: list[list[float]]) -> Facts:
    assert facts.evaluation is not None
    names = tuple(f"class {i}" for i in range(len(cells)))
    confusion = tuple(tuple(row) for row in cells)
    return replace(
        facts, evaluation=msgspec.structs.replace(facts.evaluation, classes=names, confusion=confusion)
    )


def test_cells_with_the_share_of_their_true_class(multiclass: Facts) -> None:
    matrix = classes(confused(multiclass, [[90.0, 10.0], [1.0, 3.0]])).matrix
    assert matrix is not None
    assert [[(cell.text, cell.detail, cell.tone) for cell in cells] for _, cells in matrix.rows] == [
        [("90", "90 %", "accent"), ("10", "10 %", "bad")],
        [("1", "25 %", "bad"), ("3", "75 %", "accent")],
    ]


def test_a_class_without_rows_does_no_harm(multiclass: Facts) -> None:
    matrix = classes(confused(multiclass, [[5.0, 0.0], [0.0, 0.0]])).matrix
    assert matrix is not None
    assert [cell.strength for cell in matrix.rows[1][1]] == [0.0, 0.0]


def test_many_classes_become_a_map_with_the_commonest_mistakes(multiclass: Facts) -> None:
    cells = np.eye(40) * 50.0
    cells[3, 7], cells[39, 0] = 9.0, 20.0
    section = classes(confused(multiclass, cells.tolist()))
    assert section.matrix is None
    figure = section.figures[0]
    assert figure.table is not None
    assert figure.table.rows == (("class 39", "class 0", "20", "29 %"), ("class 3", "class 7", "9", "15 %"))
    assert figure.note == "The 30 classes with the most mistakes, of 40."


def test_two_classes_have_all_their_charts(binary: Facts) -> None:
    section = classes(binary)
    assert [figure.title for figure in section.figures] == [
        "Calibration",
        "Probabilities of the two classes",
        *NEW,
        "What each threshold would cost",
        "What each threshold would find",
    ]
    assert "is called" in section.lede[0]


def test_held_out_rows_alone_give_the_spread(binary: Facts) -> None:
    section = classes(replace(binary, evaluation=None))
    assert [figure.title for figure in section.figures] == ["Probabilities of the two classes", *NEW]
    assert section.matrix is None
