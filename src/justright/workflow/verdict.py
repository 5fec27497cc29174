"""The result in plain words: how good, how far from nothing and from boosted trees, what next."""

from __future__ import annotations

from typing import Final

from justright.models.linear import LINEAR
from justright.schema import Schema
from justright.values import figure, interval
from justright.workflow.findings import gain
from justright.workflow.judge import Judgement

__all__ = ["verdict"]

_NEXT: Final = {LINEAR: "; curves and crosses of columns are the next step (--family crossed)"}


def verdict(judgement: Judgement, schema: Schema, family: str) -> str:
    """Return two or three sentences.

    The comparison with boosted trees is on the same rows, in units of the gain over the base rate.
    """
    assert schema.target is not None
    value, name = judgement.validation, judgement.metric
    text = (
        f"A {family} model of {schema.target.column.name} reaches {name} {figure(value.value)} "
        f"(95 % interval {interval(value, judgement.evaluation.rows)}) on rows it has not seen."
    )
    base, boosted, same = judgement.baselines.base_rate, judgement.baselines.boosted, judgement.same_rows
    if base is None:
        return text
    if gain(name, base, value.value) <= 0:
        return (
            text + f" That is no better than the base rate ({figure(base)}): these columns say nothing of it."
        )
    text += f" The base rate gives {figure(base)}."
    if boosted is None or same is None:
        return text
    rival, ours = gain(name, base, boosted), gain(name, base, same)
    if rival <= ours:
        return text + f" Boosted trees give {figure(boosted)}, no better: a {family} model is enough here."
    share = max(ours / rival, 0.0)
    if share >= 0.95:
        return (
            text + f" Boosted trees give {figure(boosted)}: the {family} model has {share:.0%} of their gain."
        )
    return text + (
        f" Boosted trees give {figure(boosted)}: the {family} model has {share:.0%} of their gain and is"
        f" too simple{_NEXT.get(family, '')}."
    )
