"""How the training of a network went, from a history made by hand and from a real one."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from justright.report.facts import Facts
from justright.report.sections.passes import passes
from justright.training.history import Row
from justright.workflow.summary import Passes


def shown(facts: Facts, rows: list[Row], kept: float = 4.0) -> Facts:
    summary = msgspec.structs.replace(facts.summary, passes=Passes(0.1, 4.0, kept, 40))
    return replace(facts, summary=summary, history=tuple(rows))


def history(count: int = 4, fold: int = 0, member: int = 0, share: float = 1.0, **norms: float) -> list[Row]:
    said = {"gradient": 1.0, "update": 0.01, "rate": 0.1, "dead": 0.25} | norms
    return [
        Row(number, member, 0, fold, 0.0, share=share, validation=1.0, norms=said)
        for number in range(1, count + 1)
    ]


def test_four_panels_with_their_numbers(regression: Facts) -> None:
    section = passes(shown(regression, history()))
    assert [figure.title for figure in section.figures] == [
        "Length of the gradient",
        "Size of a step",
        "Learning rate",
        "Dead neurons",
    ]
    tables = [figure.table.rows[0] for figure in section.figures if figure.table is not None]
    assert tables == [("1", "1"), ("1", "0.01"), ("1", "0.1"), ("1", "25 %")]
    assert section.lede[0] == (
        "Of 4 passes the last was the best on held-out rows: its weights are the model. 25 % of its hidden"
        " neurons give the same output for every row."
    )


def test_the_pass_that_is_the_model_is_marked_and_named(regression: Facts) -> None:
    rows = history()
    rows[1] = msgspec.structs.replace(rows[1], norms=rows[1].norms | {"dead": 0.75})
    section = passes(shown(regression, rows, kept=2.0))
    assert "Of 4 passes pass 2 was the best" in section.lede[0] and "75 %" in section.lede[0]
    for figure in section.figures:
        assert figure.drawing.count('stroke="#b3312b"') == 1


def test_the_exported_member_is_shown_not_the_folds(regression: Facts) -> None:
    rows = history(fold=0, member=0) + history(fold=-1, member=1, gradient=7.0) + history(fold=1, member=2)
    table = passes(shown(regression, rows)).figures[0].table
    assert table is not None and {row[1] for row in table.rows} == {"7"}


def test_falls_of_the_rate_are_told(regression: Facts) -> None:
    rows = history(2) + [msgspec.structs.replace(row, number=row.number + 2) for row in history(2, rate=0.03)]
    assert "it diverged once, went back" in passes(shown(regression, rows)).lede[0]
    assert "diverged" not in passes(shown(regression, history())).lede[0]


def test_a_large_table_counts_whole_passes(regression: Facts) -> None:
    table = passes(shown(regression, history(16, share=0.25))).figures[0].table
    assert table is not None and table.rows[-1][0] == "4"


def test_long_trainings_are_listed_thinly(regression: Facts) -> None:
    table = passes(shown(regression, history(300), kept=300.0)).figures[0].table
    assert table is not None and len(table.rows) <= 17 and table.rows[-1][0] == "300"


@pytest.mark.parametrize("value", [0.0, 1e-30, 1e30])
def test_norms_of_any_size_are_drawn(value: float, regression: Facts) -> None:
    rows = history(3) + [msgspec.structs.replace(history(1, gradient=value, update=value)[0], number=4)]
    assert len(passes(shown(regression, rows)).figures) == 4


@pytest.mark.parametrize("rows", [[], history(1), [Row(n, 0, 0, 0, 0.1, validation=1.0) for n in (1, 2, 3)]])
def test_nothing_to_show(rows: list[Row], regression: Facts) -> None:
    assert passes(shown(regression, rows)).absent.startswith("Left out")


def test_a_real_network_has_all_of_it(neural: Facts) -> None:
    section = passes(neural)
    assert len(section.figures) == 4 and section.lede
