"""Next moves as changes of the recipe, for whichever family was trained."""

from __future__ import annotations

from justright.diagnose.curves.reading import Reading

__all__ = ["last_rate", "more_passes", "slower", "stronger", "weaker", "wider"]


def last_rate(reading: Reading) -> float:
    """Return the learning rate that the run ended with, or was told; 0 where none is known."""
    own = reading.norm("rate")
    if len(own):
        return float(own[-1])
    recipe = reading.evidence.recipe
    return recipe.network.rate if reading.evidence.network else recipe.descent.rate


def slower(reading: Reading, factor: float) -> tuple[str, ...]:
    """Return the change to a rate `factor` times as large."""
    rate = last_rate(reading) * factor
    if not rate:
        return ()
    return (f"{'network' if reading.evidence.network else 'descent'}.rate={rate:.2g}",)


def more_passes(reading: Reading, factor: float = 3.0) -> tuple[str, ...]:
    """Return the change to more passes."""
    passes = max(round(factor * max(reading.evidence.passes, 1)), 1)
    network = reading.evidence.recipe.network
    if reading.evidence.network and network.seconds:
        return (f"network.seconds={factor * network.seconds:g}",)
    return (f"{'network' if reading.evidence.network else 'descent'}.epochs={passes}",)


def stronger(reading: Reading) -> tuple[str, ...]:
    """Return the change to more regularisation, for a run that over-fits."""
    recipe = reading.evidence.recipe
    if reading.evidence.network:
        network = recipe.network
        dropout = min(max(2.0 * network.dropout, 0.15), 0.5)
        decay = max(3.0 * network.decay, 0.02)
        return (f"network.dropout={dropout:.2g}", f"network.decay={decay:.2g}")
    if reading.evidence.family == "boosted":
        trees = recipe.boosting
        return (
            f"boosting.leaves={max(trees.leaves // 2, 2)}",
            f"boosting.rows_a_leaf={2 * trees.rows_a_leaf}",
        )
    path = recipe.penalty.path
    return (f"penalty.path=[{10.0 * max(max(path), 1e-4):.2g}]",) if path else ()


def weaker(reading: Reading) -> tuple[str, ...]:
    """Return the change to less regularisation, where there is much of it."""
    recipe = reading.evidence.recipe
    if reading.evidence.network:
        network = recipe.network
        made = () if network.dropout <= 0.3 else ("network.dropout=0.1",)
        return made if network.decay <= 0.2 else (*made, "network.decay=0.02")
    if reading.evidence.family == "boosted":
        return ("boosting.l2=1",) if recipe.boosting.l2 > 10.0 else ()
    path = recipe.penalty.path
    return (f"penalty.path=[{min(path) / 100.0:.2g}]",) if path and min(path) >= 0.01 else ()


def wider(reading: Reading) -> tuple[str, ...]:
    """Return the change to a model that can say more."""
    if reading.evidence.family == "crossed":
        return ("family=neural",)
    if reading.evidence.family == "boosted":
        trees = reading.evidence.recipe.boosting
        return (
            f"boosting.leaves={min(2 * trees.leaves, 4096)}",
            f"boosting.rounds={max(trees.rounds, 2000)}",
        )
    if not reading.evidence.network:
        return ("family=crossed", "descent.optimizer=exact", "penalty.path=[]", "penalty.kind=l2")
    network = reading.evidence.recipe.network
    width = 2 * max((*network.hidden, 32))
    return (f"network.hidden=[{width}, {width}]", "network.numbers=auto")
