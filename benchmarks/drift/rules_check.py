"""Run the others' own code beside `rules.py`, in their environment:

    python -m venv .venv-rivals-drift
    .venv-rivals-drift/bin/python -m pip install evidently nannyml "pandas<3"
    .venv-rivals-drift/bin/python benchmarks/drift/rules_check.py

Prints for each statistic the largest difference over 20 pairs of a reference and a window.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))
warnings.simplefilter("ignore")

from rules import Categories, Numbers  # noqa: E402  (a script: its neighbours are not on the path before)


def evidently(rng: np.random.Generator) -> dict[str, float]:
    """Differences to Evidently's own statistics."""
    from evidently.legacy.calculations.stattests import get_stattest
    from evidently.legacy.core import ColumnType

    found: dict[str, float] = {}
    for trial in range(20):
        m = 1000 if trial % 2 else 5000
        reference, window = rng.normal(size=m), rng.normal(0.2, 1.0, 200)
        ours = Numbers(reference)
        before, now = pd.Series(reference), pd.Series(window)
        pairs = {"ks": ours.ks(window), "wasserstein": ours.wasserstein(window) / ours.sd}
        for name, value in pairs.items():
            test = get_stattest(before, now, ColumnType.Numerical, name)
            theirs = test.func(before, now, ColumnType.Numerical, 0.05)[0]
            found[f"evidently {name}"] = max(found.get(f"evidently {name}", 0.0), abs(theirs - value))
        kinds = rng.choice(5, m, p=[0.4, 0.3, 0.15, 0.1, 0.05]), rng.choice(5, 200)
        theirs_before, theirs_now = (pd.Series(each.astype(str)) for each in kinds)
        cats = Categories(kinds[0].astype(float), 5)
        counts = np.bincount(kinds[1], minlength=5).astype(float)
        from rules import bits

        distance = np.sqrt(bits(cats.counts / m, counts / 200) * np.log(2.0))
        for name, value in (("chisquare", cats.one_sided(counts)), ("jensenshannon", distance)):
            test = get_stattest(theirs_before, theirs_now, ColumnType.Categorical, name)
            theirs = test.func(theirs_before, theirs_now, ColumnType.Categorical, 0.05)[0]
            found[f"evidently {name}"] = max(found.get(f"evidently {name}", 0.0), abs(theirs - value))
    return found


def nannyml(rng: np.random.Generator) -> dict[str, float]:
    """Differences to NannyML's own statistic and limit."""
    import nannyml as nml

    found: dict[str, float] = {}
    for _ in range(5):
        reference, window = rng.normal(size=2000), rng.normal(0.2, 1.0, 200)
        ours = Numbers(reference)
        calculator = nml.UnivariateDriftCalculator(
            column_names=["x"], continuous_methods=["jensen_shannon"], chunk_size=200
        )
        calculator.fit(pd.DataFrame({"x": reference}))
        table = calculator.calculate(pd.DataFrame({"x": window})).filter(period="analysis").to_df()
        row = table.iloc[0]["x"]["jensen_shannon"]
        for name, theirs, value in (
            ("nannyml distance", row["value"], ours.js(window)),
            ("nannyml limit", row["upper_threshold"], ours.nanny_limit(200)),
        ):
            found[name] = max(found.get(name, 0.0), abs(theirs - value))
    return found


if __name__ == "__main__":
    for part in (evidently, nannyml):
        try:
            for name, gap in part(np.random.default_rng(0)).items():
                print(f"{name}: largest difference {gap:.3g}")
        except Exception as error:  # noqa: BLE001  (the other part is still worth running)
            print(f"{part.__name__}: {type(error).__name__}: {error}")
