"""Minimise any convex loss for a population at once: quasi-Newton steps on growing samples of the rows.

    minimise  mean over rows of loss(b + x'w, y)  +  penalty |w|^2 / 2      for every member

One pass over the rows gives loss and gradient of all members at their trial points; a member accepts
its trial point or shortens its step. Steps are L-BFGS (Nocedal 1980) in the metric of `metric`, which
the folds of a setting share: they differ from it by sampling noise, so a handful of passes reaches the
optimum; a softmax whose steps are refused goes over to `coupled`. The samples double (Daneshmand, Lucchi
and Hofmann 2016): most steps are made on few rows, and settings that a sample shows to be hopeless do
not see all rows. No learning rate is set.

Shapes: d features, k outputs, M members; theta is (d + 1, k, M) with the bias in its last row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from justright.kernels.blas import one_blas_thread
from justright.models.base import Curve, Progress, Spec, State
from justright.models.linear.bias import best_bias
from justright.models.linear.coupled import is_coupled, steps_of
from justright.models.linear.design import layout_for
from justright.models.linear.dual import DualMetric
from justright.models.linear.metric import Metric, build_metric
from justright.models.linear.passes import Evaluation, evaluate
from justright.schema import Block, FloatArray, Member

__all__ = ["LOOK_BACK", "advance", "best_bias", "decided", "exhausted", "start"]

_PAIRS: Final = 8
_PAIR_BYTES: Final = 1 << 27
_ARMIJO: Final = 1e-4
_LEVEL_PASSES: Final = 6  # passes of the last sample but one; a sample half as large may take twice as many
_MOST_PASSES: Final = 48
_SMALLEST: Final = 4_000  # rows of the smallest sample
_ROWS_A_PARAMETER: Final = 15  # of the smallest sample of coupled steps, which cost the same on few rows
_TRIED: Final = 6  # passes after which refused steps are counted
_REFUSED: Final = 0.4  # share of refused steps above which a softmax is stepped over all classes together
_RENEW: Final = (4, 12, 30)  # passes of a level after which a metric at the current point pays for itself
LOOK_BACK: Final = 12
_STALE: Final = 2e-3  # share by which the validation loss must fall in so many passes
_FAR: Final = 20.0  # a setting this many times farther behind than its steps still promise is not chosen
_NEAR: Final = 2  # settings on either side of the best that are always kept


def start(spec: Spec, blocks: Sequence[Block], members: Sequence[Member]) -> State:
    """Return the state before the first pass: zero weights and the best bias."""
    d, k, count = layout_for(spec.plan, spec.clip).width, spec.outputs, len(members)
    theta = np.zeros((d + 1, k, count))
    theta[d] = best_bias(spec, blocks)[:, None]
    pairs = int(np.clip(_PAIR_BYTES // (16 * max(theta.size, 1)), 3, _PAIRS))
    smallest = max(_SMALLEST, 4 * d)
    levels = _levels(spec, smallest)
    settings = 1 + max(member.setting for member in members)
    return {
        "theta": theta,
        "trial": theta.copy(),
        "direction": np.zeros_like(theta),
        "gradient": np.zeros_like(theta),
        "objective": np.full(count, np.inf),
        "train": np.full(count, np.nan),
        "validation": np.full(count, np.nan),
        "step": np.ones(count),
        "done": np.zeros(count, bool),
        "failed": np.zeros(count, bool),
        "dropped": np.zeros(count, bool),
        "moves": np.zeros((pairs, *theta.shape)),
        "turns": np.zeros((pairs, *theta.shape)),
        "known": np.zeros((pairs, count), bool),
        "anchor": theta[:, :, :1].repeat(settings, axis=2),
        "anchor_share": np.asarray(0.5**levels),
        "anchor_done": np.zeros(count, bool),
        "first": np.full(count, np.nan),
        "best": np.full(LOOK_BACK, np.inf),
        "tried": np.zeros(2),
        "coupled": np.asarray(False),
        "level": np.asarray(levels),
        "level_pass": np.asarray(0),
    }


def _levels(spec: Spec, smallest: int) -> int:
    """Return how often the rows are halved so that the smallest sample has so many."""
    return int(np.clip(np.floor(np.log2(max(spec.rows, 1) / smallest)), 0, 6))


def advance(
    spec: Spec, state: State, blocks: Sequence[Block], members: Sequence[Member], cache: dict[str, Any]
) -> tuple[State, Progress]:
    """Evaluate all trial points in one pass, then accept or shorten each step.

    `cache` keeps what follows from the state (the metric), so that it is not made anew in every pass.
    """
    new = {name: array.copy() for name, array in state.items()}
    share = 0.5 ** int(state["level"])
    active = np.flatnonzero(~state["done"])
    asked = [members[i] for i in active.tolist()]
    with one_blas_thread(bool(new["coupled"])):
        found = evaluate(spec, blocks, asked, state["trial"][:, :, active], share)
    penalty = np.asarray([member.penalty for member in asked])
    objective, gradient = _penalised(found, state["trial"][:, :, active], penalty)
    good = _accept(new, active, found, objective, gradient, fresh=int(state["level_pass"]) == 0)
    new["tried"] += good.sum(), (~good).sum()
    good |= _adopt(new, active, members)
    new["level_pass"] += 1
    if is_coupled(spec) and _refused(new):
        _couple(spec, new, members)
        rule = "steps over all classes together begin"
    else:
        _step(spec, new, active[good], blocks, members, cache)
        rule = _finish(spec, new, active, members)
    curve = Curve(share, new["train"].copy(), new["validation"].copy())
    norms = {"gradient": _norm(new["gradient"]), "step": new["step"] * _norm(new["direction"])}
    done = new["done"] & (int(new["level"]) == 0)
    return new, Progress((curve,), done, norms, 1, rule, new["failed"])


def _step(
    spec: Spec,
    new: State,
    moved: npt.NDArray[Any],
    blocks: Sequence[Block],
    members: Sequence[Member],
    cache: dict[str, Any],
) -> None:
    """Choose the next trial points of the moved members. Sets `new`."""
    if new["coupled"]:
        _aim(new, moved, steps_of(spec, new, moved, blocks, members, cache))
        return
    if int(new["level_pass"]) in _RENEW:
        _renew(new, members, 0.5 ** int(new["level"]))
    metric = _metric(spec, new, blocks, members, cache)
    _propose(new, moved, metric, np.asarray([member.setting for member in members]))


def _refused(new: State) -> bool:
    """Say whether the steps so far were refused too often, for the first time."""
    enough = int(new["level_pass"]) >= _TRIED and not new["coupled"]
    return bool(enough and new["tried"][1] > _REFUSED * new["tried"].sum())


def _couple(spec: Spec, new: State, members: Sequence[Member]) -> None:
    """Go over to steps over all classes together, which cost the same on few rows. Sets `new`."""
    new["coupled"] = np.asarray(True)
    parameters = new["theta"].shape[0] * new["theta"].shape[1]
    level = min(int(new["level"]), _levels(spec, _ROWS_A_PARAMETER * parameters))
    _enter(new, members, level)


def _enter(new: State, members: Sequence[Member], level: int) -> None:
    """Begin a level at the points where the members are. Sets `new`."""
    new["level"], new["level_pass"] = np.asarray(level), np.asarray(0)
    new["done"] = new["failed"] | new["dropped"]
    new["train"][new["dropped"]] = new["validation"][new["dropped"]] = np.nan
    new["trial"] = new["theta"].copy()
    new["step"][:] = 1.0
    _renew(new, members, 0.5**level)


def _norm(values: FloatArray) -> FloatArray:
    """Return the length of each member's vector."""
    return np.asarray(np.sqrt((values**2).sum(axis=(0, 1))))


