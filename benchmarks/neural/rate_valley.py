"""fastai's range test with the valley rule, on our networks: one pass of growing rates, one point of it.

Adam takes 100 steps, the rate grows from 1e-7 to 10; losses are smoothed by 0.98; the test ends where the
smoothed loss is four times the best; the first 10 and the last 5 points are dropped. `valley` takes the
longest decreasing run of losses and the point at its start + (1/3 + 1/6) of its length.
"""

from __future__ import annotations

from itertools import cycle
from typing import Any

import numpy as np

STEPS = 100
LOW, HIGH = 1e-7, 10.0
SMOOTH = 0.98
DROPPED = (10, 5)


def valley(network: Any, parts: Any, seed: int) -> float:
    """Return the rate of the valley rule for a network and its rows."""
    rates, losses = range_test(network, parts, seed)
    begin, end = DROPPED[0], len(losses) - DROPPED[1]
    kept = losses[begin:end]
    if len(kept) < 3:
        return float(rates[0])
    first, length = longest_valley(kept)
    return float(rates[begin + first + int(length / 3) + int(length / 6)])


def longest_valley(losses: list[float]) -> tuple[int, int]:
    """Return start and length of the longest decreasing run in the sense of fastai: a subsequence.

    >>> longest_valley([3.0, 5.0, 4.0, 2.0, 1.0, 6.0])
    (1, 4)
    """
    n = len(losses)
    longest = [1] * n
    for i in range(1, n):
        for j in range(i):
            if losses[i] < losses[j] and longest[i] < longest[j] + 1:
                longest[i] = longest[j] + 1
    end = int(np.argmax(longest))
    return end + 1 - longest[end], longest[end]


def range_test(network: Any, parts: Any, seed: int) -> tuple[Any, list[float]]:
    """Return the rates and the smoothed training losses until the test ends."""
    import msgspec

    from justright.models.neural.defaults import batch_of, design_for, rule_for
    from justright.models.neural.front import fit_scales, layout_of
    from justright.models.neural.net import TableNet, pack
    from justright.models.neural.program import Batches, Program
    from justright.models.neural.rows import batches_of, pack_rows

    spec, blocks = parts.spec, parts.blocks
    layout = layout_of(spec.plan)
    scales = fit_scales(layout, blocks)
    rows = pack_rows(layout, scales, blocks, None)
    rows = rows.take(np.flatnonzero(rows.fold[:, 0] != 0))
    net = TableNet(design_for(network, layout, spec))
    fixed = net.fixed(rows.x)
    first = net.initial(np.random.default_rng(seed), {**scales, **fixed}, rows.x, rows.codes)
    rule = rule_for(msgspec.structs.replace(network, schedule="constant"))
    program = Program(net, fixed, spec.loss, rule)
    batches = batches_of(rows, batch_of(network, rows.count), seed, 0, 0)
    rates = LOW * (HIGH / LOW) ** (np.arange(STEPS) / (STEPS - 1))
    carry = program.start(pack(np, net.leaves, first)[None], net.statistics(), rates[:1], STEPS)
    told = {"fold": np.full(1, -100, np.int32), "repeat": np.zeros(1, np.int32), "forward": np.zeros(1, bool)}
    told |= {"steps": np.float32(STEPS), "seed": np.uint32(seed)}
    average, best, losses = 0.0, np.inf, list[float]()
    for step, place in zip(range(STEPS), cycle(range(batches.steps)), strict=False):
        part = (batches.x, batches.codes, batches.target, batches.weight, batches.fold)
        one = Batches(*(array[place : place + 1] for array in part))
        own = {**told, "rate": rates[step : step + 1].astype(np.float32), "first": np.int32(step)}
        carry, sums = program.train(carry, one, own)
        loss = float(sums["loss"][0] / sums["weight"][0])
        average = SMOOTH * average + (1 - SMOOTH) * loss
        losses.append(average / (1 - SMOOTH ** (step + 1)))
        best = min(best, losses[-1])
        if not np.isfinite(loss) or losses[-1] > 4 * best:
            break
    return rates, losses
