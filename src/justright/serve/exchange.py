"""What passes between a wire format, the models and those who watch them, without a word of HTTP.

    bytes -> dialect.read -> Question -> data plane -> Answers -> dialect.write -> bytes

A dialect knows bytes and these values; the data plane knows models and these values; a recorder and a
watch are told of both. numpy and msgspec only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import msgspec

from justright.errors import TableError
from justright.schema import Block, FloatArray, Form, Kind, Task

__all__ = [
    "Answers",
    "Asked",
    "Contributions",
    "Described",
    "Question",
    "Recorder",
    "TooManyRowsError",
    "Watch",
]


class TooManyRowsError(TableError):
    """More rows or values than one request may hold."""


class Question(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What a request asks: columns of plain Python values.

    Parameters
    ----------
    size : int
        Number of rows, at least 1.
    rows : sequence of mappings, optional
        For those who ask in process with rows at hand, one mapping of column names to values each; the
        dialects never give it, whatever the form of the request.
    columns : mapping of str to sequence, optional
        As every dialect gives it: all the columns of the model in its order and no other, `size` values
        each. A cell is None, bool, int, float or text; from Parquet also a date, Decimal or bytes. It
        is not checked against the kind of its column yet.
    explain : bool, default False
        Contributions are wanted.
    level : float, default 0
        Level of the prediction intervals that are wanted, 0.8, 0.9 or 0.95; 0 = none.
    id : str, default ""
        The request's own id; empty where it brought none.
    note : optional
        What the dialect that read it needs to write the answer; nobody else looks at it.

    Examples
    --------
    >>> Question(size=2, columns={"age": (31, None)}).explain
    False
    """

    size: int
    rows: Sequence[Mapping[str, Any]] | None = None
    columns: Mapping[str, Sequence[Any]] | None = None
    explain: bool = False
    level: float = 0.0
    id: str = ""
    note: Any = None


class Contributions(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What each term adds to the margin of each row.

    Parameters
    ----------
    names : tuple of str
        `intercept`, then `adds_<term>`; with several classes each of them once for every class.
    values : float64 (rows, names)
        On the scale of the link: they sum to the margin (of each class).
    """

    names: tuple[str, ...]
    values: FloatArray


class Answers(msgspec.Struct, frozen=True, eq=False, gc=False):
    """What a model answers to one question, row by row in its order.

    Parameters
    ----------
    name : str
        Name of the model.
    version : str
        Its version, a text also where it is a number.
    model_id : str
        sha256 of the manifest of the bundle that answered.
    task : {"regression", "binary", "multiclass"}
    classes : tuple of str
        Canonical text of each class; empty for regression.
    prediction : float64 (rows,), optional
        Of a regression; None for classes.
    probabilities : float64 (rows, classes), optional
        None for a regression.
    labels : list, optional
        The chosen class of each row as the target writes it: text, int, float or bool. None for a
        regression.
    intervals : float64 (rows, 2), optional
        Lower and upper end where they were asked for.
    contributions : Contributions, optional
        Where they were asked for.
    """

    name: str
    version: str
    model_id: str
    task: Task
    classes: tuple[str, ...] = ()
    prediction: FloatArray | None = None
    probabilities: FloatArray | None = None
    labels: list[Any] | None = None
    intervals: FloatArray | None = None
    contributions: Contributions | None = None


class Asked(msgspec.Struct, frozen=True):
    """One column that a model asks for.

    Parameters
    ----------
    name : str
        As in the table of the training.
    kind, form : str
        As in `justright.schema.Column`.
    optional : bool
        It was missing in some training row: a row may leave its key out.
    """

    name: str
    kind: Kind
    form: Form
    optional: bool = False


@dataclass(frozen=True, eq=False)
class Described:
    """What a client must know of a model, and a dialect to read a request.

    Make one for each loaded version and keep it: dialects keep a decoder as long as it lives.

    Parameters
    ----------
    name : str
        Name in the routes.
    version : str
        The version that answers.
    model_id : str
        sha256 of its manifest.
    task : {"regression", "binary", "multiclass"}
    columns : tuple of Asked
        The columns it needs in order; others are ignored.
    classes : tuple of str
        Canonical text of each class; empty for regression.
    labels : tuple
        The same classes as the target writes them: text, int, float or bool.
    threshold : float, optional
        Probability of the second class from which on it is chosen; None unless binary.
    versions : tuple of str
        All versions that are loaded, the newest last.
    aliases : mapping of str to str
        Name of an alias to its version.
    levels : tuple of float
        Levels of the prediction intervals that it can give; empty = none.
    explains : bool
        It can give contributions.

    Examples
    --------
    >>> asked = (Asked("age", "numeric", "number"), Asked("shop", "categorical", "text", True))
    >>> Described("churn", "3", "ab12", "regression", asked).names
    ('age', 'shop')
    """

    name: str
    version: str
    model_id: str
    task: Task
    columns: tuple[Asked, ...]
    classes: tuple[str, ...] = ()
    labels: tuple[Any, ...] = ()
    threshold: float | None = None
    versions: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    levels: tuple[float, ...] = ()
    explains: bool = False

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns in order."""
        return tuple(column.name for column in self.columns)


class Recorder(Protocol):
    """Keeps what was asked and answered, for example in a log on disk."""

    def record(self, question: Question, answers: Answers, when: float) -> None:
        """Take one question and its answers, once they are sent; must neither wait nor raise.

        Parameters
        ----------
        question : Question
            Its `id` is the request's own or, where it brought none, the one that the server gave.
        answers : Answers
            As many rows as the question.
        when : float
            Seconds since 1970 in UTC.
        """
        ...


class Watch(Protocol):
    """Counts what a model sees and says, for the monitor."""

    def add(self, block: Block, margins: FloatArray) -> None:
        """Take one encoded batch and its margins, float64 (rows, outputs)."""
        ...
