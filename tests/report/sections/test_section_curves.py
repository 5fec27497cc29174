"""Loss curves from a history made by hand."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from justright.report.facts import Facts
from justright.report.sections.curves import curves
from justright.training.history import Row
from justright.workflow.summary import Passes


def row(
    number: int, fold: int, train: float, validation: float, share: float = 1.0, penalty: float = 0.1
) -> Row:
    setting = 0 if penalty == 0.1 else 1
    member = fold + 10 * setting
    return Row(number, member, setting, fold, penalty, share=share, train=train, validation=validation)


def shown(facts: Facts, rows: list[Row]) -> Facts:
    counts = msgspec.structs.replace(facts.summary.rows, train=1000)
    summary = msgspec.structs.replace(facts.summary, hyperparameters={"penalty": 0.1}, rows=counts, folds=5)
    return replace(facts, summary=summary, history=tuple(rows))


def test_loss_per_doubling_of_the_rows(regression: Facts) -> None:
    rows = [
        row(1, fold, 0.1 * fold + share, 2 * share, share) for fold in (0, 1) for share in (0.25, 0.5, 1.0)
    ]
    rows += [row(1, 0, 99.0, 99.0, share, penalty=7.0) for share in (0.25, 1.0)]
    section = curves(shown(regression, rows))
    (figure,) = section.figures
    assert figure.beside
    assert figure.table is not None
    assert figure.table.rows == (("200", "0.3", "0.5"), ("400", "0.55", "1"), ("800", "1.05", "2"))
    assert "raised the validation loss by 100 %" in section.lede[1]
    assert "90 % above" in section.lede[0]


def test_a_member_that_ended_keeps_its_last_losses(binary: Facts) -> None:
    rows = [row(1, 0, 1.0, 2.0), row(1, 1, 3.0, 4.0), row(2, 0, 0.5, 1.0), row(3, 0, 0.0, 0.5)]
    figure = curves(shown(binary, rows)).figures[0]
    assert figure.table is not None
    assert figure.table.rows == (("1", "2", "3"), ("2", "1.75", "2.5"), ("3", "1.5", "2.25"))


def test_long_trainings_are_drawn_whole_and_listed_thinly(binary: Facts) -> None:
    rows = [row(number, fold, 1 / number, 1.1 / number) for number in range(1, 301) for fold in range(2)]
    figure = curves(shown(binary, rows)).figures[0]
    assert figure.table is not None
    assert len(figure.table.rows) <= 17
    assert figure.table.rows[-1][0] == "300"


def test_a_part_of_the_rows_is_explained(binary: Facts) -> None:
    rows = [row(number, 0, 1.0, 1.0, share) for number, share in ((1, 0.5), (2, 0.5), (3, 1.0))]
    notes = [figure.note for figure in curves(shown(binary, rows)).figures]
    assert any("Early passes use a part of the rows" in note for note in notes)


@pytest.mark.parametrize("rows", [[], [Row(1, 0, 0, -1, 0.1, train=1.0)], [Row(1, 0, 0, 0, 0.1)]])
def test_nothing_to_show(binary: Facts, rows: list[Row]) -> None:
    assert curves(shown(binary, rows)).absent.startswith("Left out")


def network(facts: Facts, rows: list[Row], held_out: int) -> Facts:
    given = shown(facts, rows)
    counts = msgspec.structs.replace(given.summary.rows, held_out=held_out)
    summary = msgspec.structs.replace(given.summary, rows=counts, passes=Passes(0.1, 3.0, 3.0, 30))
    return replace(given, summary=summary)


def test_a_network_has_no_mean_of_folds_where_one_part_judged(binary: Facts) -> None:
    rows = [row(number, 0, 1 / number, 1.1 / number) for number in range(1, 4)]
    assert "folds" not in curves(network(binary, rows, 200)).lede[0]
    assert "(means of the folds)" in curves(network(binary, rows, 0)).lede[0]


def test_groups_of_a_large_table_are_parts_of_a_pass(binary: Facts) -> None:
    rows = [row(number, 0, 1.0, 1.0, share=0.5) for number in range(1, 7)]
    (figure,) = curves(network(binary, rows, 200)).figures
    assert figure.title == "Loss after each pass"
    assert figure.table is not None
    assert figure.table.rows[-1][0] == "3"
    assert "Early passes" not in figure.note
