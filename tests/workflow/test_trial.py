from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from justright.recipe import Recipe, change
from justright.tuning.study import Job
from justright.workflow.trial import DEFAULT_ROWS, Begin, _some, by_passes


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(1)
    path = tmp_path_factory.mktemp("trial") / "rows.csv"
    x, z = rng.normal(size=(2, 400))
    lines = [
        f"{a:.5f},{b:.5f},{a * b + 0.2 * c:.5f}" for a, b, c in zip(x, z, rng.normal(size=400), strict=True)
    ]
    path.write_text("a,b,y\n" + "\n".join(lines))
    return path


def recipe_of(table: Path, family: str = "boosted") -> Recipe:
    plain = Recipe(table=str(table), target="y", family=family)
    return change(
        plain, ["boosting.rounds=60", "network.hidden=[8]", "network.ensemble=1", "network.epochs=9"]
    )


@pytest.mark.parametrize("family", ["boosted", "neural"])
def test_a_trial_that_climbs_goes_on_to_the_same_bits(table: Path, tmp_path: Path, family: str) -> None:
    work, recipe = Begin(recipe_of(table, family), tmp_path)(), recipe_of(table, family)
    part = [work(Job(1, rung, effort, recipe)) for rung, effort in enumerate((1 / 9, 1 / 3, 1.0))]
    whole = work(Job(2, 2, 1.0, recipe))
    assert [each.passes for each in part] == sorted(each.passes for each in part)
    assert part[0].passes < part[1].passes < part[2].passes == whole.passes
    np.testing.assert_array_equal(part[2].rows.loss, whole.rows.loss)
    assert part[2].metric == whole.metric
    assert not (part[0].ended or part[0].cut or part[1].cut or whole.cut)
    left = {path.name for path in tmp_path.glob("trial-*")}
    assert left == {"trial-1-0.safetensors", "trial-1-1.safetensors"}


def test_a_rung_that_was_left_half_way_is_made_again(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill after the state was saved at the pause itself must not make one pass more."""
    work, recipe = Begin(recipe_of(table), tmp_path)(), recipe_of(table)
    jobs = [Job(1, rung, effort, recipe) for rung, effort in enumerate((1 / 9, 1 / 3))]
    whole = [work(job) for job in jobs]
    (tmp_path / "trial-1-1.safetensors").rename(tmp_path / "trial-1.safetensors")
    again = work(jobs[1])
    assert again.passes == whole[1].passes
    np.testing.assert_array_equal(again.rows.loss, whole[1].rows.loss)


def test_the_default_leaves_its_predictions(table: Path, tmp_path: Path) -> None:
    work = Begin(recipe_of(table), tmp_path)()
    work(Job(0, 0, 1 / 9, recipe_of(table)))
    assert not (tmp_path / DEFAULT_ROWS).exists()
    work(Job(0, 2, 1.0, recipe_of(table)))
    assert (tmp_path / DEFAULT_ROWS).is_file()


def test_time_that_is_over_cuts_a_trial(table: Path, tmp_path: Path) -> None:
    found = Begin(recipe_of(table), tmp_path)()(Job(3, 2, 1.0, recipe_of(table), time.monotonic() - 1.0))
    assert found.cut and not found.ended and found.passes == 1


def test_parts_of_the_rows_hold_the_smaller_ones_and_keep_their_folds(table: Path, tmp_path: Path) -> None:
    data = Begin(recipe_of(table, "linear"), tmp_path)().prepared.data
    seen: set[int] = set()
    for share in (1 / 9, 1 / 3, 1.0):
        part = _some(data, share)
        keys = {int(key) for block in part.blocks for key in block.key}
        assert seen <= keys and len(keys) == part.rows == sum(block.rows for block in part.blocks)
        assert abs(len(keys) - 400 * share) < 4 * (400 * share) ** 0.5 + 1
        folds = np.concatenate([block.fold[:, 0] for block in part.blocks])
        assert set(folds.tolist()) == {0, 1, 2, 3, 4}
        np.testing.assert_array_equal(folds, part.facts.fold[part.facts.part == 0, 0])
        seen = keys
    assert seen == {int(key) for block in data.blocks for key in block.key}


def test_a_share_of_the_rows_is_the_effort_where_there_are_no_passes(table: Path, tmp_path: Path) -> None:
    assert (
        not by_passes("linear") and not by_passes("crossed") and by_passes("boosted") and by_passes("neural")
    )
    work = Begin(recipe_of(table, "linear"), tmp_path)()
    part, whole = (
        work(Job(1, rung, effort, recipe_of(table, "linear"))) for rung, effort in ((0, 0.3), (1, 1.0))
    )
    assert len(part.rows.loss) < 0.5 * len(whole.rows.loss) == 200
    assert not part.ended and not whole.ended
