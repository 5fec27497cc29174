"""What a registry keeps beside each model: where it comes from, what made it, and who moved which alias."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["Entry", "Record", "Step", "Table"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A version of a model, found.

    Parameters
    ----------
    name : str
        The model.
    version : int
        1 and up.
    path : Path
        Folder of its bundle, which is never changed.
    model_id : str
        sha256 of the manifest.
    aliases : tuple of str
        Those that point to this version now.
    """

    name: str
    version: int
    path: Path
    model_id: str
    aliases: tuple[str, ...] = ()


class Table(msgspec.Struct, frozen=True):
    """A table that trained a model, so that a later training finds the same rows again.

    Parameters
    ----------
    path : str
        Absolute path, folder or pattern.
    sql : str
        The query over it; empty = all rows.
    bytes : int
        Size of its files.
    sha256 : str
        Of its files in order; empty where it was not there to be read.
    note : str
        Why its rows cannot be relied upon; empty where they can.
    """

    path: str
    sql: str = ""
    bytes: int = 0
    sha256: str = ""
    note: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """`record.json` of a version. Keys are added in later versions, never changed.

    Parameters
    ----------
    format : int
        Number of this form.
    name, version, model_id
        As in `Entry`.
    when, who : str
        Time of registration (ISO 8601, UTC) and the user.
    run : str
        Absolute path of the run; empty where a model alone was registered.
    task, target, family : str
        What it predicts, of which column, by which family.
    metric : str
        Headline metric; empty where a model alone was registered.
    validation : dict
        Its value on held-out rows with its interval.
    rows : dict
        Rows that trained, and rows kept for the test.
    recipe : dict
        Every choice of the run; empty where a model alone was registered.
    split : dict
        The audit of the run's split: parts, folds, their rows.
    tables : tuple of Table
        The tables that trained it, in order.
    """

    format: int = 1
    name: str
    version: int
    model_id: str
    when: str
    who: str
    run: str = ""
    task: str = ""
    target: str = ""
    family: str = ""
    metric: str = ""
    validation: dict[str, Any] = {}
    rows: dict[str, Any] = {}
    recipe: dict[str, Any] = {}
    split: dict[str, Any] = {}
    tables: tuple[Table, ...] = ()


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of `history.jsonl`.

    Parameters
    ----------
    what : {"register", "move", "rollback", "note"}
        What was done. A note changes nothing: a challenger that was judged and not promoted.
    when, who : str
        Time (ISO 8601, UTC) and user.
    version : int
        The version it is about; of a move, where the alias points from now on (`to` in the file).
    alias : str
        The alias that was moved.
    before : int
        Where it pointed before, 0 = nowhere (`from` in the file).
    why : str
        The reason.
    """

    what: str
    when: str
    who: str
    version: int = msgspec.field(name="to")
    alias: str = ""
    before: int = msgspec.field(name="from", default=0)
    why: str = ""
