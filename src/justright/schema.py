"""The frozen values that cross a boundary: columns, targets, members, blocks, findings.

Nothing here computes; a value is made in one layer and read in the layers above. Shapes are part of
the contract: see `Block`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

__all__ = [
    "BLOCK_ROWS",
    "Block",
    "Column",
    "Finding",
    "FloatArray",
    "Form",
    "IntArray",
    "Kind",
    "Member",
    "Schema",
    "Target",
    "Task",
    "Tokens",
    "Value",
]

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

Kind: TypeAlias = Literal["numeric", "categorical", "boolean", "datetime", "text", "identifier", "constant"]
Form: TypeAlias = Literal["number", "text", "boolean", "datetime"]
Task: TypeAlias = Literal["regression", "binary", "multiclass"]
Severity: TypeAlias = Literal["info", "warning", "error"]

BLOCK_ROWS: Final = 65_536
"""Most rows of a Block and of an Arrow batch that a Source yields."""


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One column of a table: what it is, why, and how its values are written.

    Parameters
    ----------
    name : str
        As in the table.
    kind : {"numeric", "categorical", "boolean", "datetime", "text", "identifier", "constant"}
        What the column is to a model. `identifier` and `constant` columns are set aside.
    form : {"number", "text", "boolean", "datetime"}
        How its values are written; with it every value has one canonical text, so that `1`, `1.0`,
        `"1"` (and `"01"` in a column of numbers) are the same category from CSV, Parquet, a data
        frame and JSON.
    reason : str
        Why the kind was chosen, in one plain clause with its numbers.
    decimal : {".", ","}
        The decimal mark of numbers that are stored as text.
    missing : tuple of str
        Texts that mean "no value" in this column, beside empty and null (for example `"?"`).
    format : str
        strptime format of dates stored as text; empty = ISO 8601 or a native type.
    zone : str
        Time zone of the dates; empty = none is stated.
    """

    name: str
    kind: Kind
    form: Form
    reason: str = ""
    decimal: str = "."
    missing: tuple[str, ...] = ()
    format: str = ""
    zone: str = ""


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The column to predict, with the task it implies.

    Parameters
    ----------
    column : Column
        The target as a column; its `form` gives each class its canonical text.
    task : {"regression", "binary", "multiclass"}
        What is to be learned.
    classes : tuple of str
        Canonical text of each class in order; for `binary` the second one is the positive class.
        Empty for regression.
    reason : str
        Why this task.
    """

    column: Column
    task: Task
    classes: tuple[str, ...] = ()
    reason: str = ""


class Schema(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All columns of a table in its order, and the roles some of them have.

    Parameters
    ----------
    columns : tuple of Column
        Every column that may feed the model, set-aside ones included; not the target, the weight or
        those the user dropped.
    target : Target or None
        None for a table without one.
    weight : Column or None
        Row weights (>= 0), None when each row counts once.
    dropped : tuple of str
        Names the user asked to leave out.
    """

    columns: tuple[Column, ...]
    target: Target | None = None
    weight: Column | None = None
    dropped: tuple[str, ...] = ()

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns that feed the model: all but identifiers and constants."""
        return tuple(c for c in self.columns if c.kind not in ("identifier", "constant"))


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of the models that are trained together, told apart by what is asked of it.

    Parameters
    ----------
    fold : int
        It trains on all rows but those of this fold and is judged on them; -1 trains on all rows.
    setting : int
        Number of its setting (penalty, rate...); members of one setting differ in fold only.
    penalty : float
        Strength lambda >= 0 of the penalty, for a loss that is the weighted *mean* over rows.
    mix : float
        Share of L1 in the penalty, 0 = ridge, 1 = lasso.
    rate : float
        Learning rate of a gradient method; 0 where the method needs none.
    repeat : int
        Which repetition of the folds (column of `Block.fold`).
    forward : bool
        Folds are periods in time: it trains on the periods before its own only.
    """

    fold: int = -1
    setting: int = 0
    penalty: float = 0.0
    mix: float = 0.0
    rate: float = 0.0
    repeat: int = 0
    forward: bool = False


