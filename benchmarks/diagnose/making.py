"""All runs of a table, group by group: the healthy ones first, then every fault at both strengths."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from planting import (
    HEALTHY,
    SEEDS,
    Case,
    Told,
    dead,
    fewer,
    fewer_judges,
    linear_recipe,
    network_recipe,
    noisy,
    prior,
    run,
    shrunk,
    shuffled_labels,
    spoiled,
    weighed,
)
from tables import Sheet, encoded, rows_of

MILD, STRONG = "mild", "strong"
HALF = 10.0**0.5


class Table:
    """A table with its healthy rates, which every fault needs."""

    def __init__(self, name: str) -> None:
        self.name = name

    @cached_property
    def sheet(self) -> Sheet:
        """The encoded rows."""
        return encoded(self.name, rows_of(self.name))

    @cached_property
    def network(self) -> list[Case]:
        """Networks at rates half a decade apart."""
        middle = prior(self.sheet, "neural")
        rates = tuple(middle * 10.0 ** (0.5 * place) for place in range(-7, 7))
        return run(self.sheet, Told(network_recipe(schedule="constant"), rates), "rates", "")

    @cached_property
    def linear(self) -> list[Case]:
        """Linear models at rates half a decade apart."""
        middle = prior(self.sheet, "linear")
        rates = tuple(middle * 10.0 ** (0.5 * place) for place in range(-7, 7))
        return run(self.sheet, Told(linear_recipe(), rates), "rates", "")

    def best(self, family: str) -> float:
        """Return the rate that is best on the clean rows, over the seeds, of those that never went back."""
        found: dict[float, float] = {}
        for case in self.network if family == "neural" else self.linear:
            steady = len({row.norms.get("rate") for row in case.evidence.history}) == 1
            cost = case.outcome if steady and not case.evidence.failed else 1e6
            found[rate_of(case)] = found.get(rate_of(case), 0.0) + cost
        return min(found, key=lambda rate: found[rate])

    def groups(self) -> Iterator[tuple[str, Any]]:
        """Yield name and maker of each group of runs."""
        yield "rates-network", lambda: self._rates("neural")
        yield "rates-linear", lambda: self._rates("linear")
        yield "healthy", self._healthy
        for name in ("few_passes", "over", "under", "dead", "vanish", "order", "noise", "signal"):
            yield name, getattr(self, f"_{name}")
        yield "columns", self._columns
        yield "target", self._target
        yield "judges", self._judges

    def _rates(self, family: str) -> list[Case]:
        """The healthy rate, ten and a hundred times it, a thirtieth and a three hundredth of it."""
        cases, best = (self.network if family == "neural" else self.linear), self.best(family)
        labels = {
            0: (HEALTHY, ""),
            1: ("rate-too-high", MILD),
            2: ("rate-too-high", STRONG),
            -1.5: ("rate-too-low", MILD),
            -2.5: ("rate-too-low", STRONG),
            -0.5: (HEALTHY, "near"),
            0.5: (HEALTHY, "near"),
        }
        made = []
        for case in cases:
            far = round(2 * np.log10(rate_of(case) / best)) / 2
            if far in labels:
                made.append(_named(case, *labels[far]))
        return made

    def _healthy(self) -> list[Case]:
        """Other healthy ways to train: what is not as good as the best counts for nothing."""
        best, made = self.best("neural"), []
        ways = {
            "coslog4": {},
            "cosine": {"schedule": "cosine"},
            "relu": {"activation": "relu"},
            "wide": {"hidden": (128, 64)},
            "dropout": {"dropout": 0.3, "epochs": 40},
            "small": {"hidden": (32,), "epochs": 40},
            "average": {"schedule": "constant", "average": 0.99},
        }
        for name, changes in ways.items():
            told = Told(network_recipe(**changes), (best / HALF, best))
            made += run(self.sheet, told, HEALTHY, "other", name)
        best = self.best("linear")
        for name, changes in {"cosine": {"schedule": "cosine"}, "batch": {"batch": 64}}.items():
            told = Told(linear_recipe(**changes), (best / HALF, best))
            made += run(self.sheet, told, HEALTHY, "other", name)
        return made

    def _few_passes(self) -> list[Case]:
        """A handful of passes at a healthy rate."""
        made = []
        for strength, passes in ((MILD, 4), (STRONG, 2)):
            rate = self.best("neural")
            told = Told(network_recipe(epochs=passes, schedule="constant"), (rate,))
            made += run(self.sheet, told, "too-few-passes", strength)
            told = Told(linear_recipe(epochs=passes), (self.best("linear") / HALF,))
            made += run(self.sheet, told, "too-few-passes", strength)
        return made

    def _over(self) -> list[Case]:
        """A wide network without dropout and decay, many passes, few rows."""
        made = []
        for strength, rows in ((MILD, 800), (STRONG, 250)):
            recipe = network_recipe(
                hidden=(256, 128), dropout=0.0, decay=0.0, epochs=80, batch=64, schedule="constant"
            )
            for seed in SEEDS:
                told = Told(recipe, (self.best("neural"),))
                made += run(fewer(self.sheet, rows, seed), told, "over-fit", strength, seeds=(seed,))
        return made

    def _under(self) -> list[Case]:
        """One neuron, numbers read by pieces or as they are; a penalty far too strong."""
        best, made = self.best("neural"), []
        for strength, changes in (
            (MILD, {"hidden": (1, 1), "dropout": 0.0}),
            (STRONG, {"hidden": (1,), "dropout": 0.0, "numbers": "plain"}),
        ):
            made += run(self.sheet, Told(network_recipe(**changes), (best,)), "under-fit", strength)
        for strength, penalty in ((MILD, 1.0), (STRONG, 10.0)):
            rate = self.best("linear") / 10.0
            made += run(self.sheet, Told(linear_recipe(penalty=penalty), (rate,)), "under-fit", strength)
        return made

    def _dead(self) -> list[Case]:
        """Units that start below every row."""
        recipe, made = network_recipe(activation="relu", factors=False), []
        for strength, share in ((MILD, 0.94), (STRONG, 0.985)):
            told = Told(recipe, (self.best("neural"),), dead(share), f"dead{share}")
            made += run(self.sheet, told, "dead-units", strength)
        return made

    def _vanish(self) -> list[Case]:
        """Many sigmoid layers with small starting weights."""
        made = []
        for strength, layers, factor in ((MILD, 5, 0.1), (STRONG, 8, 0.03)):
            recipe = network_recipe(activation="sigmoid", hidden=(32,) * layers, factors=False)
            told = Told(recipe, (self.best("neural"),), shrunk(factor), f"shrunk{factor}")
            made += run(self.sheet, told, "gradients-vanish", strength)
        return made

    def _order(self) -> list[Case]:
        """Rows sorted by their target: within each quarter of a pass, or all of it."""
        made = []
        for strength, parts in ((MILD, 4), (STRONG, 1)):
            for family, recipe in (("neural", network_recipe()), ("linear", linear_recipe())):
                told = Told(recipe, (self.best(family),), order=parts)
                made += run(self.sheet, told, "batch-order", strength)
        return made

    def _noise(self) -> list[Case]:
        """Labels of other rows."""
        made = []
        for strength, share in ((MILD, 0.2), (STRONG, 0.35)):
            sheet = noisy(self.sheet, share)
            made += run(sheet, Told(network_recipe(), (self.best("neural"),)), "label-noise", strength)
        return made

    def _signal(self) -> list[Case]:
        """Labels dealt out anew."""
        made = []
        for strength, share in ((MILD, 0.95), (STRONG, 1.0)):
            sheet = shuffled_labels(self.sheet, share)
            made += run(sheet, Told(network_recipe(), (self.best("neural"),)), "no-signal", strength)
            made += run(sheet, Told(linear_recipe(), (self.best("linear"),)), "no-signal", strength)
        return made

    def _columns(self) -> list[Case]:
        """A few values of the numeric columns in another unit."""
        made = []
        for strength, columns, factor in ((MILD, 0.6, 1e3), (STRONG, 1.0, 1e5)):
            sheet = spoiled(self.name, columns, factor)
            for family, recipe in (("neural", network_recipe()), ("linear", linear_recipe())):
                told = Told(recipe, (self.best(family),), clean=sheet)
                made += run(sheet, told, "unscaled-input", strength)
        return made

    def _target(self) -> list[Case]:
        """A few targets in another unit; or a class whose rows weigh next to nothing."""
        made = []
        for strength, factor, weight in ((MILD, 30.0, 0.05), (STRONG, 1e3, 0.01)):
            told = Told(network_recipe(), (self.best("neural"),))
            if self.sheet.classes:
                made += run(weighed(self.sheet, weight), told, "class-collapse", strength)
            else:
                made += run(spoiled(self.name, 0.0, factor, target=True), told, "unscaled-target", strength)
        return made

    def _judges(self) -> list[Case]:
        """A handful of rows that judge."""
        made = []
        for strength, rows in ((MILD, 40), (STRONG, 12)):
            sheet = fewer_judges(self.sheet, rows)
            made += run(sheet, Told(network_recipe(), (self.best("neural"),)), "validation-small", strength)
        return made


def rate_of(case: Case) -> float:
    """Return the rate of a case."""
    recipe = case.evidence.recipe
    return recipe.network.rate if case.family == "neural" else recipe.descent.rate


def _named(case: Case, fault: str, strength: str) -> Case:
    """Return a case under another name."""
    from dataclasses import replace

    return replace(case, fault=fault, strength=strength)
