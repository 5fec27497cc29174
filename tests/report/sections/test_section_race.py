"""The race for the rate, from races made by hand and from a real one."""

from __future__ import annotations

import re
from dataclasses import replace

import msgspec
import pytest

from justright.recipe import change
from justright.report.facts import Facts
from justright.report.sections.race import race
from justright.workflow.race import Candidate, Race
from justright.workflow.summary import Passes

TRIED = [
    Candidate(0.001, 0.9, 0.8),
    Candidate(0.01, 0.5, 0.4),
    Candidate(0.1, 0.4, 0.2),
    Candidate(1.0, 0.45, 0.25),
    Candidate(10.0, None, None, True),
]


def shown(facts: Facts, **changes: object) -> Facts:
    raced = Race(TRIED, 0.1, 0.1, 130, 0.13)
    return replace(facts, race=msgspec.structs.replace(raced, **changes))


def points(drawing: str, colour: str) -> int:
    """Filled points of a colour."""
    return len(re.findall(rf'<path [^>]*fill="{colour}"', drawing))


def test_every_rate_stands_in_the_table_with_its_losses(regression: Facts) -> None:
    section = race(shown(regression))
    (figure,) = section.figures
    assert figure.table is not None
    assert figure.table.rows == (
        ("0.001", "0.9", "0.8", ""),
        ("0.01", "0.5", "0.4", ""),
        ("0.1", "0.4", "0.2", "taken, usual"),
        ("1", "0.45", "0.25", ""),
        ("10", "diverged", "", ""),
    )
    assert section.lede[1] == (
        "The rate 0.1 was taken: held-out loss 0.2 at the end of the race. 1 diverged. All this took 130"
        " steps, 13 % of those of the training."
    )
    assert [key.label for key in figure.keys][-1] == "diverged, or far above"


def test_the_picture_marks_the_rate_taken_and_rings_what_diverged(regression: Facts) -> None:
    drawing = race(shown(regression)).figures[0].drawing
    assert points(drawing, "#b3312b") == 1  # taken
    assert points(drawing, "#5a6570") == 4  # half way
    assert points(drawing, "#1f62a8") == 4  # at the end
    assert len(re.findall(r'<path [^>]*stroke="#a84f0a"', drawing)) == 1


def test_a_rate_far_above_the_others_is_ringed_and_leaves_them_room(regression: Facts) -> None:
    tried = [*TRIED[:4], Candidate(10.0, 1e6, 1e6)]
    figure = race(shown(regression, candidates=tried)).figures[0]
    assert points(figure.drawing, "#5a6570") == 4
    assert len(re.findall(r'<path [^>]*stroke="#a84f0a"', figure.drawing)) == 1
    assert figure.table is not None and figure.table.rows[4][1] == "1,000,000"


def test_a_rate_that_diverged_after_half_of_its_leg_has_the_loss_of_then(regression: Facts) -> None:
    tried = [*TRIED[:3], Candidate(1.0, 0.45, None, True)]
    figure = race(shown(regression, candidates=tried)).figures[0]
    assert figure.table is not None and figure.table.rows[3] == ("1", "0.45", "diverged", "")


@pytest.mark.parametrize(
    ("prior", "near"), [(1.0, "is the usual one"), (3.0, "is nearer to the usual one, 3")]
)
def test_a_rate_that_is_not_the_best_says_why_it_was_taken(
    prior: float, near: str, regression: Facts
) -> None:
    words = race(shown(regression, chosen=1.0, prior=prior)).lede[1]
    assert "That of 0.1 is smaller (0.2), but not by so much that it would last" in words
    assert near in words


def test_steps_that_nobody_counted_are_not_told(regression: Facts) -> None:
    assert "steps" not in race(shown(regression, steps=None, share=None)).lede[1]


@pytest.mark.parametrize("losses", [(-3.0, -2.5), (0.0, 0.4), (0.01, 5.0)])
def test_losses_of_any_sign_and_size_are_drawn(losses: tuple[float, float], regression: Facts) -> None:
    tried = [Candidate(0.01, losses[1], losses[0]), Candidate(0.1, losses[1], losses[1])]
    assert race(shown(regression, candidates=tried, chosen=0.01, prior=0.1)).figures[0].drawing


def test_without_a_race_it_says_where_the_rate_comes_from(regression: Facts) -> None:
    summary = msgspec.structs.replace(regression.summary, passes=Passes(0.05, 16.0, 16.0, 80))
    facts = replace(regression, summary=summary)
    assert facts.recipe is not None
    (short,) = race(facts).lede
    assert "a training of 80 steps is too short" in short and "ended with 0.05" in short
    given = race(replace(facts, recipe=change(facts.recipe, ["network.rate=0.2"]))).lede
    assert given == ("No race was run: the rate 0.2 was given.",)
    (free,) = race(replace(facts, recipe=change(facts.recipe, ["network.optimizer=prodigy"]))).lede
    assert "prodigy finds the size of its steps itself" in free


def test_a_damaged_race_is_left_out_with_its_reason(regression: Facts) -> None:
    section = race(replace(regression, absent={"race.json": "race.json is damaged"}))
    assert section.absent == "Left out: race.json is damaged."


def test_a_real_race_is_drawn(neural: Facts) -> None:
    assert neural.race is not None
    assert 2 <= len(neural.race.candidates) <= 4
    assert neural.race.chosen in [one.rate for one in neural.race.candidates if one.end is not None]
    section = race(neural)
    assert section.figures and not section.absent
    assert points(section.figures[0].drawing, "#b3312b") == 1
