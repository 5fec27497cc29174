"""The card of a model: one page of Markdown that opens with what a customer must hear.

Sentences and numbers come in ready; this file only lays them out and says when not to use the model.
Names and values of the table are escaped: a column called `<script>` stays a name in every renderer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from justright.schema import Task, Value
from justright.values import figure, figures_in, interval

__all__ = ["CardFacts", "ColumnFact", "SliceFact", "write_card"]

_FEW_ROWS: Final = 200
_FEW_OF_CLASS: Final = 50
_MUCH_MISSING: Final = 0.2
_MOST_COLUMNS: Final = 200
_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>|#~&])")


class ColumnFact(msgspec.Struct, frozen=True):
    """A column as the model learned it.

    Parameters
    ----------
    name, kind, reason : str
        As in the schema.
    low, high : float or None
        Smallest and largest training value of a number; None for other columns.
    missing : float
        Share of the training rows without a value, 0..1.
    """

    name: str
    kind: str
    reason: str = ""
    low: float | None = None
    high: float | None = None
    missing: float = 0.0


class SliceFact(msgspec.Struct, frozen=True):
    """A part of the rows on which the model does badly.

    Parameters
    ----------
    name : str
        For example `colour = red`.
    rows : int
        Rows it was judged on.
    metric : str
        Name of the figure.
    value : Value
        The figure on these rows, with its interval.
    """

    name: str
    rows: int
    metric: str
    value: Value


class CardFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a card tells; every text is a whole sentence unless said otherwise.

    Parameters
    ----------
    target : str
        Name of the column that is predicted.
    task : {"regression", "binary", "multiclass"}
        The task.
    family : str
        Family of the model, one word.
    customer : tuple of str
        What a customer must hear, the most important first.
    metrics : dict of str to Value
        Figures with their 95 % intervals for new rows, the headline first.
    baselines : dict of str to dict of str to float
        Figures of the baselines, by baseline and metric.
    slices : tuple of SliceFact
        The worst parts, the worst first.
    rows : int
        Training rows.
    class_rows : dict of str to int
        Training rows of each class; empty for regression.
    columns : tuple of ColumnFact
        The columns that feed the model.
    set_aside : tuple of ColumnFact
        Those that do not, with the reason.
    threshold : float or None
        Stored decision threshold (binary).
    threshold_note : str
        Why this threshold.
    training : tuple of str
        How it was trained and judged: split, folds, penalty, what was exported.
    moved_by : tuple of str
        What moves the prediction: the strongest columns and crosses.
    findings : tuple of str
        What the training found and did not repair.
    source : str
        Where the rows came from, one clause.
    """

    target: str
    task: Task
    family: str
    customer: tuple[str, ...] = ()
    metrics: dict[str, Value] = {}
    baselines: dict[str, dict[str, float]] = {}
    slices: tuple[SliceFact, ...] = ()
    rows: int = 0
    class_rows: dict[str, int] = {}
    columns: tuple[ColumnFact, ...] = ()
    set_aside: tuple[ColumnFact, ...] = ()
    threshold: float | None = None
    threshold_note: str = ""
    training: tuple[str, ...] = ()
    moved_by: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    source: str = ""


def write_card(facts: CardFacts) -> str:
    """Return the card as Markdown; equal facts give equal text, no date enters.

    Parameters
    ----------
    facts : CardFacts
        What is known; a section without facts is left out.

    Examples
    --------
    >>> card = write_card(CardFacts(target="price", task="regression", family="linear", rows=90,
    ...                             customer=("Half of the predictions are within 12.",)))
    >>> card.splitlines()[:3]
    ['# Model of price', '', 'Half of the predictions are within 12.']
    """
    sections = [
        [f"# Model of {_safe(facts.target)}"],
        [_safe(figures_in(sentence, facts.rows or None)) for sentence in facts.customer],
        [_what_it_is(facts)],
        _section("How good it is", _metrics(facts)),
        _section("Where it is worst", _slices(facts.slices)),
        _section("When not to use it", _bullets(_warnings(facts))),
        _section("Decision threshold", _threshold(facts)),
        _section("What moves the prediction", _bullets(facts.moved_by)),
        _section("How it was trained", _bullets(facts.training)),
        _section("What the training found", _bullets(facts.findings)),
        _section("Columns it needs", _columns(facts.columns)),
        _section("Columns set aside", _bullets(f"{c.name}: {c.reason}" for c in facts.set_aside)),
    ]
    return "\n\n".join(part for section in sections for part in section if part) + "\n"


