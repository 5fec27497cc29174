"""The path of penalties from a history made by hand."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from justright.report.facts import Facts
from justright.report.sections.path import chosen_penalty, path
from justright.training.history import Row


def history(losses: dict[float, list[float]], shares: dict[float, float] | None = None) -> tuple[Row, ...]:
    rows = []
    for setting, (penalty, folds) in enumerate(losses.items()):
        for fold, loss in enumerate(folds):
            share = (shares or {}).get(penalty, 1.0)
            place = setting * 10 + fold
            rows.append(Row(1, place, setting, fold, penalty, share=0.1, train=9.0, validation=9.0))
            rows.append(Row(2, place, setting, fold, penalty, share=share, train=0.1, validation=loss))
        rows.append(Row(2, setting * 10 + 9, setting, -1, penalty, train=0.1))
    return tuple(rows)


def with_history(facts: Facts, rows: tuple[Row, ...], penalty: float) -> Facts:
    summary = msgspec.structs.replace(facts.summary, hyperparameters={"penalty": penalty})
    return replace(facts, summary=summary, history=rows)


LOSSES = {0.001: [0.5, 0.7], 10.0: [2.0, 3.0], 0.1: [0.4, 0.6]}


def test_means_and_spread_of_the_last_pass(binary: Facts) -> None:
    section = path(with_history(binary, history(LOSSES), 0.1))
    table = section.figures[0].table
    assert table is not None
    assert table.rows == (
        ("10", "2.5", "2 to 3", ""),
        ("0.1", "0.5", "0.4 to 0.6", "chosen, one standard error"),
        ("0.001", "0.6", "0.5 to 0.7", ""),
    )
    assert section.lede[0].startswith(
        "Of 3 penalties, 0.1 was chosen: validation loss 0.5, mean of the folds."
    )
    assert "The strongest (10) has 2.5 and the weakest (0.001) has 0.6." in section.lede[0]


def test_the_rule_of_one_standard_error_takes_the_strongest_that_is_near(binary: Facts) -> None:
    losses = {10.0: [2.0, 3.0], 1.0: [0.45, 0.65], 0.1: [0.4, 0.6], 0.01: [0.41, 0.61]}
    section = path(with_history(binary, history(losses), 0.1))
    table = section.figures[0].table
    assert table is not None
    assert [row[3] for row in table.rows] == ["", "one standard error", "chosen", ""]
    assert "The rule of one standard error would take 1 (0.55): shown, not taken." in section.lede[0]


def test_penalties_dropped_early_are_told_apart(binary: Facts) -> None:
    section = path(with_history(binary, history(LOSSES, {10.0: 0.25}), 0.1))
    table = section.figures[0].table
    assert table is not None
    assert [row[3] for row in table.rows] == ["dropped", "chosen, one standard error", ""]
    assert "1 fell behind on a part of the rows" in section.lede[0]


def test_a_choice_that_is_not_the_smallest_mean_is_said(binary: Facts) -> None:
    assert "The smallest mean is 0.5, at 0.1." in path(with_history(binary, history(LOSSES), 0.001)).lede[0]


def test_the_real_choice_is_on_the_path(linear_multiclass: Facts) -> None:
    table = path(linear_multiclass).figures[0].table
    assert table is not None
    assert [row[3] for row in table.rows].count("chosen") == 1


def test_losses_over_many_decades_are_drawn(regression: Facts) -> None:
    losses = {10.0**-k: [10.0**-k, 10.0**-k] for k in range(8)}
    assert "<svg" in path(with_history(regression, history(losses), 1e-7)).figures[0].drawing


def test_one_penalty_or_none_needs_no_chart(binary: Facts) -> None:
    assert path(with_history(binary, history({0.1: [0.5, 0.6]}), 0.1)).figures == ()
    assert path(with_history(binary, (), 0.1)).absent.startswith("Left out")


def test_the_chosen_penalty_is_the_nearest(binary: Facts) -> None:
    facts = with_history(binary, (), 0.09)
    assert chosen_penalty(facts, [10.0, 0.1, 0.001]) == 0.1
    assert chosen_penalty(facts, []) is None
    assert chosen_penalty(with_history(binary, (), "?"), [0.1]) is None  # type: ignore[arg-type]  # on purpose
