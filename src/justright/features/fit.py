"""Fit a FeaturePlan: take in canonical batches of training rows one by one, then decide.

One pass, mergeable: exact weighted moments for numbers, weights of texts for categories. Borders and
order of the batches do not enter, up to the rounding of sums. The memory is bounded by the number of
different categories (see `categorical.Tally`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from justright.features.categorical import CategoricalFeature, Tally, fit_categorical
from justright.features.numeric import Moments, NumericFeature, fit_numeric
from justright.features.plan import Canonical, FeaturePlan, PlanData
from justright.features.target import TargetFeature
from justright.features.text import TextFeature
from justright.features.time import CALENDAR, CYCLES, calendar, cyclic
from justright.recipe import Features
from justright.schema import Column, FloatArray

__all__ = ["PlanFit"]

# A part of a date that barely varies would only add noise: sine and cosine are kept above this spread.
_FLAT_WAVE = 1e-3


class PlanFit:
    """Statistics of the training rows from which a plan is made.

    Parameters
    ----------
    columns : sequence of Column
        The columns that feed the model.
    recipe : Features
        Limits of the vocabulary.
    """

    def __init__(self, columns: Sequence[Column], recipe: Features) -> None:
        self.columns = tuple(columns)
        self.recipe = recipe
        self.rows = 0
        self.weight = 0.0
        self._moments: dict[tuple[str, str], Moments] = {}
        self._tallies: dict[tuple[str, str], Tally] = {}
        for column in self.columns:
            if column.kind == "numeric":
                self._moments[column.name, ""] = Moments()
            elif column.kind == "datetime":
                for part in ("trend", *(f"{cycle}-{wave}" for cycle in CYCLES for wave in ("sin", "cos"))):
                    self._moments[column.name, part] = Moments()
                for part in CALENDAR:
                    self._tallies[column.name, part] = Tally()
            elif column.kind in ("categorical", "boolean"):
                self._tallies[column.name, ""] = Tally()

    def add(self, values: Mapping[str, Canonical], weight: FloatArray) -> None:
        """Take in the canonical values of some training rows, with their weights float64 (rows,)."""
        self.rows += len(weight)
        self.weight += float(weight.sum())
        for (name, part), moments in self._moments.items():
            numbers = values[name].numbers
            assert numbers is not None
            moments.add(cyclic(numbers, part) if part else numbers, weight)
        for (name, part), tally in self._tallies.items():
            value = values[name]
            if part:
                assert value.numbers is not None
                number = calendar(value.numbers, part)
                tally.add((number + 1).astype(np.int32), [None, *CALENDAR[part]], weight)
            else:
                assert value.codes is not None
                tally.add(value.codes, value.texts, weight)

    def merge(self, other: PlanFit) -> None:
        """Add what another part of the rows has seen; both were made for the same columns."""
        self.rows += other.rows
        self.weight += other.weight
        for place, moments in other._moments.items():
            self._moments[place].merge(moments)
        for place, tally in other._tallies.items():
            self._tallies[place].merge(tally)

    def plan(self, target: TargetFeature | None) -> FeaturePlan:
        """Decide what every column becomes."""
        numeric, categorical, text = [], [], []
        for column in self.columns:
            numeric += self._numeric(column)
            categorical += self._categorical(column)
            if column.kind == "text":
                text.append(TextFeature(column, self.recipe.text_slots))
        return FeaturePlan(PlanData(tuple(numeric), tuple(categorical), tuple(text), target))

    def _numeric(self, column: Column) -> list[NumericFeature]:
        """Return the numeric features of one column."""
        found = []
        for (name, part), moments in self._moments.items():
            if name != column.name:
                continue
            feature = fit_numeric(column, moments, part)
            wave = part.endswith(("-sin", "-cos"))
            if feature is not None and not (wave and feature.scale < _FLAT_WAVE):
                found.append(feature)
        return found

    def _categorical(self, column: Column) -> list[CategoricalFeature]:
        """Return the categorical features of one column."""
        found = []
        for (name, part), tally in self._tallies.items():
            if name != column.name:
                continue
            recipe = self.recipe
            feature = fit_categorical(column, tally, recipe.rare, recipe.vocabulary, recipe.buckets)
            if feature is not None:
                found.append(
                    CategoricalFeature(column, feature.vocabulary, feature.counts, feature.buckets, part)
                )
        return found
