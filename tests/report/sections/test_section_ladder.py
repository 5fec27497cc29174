"""The first picture of a ladder: what each rung is, where it is drawn, and what is said of it."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from justright.report import write_report
from justright.report.facts import Facts
from justright.report.parts import Figure, Section
from justright.report.sections.ladder import ladder
from justright.schema import Finding
from justright.workflow import train
from justright.workflow.summary import Rung


def rung(
    family: str, loss: float, gap: float, error: float, train: float | None, judged: int = 400, **more: Any
) -> Rung:
    chosen = more.get("chosen", False)
    return Rung(
        family, 1.0, 0.9, 1.1, 2.0, chosen, loss=loss, train=train, gap=gap, error=error, judged=judged
    )


def climbed(facts: Facts, *rungs: Rung, findings: tuple[Finding, ...] = ()) -> Facts:
    summary = msgspec.structs.replace(facts.summary, ladder=list(rungs), findings=list(findings))
    return replace(facts, summary=summary)


def shown(facts: Facts) -> tuple[Section, Figure]:
    section = ladder(facts)
    assert section is not None
    (figure,) = section.figures
    return section, figure


def kinds(figure: Figure) -> dict[str, str]:
    assert figure.table is not None
    return {row[0]: row[4] for row in figure.table.rows}


def heights(figure: Figure, tone: str) -> list[float]:
    """Where the dots of a colour are drawn, from left to right: y grows downwards."""
    dots = re.findall(rf'<path transform="translate\(([\d.]+),([\d.]+)\)"[^>]*fill="{tone}"', figure.drawing)
    return [float(y) for _, y in sorted(dots, key=lambda dot: float(dot[0]))]


LINEAR = rung("linear", 0.50, 0.10, 0.02, 0.49)
CROSSED = rung("crossed", 0.405, 0.005, 0.01, 0.39, chosen=True)
BOOSTED = rung("boosted", 0.42, 0.02, 0.01, 0.20)
BEST = rung("neural", 0.40, 0.0, 0.0, 0.38)
HELD, TRAINED = "#a84f0a", "#1f62a8"


def test_each_rung_is_named_by_what_it_is_beside_the_chosen_one(regression: Facts) -> None:
    section, figure = shown(climbed(regression, LINEAR, CROSSED, BOOSTED, BEST))
    assert kinds(figure) == {
        "linear": "under-fit",
        "crossed": "just right",
        "boosted": "over-fit",
        "neural": "too close",
    }
    (said,) = section.lede
    assert said.startswith("Of 4 rungs crossed is the simplest whose loss")
    assert "within one standard error of that of neural, the best" in said
    assert "Too simple (under-fit): linear." in said
    assert "Over-fit, better on training rows only: boosted." in said
    assert "Better by less than the noise: neural." in said
    for kind in kinds(figure).values():
        assert f">{kind}</text>" in figure.drawing


def test_more_complex_and_no_better_is_over_fit_only_where_it_learned_its_rows_by_heart(
    regression: Facts,
) -> None:
    chosen = rung("crossed", 0.40, 0.0, 0.0, 0.39, chosen=True)
    for train_loss, kind in ((0.41, "no gain"), (0.385, "over-fit"), (None, "no gain")):
        other = rung("boosted", 0.41, 0.01, 0.01, train_loss)
        section, figure = shown(climbed(regression, chosen, other))
        assert kinds(figure)["boosted"] == kind
        assert ("More than the rows support" in section.lede[0]) == (kind == "no gain")


def test_a_simpler_rung_that_is_as_good_is_said_where_the_best_was_asked_for(regression: Facts) -> None:
    simple = rung("linear", 0.41, 0.01, 0.02, 0.40)
    section, figure = shown(climbed(regression, simple, rung("crossed", 0.40, 0.0, 0.0, 0.3, chosen=True)))
    assert kinds(figure)["linear"] == "as good"
    assert section.lede[0].startswith("Of 2 rungs crossed loses least on rows that it has not seen. As good")


def test_the_table_has_the_numbers_of_the_run(regression: Facts) -> None:
    table = shown(climbed(regression, LINEAR, CROSSED, BEST))[1].table
    assert table is not None
    assert table.head[2] == "difference to neural"
    assert table.rows == (
        ("linear", "0.5", "0.1 \u00b1 0.02", "0.49", "under-fit"),
        ("crossed", "0.405", "0.005 \u00b1 0.01", "0.39", "just right"),
        ("neural", "0.4", "", "0.38", "too close"),
    )


def test_a_rung_judged_on_other_rows_is_drawn_at_its_difference(regression: Facts) -> None:
    # On its own, harder rows the network loses more; on the rows of both it is as good as the trees.
    network = rung("neural", 0.60, 0.0, 0.01, 0.55, judged=80)
    drawn = shown(climbed(regression, LINEAR, replace_chosen(BEST, "boosted"), network))[1]
    _, trees, net = heights(drawn, HELD)
    assert net == pytest.approx(trees, abs=0.02)
    assert "judged on the same rows" in drawn.note and "80 or more" in drawn.note
    same = shown(climbed(regression, LINEAR, CROSSED, BEST))[1]
    assert "judged on the same rows" not in same.note


def replace_chosen(one: Rung, family: str) -> Rung:
    return msgspec.structs.replace(one, family=family, chosen=True)


def test_higher_is_worse_and_a_bar_is_one_standard_error(regression: Facts) -> None:
    figure = shown(climbed(regression, LINEAR, CROSSED, BOOSTED, BEST))[1]
    held, trained = heights(figure, HELD), heights(figure, TRAINED)
    assert held[0] < held[2] < held[1] < held[3]
    assert all(below > above for below, above in zip(trained, held, strict=True))
    # The y axis is linear here: the distance of two points tells its scale.
    scale = (held[3] - held[0]) / 0.10
    bars = re.findall(
        r'<line transform="translate\(([\d.]+),([\d.]+)\)"[^>]*stroke="#a84f0a"[^>]*>', figure.drawing
    )
    ends = re.findall(r'<line transform="[^"]*" x2="0" y2="(-?[\d.]+)"[^>]*stroke="#a84f0a"', figure.drawing)
    assert len(bars) == 4
    assert abs(float(ends[0])) == pytest.approx(2 * 0.02 * scale, rel=0.02)


def test_a_network_whose_training_loss_is_above_is_not_drawn_there_but_told(regression: Facts) -> None:
    noisy = rung("neural", 0.40, 0.0, 0.0, 0.9)
    figure = shown(climbed(regression, LINEAR, CROSSED, noisy))[1]
    assert len(heights(figure, TRAINED)) == 2
    assert figure.table is not None and figure.table.rows[2][3] == "0.9"
    assert "taken with dropout" in figure.note


def test_losses_that_spread_far_are_logarithmic(regression: Facts) -> None:
    far = rung("linear", 40.0, 39.6, 0.5, 39.0)
    figure = shown(climbed(regression, far, rung("crossed", 0.4, 0.0, 0.0, 0.04, chosen=True)))[1]
    one, other = heights(figure, HELD)
    low = heights(figure, TRAINED)[1]
    assert (other - one) / (low - other) == pytest.approx(math.log10(100) / math.log10(10), rel=0.02)


def test_rungs_that_were_left_out_are_named_with_their_reason(regression: Facts) -> None:
    left = Finding(
        "rung-skipped", "info", "The rung neural was left out: 360 rows are too few.", {"rung": "neural"}
    )
    cut = Finding("rung-cut", "info", "The rung boosted was ended after 1.0 s: its share was used up.", {})
    other = Finding("column-set-aside", "info", "Another thing.")
    figure = shown(climbed(regression, LINEAR, CROSSED, findings=(left, other, cut)))[1]
    assert figure.note.endswith(f"{left.sentence} {cut.sentence}")
    section = ladder(climbed(regression, CROSSED, findings=(left,)))
    assert section is not None
    assert "only rung" in section.lede[0] and section.lede[1] == left.sentence and not section.figures


def test_a_rung_that_the_budget_ended_is_not_called_too_simple(regression: Facts) -> None:
    sentence = "The rung linear was ended after 5.1 s: its share of the budget was used up."
    cut = Finding("rung-cut", "info", sentence, {"rung": "linear", "seconds": 5.1})
    section, figure = shown(climbed(regression, LINEAR, CROSSED, BOOSTED, findings=(cut,)))
    assert kinds(figure) == {"linear": "cut short", "crossed": "just right", "boosted": "over-fit"}
    assert "Ended by the budget before its training was: linear." in section.lede[0]
    assert "Too simple" not in section.lede[0]


def test_a_rung_below_the_chosen_one_that_a_simpler_one_beats_is_not_too_simple(regression: Facts) -> None:
    rungs = (
        rung("linear", 0.60, 0.20, 0.01, 0.59),
        rung("crossed", 0.44, 0.04, 0.01, 0.42),
        rung("boosted", 0.45, 0.05, 0.01, 0.20),
        rung("neural", 0.47, 0.07, 0.01, 0.46),
        replace_chosen(BEST, "blend"),
    )
    assert list(kinds(shown(climbed(regression, *rungs))[1]).values()) == [
        "under-fit",
        "under-fit",
        "over-fit",
        "no gain",
        "just right",
    ]


def test_one_family_has_no_such_section(regression: Facts) -> None:
    assert ladder(regression) is None
    assert ladder(climbed(regression, CROSSED)) is None


@pytest.mark.parametrize(
    ("task", "unit"), [("regression", "half the squared error a row"), ("binary", "log loss a row")]
)
def test_the_unit_is_that_of_the_training(task: str, unit: str, request: pytest.FixtureRequest) -> None:
    facts = request.getfixturevalue(task)
    assert unit in shown(climbed(facts, LINEAR, CROSSED))[1].note
    assert unit in shown(climbed(replace(facts, recipe=None), LINEAR, CROSSED))[1].note


def test_names_and_losses_of_any_kind_are_drawn(regression: Facts) -> None:
    odd = rung("<b>\"x'", -0.2, -0.3, 0.1, None, chosen=True)
    zero = rung("linear", 0.0, 0.0, 0.0, 0.0)
    section, figure = shown(climbed(regression, zero, odd))
    assert "<b>" not in figure.drawing and "&lt;b&gt;" in figure.drawing
    assert kinds(figure)["linear"] == "as good"
    five = [rung(f"a long name {at}", 0.5, 0.1, 0.01, 0.4) for at in range(5)]
    assert len(kinds(shown(climbed(regression, *five, BEST_CHOSEN))[1])) == 6


BEST_CHOSEN = replace_chosen(BEST, "blend")


def test_the_picture_of_a_real_ladder_comes_first(tmp_path: Path) -> None:
    pytest.importorskip("lightgbm", reason="trees are a rung")
    rows = {"a": [float(i % 29) for i in range(240)], "b": [float(i % 7) for i in range(240)]}
    rows["y"] = [
        2.0 * a - b + ((i * 37) % 11) / 5.0 for i, (a, b) in enumerate(zip(rows["a"], rows["b"], strict=True))
    ]
    run = train(rows, target="y", out=tmp_path, family="ladder", ladder={"rungs": ["linear", "boosted"]})
    text = write_report(run.path).read_text(encoding="utf-8")
    places = [text.index(f'<section id="{name}"') for name in ("ladder", "customer", "verdict", "quality")]
    assert places == sorted(places)
    assert text.index("<svg") > places[0] and text.index("<svg") < places[1]
    assert text.count('class="first"') == 1
    assert 'href="#ladder"' in text and "just right</text>" in text
