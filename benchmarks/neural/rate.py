"""Freedom from the rate: the race against the best of a grid of 13 rates, and against rules that need none.

    python benchmarks/neural/rate.py [--tables california ...] [--seeds 5] [--ring] [--sides race grid ...]

Small networks (64, 64) on at most 4,000 rows of a table: 60 % train, 20 % are held out (they stop the
training, and judge the race), 20 % are used for neither and give the losses that are compared. Seeds are
paired: a seed draws the parts, the starting weights and the batches, the same for every side. All rates of
one table and seed train side by side, each keeping its pass of least held-out loss.

    grid         13 rates, half a decade apart around the prior; the best is that of least mean loss over the
                 seeds on the rows used for neither: it knows what no rule can know
    race         the rate that `justright train` finds
    valley       fastai's range test: 1e-7 to 10 in 100 steps, valley rule; otherwise trained as the grid
    adam_1e-3    Adam as it is shipped, 1e-3 in the standard parametrisation (8e-3 here), constant
    prodigy      Prodigy as it is shipped, cosine schedule
    schedule_free    schedule-free AdamW as it is shipped (2.5e-3 in the standard parametrisation)

`--ring`: features and target times 1e+-3, batches of 32 to 4096, depth 1 to 6, 200 rows, passes 8 to 128.
Results are kept by case and seed in `results/DATE-rate.json`, written as they come, with their page.
"""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "linear"))

from glassbox import kept  # noqa: E402  (a script: its neighbours are not on the path before)
from rate_page import page  # noqa: E402
from rate_valley import valley  # noqa: E402

SEED = 20261121
ROWS = 4_000
POINTS = 13
STANDARD = 8.0  # a rate of 1e-3 for weights of size 1 / sqrt(64) is this many for weights of size 1
# Target, columns left out (row numbers, and parts of the target).
TABLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "california_housing": ("median_house_value", ()),
    "adult": ("income", ()),
    "letter": ("letter", ()),
    "diamonds": ("price", ()),
    "bank_marketing": ("y", ("duration",)),
    "wine_quality": ("quality", ()),
    "abalone": ("Rings", ()),
    "credit_default": ("default.payment.next.month", ("ID",)),
    "bike_sharing": ("cnt", ("instant", "casual", "registered")),
    "higgs_7k": ("label", ()),
    "insurance": ("charges", ()),
    "telco_churn": ("Churn", ("customerID",)),
}
RING = ("california_housing", "adult", "letter")
RIVALS: dict[str, tuple[dict[str, Any], float]] = {
    "adam_1e-3": ({"schedule": "constant", "options": {"b2": 0.999}}, 1e-3 * STANDARD),
    "prodigy": ({"optimizer": "prodigy", "schedule": "cosine"}, 1.0),
    "schedule_free": ({"optimizer": "schedule_free_adamw", "schedule": "constant"}, 2.5e-3 * STANDARD),
}
SIDES = ("grid", "race", "valley", *RIVALS)


