"""The rival: scikit-learn's tuned linear pipeline. Runs in an environment of its own.

    python rival.py FOLDER

reads train.parquet, test.parquet and question.json of FOLDER and writes predictions.npy (numbers, or
probabilities in the order of classes.json) and seconds.json. Numbers: median and indicator, then unit
variance; texts and categories: one-hot, fewer than 5 rows pooled; dates: the instant and its parts.
Ridge chooses among 23 strengths by leave-one-out, logistic regression among 10 by five folds.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, RidgeCV
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

CS = np.logspace(-4, 4, 10)
ALPHAS = np.logspace(-4, 7, 23)


def with_dates(frame: pd.DataFrame, dates: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """Replace dates by the instant and its parts."""
    made = []
    for name in dates:
        when = pd.to_datetime(frame[name], utc=True)
        frame[f"{name} instant"] = (when - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
        made.append(f"{name} instant")
        for part in ("year", "month", "day", "day_of_week", "day_of_year", "hour", "minute"):
            frame[f"{name} {part}"] = getattr(when.dt, part).astype(float)
            made.append(f"{name} {part}")
    return frame, made


def columns_of(frame: pd.DataFrame, roles: dict[str, list[str]]) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Return the frame with its numbers as floats and its categories as texts, and their names."""
    frame, dates = with_dates(frame, roles["dates"])
    numbers, categories = roles["numbers"] + dates, roles["categories"]
    frame[numbers] = frame[numbers].apply(pd.to_numeric, errors="coerce").astype(float)
    for name in categories:
        frame[name] = frame[name].astype(object).where(frame[name].notna(), "(missing)").astype(str)
    return frame, numbers, categories


def model_for(question: dict[str, Any], rows: int) -> tuple[Any, str]:
    """Return the estimator at the end of the pipeline and what it is, in words."""
    if question["task"] == "regression":
        return RidgeCV(alphas=ALPHAS), f"RidgeCV, {len(ALPHAS)} alphas, leave-one-out"
    solver = question["solver"]
    # Shuffled: in the order of the file a fold of bank_marketing is a season, and C is chosen badly.
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    common = {"scoring": "neg_log_loss", "solver": solver, "max_iter": 1000, "n_jobs": 2}
    tuned = LogisticRegressionCV(
        Cs=CS, cv=folds, **common, **({"use_legacy_attributes": False} if _has_legacy() else {})
    )
    return tuned, f"LogisticRegressionCV, 10 Cs, 5 shuffled folds, {solver}, {rows:,} rows"


def _has_legacy() -> bool:
    """Say whether this scikit-learn asks which attributes are wanted."""
    return "use_legacy_attributes" in LogisticRegressionCV().get_params()


def fit(question: dict[str, Any], x: Any, y: Any) -> tuple[Any, str]:
    """Tune and fit; with `tune_rows`, the strength is chosen on so many rows and all are fitted once."""
    few = question["tune_rows"]
    if not few or few >= len(y):
        model, words = model_for(question, len(y))
        return model.fit(x, y), words
    chosen = np.random.default_rng(0).permutation(len(y))[:few]
    counts = pd.Series(y[chosen]).value_counts()
    chosen = chosen[np.isin(y[chosen], counts.index[counts >= 5])]
    tuned, words = model_for(question, len(chosen))
    strength = float(np.ravel(tuned.fit(x[chosen], y[chosen]).C_)[0])
    # The penalty is per row of the mean loss: C is for the sum, so it falls with the rows.
    strength *= len(chosen) / len(y)
    whole = LogisticRegression(C=strength, solver="lbfgs", max_iter=question["max_iter"], tol=1e-6)
    whole.fit(x, y)
    return (
        whole,
        f"{words} for C, then LogisticRegression(C={strength:.3g}, lbfgs, {whole.n_iter_} iterations)",
    )


def main() -> None:
    """Train on the one part, predict the other."""
    begin = time.perf_counter()
    folder = Path(sys.argv[1])
    question = json.loads((folder / "question.json").read_text())
    train, numbers, categories = columns_of(pd.read_parquet(folder / "train.parquet"), question["roles"])
    test, _, _ = columns_of(pd.read_parquet(folder / "test.parquet"), question["roles"])
    y = train[question["target"]]
    y = y.to_numpy(float) if question["task"] == "regression" else y.astype(str).to_numpy(object)
    encode = ColumnTransformer(
        [
            (
                "numbers",
                make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()),
                numbers,
            ),
            ("categories", OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5), categories),
        ]
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model, words = fit(question, encode.fit_transform(train), y)
        x = encode.transform(test)
        regression = question["task"] == "regression"
        predictions = model.predict(x) if regression else model.predict_proba(x)
    np.save(folder / "predictions.npy", predictions)
    found = {
        "seconds": time.perf_counter() - begin,
        "version": sklearn.__version__,
        "model": words,
        "features": int(x.shape[1]),
        "classes": [] if regression else [str(c) for c in model.classes_],
        "warnings": sorted({str(w.message).split("\n")[0] for w in caught}),
    }
    (folder / "rival.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
