"""A finished run, read from its folder: summary, history, findings, model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from justright.runs import RunFolder, open_run
from justright.schema import Finding
from justright.training.history import History, read_history
from justright.workflow.summary import Summary

if TYPE_CHECKING:
    from justright.bundle.predictor import Predictor

__all__ = ["Run", "load_run"]


class Run:
    """A finished run.

    Parameters
    ----------
    folder : RunFolder
        Where it lies.
    summary : Summary
        What it found.

    Attributes
    ----------
    path : Path
        The run folder.
    summary : Summary
        Everything that `justright train --json` prints.
    """

    def __init__(self, folder: RunFolder, summary: Summary) -> None:
        self.folder = folder
        self.summary = summary

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}: {self.summary.verdict})"

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.folder.path

    @property
    def history(self) -> History:
        """Losses of every member and pass."""
        story = self.folder.read("training.json", dict[str, Any])
        return History(read_history(self.path / "history.jsonl"), story["ended"], story["seconds"])

    @property
    def findings(self) -> list[Finding]:
        """What a user must know, the gravest first."""
        return self.summary.findings

    @property
    def model(self) -> Predictor:
        """The model, loaded from the bundle."""
        from justright.bundle.predictor import load

        return load(self.folder.model)


def load_run(path: str | Path) -> Run:
    """Read a finished run.

    Raises
    ------
    StorageError
        It is not the folder of a finished run.
    """
    folder = open_run(Path(path))
    return Run(folder, folder.read("run.json", Summary))