def _section(title: str, body: Sequence[str]) -> list[str]:
    """Return a titled section, or nothing where there is no body."""
    return [f"## {title}", *body] if any(body) else []


def _what_it_is(facts: CardFacts) -> str:
    """One sentence: family, task, rows, source."""
    source = f" from {_safe(facts.source)}" if facts.source else ""
    rows = f" trained on {facts.rows:,} rows{source}" if facts.rows else source
    classes = f" into {len(facts.class_rows)} classes" if facts.class_rows else ""
    return f"A {_safe(facts.family)} model, {facts.task}{classes},{rows}.".replace(",.", ".")


def _metrics(facts: CardFacts) -> list[str]:
    """A table of the figures with intervals beside those of the baselines."""
    if not facts.metrics:
        return []
    names = list(facts.baselines)
    head = ["figure", "model", "95 % interval", *(_safe(name) for name in names)]
    rows = [
        [
            _safe(metric),
            figure(value.value),
            interval(value, facts.rows or None),
            *(figure(facts.baselines[name].get(metric)) for name in names),
        ]
        for metric, value in facts.metrics.items()
    ]
    return ["The interval is for new rows of the same kind as the training rows.", _table(head, rows)]


def _slices(slices: Sequence[SliceFact]) -> list[str]:
    """A table of the worst parts."""
    rows = [
        [
            _sentence(part.name),
            f"{part.rows:,}",
            f"{_safe(part.metric)} {figure(part.value.value)}",
            interval(part.value, part.rows),
        ]
        for part in slices
    ]
    return [_table(["rows where", "number", "figure", "interval"], rows)] if rows else []


def _warnings(facts: CardFacts) -> list[str]:
    """Sentences that say when the model must not be believed."""
    found = []
    if 0 < facts.rows < _FEW_ROWS:
        found.append(f"It has seen {facts.rows} rows only: judge it on more before you rely on it.")
    for name, count in facts.class_rows.items():
        if count < _FEW_OF_CLASS:
            found.append(
                f"Class {name} had {count} training rows: its predictions are little more than guesses."
            )
    if any(column.low is not None for column in facts.columns):
        found.append("For rows with numbers outside the training range (table below): it extrapolates there.")
    missing = [column for column in facts.columns if column.missing > _MUCH_MISSING]
    worst = sorted(missing, key=lambda c: -c.missing)[:10]
    found += [f"{c.name} was missing in {c.missing:.0%} of the training rows." for c in worst]
    never = [column.name for column in facts.columns if column.missing == 0]
    if never and len(never) < len(facts.columns):
        found.append(
            "Columns that were never missing in training must be filled: the model has no rule for a gap."
        )
    if found or facts.columns:
        found.append(
            "For rows from another time, place or process than the training rows, until it is judged there."
        )
    return found


def _threshold(facts: CardFacts) -> list[str]:
    """The threshold and its reason."""
    if facts.task != "binary" or facts.threshold is None:
        return []
    note = f": {_sentence(facts.threshold_note)}" if facts.threshold_note else ""
    return [f"A row is called positive from a probability of {figure(facts.threshold)}{note}."]


def _columns(columns: Sequence[ColumnFact]) -> list[str]:
    """A table of the columns with their training range."""
    rows = [
        [
            _safe(column.name),
            column.kind,
            ""
            if column.low is None
            else f"{figure(column.low, whole=True)} to {figure(column.high, whole=True)}",
            f"{column.missing:.1%}",
            _sentence(column.reason),
        ]
        for column in columns[:_MOST_COLUMNS]
    ]
    more = len(columns) - _MOST_COLUMNS
    table = [_table(["column", "kind", "training range", "missing", "why this kind"], rows)] if rows else []
    return [*table, f"and {more} more."] if more > 0 else table


def _bullets(sentences: Iterable[str]) -> list[str]:
    """A list of sentences."""
    return ["\n".join(f"- {_sentence(sentence)}" for sentence in sentences)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table of safe cells."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _sentence(text: str) -> str:
    """Safe text with its figures as people read them."""
    return _safe(figures_in(text))


def _safe(text: str) -> str:
    """Text on one line without the characters that Markdown or HTML would act on."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split())).replace("\\<", "&lt;").replace("\\&", "&amp;")
