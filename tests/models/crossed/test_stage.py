"""Where a training stands: samples double, phases follow each other, an array holds it all."""

from __future__ import annotations

import pytest

from justright.models.crossed.stage import COLUMNS, CROSSES, SETTLE, first_stage, read_stage


@pytest.mark.parametrize(
    ("rows", "level", "search_level"),
    [(0, 0, 0), (1, 0, 0), (7_999, 0, 0), (8_000, 1, 0), (32_561, 3, 0), (300_000, 6, 1), (30_000_000, 6, 6)],
)
def test_the_first_sample_is_of_about_4000_rows_and_the_search_of_262144(rows, level, search_level):
    stage = first_stage(rows)
    assert (stage.level, stage.search_level, stage.phase) == (level, search_level, COLUMNS)
    assert 0 <= stage.search_level <= stage.level <= 6
    assert stage.share == 0.5**level


def test_it_survives_an_array():
    stage = first_stage(300_000).finer().next_sweep().to(CROSSES, searched=True).next_sweep()
    assert read_stage({"stage": stage.to_array()}) == stage
    assert (stage.level, stage.phase, stage.round, stage.sweep) == (5, CROSSES, 1, 1)


def test_every_phase_ends():
    stage = first_stage(10_000)
    for phase in (COLUMNS, CROSSES, SETTLE):
        for level in range(3):
            at = stage.to(phase)
            assert 1 <= at.enough <= 10, level
    assert stage.choosing and not stage.next_sweep().next_sweep().choosing
