"""Every way justright can say no, and the one table that maps it to exit and HTTP codes.

    JustrightError
    +-- TableError(ValueError)         a table cannot be read, or is not one
    +-- ColumnError(ValueError)        a column is missing, doubled, or not what is needed
    +-- RowError(ValueError)           a row to score cannot be understood
    +-- RecipeError(ValueError)        a choice that is not allowed, or two that contradict
    +-- BundleError(ValueError)        a model folder is damaged, unsafe or of another format
    +-- TrainingError(RuntimeError)    a training cannot start or cannot end in a model
    +-- StorageError(OSError)          a file cannot be written or read: rights, full disk, lock
    +-- MissingExtraError(ImportError) an optional library is not installed

Each is ours *and* the builtin that callers expect. A message has four parts: what was received, what
is allowed, where, and what to do next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

__all__ = [
    "BundleError",
    "ColumnError",
    "JustrightError",
    "JustrightWarning",
    "MissingExtraError",
    "RecipeError",
    "RowError",
    "StorageError",
    "TableError",
    "TrainingError",
    "closest",
    "exit_code",
    "http_code",
]


class JustrightError(Exception):
    """The root of all errors of justright.

    Parameters
    ----------
    received : str
        What came in, as `name=value` where it has a name.
    allowed : str
        What would have been accepted.
    where : str
        File, row, column or parameter; empty when the message already says it.
    next_step : str
        A command, or a parameter to change.

    Examples
    --------
    >>> print(ColumnError("target='prise'", allowed="one of: price, size", next_step="--target price"))
    received target='prise'; allowed: one of: price, size. Next: --target price
    """

    def __init__(self, received: str, *, allowed: str = "", where: str = "", next_step: str = "") -> None:
        self.received = received
        self.allowed = allowed
        self.where = where
        self.next_step = next_step
        super().__init__(received)

    def __str__(self) -> str:
        text = f"received {self.received}"
        if self.where:
            text += f" (in {self.where})"
        if self.allowed:
            text += f"; allowed: {self.allowed}"
        text = text.rstrip(".") + "."
        if self.next_step:
            text += f" Next: {self.next_step}"
        return text if not self.next_step or text.endswith("...") else text.rstrip(".")


class TableError(JustrightError, ValueError):
    """A table cannot be read, or is not a table."""


class ColumnError(JustrightError, ValueError):
    """A column is missing, doubled, or not of the kind that is needed."""


class RowError(JustrightError, ValueError):
    """A row to score cannot be understood; `where` names the row and the column."""


class RecipeError(JustrightError, ValueError):
    """A choice that is not allowed, or two choices that contradict each other."""


class BundleError(JustrightError, ValueError):
    """A model folder is damaged, unsafe, or written in a format this version does not read."""


class TrainingError(JustrightError, RuntimeError):
    """A training cannot start on these rows, or cannot end in a model."""


class StorageError(JustrightError, OSError):
    """A file or folder cannot be read or written: rights, full disk, lock, path."""


class MissingExtraError(JustrightError, ImportError):
    """A library of an optional extra is not installed."""


class JustrightWarning(UserWarning):
    """Something that was asked for was skipped or altered; the text says what and why."""


# One table. Order matters: the first class that matches decides. 3 is kept for alarms of `monitor`.
_CODES: Final[tuple[tuple[type[BaseException], int, int], ...]] = (
    (RecipeError, 2, 400),
    (TableError, 4, 400),
    (ColumnError, 4, 400),
    (RowError, 4, 400),
    (BundleError, 5, 500),
    (TrainingError, 6, 500),
    (StorageError, 7, 507),
    (MissingExtraError, 8, 501),
    (KeyboardInterrupt, 130, 503),
)


def exit_code(error: BaseException) -> int:
    """Return the exit code of the command line for `error`; 1 for anything that is not ours.

    Examples
    --------
    >>> exit_code(RecipeError("family='lin'"))
    2
    """
    return next((code for kind, code, _ in _CODES if isinstance(error, kind)), 1)


def http_code(error: BaseException) -> int:
    """Return the HTTP status of the server for `error`; 500 for anything that is not ours.

    Examples
    --------
    >>> http_code(RowError("age='old'"))
    400
    """
    return next((code for kind, _, code in _CODES if isinstance(error, kind)), 500)


def closest(name: str, names: Iterable[str], limit: int = 8) -> str:
    """Return the allowed names as a sentence, the likeliest first: for the `allowed` part of a message.

    Parameters
    ----------
    name : str
        What was received.
    names : iterable of str
        What exists.
    limit : int, default 8
        At most so many are listed; the rest is counted.

    Examples
    --------
    >>> closest("prise", ["size", "price"])
    'one of: price, size'
    """
    every = list(dict.fromkeys(names))
    near = difflib.get_close_matches(name, every, n=3, cutoff=0.5)
    order = near + [other for other in every if other not in near]
    more = f" and {len(order) - limit} more" if len(order) > limit else ""
    return f"one of: {', '.join(order[:limit])}{more}"
