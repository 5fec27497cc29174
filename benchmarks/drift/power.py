"""D1: how often do monitors alarm without drift, and how often do they find it?

    python benchmarks/drift/power.py [--law NAME] [--windows 4000] [--date YYYY-MM-DD]

Fresh references and windows of each law; an alarm is any column of the window (of 1, or of 50 of which one
drifts). Ours goes the way of service: baseline -> counts -> compare -> correction. The others by their
published rules (`rules.py`). Writes `results/DATE-power.json` after every cell, and the page at the end.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from laws import LAWS, Law  # noqa: E402  (a script: its neighbours are not on the path before)
from power_page import write_page  # noqa: E402
from rules import RULES, Categories, Numbers  # noqa: E402

from justright.features.categorical import CategoricalFeature, Tally, fit_categorical  # noqa: E402
from justright.monitor.baseline import _counted  # noqa: E402
from justright.monitor.drift import LEVEL, compare, corrected  # noqa: E402
from justright.monitor.frame import Category, Counts, Frame, Number  # noqa: E402
from justright.schema import Column  # noqa: E402

WINDOWS = (50, 100, 200, 500, 1000, 5000)
REFERENCES = (1_000, 100_000)
COLUMNS = (1, 50)
WIDE = ("correlated", "heavy-tailed", "5 categories", "500 Zipf")


class Ours:
    """Reference columns as the monitor keeps them."""

    def __init__(self, reference: np.ndarray, kinds: int) -> None:
        self.kinds = kinds
        columns = reference.shape[1]
        if not kinds:
            made = [_counted(column, np.ones(len(column))) for column in reference.T]
            self.frame = Frame(tuple(Number(str(k), np.asarray(m["edges"])) for k, m in enumerate(made)), ())
            self.reference = Counts(len(reference), [m["counts"] for m in made], [0.0] * columns, [])
            return
        self.codes = []
        categories, counts = [], []
        for place, column in enumerate(reference.T):
            seen = np.bincount(column.astype(int), minlength=kinds)
            tally = Tally()
            tally.weights = {str(k): float(count) for k, count in enumerate(seen.tolist()) if count}
            feature = fit_categorical(Column(str(place), "categorical", "text"), tally, 5, 10_000, 1024)
            assert isinstance(feature, CategoricalFeature)
            table = np.zeros(kinds, int)
            for code, text in enumerate(feature.vocabulary, 2):
                table[int(text)] = code
            self.codes.append(table)
            categories.append(Category(str(place), ("rare", "missing", *feature.vocabulary), feature.size))
            counts.append(
                np.bincount(table[column.astype(int)], minlength=feature.size).astype(float).tolist()
            )
        self.frame = Frame((), tuple(categories))
        self.reference = Counts(len(reference), [], [], counts)

    def alarms(self, window: np.ndarray) -> bool:
        """Whether any row of the window is an anomaly."""
        rows, columns = window.shape
        if self.kinds:
            counted = [
                np.bincount(self.codes[k][window[:, k].astype(int)], minlength=self.frame.categorical[k].size)
                for k in range(columns)
            ]
            now = Counts(rows, [], [], [each.astype(float).tolist() for each in counted])
        else:
            counted = [
                np.bincount(np.searchsorted(n.edges, window[:, k], "right"), minlength=len(n.edges) + 1)
                for k, n in enumerate(self.frame.numeric)
            ]
            now = Counts(rows, [each.astype(float).tolist() for each in counted], [0.0] * columns, [])
        tested = compare(self.frame, self.reference, now)
        if not tested:
            return False
        q = corrected([each.found.p for each in tested])
        return any(own <= LEVEL and each.large for own, each in zip(q, tested, strict=True))


def cell(law: Law, m: int, n: int, columns: int, drift: float, windows: int, seed: int) -> dict[str, object]:
    """One cell of the table: the share of windows with an alarm."""
    rng = np.random.default_rng([seed, m, n, columns, round(1000 * drift)])
    # Windows for one reference: a small one is drawn anew more often, for its windows share its noise.
    each = (20 if law.kinds else 10) * (1 if m <= 1000 else 10) * (1 if columns == 1 else 2)
    if columns > 1 and m <= 1000 and not drift:
        each = 10
    most = 200 if columns == 1 else 40  # windows of the others, which cost more
    found = dict.fromkeys(("justright", *RULES), 0)
    done = rivals = references = 0
    while done < windows:
        reference = law.draw(rng, m, columns, 0.0)
        ours = Ours(reference, law.kinds)
        references += 1
        others = None
        if rivals < most:
            others = [Categories(c, law.kinds) if law.kinds else Numbers(c) for c in reference.T]
        for _ in range(each):
            window = law.draw(rng, n, columns, drift)
            found["justright"] += ours.alarms(window)
            done += 1
            if others is None or rivals >= most:
                continue
            rivals += 1
            said = [other.alarms(window[:, k], columns) for k, other in enumerate(others)]
            for name in RULES:
                found[name] += any(one[name] for one in said)
    shares = {name: found[name] / (done if name == "justright" else rivals) for name in found}
    return {
        "law": law.name,
        "reference": m,
        "window": n,
        "columns": columns,
        "drift": drift,
        "unit": law.unit,
        "windows": done,
        "references": references,
        "rival_windows": rivals,
        **shares,
    }


def main() -> None:
    """Run all cells that are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--law", action="append", choices=list(LAWS))
    parser.add_argument("--windows", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--date", default=datetime.date.today().isoformat())
    given = parser.parse_args()
    path = Path(__file__).parent / "results" / f"{given.date}-power.json"
    path.parent.mkdir(exist_ok=True)
    known = json.loads(path.read_text()) if path.exists() else {"cells": []}
    keys = ("law", "reference", "window", "columns", "drift")
    have = {tuple(each[key] for key in keys) for each in known["cells"]}
    laws = [LAWS[name] for name in given.law or LAWS]
    wanted = []
    for columns in COLUMNS:
        for law in laws:
            if columns > 1 and law.name not in WIDE:
                continue
            for m in REFERENCES:
                for n in WINDOWS if columns == 1 else (50, 200, 1000, 5000):
                    wanted.append((law, m, n, columns, 0.0))
                    if n in (100, 200, 500, 1000):
                        wanted += [(law, m, n, columns, drift) for drift in law.drifts]
    for law, m, n, columns, drift in wanted:
        if (law.name, m, n, columns, drift) in have:
            continue
        begin = time.time()
        windows = given.windows // (1 if columns == 1 else 2) // (4 if drift else 1)
        made = cell(law, m, n, columns, drift, windows, given.seed)
        known["cells"].append(made)
        known |= {"python": platform.python_version(), "numpy": np.__version__, "level": LEVEL}
        known["command"] = f"python benchmarks/drift/power.py --windows {given.windows} --seed {given.seed}"
        path.write_text(json.dumps(known, indent=1) + "\n")
        write_page(path)
        print(
            f"{law.name} m={m} n={n} k={columns} d={drift}: ours {made['justright']:.2%}",
            {r: f"{made[r]:.1%}" for r in RULES},
            f"{time.time() - begin:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
