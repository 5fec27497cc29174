"""One loaded version of a model: it answers questions, several at once where they came together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

from justright.bundle.explaining import EXPLAINED, Explainer
from justright.bundle.predictor import Predictor, refuse_overflow
from justright.errors import JustrightError, RecipeError
from justright.optim.interval_map import Intervals, apply_intervals
from justright.schema import Block, FloatArray
from justright.serve.exchange import Answers, Asked, Contributions, Described, Question, Watch

__all__ = ["Served"]


class Served:
    """A version of a model in service.

    Parameters
    ----------
    name, version : str
        As in the routes.
    predictor : Predictor
    versions : tuple of str
        All versions of the model that are loaded.
    aliases : mapping of str to str
        Alias to version.

    Attributes
    ----------
    described : Described
        What a client must know.
    watch : Watch or None
        Told of every batch.
    """

    def __init__(
        self,
        name: str,
        version: str,
        predictor: Predictor,
        versions: tuple[str, ...] = ("1",),
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.version = version
        self.predictor = predictor
        self.described = _described(name, version, predictor, versions, dict(aliases or {}))
        self.watch: Watch | None = None
        self._regression = predictor.task == "regression"
        told = self.described
        self._head = (told.name, told.version, told.model_id, told.task, told.classes)

    @cached_property
    def explainer(self) -> Explainer:
        """What takes the margins apart; RecipeError where the family has no terms."""
        return Explainer(self.predictor)

    def answer(self, question: Question) -> Answers:
        """Answer one question.

        Raises
        ------
        RowError, ColumnError
            Values that the model cannot read, with their row and column.
        RecipeError
            Contributions of a model that has none, or an interval that it cannot give.
        """
        block = self._encode(question)
        return self._answers([question], block, self._score(block))[0]

    def answers(self, questions: Sequence[Question]) -> list[Answers | JustrightError]:
        """Answer questions that came together by one pass; who cannot be answered gets the reason.

        The others are not harmed by it: where one is refused, each is scored alone.
        """
        if len(questions) > 1 and all(question.columns is not None for question in questions):
            try:
                joint = self._together(questions)
            except JustrightError:
                joint = None
            if joint is not None:
                return list(joint)
        found: list[Answers | JustrightError] = []
        for question in questions:
            try:
                found.append(self.answer(question))
            except JustrightError as error:
                found.append(error)
        return found

    def _together(self, questions: Sequence[Question]) -> list[Answers]:
        """Answer all questions from one block; raises where any of them cannot be."""
        tables = [question.columns for question in questions if question.columns is not None]
        cells = zip(*(table.values() for table in tables), strict=True)
        names = self.predictor.columns
        joined = {name: list(chain.from_iterable(parts)) for name, parts in zip(names, cells, strict=True)}
        block = self.predictor.encoder.columns(joined, sum(question.size for question in questions))
        return self._answers(questions, block, self._score(block))

    def _encode(self, question: Question) -> Block:
        """Encode what one question holds."""
        if question.columns is not None:
            return self.predictor.encoder.columns(question.columns, question.size)
        return self.predictor.encoder.rows(question.rows or ())

    def _score(self, block: Block) -> FloatArray:
        """Return the margins of a block, and tell who watches; RowError where one overflows."""
        margins = refuse_overflow(self.predictor.margins_of(block))
        if self.watch is not None:
            self.watch.add(block, margins)
        return margins

    def _answers(self, questions: Sequence[Question], block: Block, margins: FloatArray) -> list[Answers]:
        """Share the scores of a block among its questions."""
        if self._regression:
            every: FloatArray = self.predictor.from_margins(margins)
            labels: list[Any] | None = None
        else:
            every = self.predictor.probabilities(margins)
            labels = self.predictor.chosen(every)
        found = []
        begin = 0
        for question in questions:
            end = begin + question.size
            part = every if len(questions) == 1 else every[begin:end]
            found.append(
                Answers(
                    *self._head,
                    part if self._regression else None,
                    None if self._regression else part,
                    None if labels is None else labels[begin:end],
                    self._intervals(part, question.level) if question.level else None,
                    self._contributions(block.slice(begin, end)) if question.explain else None,
                )
            )
            begin = end
        return found

    def _intervals(self, prediction: FloatArray, level: float) -> FloatArray:
        """Return the ends of the intervals; RecipeError where the model has none of this level."""
        intervals = self.predictor.bundle.model.intervals
        if not isinstance(intervals, Intervals):
            raise RecipeError(
                "a wish for intervals of a model that has none", allowed="a regression of 100 rows or more"
            )
        return apply_intervals(intervals, prediction, level)

    def _contributions(self, block: Block) -> Contributions:
        """Return what each term adds."""
        explainer = self.explainer
        values = explainer.values(explainer.explain_block(block))
        return Contributions(explainer.columns, np.stack(values, axis=1))


def _described(
    name: str, version: str, model: Predictor, versions: tuple[str, ...], aliases: dict[str, str]
) -> Described:
    """Say of a model what a client must know."""
    by_name = {column.name: column for column in model.schema.columns}
    intervals = model.bundle.model.intervals
    return Described(
        name,
        version,
        model.model_id,
        model.task,
        tuple(
            Asked(column, by_name[column].kind, by_name[column].form, column in model.optional)
            for column in model.columns
        ),
        model.classes,
        model.labels,
        model.threshold if model.task == "binary" else None,
        versions,
        aliases,
        intervals.levels if isinstance(intervals, Intervals) else (),
        model.bundle.model.family in EXPLAINED,
    )
