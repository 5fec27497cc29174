"""History: one row a pass, curve point and member; plain data, appended to `history.jsonl`.

The file is append-only; a partial last line (a killed run) is dropped on reading.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from justright.models.base import Progress
from justright.schema import Member

__all__ = ["History", "Row", "history_bytes", "read_history", "rows_of_pass"]


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """Losses of one member at one point of the training.

    Parameters
    ----------
    number : int
        Pass over the rows, from 1.
    member, setting, fold : int
        Which member; fold -1 trains on all rows.
    penalty : float
        Its penalty.
    rate : float
        Its learning rate at the end of the pass, 0 for exact solvers.
    share : float
        Share of the rows used: exact solvers grow it by doubling.
    steps : int
        Updates made since the start (iterations).
    train : float or None
        Mean training loss without penalty; None where it is not finite.
    validation : float or None
        Mean loss on its own validation rows; None for fold -1.
    norms : dict
        Lengths of gradient and step, where the family gives them.
    done : bool
        Converged or stopped at this pass.
    """

    number: int
    member: int
    setting: int
    fold: int
    penalty: float
    rate: float = 0.0
    share: float = 1.0
    steps: int = 0
    train: float | None = None
    validation: float | None = None
    norms: dict[str, float] = {}
    done: bool = False


class History(msgspec.Struct, frozen=True):
    """All rows of a training, in order, and why it ended.

    Parameters
    ----------
    rows : tuple of Row
        In order of passes.
    ended : str
        The rule that ended the training, in words.
    seconds : float
        Wall time of the passes.
    """

    rows: tuple[Row, ...]
    ended: str = ""
    seconds: float = 0.0

    @property
    def passes(self) -> int:
        """Number of passes over the rows."""
        return self.rows[-1].number if self.rows else 0


def rows_of_pass(
    number: int, steps: int, progress: Progress, members: Sequence[Member], rates: Sequence[float]
) -> list[Row]:
    """Turn the progress of one pass into rows."""
    made = []
    for curve in progress.curves:
        last = curve is progress.curves[-1]
        for place, member in enumerate(members):
            norms = {name: _finite(values[place]) for name, values in progress.norms.items()} if last else {}
            made.append(
                Row(
                    number,
                    place,
                    member.setting,
                    member.fold,
                    member.penalty,
                    rates[place],
                    curve.share,
                    steps,
                    _finite(curve.train[place]),
                    _finite(curve.validation[place]),
                    {name: value for name, value in norms.items() if value is not None},
                    bool(progress.done[place]) and last,
                )
            )
    return made


def history_bytes(rows: Iterable[Row]) -> bytes:
    """Return the content of a history file: one JSON object a line."""
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def read_history(path: Path) -> tuple[Row, ...]:
    """Read a history file; a damaged last line is dropped."""
    decode = msgspec.json.Decoder(Row).decode
    lines = path.read_bytes().split(b"\n")
    return tuple(decode(line) for line in lines[:-1] if line)


def _finite(value: float) -> float | None:
    """Return a float that JSON can hold, or None."""
    value = float(value)
    return value if math.isfinite(value) else None
