"""The last rung: a blend of the rungs below, its weights found on rows that none of them trained on.

Rungs are held to the rows that judged all of them. Where one of these is a network, that is one part of
the rows; it is cut into folds of its own, so that the blend too is judged by rows that did not choose its
weights.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from justright.bundle.families import FAMILIES
from justright.datamodule import DataModule
from justright.models.base import Spec, State
from justright.models.blend import BLEND, Blend, Part, stacked
from justright.recipe import Recipe
from justright.schema import Block, Member
from justright.training.loop import Trainer
from justright.workflow.fit import Fitted, Prepared
from justright.workflow.held_out import HeldOut, held_out
from justright.workflow.judge import judge
from justright.workflow.population import population

__all__ = ["blend"]

_FEWEST: Final = 100  # rows that judged all: below, weights are noise
_MOST: Final = 50_000  # by fingerprint: a handful of weights needs no more


def blend(prepared: Prepared, recipe: Recipe, made: Sequence[Fitted]) -> Fitted | str:
    """Blend trained rungs; say why not, where there is nothing to blend.

    Parameters
    ----------
    prepared : Prepared
        The rows.
    recipe : Recipe
        Every choice.
    made : sequence of Fitted
        The rungs.

    Returns
    -------
    Fitted or str
        The blend as a rung of its own, judged on the rows that judged all its parts; or the reason why none.

    Notes
    -----
    Costs a few looks at the losses of at most 50,000 rows; no part is trained again.
    """
    begin = time.perf_counter()
    made = [fitted for fitted in made if fitted.family in FAMILIES]
    if len(made) < 2:
        return "fewer than two rungs can be parts of it"
    place = _common([fitted.judgement.held for fitted in made])
    if len(place) < _FEWEST:
        return f"{len(place)} rows judged all rungs, too few to choose weights by; from {_FEWEST} on"
    # Weights are no forecast: of periods too, each fold's are found on all others.
    data = replace(prepared.data.only(place, _folds(made, place, recipe.split.folds)), forward=False)
    repeats = max(fitted.judgement.held.margin.shape[2] for fitted in made)
    blocks = [_stacked(data, made, place, repeat) for repeat in range(repeats)]
    once = msgspec.structs.replace(recipe.split, repeats=1)
    own = msgspec.structs.replace(recipe, family=BLEND, baseline=False, split=once)
    parts = [Part(f.family, f.learner, f.spec, f.trained.state, f.judgement.member) for f in made]
    learner, members = Blend(parts), population(own, data, exact_sums=False)
    spec = replace(made[0].spec, rows=len(place))
    trained = Trainer(learner).fit(spec, members, [*chain(*blocks)], seed=recipe.seed)
    trained_at = time.perf_counter()
    final = next(place for place, member in enumerate(members) if member.fold < 0)
    weights = learner.weights(trained.state, final)
    if max(weights) >= 1.0:
        return f"the best blend is {parts[int(np.argmax(weights))].family} alone"
    judgement = judge(
        learner, spec, members, trained, data, own, prepared.schema, trained_at - begin,
        blocks=blocks[0], train_loss=_train_loss(made, weights),
    )  # fmt: skip
    told = {part.family: weight for part, weight in zip(parts, weights, strict=True) if weight > 0}
    judgement = replace(
        judgement,
        held=replace(
            judgement.held,
            place=place[judgement.held.place],
            losses=_losses(learner, spec, trained.state, members, blocks),
        ),
        offset=made[0].judgement.offset,
        hyperparameters={f"weight_{name}": weight for name, weight in told.items()},
    )
    return Fitted(own, BLEND, prepared.data, learner, spec, members, trained, judgement, trained_at)


def _train_loss(made: Sequence[Fitted], weights: Sequence[float]) -> float:
    """Return what the training loss of a blend is at most; NaN where a part was exported as it was judged."""
    losses = [
        fitted.judgement.train_loss if fitted.members[fitted.judgement.member].fold < 0 else float("nan")
        for fitted in made
    ]
    return sum(weight * loss for weight, loss in zip(weights, losses, strict=True) if weight > 0)


def _common(held: Sequence[HeldOut]) -> npt.NDArray[np.int64]:
    """Return the rows that judged all, at most so many by their fingerprints."""
    place = held[0].place
    for one in held[1:]:
        place = np.intersect1d(place, one.place, assume_unique=True)
    key = held[0].key
    if len(place) > _MOST and key is not None:
        order = np.argsort(key[np.searchsorted(held[0].place, place)], kind="stable")
        place = np.sort(place[order[:_MOST]])
    return place


def _folds(made: Sequence[Fitted], place: npt.NDArray[np.int64], folds: int) -> npt.NDArray[np.int8]:
    """Return the fold of each row: its own where all rungs have all folds, else one by its fingerprint."""
    held = made[0].judgement.held
    at = np.searchsorted(held.place, place)
    own = held.fold[at]
    if len(np.unique(own)) == folds or held.key is None:
        return own
    return np.asarray((held.key[at] >> np.uint64(32)) % np.uint64(folds), np.int8)


def _stacked(
    data: DataModule, made: Sequence[Fitted], place: npt.NDArray[np.int64], repeat: int
) -> list[Block]:
    """Return the rows as what each rung says of them in one repetition of the folds."""
    blocks, first = [], 0
    for block in data.blocks:
        rows = place[first : first + block.rows]
        blocks.append(stacked(block, [_margins(fitted.judgement.held, rows, repeat) for fitted in made]))
        first += block.rows
    return blocks


def _margins(held: HeldOut, place: npt.NDArray[np.int64], repeat: int) -> npt.NDArray[np.float32]:
    """Return what a rung says of some rows, out of fold; the last it has where it repeated fewer folds."""
    return held.margin[np.searchsorted(held.place, place), :, min(repeat, held.margin.shape[2] - 1)]


def _losses(
    learner: Blend, spec: Spec, state: State, members: Sequence[Member], blocks: Sequence[Sequence[Block]]
) -> npt.NDArray[np.float32]:
    """Return the loss of each row by weights it had no say in, the mean of all repetitions, (rows, 1)."""
    each = [held_out(learner, spec, state, members, repetition, 0).losses for repetition in blocks]
    return np.asarray(np.mean(each, axis=0), np.float32)
