"""What the values of a recipe must fulfil, with what is allowed where they do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from justright.errors import RecipeError

if TYPE_CHECKING:
    from justright.recipe.groups import Boosting, Network
    from justright.recipe.recipe import Recipe

__all__ = ["check_ranges"]

Rule: TypeAlias = tuple[bool, str, object, str]


def _network_rules(network: Network) -> tuple[Rule, ...]:
    """Return what the settings of a network must fulfil: holds, key, received, allowed."""
    return (
        (len(network.hidden) <= 200, "network.hidden", len(network.hidden), "at most 200 layers"),
        (
            all(1 <= n <= 65_536 for n in network.hidden),
            "network.hidden",
            network.hidden,
            "1..65536 neurons a layer",
        ),
        (0 <= network.dropout < 1, "network.dropout", network.dropout, "0 <= dropout < 1"),
        (1 <= network.ensemble <= 64, "network.ensemble", network.ensemble, "1..64"),
        (
            0 <= network.rate < 1e6,
            "network.rate",
            network.rate,
            "0 (by a race), or above 0 and below 1e6",
        ),
        (network.batch >= 0, "network.batch", network.batch, ">= 0 (0 = by the table)"),
        (network.epochs >= 0, "network.epochs", network.epochs, ">= 0 (0 = by the table)"),
        (0 <= network.seconds < float("inf"), "network.seconds", network.seconds, ">= 0 (0 = no limit)"),
        (network.patience > 0, "network.patience", network.patience, "> 0"),
        (0 <= network.decay < float("inf"), "network.decay", network.decay, ">= 0"),
        (0 <= network.clip < float("inf"), "network.clip", network.clip, ">= 0 (0 = no clipping)"),
        (0 <= network.average < 1, "network.average", network.average, "0 <= average < 1"),
        (
            network.smoothing == -1 or 0 <= network.smoothing < 1,
            "network.smoothing",
            network.smoothing,
            "0 <= smoothing < 1, or -1 (by the metric)",
        ),
        (
            network.cv == 0 or 2 <= network.cv <= 20,
            "network.cv",
            network.cv,
            "0 (one held-out part), or 2..20",
        ),
    )


def _boosting_rules(boosting: Boosting) -> tuple[Rule, ...]:
    """Return what the settings of boosted trees must fulfil."""
    return (
        (1 <= boosting.rounds <= 20_000, "boosting.rounds", boosting.rounds, "1..20000"),
        (0 < boosting.rate <= 1, "boosting.rate", boosting.rate, "above 0, at most 1"),
        (2 <= boosting.leaves <= 4_096, "boosting.leaves", boosting.leaves, "2..4096"),
        (0 <= boosting.depth <= 4_096, "boosting.depth", boosting.depth, "0..4096 (0 = no limit)"),
        (boosting.rows_a_leaf >= 1, "boosting.rows_a_leaf", boosting.rows_a_leaf, ">= 1"),
        (0 <= boosting.l2 < float("inf"), "boosting.l2", boosting.l2, ">= 0"),
        (0 < boosting.rows <= 1, "boosting.rows", boosting.rows, "above 0, at most 1"),
        (0 < boosting.columns <= 1, "boosting.columns", boosting.columns, "above 0, at most 1"),
        (2 <= boosting.bins <= 65_535, "boosting.bins", boosting.bins, "2..65535"),
    )


def _linear_rules(recipe: Recipe) -> tuple[Rule, ...]:
    """Return what the settings of linear and additive models must fulfil."""
    descent, penalty = recipe.descent, recipe.penalty
    return (
        (0 <= penalty.mix <= 1, "penalty.mix", penalty.mix, "0..1"),
        (all(0 <= x < float("inf") for x in penalty.path), "penalty.path", penalty.path, "numbers >= 0"),
        (0 < descent.rate < float("inf"), "descent.rate", descent.rate, "a number above 0"),
        (descent.batch >= 0, "descent.batch", descent.batch, ">= 0 (0 = full batch)"),
        (descent.epochs >= 1, "descent.epochs", descent.epochs, ">= 1"),
        (0 <= descent.momentum < 1, "descent.momentum", descent.momentum, "0 <= momentum < 1"),
        (descent.tolerance >= 0, "descent.tolerance", descent.tolerance, ">= 0"),
        (descent.patience > 0, "descent.patience", descent.patience, "> 0"),
        (
            recipe.family != "crossed" or descent.optimizer == "exact",
            "descent.optimizer",
            descent.optimizer,
            "exact: the family crossed takes no gradient steps",
        ),
        (
            recipe.family != "crossed" or penalty.kind == "l2",
            "penalty.kind",
            penalty.kind,
            "l2: the family crossed has its own penalties",
        ),
        (
            all(a != b for a, b in (*recipe.crosses.pairs, *recipe.crosses.products)),
            "crosses.pairs",
            recipe.crosses.pairs,
            "two different columns each",
        ),
    )


def check_ranges(recipe: Recipe) -> None:
    """Refuse values that no run could use."""
    split, features = recipe.split, recipe.features
    rules: tuple[Rule, ...] = (
        (0 <= split.test <= 90, "split.test", split.test, "0..90 per cent"),
        (2 <= split.folds <= 20, "split.folds", split.folds, "2..20"),
        (1 <= split.repeats <= 10, "split.repeats", split.repeats, "1..10"),
        (not (split.by and split.time), "split.by and split.time", split.time, "one of them"),
        (
            not (split.time and split.repeats > 1),
            "split.repeats with split.time",
            split.repeats,
            "1: time runs only once",
        ),
        *_linear_rules(recipe),
        *_network_rules(recipe.network),
        *_boosting_rules(recipe.boosting),
        (
            0 <= recipe.ladder.budget < float("inf"),
            "ladder.budget",
            recipe.ladder.budget,
            ">= 0 seconds (0 = by the table)",
        ),
        (bool(recipe.ladder.rungs), "ladder.rungs", recipe.ladder.rungs, "at least one family"),
        (
            not (recipe.family == "wide-deep" and recipe.network.cv),
            "network.cv",
            recipe.network.cv,
            "0 for the family wide-deep: its wide part is fitted once, for one held-out part",
        ),
        (features.rare >= 1, "features.rare", features.rare, ">= 1"),
        (features.vocabulary >= 2, "features.vocabulary", features.vocabulary, ">= 2"),
        (features.buckets >= 1, "features.buckets", features.buckets, ">= 1"),
        (features.text_slots >= 16, "features.text_slots", features.text_slots, ">= 16"),
        (features.clip > 0, "features.clip", features.clip, "> 0"),
        (0 < recipe.quantile < 1, "quantile", recipe.quantile, "between 0 and 1"),
        (0 <= recipe.cost_fp < float("inf"), "cost_fp", recipe.cost_fp, ">= 0"),
        (0 <= recipe.cost_fn < float("inf"), "cost_fn", recipe.cost_fn, ">= 0"),
        (0 < recipe.floor < 1, "floor", recipe.floor, "a share between 0 and 1"),
        (recipe.cost_fp + recipe.cost_fn > 0, "cost_fp and cost_fn", 0, "one of them above 0"),
        (recipe.seed >= 0, "seed", recipe.seed, ">= 0"),
    )
    for holds, key, received, allowed in rules:
        if not holds:
            raise RecipeError(
                f"{key}={received!r}", allowed=allowed, next_step=f"--set {key.split(' ')[0]}=VALUE"
            )
