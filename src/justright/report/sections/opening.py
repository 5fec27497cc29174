"""What a customer must hear: how often the model will be wrong, or how far off; then the verdict."""

from __future__ import annotations

from collections.abc import Mapping

from justright.report.facts import Facts
from justright.report.marks import thousand_squares
from justright.report.parts import Figure, Headline, Key, Section, Table
from justright.report.wording import count, number, sentence, short
from justright.schema import Value

__all__ = ["opening"]


def opening(facts: Facts) -> Section:
    """Return the section that opens the page."""
    title = "What a customer must hear"
    found = facts.evaluation
    if found is None:
        return Section("customer", title, absent=facts.why_not("evaluation.json"))
    figures = found.customer.figures
    named = {name: label for name, label in _labels(facts).items() if name in figures}
    rows = tuple(
        (label, number(figures[name].value), number(figures[name].low), number(figures[name].high))
        for name, (label, _) in named.items()
    )
    table = Table("The same numbers with their 95 % intervals", ("figure", "about", "from", "to"), rows)
    return Section(
        "customer",
        title,
        lede=tuple(sentence(text) for text in found.customer.sentences),
        headlines=tuple(_headline(label, tone, figures[name]) for name, (label, tone) in named.items()),
        figures=_pictures(figures, table),
        folded=() if _counts(figures) else (table,),
    )


def _labels(facts: Facts) -> dict[str, tuple[str, str]]:
    """Names for people and colours of the figures, in the order of the page."""
    return {
        "wrongly_flagged": ("wrongly flagged, of 1,000 new rows", "warm"),
        "missed": ("missed, of 1,000 new rows", "bad"),
        "wrong": ("given a wrong class, of 1,000 new rows", "bad"),
        "cost": ("cost of the mistakes in 1,000 new rows", ""),
        "typical_error": ("typical error: half of the predictions are nearer", "accent"),
        "bad_error_90": ("bad error: one prediction in ten is further off", "warm"),
        "bad_error_95": ("worse still: one in twenty is further off", "bad"),
    }


def _headline(label: str, tone: str, value: Value) -> Headline:
    """A big number."""
    ends = f"{_told(value.low, label)} to {_told(value.high, label)}"
    return Headline(_told(value.value, label), label, ends, tone)


def _told(value: float, label: str) -> str:
    """A number; whole where it counts rows and there are many."""
    return count(value) if ", of 1,000" in label and value >= 9.95 else short(value)


def _pictures(figures: Mapping[str, Value], table: Table) -> tuple[Figure, ...]:
    """The thousand squares, where rows can be counted."""
    groups = _counts(figures)
    if not groups:
        return ()
    told = ", ".join(f"{size} {label}" for _, label, size in groups)
    drawing = thousand_squares([(tone, size) for tone, _, size in groups], f"Of 1,000 new rows: {told}")
    keys = tuple(Key(tone, f"{size} {label}", "square") for tone, label, size in groups)
    return (Figure("A thousand new rows, one square each", drawing, told, table, keys),)


def _counts(figures: Mapping[str, Value]) -> list[tuple[str, str, int]]:
    """Tone, label and number of squares of each group; they sum to 1,000."""
    if {"flagged", "wrongly_flagged", "missed"} <= figures.keys():
        false = round(figures["wrongly_flagged"].value)
        found = max(round(figures["flagged"].value) - false, 0)
        missed = min(round(figures["missed"].value), 1000 - false - found)
        groups = [
            ("accent", "rightly flagged", found),
            ("warm", "wrongly flagged", false),
            ("bad", "missed", missed),
        ]
        return [*groups, ("rest", "rightly left alone", 1000 - found - false - missed)]
    if "wrong" in figures:
        wrong = round(figures["wrong"].value)
        return [("bad", "given a wrong class", wrong), ("rest", "given the right class", 1000 - wrong)]
    return []
