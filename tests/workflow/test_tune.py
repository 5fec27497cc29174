from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from justright.errors import ColumnError, JustrightError, RecipeError
from justright.recipe import Recipe, change
from justright.tuning.records import Trial, read_trials
from justright.tuning.space import Choice, Range, Space
from justright.workflow import load_run
from justright.workflow.compare import compare
from justright.workflow.tune import Tuned, Tuning, tune

# A corner that stumps of two leaves cannot follow: the default here is bad, and more leaves are better.
FEW: Space = {"boosting.leaves": Choice((2, 8)), "boosting.l2": Range(0.1, 10.0, log=True)}


@pytest.fixture(scope="session")
def waves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(5)
    path = tmp_path_factory.mktemp("tune") / "waves.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["x", "z", "y", "side"])
        for x, z, noise in zip(
            rng.uniform(-3, 3, 300), rng.uniform(-1, 1, 300), rng.normal(size=300), strict=True
        ):
            y = 3.0 * (x > 0 and z > 0) + 0.3 * noise
            writer.writerow([round(x, 4), round(z, 4), round(y, 4), "up" if y > 1.5 else "down"])
    return path


def recipe_of(table: Path, *changes: str) -> Recipe:
    plain = Recipe(table=str(table), target="y", family="boosted", drop=("side",), baseline=False)
    return change(
        plain,
        [
            "boosting.rounds=90",
            "boosting.rows_a_leaf=5",
            "boosting.leaves=2",
            "boosting.rate=0.2",
            "boosting.columns=1.0",
            *changes,
        ],
    )


def tuned_in(folder: Path, recipe: Recipe, **choices: Any) -> Tuned:
    choices.setdefault("trials", 6)
    return tune(recipe, out=folder / "runs", **choices)


def told(trials: tuple[Trial, ...]) -> list[tuple[Any, ...]]:
    return [(t.number, t.rung, t.params, t.state, t.loss, t.metric, t.passes) for t in trials]


