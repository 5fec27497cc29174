"""What the chosen model says, for `terms.json`, the summary and the card."""

from __future__ import annotations

from typing import Any, Final

from justright.models.base import Learner, Spec
from justright.models.linear import LINEAR
from justright.models.reading import Reading, Term
from justright.recipe import Recipe
from justright.schema import Block, Member
from justright.training.loop import Trained
from justright.values import figure
from justright.workflow.summary import Crosses, CrossPair

__all__ = ["TERMS", "crosses_of", "front_of", "reading_of", "sentences_of"]

TERMS: Final = "terms.json"
"""Name of the reading in a run folder."""

_LISTED: Final = 100  # refused pairs in the summary; terms.json has all
_NAMED: Final = 5


def reading_of(
    learner: Learner,
    spec: Spec,
    trained: Trained,
    members: tuple[Member, ...],
    member: int,
    blocks: list[Block],
    family: str,
    recipe: Recipe,
) -> Reading | None:
    """Return what one member says; None for a family that does not say.

    A family says it by a method `describe(spec, state, blocks, members, member) -> Reading`; the linear
    families share one function.
    """
    if family == LINEAR:
        from justright.models.linear.describe import describe_linear
        from justright.models.linear.exact import parameters

        weights, bias = parameters(trained.state)
        exact = recipe.descent.optimizer == "exact"
        return describe_linear(spec, weights, bias, blocks, members, member, exact=exact)
    describe = getattr(learner, "describe", None)
    if describe is None:
        return None
    made: Reading = describe(spec, trained.state, blocks, members, member)
    return made


def crosses_of(reading: Reading | None, seconds: float) -> Crosses:
    """Return the crosses tried, kept and refused, for the summary; empty for families without any."""
    if reading is None or not reading.pairs:
        return Crosses()
    kept = sum(pair.verdict == "kept" for pair in reading.pairs)
    listed = [
        CrossPair(pair.first, pair.second, pair.gain, pair.z, pair.p, pair.verdict, pair.reason)
        for pair in reading.pairs[: kept + _LISTED]
    ]
    return Crosses(len(reading.pairs), kept, len(reading.pairs) - kept, seconds, listed)


def front_of(reading: Reading | None) -> dict[str, Any]:
    """Return what a bundle must hold to be read without its run: centres of its terms, their importance."""
    if reading is None:
        return {}
    importance = {term.name: [*_ends(term)] for term in reading.terms}
    return {"importance": importance} | ({"means": reading.means} if reading.means else {})


def sentences_of(reading: Reading | None) -> tuple[str, ...]:
    """Say for the card which columns are strongest and which crosses were kept."""
    if reading is None or not reading.terms:
        return ()
    units = {"identity": f"in the unit of {reading.target}", "log": "on the logarithm of the rate"}
    unit = units.get(reading.link, "on the logarithm of the odds")
    crosses = [term for term in reading.terms if term.kind == "cross"]
    columns = [term for term in reading.terms if term.kind != "cross"][:_NAMED]
    found = [f"The strongest columns, by the mean size of what they add ({unit}): {_listed(columns)}."]
    if crosses:
        found.append(f"What pairs of columns add beyond that: {_listed(crosses)}.")
    if reading.pairs:
        refused = sum(pair.verdict != "kept" for pair in reading.pairs)
        found.append(
            f"{len(reading.pairs)} pairs of columns were tried as crosses, {refused} of them were refused."
        )
    return tuple(found)


def _listed(terms: list[Term]) -> str:
    """Name terms with their importance and its interval."""
    parts = []
    for term in terms[: 2 * _NAMED]:
        value, low, high = _ends(term)
        parts.append(f"{term.name} {figure(value, 3)} ({figure(low, 3)} to {figure(high, 3)})")
    more = len(terms) - 2 * _NAMED
    return ", ".join(parts) + (f" and {more} weaker ones" if more > 0 else "")


def _ends(term: Term) -> tuple[float, float, float]:
    """Return the importance of a term with its interval."""
    return term.importance.value, term.importance.low, term.importance.high
