"""Steps of gradient descent per second: the kernel alone, and a whole epoch with shuffling and evaluation.

    python benchmarks/training/descent.py [--rows 1000000] [--out FILE]

Rows have 20 numbers (and, for `sparse`, 5 numbers and 10 categories of 100). Seconds are those of the thread,
so that a busy machine does not change them; the best of three. Compilation is timed apart: remove
`compiled_descent*.nb?` from `src/justright/kernels/__pycache__` to see it cold.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from justright.features.categorical import CategoricalFeature
from justright.features.numeric import NumericFeature
from justright.features.plan import FeaturePlan, PlanData
from justright.kernels.descent import descend
from justright.kernels.hashing import mix64
from justright.models.base import Spec
from justright.models.linear import design
from justright.models.linear.descent import DescentLinear, _columns, _kernel_rows, _memory, _rule
from justright.optim.losses import Logistic, Squared
from justright.optim.schedules import constant
from justright.recipe import Descent
from justright.schema import BLOCK_ROWS, Block, Column, Member


def table(rows: int, numbers: int, fields: int) -> tuple[FeaturePlan, list[Block]]:
    """Return a plan and blocks."""
    rng = np.random.default_rng(0)
    numeric = tuple(
        NumericFeature(Column(f"x{i}", "numeric", "number"), 0.0, 1.0, -9.0, 9.0) for i in range(numbers)
    )
    words = tuple(f"w{i}" for i in range(98))
    categorical = tuple(
        CategoricalFeature(Column(f"c{i}", "categorical", "text"), words, (1.0,) * 101) for i in range(fields)
    )
    blocks = []
    for begin in range(0, rows, BLOCK_ROWS):
        n = min(BLOCK_ROWS, rows - begin)
        x = rng.normal(size=(n, numbers)).astype(np.float32)
        blocks.append(
            Block(
                x,
                rng.integers(0, 100, (n, fields)).astype(np.int32),
                (x[:, 0] + rng.normal(size=n) > 0).astype(np.int32),
                np.ones(n, np.float32),
                rng.integers(0, 5, (n, 1)).astype(np.int8),
                None,
                mix64(np.arange(begin + 1, begin + n + 1, dtype=np.uint64)),
            )
        )
    return FeaturePlan(PlanData(numeric, categorical, (), None)), blocks


def best(run: Callable[[], object], times: int = 3) -> float:
    """Return the fewest thread seconds of some runs."""
    seconds = []
    for _ in range(times):
        begin = time.thread_time()
        run()
        seconds.append(time.thread_time() - begin)
    return min(seconds)


def measure(
    rows: int, fields: int, members: int, optimizer: str, batch: int, loss: object
) -> tuple[float, float]:
    """Return million rows a second of the kernel alone and of a whole epoch."""
    plan, blocks = table(rows, 5 if fields else 20, fields)
    spec = Spec(loss, 1, plan, Descent(optimizer=optimizer, batch=batch, epochs=10), constant, rows)  # type: ignore[arg-type]
    population = [Member(fold=i % 6 - 1, penalty=1e-3, rate=1e-3) for i in range(members)]
    learner = DescentLinear()
    state = learner.start(spec, blocks, population, 0)
    layout = design.layout_for(plan)
    pieces = [
        _kernel_rows(piece, layout.dense)
        for block in blocks
        for piece in design.rows_of(block, layout, members)
    ]
    columns = _columns(state, population, 1)

    def alone() -> None:
        memory = _memory(state, columns, layout.dense, 1)
        rule = _rule(spec, population, rows, 0)
        for piece in pieces:
            descend(piece, columns, memory, rule, spec.loss.gradient)

    kernel = best(alone)
    epoch = best(lambda: learner.advance(spec, state, blocks, population, 0))
    return rows / kernel / 1e6, rows / epoch / 1e6


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    begin = time.perf_counter()
    measure(1000, 0, 1, "sgd", 1, Squared())
    lines = [
        f"Machine: {platform.system()} {platform.machine()}, one thread, numpy {np.__version__}",
        f"First use, compilation or loading included: {time.perf_counter() - begin:.1f} s",
        "",
        "| features | members | loss | optimizer | batch | kernel, M rows/s | whole epoch, M rows/s |",
        "|---|---:|---|---|---:|---:|---:|",
    ]
    print("\n".join(lines))
    for fields, members, rows in ((0, 1, chosen.rows), (10, 1, chosen.rows), (0, 48, chosen.rows // 10)):
        for optimizer, batch in (("sgd", 1), ("sgd", 256), ("momentum", 256), ("ftrl", 1)):
            for loss in (Squared(), Logistic()) if optimizer == "sgd" else (Logistic(),):
                kernel, epoch = measure(rows, fields, members, optimizer, batch, loss)
                what = "5 + 10 x 100" if fields else "20"
                case = f"| {what} | {members} | {loss.name} | {optimizer} | {batch} "
                lines.append(f"{case}| {kernel:.2f} | {epoch:.2f} |")
                print(lines[-1], flush=True)
    if chosen.out:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        command = "python benchmarks/training/descent.py --rows " + str(chosen.rows)
        chosen.out.write_text(f"# Steps of gradient descent\n\n`{command}`\n\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