def _penalised(found: Evaluation, theta: FloatArray, penalty: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Add the ridge penalty to loss and gradient; the bias is free."""
    weights = theta[:-1]
    objective = found.train + 0.5 * penalty * (weights**2).sum(axis=(0, 1))
    gradient = found.gradient.copy()
    gradient[:-1] += penalty * weights
    return objective, gradient


def _accept(
    new: State,
    active: npt.NDArray[Any],
    found: Evaluation,
    objective: FloatArray,
    gradient: FloatArray,
    *,
    fresh: bool,
) -> npt.NDArray[np.bool_]:
    """Move the members whose trial point is good enough; shorten the step of the others. Sets `new`."""
    slope = (new["gradient"][:, :, active] * new["direction"][:, :, active]).sum(axis=(0, 1))
    before = new["objective"][active]
    # Rounding: near the optimum the objective cannot tell steps apart any more.
    slack = 1e-13 * np.abs(np.where(np.isfinite(before), before, 0.0))
    bound = before + _ARMIJO * new["step"][active] * slope + slack
    good = np.isfinite(objective) & (np.full(len(active), fresh) | (objective <= bound))
    good &= np.isfinite(gradient).all(axis=(0, 1))
    moved = active[good]
    if not fresh:
        _remember(new, moved, new["trial"][:, :, moved] - new["theta"][:, :, moved], gradient[:, :, good])
    new["theta"][:, :, moved] = new["trial"][:, :, moved]
    new["gradient"][:, :, moved] = gradient[:, :, good]
    new["objective"][moved] = objective[good]
    new["train"][moved], new["validation"][moved] = found.train[good], found.validation[good]
    new["first"][moved] = np.where(np.isnan(new["first"][moved]), objective[good], new["first"][moved])
    stuck = active[~good]
    new["step"][stuck] *= 0.3
    new["trial"] = new["theta"] + new["step"] * new["direction"]
    # No shorter step helps: at a finite point rounding has the last word, elsewhere it has diverged.
    short = new["step"][stuck] < 1e-8
    new["failed"][stuck] |= short & ~np.isfinite(new["objective"][stuck])
    new["done"][stuck] |= short
    return np.asarray(good)


def _remember(new: State, moved: npt.NDArray[Any], move: FloatArray, gradient: FloatArray) -> None:
    """Put the newest pair (move, turn of the gradient) of each moved member in front. Sets `new`."""
    turn = gradient - new["gradient"][:, :, moved]
    bent = (move * turn).sum(axis=(0, 1)) > 1e-12 * (turn**2).sum(axis=(0, 1))
    for pair in reversed(range(1, len(new["known"]))):
        for name in ("moves", "turns"):
            new[name][pair][:, :, moved] = new[name][pair - 1][:, :, moved]
        new["known"][pair, moved] = new["known"][pair - 1, moved]
    new["moves"][0][:, :, moved], new["turns"][0][:, :, moved] = move, turn
    new["known"][0, moved] = bent


def _adopt(new: State, active: npt.NDArray[Any], members: Sequence[Member]) -> npt.NDArray[np.bool_]:
    """Let members take over the point of another that is better for them too; say which. Sets `new`.

    Members on the same rows differ in penalty only, so loss and gradient at another's point are known
    without a pass: a weak penalty that is still far out starts from where a stronger one has arrived.
    """
    theta, penalty = new["theta"], np.asarray([member.penalty for member in members])
    squares = (theta[:-1] ** 2).sum(axis=(0, 1))
    taken = np.zeros(len(members), bool)
    same: dict[tuple[int, int], list[int]] = {}
    for place in active.tolist():
        same.setdefault((members[place].repeat, members[place].fold), []).append(place)
    for group in same.values():
        places = np.asarray(group)
        # at[i, j] = objective of member i at the point of member j
        at = new["train"][places] + 0.5 * penalty[places][:, None] * squares[places]
        source = places[np.argmin(np.where(np.isfinite(at), at, np.inf), axis=1)]
        better = at.min(axis=1) < new["objective"][places] * (1 - 1e-3)
        better &= ~np.isin(source, places[better])
        taken[places[better]] = True
        for to, start in zip(places[better].tolist(), source[better].tolist(), strict=True):
            weaker = penalty[to] - penalty[start]
            for name in ("moves", "turns"):
                new[name][:, :, :, to] = new[name][:, :, :, start]
            new["turns"][:, :-1, :, to] += weaker * new["moves"][:, :-1, :, to]
            new["known"][:, to] = new["known"][:, start]
            new["gradient"][:, :, to] = new["gradient"][:, :, start]
            new["gradient"][:-1, :, to] += weaker * theta[:-1, :, start]
            new["objective"][to] = new["train"][start] + 0.5 * penalty[to] * squares[start]
            new["train"][to], new["validation"][to] = new["train"][start], new["validation"][start]
            theta[:, :, to] = theta[:, :, start]
    return np.asarray(taken[active])


def _renew(new: State, members: Sequence[Member], share: float) -> None:
    """Take the metric anew at the current points of the members that train on all rows. Sets `new`."""
    for place, member in enumerate(members):
        if member.fold < 0:
            new["anchor"][:, :, member.setting] = new["theta"][:, :, place]
    new["anchor_share"] = np.asarray(share)
    new["anchor_done"] = new["done"].copy()


def _metric(
    spec: Spec, new: State, blocks: Sequence[Block], members: Sequence[Member], cache: dict[str, Any]
) -> Metric | DualMetric:
    """Return the metric at the anchors of the state, from the cache when they have not moved."""
    key = new["anchor"].tobytes() + new["anchor_done"].tobytes()
    if cache.get("key") != key:
        penalty = {member.setting: member.penalty for member in members}
        strengths = np.asarray([penalty[setting] for setting in range(len(penalty))])
        wanted = np.zeros(len(strengths), bool)
        wanted[[m.setting for m, done in zip(members, new["anchor_done"], strict=True) if not done]] = True
        cache["metric"] = build_metric(
            spec, blocks, new["anchor"], strengths, float(new["anchor_share"]), wanted
        )
        cache["key"] = key
    made: Metric | DualMetric = cache["metric"]
    return made


def _propose(
    new: State, moved: npt.NDArray[Any], metric: Metric | DualMetric, setting: npt.NDArray[np.int64]
) -> None:
    """Choose the next trial point of the moved members: a full step in a new direction. Sets `new`."""
    if not len(moved):
        return
    _aim(new, moved, -_two_loops(new, moved, metric, setting[moved]))


def _aim(new: State, moved: npt.NDArray[Any], direction: FloatArray) -> None:
    """Make the next trial point of the moved members a full step in a direction. Sets `new`."""
    new["direction"][:, :, moved] = direction
    new["step"][moved] = 1.0
    new["trial"][:, :, moved] = new["theta"][:, :, moved] + direction


def _two_loops(
    new: State, chosen: npt.NDArray[Any], metric: Metric | DualMetric, setting: npt.NDArray[np.int64]
) -> FloatArray:
    """Return inverse curvature times gradient by the two-loop recursion, (d + 1, k, chosen)."""
    q = new["gradient"][:, :, chosen].copy()
    pairs = len(new["known"])
    share, inverse = np.zeros((2, pairs, len(chosen)))
    used = [pair for pair in range(pairs) if new["known"][pair][chosen].any()]
    for pair in used:
        move, turn = new["moves"][pair][:, :, chosen], new["turns"][pair][:, :, chosen]
        product = (move * turn).sum(axis=(0, 1))
        inverse[pair] = np.where(new["known"][pair][chosen], 1.0 / np.where(product > 0, product, 1.0), 0.0)
        share[pair] = inverse[pair] * (move * q).sum(axis=(0, 1))
        q -= share[pair] * turn
    q = metric.apply(q, setting)
    for pair in reversed(used):
        move, turn = new["moves"][pair][:, :, chosen], new["turns"][pair][:, :, chosen]
        q += (share[pair] - inverse[pair] * (turn * q).sum(axis=(0, 1))) * move
    return q


def _finish(spec: Spec, new: State, active: npt.NDArray[Any], members: Sequence[Member]) -> str:
    """Mark members as done at this level, go to the next when all are; return the rule. Sets `new`."""
    rule = "the promised decrease of the loss is below the tolerance"
    level = int(new["level"])
    promised = -0.5 * (new["gradient"][:, :, active] * new["direction"][:, :, active]).sum(axis=(0, 1))
    scale = np.maximum(np.abs(new["first"][active]), 1e-12)
    # A sample of n rows knows the loss no better than about d / n: more exactness there is wasted.
    noise = 0.05 * len(new["theta"]) / (spec.rows * 0.5**level) if level else 0.0
    tolerance = np.maximum(noise, 0.1 * spec.descent.tolerance) * scale
    new["done"][active] |= (promised < tolerance) & (new["step"][active] == 1.0)
    if not level or new["coupled"]:
        new["done"][active] |= decided(new, active, promised, members)
    if not level and exhausted(new, members) and not new["done"].all():
        new["done"][:] = True
        rule = "the validation loss no longer falls"
    limit = min(_LEVEL_PASSES << max(level - 1, 0), _MOST_PASSES)
    if level and (new["done"].all() or int(new["level_pass"]) >= limit):
        settled, near_only = new["done"].copy(), bool(new["coupled"])
        new["dropped"] |= _hopeless(new, members, near_only=near_only) & (settled | near_only)
        _enter(new, members, level - 1)
    return rule


def decided(
    new: State, active: npt.NDArray[Any], promised: FloatArray, members: Sequence[Member]
) -> npt.NDArray[np.bool_]:
    """Say whose setting is worse than the best by far more than it can still gain."""
    setting = np.asarray([member.setting for member in members])
    judged = np.asarray([member.fold >= 0 for member in members])
    means = np.full(1 + setting.max(), np.inf)
    for number in range(len(means)):
        losses = new["validation"][(setting == number) & judged]
        means[number] = losses.mean() if len(losses) and np.isfinite(losses).all() else np.inf
    if not np.isfinite(means).any():
        return np.zeros(len(active), bool)
    room = np.zeros(len(means))
    np.maximum.at(room, setting[active], promised)
    return np.asarray((means - means.min() > _FAR * room)[setting[active]])


def exhausted(new: State, members: Sequence[Member]) -> bool:
    """Say whether the best validation loss has all but stopped falling; keeps it in `new`.

    Separable classes have their optimum at infinity: the training loss falls for ever, to no use.
    """
    judged = np.asarray([member.fold >= 0 for member in members]) & np.isfinite(new["validation"])
    setting = np.asarray([member.setting for member in members])
    means = [new["validation"][judged & (setting == s)].mean() for s in set(setting[judged].tolist())]
    passes = int(new["level_pass"])
    new["best"][passes % LOOK_BACK] = min(means, default=np.inf)
    if passes < 2 * LOOK_BACK or not judged.any():
        return False
    before = new["best"][(passes + 1) % LOOK_BACK]
    return bool(before - new["best"].min() < _STALE * abs(before))


def _hopeless(new: State, members: Sequence[Member], *, near_only: bool = False) -> npt.NDArray[np.bool_]:
    """Say which settings a sample shows to be beaten: not near the best, worse by 3 paired errors (or not).

    More rows ask for weaker penalties: on that side twice as many neighbours are kept.
    """
    settings = 1 + max(member.setting for member in members)
    folds = sorted({(m.repeat, m.fold) for m in members if m.fold >= 0})
    losses = np.full((settings, len(folds)), np.nan)
    for place, member in enumerate(members):
        if member.fold >= 0 and not new["dropped"][place]:
            losses[member.setting, folds.index((member.repeat, member.fold))] = new["validation"][place]
    means = losses.mean(axis=1)
    if not np.isfinite(means).any():
        return np.zeros(len(members), bool)
    best = int(np.nanargmin(means))
    gap = losses - losses[best]
    error = gap.std(axis=1, ddof=1) / np.sqrt(len(folds)) if len(folds) > 1 else np.zeros(settings)
    beaten = ~(gap.mean(axis=1) <= 3 * error + 1e-4 * abs(means[best]))
    near = (np.arange(settings) >= best - _NEAR + 1) & (np.arange(settings) <= best + _NEAR)
    return np.asarray(((beaten | near_only) & ~near)[[member.setting for member in members]])