@dataclass(frozen=True, slots=True)
class Tokens:
    """Hashed n-grams of the text columns of a block, in compressed rows.

    Parameters
    ----------
    indptr : int64 (rows + 1,)
        Row `i` holds entries `indptr[i]:indptr[i + 1]`.
    indices : int32 (entries,)
        Slot of each entry, in `0..width - 1`, counted over all text columns.
    values : float32 (entries,)
        Weight of each entry; each row of each column has length 1.
    width : int
        Number of slots.
    """

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]
    width: int


@dataclass(frozen=True, slots=True)
class Block:
    """At most `BLOCK_ROWS` encoded rows, in memory or memory-mapped; a table is a sequence of them.

    Parameters
    ----------
    numeric : float32 (rows, p)
        Centred and scaled in float64, then cast; never clipped; NaN = missing.
    codes : int32 (rows, q)
        0 = never seen or rare (trained on the pooled rare rows), 1 = missing, 2.. = categories.
    target : int32 (rows,) class numbers, or float32 (rows, k) values; empty (0,) where unknown
    weight : float32 (rows,)
        Weight of each row, >= 0.
    fold : int8 (rows, repeats)
        Validation fold of each row; -2 = the row belongs to no fold.
    tokens : Tokens or None
        Text columns, None where there are none.
    key : uint64 (rows,)
        Fingerprint of the row's content: the order and the samples of rows are functions of it.
    """

    numeric: npt.NDArray[np.float32]
    codes: npt.NDArray[np.int32]
    target: npt.NDArray[Any]
    weight: npt.NDArray[np.float32]
    fold: npt.NDArray[np.int8]
    tokens: Tokens | None
    key: npt.NDArray[np.uint64]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.weight.shape[0])

    def slice(self, begin: int, end: int) -> Block:
        """Return rows begin..end, without copying."""
        tokens = self.tokens
        if tokens is not None:
            low, high = tokens.indptr[begin], tokens.indptr[end]
            indptr = tokens.indptr[begin : end + 1] - low
            tokens = Tokens(indptr, tokens.indices[low:high], tokens.values[low:high], tokens.width)
        return self._with(tokens, slice(begin, end))

    def take(self, chosen: npt.NDArray[np.int64]) -> Block:
        """Return some rows by number, copied."""
        tokens = self.tokens
        if tokens is not None:
            sizes = np.diff(tokens.indptr)[chosen]
            indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
            place = np.arange(indptr[-1]) + np.repeat(tokens.indptr[:-1][chosen] - indptr[:-1], sizes)
            tokens = Tokens(indptr, tokens.indices[place], tokens.values[place], tokens.width)
        return self._with(tokens, chosen)

    def _with(self, tokens: Tokens | None, rows: Any) -> Block:
        """Return the chosen rows of every array, with tokens cut already."""
        return Block(
            self.numeric[rows],
            self.codes[rows],
            self.target[rows],
            self.weight[rows],
            self.fold[rows],
            tokens,
            self.key[rows],
        )


class Value(msgspec.Struct, frozen=True):
    """A figure with its 95 % interval, which is for new rows of the same law.

    Parameters
    ----------
    value, low, high : float
        The estimate and the ends of its interval.
    """

    value: float
    low: float
    high: float


class Finding(msgspec.Struct, frozen=True):
    """Something a user must know, with the numbers behind it and the next move.

    Parameters
    ----------
    id : str
        Stable code in kebab case, documented in `docs/findings.md`.
    severity : {"info", "warning", "error"}
        How much it matters.
    sentence : str
        One plain sentence.
    evidence : dict
        The numbers, JSON values only.
    next : str
        What to do: a command or a change of the recipe; empty when nothing need be done.
    """

    id: str
    severity: Severity
    sentence: str
    evidence: dict[str, Any] = {}
    next: str = ""
