"""One answered request as a record of the journal: which of its rows are kept, and what of them.

A record is encoded once, by msgpack, column by column. What a client may send and msgpack cannot hold (a
number of 30 digits, half a surrogate pair) is written as text.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from justright.prediction_log.options import LogOptions
from justright.schema import Column, FloatArray
from justright.values.scalar import canonical_text

__all__ = ["Answered", "Asked", "Entry", "encode", "entry_of", "row_ids"]

_WIDEST: Final = 2_000  # columns of a request; a client may send as many keys as it likes
_TEXT: Final = Column("", "categorical", "text")


class Asked(Protocol):
    """What the log needs of a question: see `justright.serve.exchange.Question`."""

    @property
    def size(self) -> int:
        """Number of rows."""
        ...

    @property
    def rows(self) -> Sequence[Mapping[str, Any]] | None:
        """One mapping a row, or None."""
        ...

    @property
    def columns(self) -> Mapping[str, Sequence[Any]] | None:
        """One sequence a column, or None."""
        ...

    @property
    def id(self) -> str:
        """The request's own id."""
        ...


class Answered(Protocol):
    """What the log needs of answers: see `justright.serve.exchange.Answers`."""

    @property
    def name(self) -> str:
        """Name of the model."""
        ...

    @property
    def version(self) -> str:
        """Its version."""
        ...

    @property
    def model_id(self) -> str:
        """sha256 of its manifest."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Its classes."""
        ...

    @property
    def prediction(self) -> FloatArray | None:
        """Of a regression, (rows,)."""
        ...

    @property
    def probabilities(self) -> FloatArray | None:
        """Of classes, (rows, classes)."""
        ...

    @property
    def labels(self) -> list[Any] | None:
        """The chosen class of each row."""
        ...


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The logged rows of one request.

    Parameters
    ----------
    time : float
        Seconds since 1970 in UTC.
    ids : tuple of str
        Id of each row; see `row_ids`.
    version, model_id : str
        What answered.
    classes : tuple of str
        Classes of the model.
    names : tuple of str
        Input columns.
    values : tuple of list
        Their values, a list of `len(ids)` each.
    prediction : bytes
        float64 of each row; empty for classes.
    probabilities : bytes
        float64 (rows, classes); empty for a regression.
    labels : list
        The chosen class of each row; empty for a regression.
    hashed, left_out : tuple of str
        Input columns of which hashes are in `values`, and those that the model needs and the log left out.
    """

    time: float
    ids: tuple[str, ...]
    version: str
    model_id: str
    classes: tuple[str, ...]
    names: tuple[str, ...]
    values: tuple[list[Any], ...]
    prediction: bytes = b""
    probabilities: bytes = b""
    labels: list[Any] = []
    hashed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def row_ids(request: str, size: int) -> list[str]:
    """Return the id of each row of a request: by it a label finds its row.

    Examples
    --------
    >>> row_ids("a7", 1), row_ids("a7", 3)
    (['a7'], ['a7/0', 'a7/1', 'a7/2'])
    """
    return [request] if size == 1 else [f"{request}/{row}" for row in range(size)]


def entry_of(
    question: Asked,
    answers: Answered,
    when: float,
    options: LogOptions,
    columns: Sequence[str] | None = None,
) -> Entry | None:
    """Return what is logged of one request, None where no row of it is in the sample.

    Parameters
    ----------
    question, answers : Asked, Answered
        As the server has them.
    when : float
        Seconds since 1970 in UTC.
    options : LogOptions
        Share, columns left out, columns hashed.
    columns : sequence of str, optional
        The columns that the model needs; others are not logged, and what was not sent is missing. None =
        all that the request holds, at most 2,000.
    """
    ids = row_ids(question.id, question.size)
    kept = range(question.size) if options.share >= 1 else _sampled(ids, options.share)
    if not kept:
        return None
    names, values = _inputs(question, kept, options, columns)
    every = len(kept) == question.size
    return Entry(
        time=float(when),
        ids=tuple(ids) if every else tuple(ids[row] for row in kept),
        version=str(answers.version),
        model_id=answers.model_id,
        classes=tuple(answers.classes),
        names=names,
        values=values,
        prediction=_bytes(answers.prediction, kept, every),
        probabilities=_bytes(answers.probabilities, kept, every),
        labels=[] if answers.labels is None else [answers.labels[row] for row in kept],
        hashed=tuple(name for name in options.hashed if name in names),
        left_out=tuple(name for name in options.leave_out if name in (columns or ())),
    )


def encode(entry: Entry) -> bytes:
    """Return the record of an entry; values that msgpack cannot hold become texts."""
    try:
        return _ENCODER.encode(entry)
    except (OverflowError, UnicodeEncodeError, TypeError, ValueError):
        plain = [[_plain(value) for value in column] for column in entry.values]
        return _ENCODER.encode(
            msgspec.structs.replace(
                entry,
                ids=tuple(_text(each) for each in entry.ids),
                names=tuple(_text(each) for each in entry.names),
                values=tuple(plain),
                labels=[_plain(each) for each in entry.labels],
            )
        )


def _sampled(ids: Sequence[str], share: float) -> list[int]:
    """Return the rows whose id falls into the share."""
    limit = int(share * 2.0**64)
    return [row for row, text in enumerate(ids) if _fraction(text) < limit]


def _fraction(text: str) -> int:
    """Return a number of 64 bits that only depends on a text."""
    data = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8, person=b"log sample").digest(), "little")


def _inputs(
    question: Asked, kept: Sequence[int], options: LogOptions, columns: Sequence[str] | None
) -> tuple[tuple[str, ...], tuple[list[Any], ...]]:
    """Return names and values of the input columns that are logged; what was not sent is missing."""
    given = question.columns
    rows = [] if question.rows is None else [question.rows[row] for row in kept]
    if columns is None:
        columns = list(given) if given is not None else list(dict.fromkeys(itertools.chain(*rows)))[:_WIDEST]
    names = [name for name in columns if name not in options.leave_out] if options.leave_out else columns
    if given is not None:
        nothing = [None] * question.size
        values = [_taken(given.get(name, nothing), kept, question.size) for name in names[:_WIDEST]]
    elif len(rows) == 1:
        get = rows[0].get
        values = [[get(name)] for name in names]
    else:
        values = [[row.get(name) for row in rows] for name in names]
    for place, name in enumerate(names) if options.hashed else ():
        if name in options.hashed:
            values[place] = _hashed(values[place], options.key)
    return tuple(map(str, names[: len(values)])), tuple(values)


def _taken(values: Sequence[Any] | npt.NDArray[Any], kept: Sequence[int], size: int) -> list[Any]:
    """Return the kept rows of a column as Python values."""
    if isinstance(values, np.ndarray):
        return list(values[np.asarray(kept)].tolist())
    return list(values) if len(kept) == size else [values[row] for row in kept]


def _hashed(values: list[Any], key: bytes) -> list[Any]:
    """Return the keyed hash of the text of each value; what is missing, an empty text too, stays so."""
    texts = (canonical_text(value, _TEXT) for value in values)
    return [None if text is None else _digest(text, key) for text in texts]


def _digest(text: str, key: bytes) -> str:
    """Return 16 hexadecimal digits that tell equal texts from others, and nothing else."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=key, digest_size=8).hexdigest()


def _bytes(values: FloatArray | None, kept: Sequence[int], every: bool) -> bytes:
    """Return the kept rows of an array as bytes of float64."""
    if values is None:
        return b""
    found = np.asarray(values, "<f8")
    return (found if every else found[np.asarray(kept)]).tobytes()


def _plain(value: Any) -> Any:
    """Return a value that msgpack can hold."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return value
    return _text(value)


def _text(value: Any) -> str:
    """Return the text of a value, with a question mark for what UTF-8 cannot hold."""
    text = value if isinstance(value, str) else str(value)[:10_000]
    return text.encode("utf-8", "replace").decode("utf-8")


def _other(value: Any) -> Any:
    """Return numpy's numbers as Python's, anything else as text."""
    return value.item() if isinstance(value, np.generic) else _text(value)


_ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=_other)