@pytest.fixture(scope="session")
def tuned(waves: Path, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    return tuned_in(tmp_path_factory.mktemp("runs"), recipe_of(waves), space=FEW)


def test_the_winner_beats_a_bad_default_and_says_by_how_much(tuned: Tuned) -> None:
    found = tuned.tuning
    assert found.chosen == "best" and found.params["boosting.leaves"] == 8
    assert found.gap > 5 * found.error > 0
    assert found.difference is not None and found.difference.better == "second"
    assert found.difference.metric == tuned.run.summary.metric == "rmse"
    assert found.sentence in tuned.run.summary.verdict and "95 % interval" in found.sentence
    assert found.default_loss is not None and found.best_loss is not None
    assert found.gap == pytest.approx(found.default_loss - found.best_loss, rel=1e-5)


def test_it_leaves_a_run_like_any_other(tuned: Tuned, waves: Path) -> None:
    run = load_run(tuned.run.path)
    assert run.summary == tuned.run.summary
    names = {path.name for path in run.path.iterdir()}
    assert {"trials.jsonl", "tuning.json", "study.json", "model", "out_of_fold.parquet"} <= names
    assert "trials" not in names and not [name for name in names if name.startswith("checkpoint")]
    assert run.folder.read("tuning.json", Tuning) == tuned.tuning
    assert run.folder.read("recipe.json", Recipe).boosting.leaves == 8
    assert list(read_trials(run.path)) == list(tuned.trials)
    prediction = run.model.predict({"x": [1.0, -1.0], "z": [0.5, 0.5]})
    assert prediction[0] > 2.0 > 1.0 > prediction[1]


def test_the_winner_is_trained_as_its_trial_was(tuned: Tuned) -> None:
    best = next(t for t in reversed(tuned.trials) if t.number == tuned.tuning.best)
    found = tuned.tuning.difference
    assert found is not None and best.passes == tuned.run.history.passes
    assert best.metric == pytest.approx(tuned.run.summary.validation.value, rel=1e-9)


def test_the_difference_is_that_of_two_runs(tuned: Tuned, waves: Path, tmp_path: Path) -> None:
    """An oracle: train the default by itself, and compare the two runs."""
    from justright.workflow.train import train_recipe

    default = train_recipe(recipe_of(waves), out=tmp_path)
    found = compare(default.path, tuned.run.path).differences[0]
    ours = tuned.tuning.difference
    assert ours is not None
    assert ours.difference.value == pytest.approx(found.difference.value, rel=1e-6)
    assert (ours.difference.low, ours.difference.high) == pytest.approx(
        (found.difference.low, found.difference.high), rel=1e-3
    )


def test_a_default_that_is_as_good_stays(waves: Path, tmp_path: Path) -> None:
    recipe = recipe_of(waves, "boosting.leaves=8")
    space: Space = {"boosting.l2": Choice((1.0, 1.001, 0.999))}
    made = tuned_in(tmp_path, recipe, space=space)
    assert made.tuning.chosen == "default" and made.tuning.difference is None
    assert "the default" in made.tuning.sentence
    assert made.run.folder.read("recipe.json", Recipe) == recipe
    assert made.tuning.ended == "all 3 settings of the space have been tried"


def test_the_best_is_taken_where_it_is_asked_for(waves: Path, tmp_path: Path) -> None:
    recipe = recipe_of(waves, "boosting.leaves=8", "ladder.choose=best")
    space: Space = {"boosting.l2": Choice((1.0, 0.7, 1.4, 0.5))}
    made = tuned_in(tmp_path, recipe, space=space)
    assert (made.tuning.chosen == "best") == (made.tuning.best != 0)


def test_classes_by_a_grid_in_two_processes(waves: Path, tmp_path: Path) -> None:
    from justright.executors import cores

    recipe = msgspec.structs.replace(recipe_of(waves, "ladder.choose=best"), target="side", drop=("y",))
    space: Space = {"boosting.leaves": Choice((2, 4, 8))}
    workers = min(2, len(cores()))
    made = tuned_in(tmp_path, recipe, space=space, sampler="grid", workers=workers)
    alone = tuned_in(tmp_path, recipe, space=space, sampler="grid")
    assert made.tuning.best == alone.tuning.best
    # Who climbs beside the default hangs on which of two processes is done first; what a rung gives does not.
    here, there = ({found[:2]: found for found in told(each.trials)} for each in (made, alone))
    both = here.keys() & there.keys()
    assert {(number, 0) for number in range(3)} | {(made.tuning.best, 2), (0, 2)} <= both
    assert [here[each] for each in both] == [there[each] for each in both]
    assert made.tuning.difference == alone.tuning.difference


@pytest.mark.parametrize("family", ["linear", "crossed"])
def test_families_that_share_out_rows(waves: Path, tmp_path: Path, family: str) -> None:
    recipe = msgspec.structs.replace(recipe_of(waves), family=family)
    made = tuned_in(tmp_path, recipe, trials=3)
    assert {t.effort for t in made.trials} == {1.0}  # 300 rows are too few to be shared out
    assert made.run.summary.family == family


def test_what_cannot_be_tuned_is_refused_and_leaves_nothing(waves: Path, tmp_path: Path) -> None:
    recipe = recipe_of(waves)
    replace = msgspec.structs.replace
    refused: list[tuple[Recipe, dict[str, Any], type[JustrightError], str]] = [
        (replace(recipe, family="ladder"), {}, RecipeError, "--family boosted"),
        (replace(recipe, family="auto"), {}, RecipeError, "--family boosted"),
        (replace(recipe, table=""), {}, RecipeError, "no table"),
        (replace(recipe, target=""), {}, RecipeError, "no target"),
        (replace(recipe, target="why"), {}, ColumnError, "why"),
        (recipe, {"trials": 0}, RecipeError, "trials=0"),
        (recipe, {"budget": -1.0}, RecipeError, "budget"),
        (recipe, {"workers": 0}, RecipeError, "workers=0"),
        (recipe, {"workers": 4096}, RecipeError, "workers=4096"),
        (replace(recipe, split=msgspec.structs.replace(recipe.split, by=("gone",))), {}, ColumnError, "gone"),
    ]
    for one, choices, kind, said in refused:
        with pytest.raises(kind, match=said):
            tuned_in(tmp_path, one, **choices)
    assert [path.name for path in (tmp_path / "runs").glob("*")] == []


def test_a_budget_that_nothing_fits_into_gives_the_default(waves: Path, tmp_path: Path) -> None:
    made = tuned_in(tmp_path, recipe_of(waves), budget=0.01)
    assert made.tuning.chosen == "default" and made.tuning.sentence.startswith("Nothing was tuned")
    assert made.run.summary.family == "boosted"


def test_an_interrupt_ends_the_search_in_a_model(waves: Path, tmp_path: Path) -> None:
    def heard(trial: Trial) -> None:
        if trial.number == 2:
            raise KeyboardInterrupt

    made = tuned_in(tmp_path, recipe_of(waves), space=FEW, heard=heard)
    assert made.tuning.ended == "interrupted after 3 trials"
    assert load_run(made.run.path).summary.verdict == made.run.summary.verdict


@pytest.mark.parametrize("at", [3, 8, 13])
def test_an_interrupt_inside_a_trial_and_resuming(
    waves: Path, tuned: Tuned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """A study that is left in the middle of a training goes on to the same trials and the same model."""
    from justright.workflow import trial as module

    passes = []
    real = module._Pause.after_pass

    def interrupted(self: Any, moment: Any) -> None:
        passes.append(moment.number)
        if len(passes) == at:
            moment.save()
            raise SystemExit
        real(self, moment)

    monkeypatch.setattr(module._Pause, "after_pass", interrupted)
    with pytest.raises(SystemExit):
        tuned_in(tmp_path, recipe_of(waves), space=FEW)
    monkeypatch.undo()
    (folder,) = (tmp_path / "runs").iterdir()
    made = tune(Recipe(), out=tmp_path, resume=folder)
    assert told(made.trials) == told(tuned.trials)
    assert made.run.summary.model_id == tuned.run.summary.model_id
    assert made.tuning.sentence == tuned.tuning.sentence
    again = tune(Recipe(), out=tmp_path, resume=folder)
    assert again.tuning == made.tuning and again.run.summary == made.run.summary
