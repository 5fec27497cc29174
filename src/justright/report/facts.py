"""All that a run folder holds for the report, read once; what cannot be read is named with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from justright.bundle.format import Bundle, read_bundle
from justright.errors import BundleError, StorageError
from justright.evaluate import Evaluation
from justright.kinds import Profile
from justright.models.reading import Reading
from justright.recipe import Recipe
from justright.report.out_of_fold import OutOfFold, read_out_of_fold
from justright.runs import RunFolder
from justright.schema import Schema
from justright.split import SplitAudit
from justright.training.history import Row, read_history
from justright.tuning.records import Trial, read_trials
from justright.workflow.race import RACE, Race
from justright.workflow.run import load_run
from justright.workflow.tune import TUNING, Tuning

if TYPE_CHECKING:
    from justright.workflow.summary import Summary

__all__ = ["Facts", "read_facts"]

T = TypeVar("T")


@dataclass(frozen=True)
class Facts:
    """What is known of a run.

    Parameters
    ----------
    name : str
        Name of the run folder.
    summary : Summary
        The only part that must be there.
    recipe, schema, profile, split, evaluation, history, out_of_fold, bundle, reading, race : or None
        What the file of that name holds; None where it is not there or cannot be read. No `race.json` is
        not an absence: most trainings have no race.
    tuning : Tuning or None
        What the search for settings found, with its `trials`; None where nothing was searched.
    absent : dict of str to str
        For each file that could not be read, why, as a clause.
    """

    name: str
    summary: Summary
    recipe: Recipe | None = None
    schema: Schema | None = None
    profile: Profile | None = None
    split: SplitAudit | None = None
    evaluation: Evaluation | None = None
    history: tuple[Row, ...] = ()
    out_of_fold: OutOfFold | None = None
    bundle: Bundle | None = None
    reading: Reading | None = None
    race: Race | None = None
    tuning: Tuning | None = None
    trials: tuple[Trial, ...] = ()
    absent: dict[str, str] = field(default_factory=dict)

    def why_not(self, file: str) -> str:
        """Say in one sentence why a section is left out."""
        return f"Left out: {self.absent.get(file, f'{file} says nothing about it')}."


def read_facts(path: Path) -> Facts:
    """Read a run folder.

    Parameters
    ----------
    path : Path
        The folder of a finished run.

    Returns
    -------
    Facts
        With None for what is not there.

    Raises
    ------
    StorageError
        It is not the folder of a finished run.
    """
    run = load_run(path)
    folder, absent = run.folder, dict[str, str]()
    schema = _json(folder, "schema.json", Schema, absent)
    return Facts(
        name=path.resolve().name,
        summary=run.summary,
        recipe=_json(folder, "recipe.json", Recipe, absent),
        schema=schema,
        profile=_json(folder, "profile.json", Profile, absent),
        split=_json(folder, "split.json", SplitAudit, absent),
        evaluation=_json(folder, "evaluation.json", Evaluation, absent),
        history=_history(folder, absent),
        out_of_fold=_out_of_fold(folder, schema, absent),
        bundle=_bundle(folder, absent),
        reading=_json(folder, "terms.json", Reading, absent),
        race=_json(folder, RACE, Race, absent) if (folder.path / RACE).is_file() else None,
        tuning=_json(folder, TUNING, Tuning, absent) if (folder.path / TUNING).is_file() else None,
        trials=read_trials(folder.path),
        absent=absent,
    )


def _json(folder: RunFolder, file: str, kind: type[T], absent: dict[str, str]) -> T | None:
    """Read a JSON file of the run, or say why not in `absent`."""
    if not (folder.path / file).is_file():
        absent[file] = f"the run folder has no {file}"
        return None
    try:
        return folder.read(file, kind)
    except StorageError:
        absent[file] = f"{file} of this run is not in the form that this version reads"
        return None


def _history(folder: RunFolder, absent: dict[str, str]) -> tuple[Row, ...]:
    """Read the history, or say why not in `absent`."""
    try:
        return read_history(folder.path / "history.jsonl")
    except (OSError, ValueError):
        absent["history.jsonl"] = "the run folder has no history.jsonl that can be read"
        return ()


def _out_of_fold(folder: RunFolder, schema: Schema | None, absent: dict[str, str]) -> OutOfFold | None:
    """Read the held-out predictions, or say why not in `absent`."""
    file = folder.path / "out_of_fold.parquet"
    if schema is None or schema.target is None or not file.is_file():
        absent["out_of_fold.parquet"] = "the run folder has no out_of_fold.parquet"
        return None
    try:
        return read_out_of_fold(file, schema.target)
    except StorageError as error:
        absent["out_of_fold.parquet"] = f"out_of_fold.parquet: {error.where}"
        return None


def _bundle(folder: RunFolder, absent: dict[str, str]) -> Bundle | None:
    """Read the model, or say why not in `absent`."""
    if not folder.model.is_dir():
        absent["model"] = "the run folder has no model/"
        return None
    try:
        return read_bundle(folder.model)
    except (BundleError, StorageError) as error:
        absent["model"] = f"the model cannot be read ({error.received})"
        return None