@dataclass(frozen=True)
class Case:
    """One table under one setting."""

    table: str
    name: str = "plain"
    rows: int = ROWS
    feature: float = 1.0
    target: float = 1.0
    network: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Its name in the results."""
        return f"{self.table} {self.name}"


def ring_of(table: str) -> Iterator[Case]:
    """Give the settings that a rule for the rate must bear."""
    for scale in (1e-3, 1e3):
        yield Case(table, f"features x {scale:g}", feature=scale)
        if table == "california_housing":
            yield Case(table, f"target x {scale:g}", target=scale)
    for batch in (32, 1024, 4096):
        yield Case(table, f"batch {batch}", network={"batch": batch})
    for depth in (1, 3, 6):
        yield Case(table, f"depth {depth}", network={"hidden": [64] * depth})
    yield Case(table, "200 rows", rows=200)
    for passes in (8, 128):
        yield Case(table, f"{passes} passes", network={"epochs": passes})


def read(case: Case, data: Path) -> pa.Table:
    """Return the rows of a case: a sample by a stated seed, columns scaled."""
    target, left_out = TABLES[case.table]
    table = pq.read_table(data / f"{case.table}.parquet").drop_columns(list(left_out))
    table = table.filter(table[target].is_valid())
    chosen = np.sort(np.random.default_rng(SEED).permutation(table.num_rows)[: case.rows])
    table = table.take(chosen)
    for place, name in enumerate(table.column_names):
        factor = case.target if name == target else case.feature
        if factor != 1.0 and pa.types.is_floating(table[name].type):
            table = table.set_column(place, name, pa.array(table[name].to_numpy() * factor))
    return table


@dataclass(frozen=True)
class Parts:
    """What is trained: blocks of rows to train on (fold -2) and held out (fold 0), and rows for neither."""

    spec: Any
    blocks: list[Any]
    test: Any


def encode(case: Case, network: Any, data: Path) -> tuple[Any, Any]:
    """Return the Spec and all rows as one block."""
    from justright.datamodule import prepare
    from justright.kinds import infer_schema
    from justright.models.base import Spec
    from justright.optim.losses import loss_for
    from justright.optim.schedules import schedule_for
    from justright.recipe import Descent, Recipe
    from justright.schema import Block
    from justright.source import open_source

    target = TABLES[case.table][0]
    source = open_source(read(case, data))
    schema, _ = infer_schema(source, target=target)
    assert schema.target is not None
    loss = loss_for("auto", schema.target.task)
    made = prepare(source, schema, Recipe(target=target, network=network), loss=loss.name, folder=None)
    outputs = len(schema.target.classes) if loss.link == "softmax" else 1
    descent = Descent("sgd", epochs=network.epochs, tolerance=0.0)
    names = ("numeric", "codes", "target", "weight", "fold")
    whole = [np.concatenate([getattr(block, name) for block in made.blocks]) for name in names]
    key = np.concatenate([block.key for block in made.blocks])
    block = Block(*whole, None, key)
    return Spec(loss, outputs, made.plan, descent, schedule_for("constant"), block.rows), block


def divide(spec: Any, block: Any, seed: int) -> Parts:
    """Return the parts of a seed."""
    order = np.random.default_rng([SEED, seed]).permutation(block.rows)
    fifth = block.rows // 5
    fold = np.full((block.rows, 1), -2, np.int8)
    fold[order[:fifth]] = 0
    test, rest = order[fifth : 2 * fifth], np.concatenate([order[:fifth], order[2 * fifth :]])
    rows = replace(block, fold=fold)
    return Parts(replace(spec, rows=len(rest)), [rows.take(np.sort(rest))], rows.take(np.sort(test)))


def run(learner: Any, parts: Parts, rates: Sequence[float], seed: int) -> list[dict[str, Any]]:
    """Train one member a rate; return of each its losses at its pass of least held-out loss."""
    from justright.optim.losses import row_losses
    from justright.schema import Member

    members = tuple(Member(0, setting, rate=rate) for setting, rate in enumerate(rates))
    state = learner.start(parts.spec, parts.blocks, members, seed)
    best = [{"rate": float(rate), "held": np.inf, "test": np.inf, "pass": 0} for rate in rates]
    for number in range(parts.spec.descent.epochs):
        state, progress = learner.advance(parts.spec, state, parts.blocks, members, number)
        held = progress.curves[-1].validation
        better = [place for place, one in enumerate(best) if held[place] < one["held"]]
        if not better:
            continue
        margins = learner.margins(parts.spec, state, parts.test)
        for place in better:
            loss = row_losses(parts.spec.loss, margins[..., place], parts.test.target)
            best[place] |= {"held": float(held[place]), "test": float(loss.mean()), "pass": number + 1}
    for one, lowered in zip(best, state["lowered"], strict=True):
        one["lowered"] = int(lowered)
        for name in ("held", "test"):
            one[name] = one[name] if np.isfinite(one[name]) else None
    return best


def raced(network: Any, parts: Parts, seed: int, steps: int) -> dict[str, Any]:
    """Return the rate that the race finds, its table and its cost beside the steps of a training."""
    from justright.models.neural.learner import NeuralLearner
    from justright.schema import Member

    begin = time.perf_counter()
    state = NeuralLearner(network).start(parts.spec, parts.blocks, (Member(0),), seed)
    table = [[float(f"{value:.4g}") for value in row] for row in state["race"][..., 0]]
    return {
        "rate": float(state["rate"][0]),
        "extra": int(state["raced"][0]) / steps,
        "table": [[value if np.isfinite(value) else None for value in row] for row in table],
        "seconds": time.perf_counter() - begin,
    }


def measure(case: Case, seed: int, sides: Sequence[str], passes: int, data: Path) -> dict[str, Any]:
    """Return the losses of all sides of one case and seed."""
    from justright.models.neural.defaults import batch_of, prior_of
    from justright.models.neural.learner import NeuralLearner
    from justright.recipe import Network

    network = Network(**{"hidden": (64, 64), "epochs": passes} | _tuples(case.network))
    spec, block = encode(case, network, data)
    parts = divide(spec, block, seed)
    train = int((parts.blocks[0].fold[:, 0] != 0).sum())
    batch = batch_of(network, train)
    prior = prior_of(network, spec, batch)
    found: dict[str, Any] = {"prior": prior, "rows": train, "passes": network.epochs}
    rates = list(prior * 10.0 ** (0.5 * (np.arange(POINTS) - POINTS // 2))) if "grid" in sides else []
    extra = {}
    if "race" in sides:
        found["race"] = raced(network, parts, seed, network.epochs * -(-train // batch))
        extra["race"] = found["race"]["rate"]
    if "valley" in sides:
        extra["valley"] = valley(network, parts, seed)
    begin = time.perf_counter()
    made = run(NeuralLearner(network), parts, [*rates, *extra.values()], seed)
    if rates:
        found["grid"] = made[: len(rates)]
    found |= {"seconds": time.perf_counter() - begin}
    for name, one in zip(extra, made[len(rates) :], strict=True):
        found[name] = {**found.get(name, {}), **one}
    for name in set(sides) & set(RIVALS):
        changed, rate = RIVALS[name]
        own = Network(**{"hidden": (64, 64), "epochs": passes} | changed | _tuples(case.network))
        found[name] = run(NeuralLearner(own), parts, [rate], seed)[0]
    return found


def _tuples(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings as a Recipe has them."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}


def main() -> None:
    """Measure, seed by seed over the tables, so that a broken-off run leaves most."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=list(TABLES))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--passes", type=int, default=48)
    parser.add_argument("--sides", nargs="+", default=list(SIDES), choices=SIDES)
    parser.add_argument("--ring", action="store_true", help="the stress ring instead of the plain tables")
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--again", action="store_true", help="measure what is known anew")
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    parser.add_argument("--out", default=str(HERE / "results"))
    options = parser.parse_args()
    results = Path(options.out) / f"{options.date}-rate{'-ring' if options.ring else ''}.md"
    results.parent.mkdir(exist_ok=True)
    tables = [t for t in options.tables if t in RING] if options.ring else options.tables
    cases = [case for t in tables for case in (ring_of(t) if options.ring else [Case(t)])]
    with tempfile.TemporaryDirectory() as cache:
        os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", cache)
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        for seed in range(options.seeds):
            for case in cases:
                with kept(results) as found:
                    known = found.get(case.key, {}).get("seeds", {}).get(str(seed), {})
                sides = [side for side in options.sides if options.again or side not in known]
                if not sides:
                    continue
                made = measure(case, seed, sides, options.passes, Path(options.data))
                with kept(results) as found:
                    entry = found.setdefault(case.key, {"case": asdict(case), "seeds": {}})
                    entry["seeds"].setdefault(str(seed), {}).update(made)
                    everything = dict(found)
                results.write_text(page(everything, options.date))
                best = min((one["test"] or np.inf for one in made.get("grid", ())), default=np.nan)
                own = {side: made[side].get("test") for side in sides if side != "grid"}
                print(case.key, seed, f"best {best:.4f}", own, f"{made['seconds']:.0f} s", flush=True)


if __name__ == "__main__":
    main()
