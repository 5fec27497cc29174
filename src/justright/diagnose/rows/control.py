"""The shuffled-label control: with the labels dealt anew among the rows nothing may be learned.

p = (1 + number of shuffled scores >= the score) / (shuffles + 1). A cheap model on the run's own rows and
features stands for the run; `shuffled` gives the same rows for the real one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from justright.datamodule import DataModule
from justright.diagnose.rows.additive import explained
from justright.diagnose.rows.look import Look
from justright.kernels.hashing import mix64
from justright.schema import Finding

__all__ = ["control", "shuffled"]

_SHUFFLES: Final = 20
_MOST_OUTPUTS: Final = 8
_ABOVE: Final = 0.01  # share of the spread that a shuffled target may not reach
_NO_SIGNAL: Final = 0.05
_PENALTIES: Final = (30.0, 3000.0)
_FEWEST: Final = 30


def control(look: Look) -> list[Finding]:
    """Say whether shuffled labels can be learned (a leak in the way rows are cut) or the real ones cannot.

    Parameters
    ----------
    look : Look
        Sample and cheap model.

    Notes
    -----
    Twenty shuffles in one solve; of many classes the eight commonest.
    """
    sample = look.sample
    if sample.rows < _FEWEST:
        return []
    outcome = sample.outcome
    if outcome.shape[1] > _MOST_OUTPUTS:
        outcome = outcome[:, np.argsort(-outcome.sum(axis=0), kind="stable")[:_MOST_OUTPUTS]]
    rows, outputs = outcome.shape
    # By fingerprint: the same rows give the same shuffles; classes stay with their indicators.
    orders = [np.argsort(_words(look, number), kind="stable") for number in range(_SHUFFLES)]
    dealt = np.concatenate([outcome, *(outcome[order] for order in orders)], axis=1)
    made = look.design.out_of_fold(dealt, (), _PENALTIES)
    scores = [
        explained(dealt[:, at : at + outputs], made[:, at : at + outputs], sample.weight)
        for at in range(0, dealt.shape[1], outputs)
    ]
    real, chance = scores[0], np.asarray(scores[1:])
    p = (1 + int((chance >= real).sum())) / (_SHUFFLES + 1)
    level, error = float(chance.mean()), float(chance.std(ddof=1) / np.sqrt(_SHUFFLES))
    evidence = {
        "real": round(real, 4),
        "shuffled": round(level, 4),
        "error": round(error, 5),
        "p": round(p, 4),
    }
    if level > _ABOVE and level > 4.0 * error:
        sentence = (
            f"With shuffled labels a simple model still explains {level:.1%} (noise {error:.2%}) of "
            f"{look.target} on rows it "
            "has not seen: the folds let the answer through."
        )
        return [
            Finding(
                "labels-leak-through-folds",
                "error",
                sentence,
                evidence,
                "look for copies of rows across folds",
            )
        ]
    model = look.gain(sample.prediction) if sample.judged.any() else real
    if p > _NO_SIGNAL and model < _ABOVE:
        sentence = (
            f"Shuffled labels are learned as well as the real ones (p = {p:.2f} of {_SHUFFLES} "
            "shuffles): the columns say "
            f"nothing of {look.target} that stands out."
        )
        return [
            Finding(
                "no-signal",
                "warning",
                sentence,
                evidence,
                "look for columns that say more, or collect more rows",
            )
        ]
    return []


def shuffled(data: DataModule, seed: int = 0) -> DataModule:
    """Return the same rows with the labels dealt anew, for a control by the real training.

    Parameters
    ----------
    data : DataModule
        Encoded rows; their targets alone change, all else is shared.
    seed : int, default 0
        Another seed deals anew.
    """
    target = np.concatenate([block.target for block in data.blocks])
    target = target[np.random.default_rng(seed).permutation(len(target))]
    blocks, begin = [], 0
    for block in data.blocks:
        blocks.append(replace(block, target=target[begin : begin + block.rows]))
        begin += block.rows
    facts = replace(data.facts, target=data.facts.target.copy())
    known = facts.part == 0
    feature = data.plan.data.target
    facts.target[known] = target if feature is None else feature.unscaled(target)
    return replace(data, blocks=blocks, facts=facts)


def _words(look: Look, number: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """Return words to sort rows by: another deal for each number."""
    place = look.sample.place.astype(np.uint64)
    words: np.ndarray[tuple[int], np.dtype[np.uint64]] = mix64(mix64(place) ^ np.uint64(number + 1))
    return words
