"""The rivals of quality.py. Runs in an environment of its own.

    python rivals.py FOLDER lightgbm|lightgbm_tuned|histgb|autogluon

reads train.parquet, test.parquet and question.json of FOLDER, fits once and writes SIDE.npy (numbers, or
probabilities in the order of the classes) and SIDE.json. Seconds: fit, all choices and prediction; imports
apart.

    lightgbm        as it comes (100 trees, all rows); categories as such, missing values as they are
    lightgbm_tuned  30 trials of optuna's TPE, the first one the defaults; at most 3,000 trees, stopped
                    after 50 without a better one, on five folds (below 10,000 rows) or on a held-out fifth;
                    then fitted to all rows with so many trees (mean of the folds)
    histgb          scikit-learn's HistGradientBoosting as it comes; categories from their type, columns with
                    more than 255 of them left out, which it refuses
    autogluon       preset medium_quality, its time limit, the compared metric; the raw frame

LightGBM and scikit-learn get dates as the instant and its parts.
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "linear"))
sys.path.insert(0, str(HERE.parent / "neural"))

import rival  # noqa: E402  (a script: its neighbours are not on the path before)
from usage import cpu, peak_memory  # noqa: E402

Frame = pd.DataFrame
Answer = tuple[Any, list[str], str]  # predictions, classes, words
FEW, MOST_TREES, STOPPED = 10_000, 3_000, 50
METRICS = {"regression": "rmse", "binary": "binary_logloss", "multiclass": "multi_logloss"}


def typed(question: dict[str, Any], train: Frame, test: Frame) -> tuple[Frame, Frame]:
    """Return both parts with numbers as floats and categories as such; missing values stay missing."""
    made = []
    for frame in (train, test):
        frame, dates = rival.with_dates(frame.copy(), question["roles"]["dates"])
        numbers = question["roles"]["numbers"] + dates
        frame[numbers] = frame[numbers].apply(pd.to_numeric, errors="coerce").astype(float)
        for name in question["roles"]["categories"]:
            known = frame[name].notna()
            frame[name] = frame[name].astype(str).where(known, None)
        made.append(frame[numbers + question["roles"]["categories"]])
    for name in question["roles"]["categories"]:
        kind = pd.CategoricalDtype(sorted(made[0][name].dropna().unique()))
        made = [frame.assign(**{name: frame[name].astype(kind)}) for frame in made]
    return made[0], made[1]


def answered(question: dict[str, Any], model: Any, classes: Any, test: Frame, words: str) -> Answer:
    """Predict with a fitted model."""
    if question["task"] == "regression":
        return model.predict(test), [], words
    return model.predict_proba(test), [str(each) for each in classes], words


def coded(question: dict[str, Any], y: Any) -> tuple[Any, Any]:
    """Return the target as numbers, and the classes."""
    if question["task"] == "regression":
        return y, None
    classes, numbers = np.unique(y, return_inverse=True)
    return numbers, classes


def lightgbm(question: dict[str, Any], x: Frame, y: Any, test: Frame) -> Answer:
    """LightGBM as it comes."""
    from lightgbm import LGBMClassifier, LGBMRegressor

    x, test = typed(question, x, test)
    y, classes = coded(question, y)
    kind = LGBMRegressor if question["task"] == "regression" else LGBMClassifier
    model = kind(n_jobs=2, verbose=-1, random_state=question["seed"]).fit(x, y)
    return answered(question, model, classes, test, "100 trees")


def lightgbm_tuned(question: dict[str, Any], x: Frame, y: Any, test: Frame) -> Answer:
    """LightGBM with the best of 30 settings."""
    import optuna
    from lightgbm import LGBMClassifier, LGBMRegressor, early_stopping

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    x, test = typed(question, x, test)
    y, classes = coded(question, y)
    kind = LGBMRegressor if question["task"] == "regression" else LGBMClassifier
    metric = METRICS[question["task"]]
    common = {"n_jobs": 2, "verbose": -1, "random_state": question["seed"], "subsample_freq": 1}
    parts = folds(question, y)

    def tried(trial: Any) -> float:
        settings = {
            "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.3, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 8, 256, log=True),
            "min_child_samples": trial.suggest_int("min_child_samples", 2, 200, log=True),
            "subsample": trial.suggest_float("subsample", 0.5, 1.0),
            "colsample_bytree": trial.suggest_float("colsample_bytree", 0.4, 1.0),
            "reg_alpha": trial.suggest_float("reg_alpha", 1e-8, 10.0, log=True),
            "reg_lambda": trial.suggest_float("reg_lambda", 1e-8, 10.0, log=True),
        }
        found, trees = [], []
        for rest, held in parts:
            model = kind(n_estimators=MOST_TREES, metric=metric, **settings, **common)
            stop = early_stopping(STOPPED, verbose=False)
            model.fit(x.iloc[rest], y[rest], eval_set=[(x.iloc[held], y[held])], callbacks=[stop])
            found.append(model.best_score_["valid_0"][metric])
            trees.append(model.best_iteration_ or MOST_TREES)
        trial.set_user_attr("trees", round(float(np.mean(trees))))
        return float(np.mean(found))

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=question["seed"]))
    first = {"learning_rate": 0.1, "num_leaves": 31, "min_child_samples": 20, "subsample": 1.0}
    study.enqueue_trial(first | {"colsample_bytree": 1.0, "reg_alpha": 1e-8, "reg_lambda": 1e-8})
    study.optimize(tried, n_trials=question["trials"], timeout=question["tuning_limit"])
    trees = study.best_trial.user_attrs["trees"]
    model = kind(n_estimators=trees, **study.best_params, **common).fit(x, y)
    how = "5 folds" if len(parts) > 1 else "a held-out fifth"
    words = (
        f"{len(study.trials)} trials on {how}; {trees} trees, rate {study.best_params['learning_rate']:.3g}"
    )
    words += f", {study.best_params['num_leaves']} leaves"
    return answered(question, model, classes, test, words)


def folds(question: dict[str, Any], y: Any) -> list[tuple[Any, Any]]:
    """Return who trains and who judges a trial."""
    from sklearn.model_selection import KFold, StratifiedKFold

    kind = KFold if question["task"] == "regression" else StratifiedKFold
    found = list(kind(5, shuffle=True, random_state=question["seed"]).split(np.zeros((len(y), 1)), y))
    return found if question["rows"] < FEW else found[:1]


def histgb(question: dict[str, Any], x: Frame, y: Any, test: Frame) -> Answer:
    """scikit-learn's HistGradientBoosting as it comes."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    x, test = typed(question, x, test)
    wide = [name for name in question["roles"]["categories"] if x[name].cat.categories.size > 255]
    x, test = x.drop(columns=wide), test.drop(columns=wide)
    regression = question["task"] == "regression"
    kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    model = kind(categorical_features="from_dtype", random_state=question["seed"]).fit(x, y)
    words = f"{model.n_iter_} trees" + (f", without {', '.join(wide)}" if wide else "")
    return answered(question, model, None if regression else model.classes_, test, words)


def autogluon(question: dict[str, Any], x: Frame, y: Any, test: Frame) -> Answer:
    """AutoGluon's medium quality."""
    from autogluon.tabular import TabularPredictor

    metric = "root_mean_squared_error" if question["task"] == "regression" else "log_loss"
    predictor = TabularPredictor(
        question["target"],
        problem_type=question["task"],
        eval_metric=metric,
        path=question["scratch"],
        verbosity=0,
    ).fit(
        x.assign(**{question["target"]: y}),
        presets="medium_quality",
        time_limit=question["autogluon_limit"],
        num_cpus=2,
        num_gpus=0,
    )
    words = f"{predictor.model_best} of {', '.join(predictor.model_names())}"
    if question["task"] == "regression":
        return predictor.predict(test).to_numpy(), [], words
    shares = predictor.predict_proba(test, as_multiclass=True)
    return shares.to_numpy(), [str(each) for each in shares.columns], words


# Package, module that is imported before the clock starts, what fits.
SIDES: dict[str, tuple[str, str, Callable[[dict[str, Any], Frame, Any, Frame], Answer]]] = {
    "lightgbm": ("lightgbm", "lightgbm", lightgbm),
    "lightgbm_tuned": ("lightgbm", "lightgbm", lightgbm_tuned),
    "histgb": ("scikit-learn", "sklearn.ensemble", histgb),
    "autogluon": ("autogluon.tabular", "autogluon.tabular", autogluon),
}


def main() -> None:
    """Fit, predict, write."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    folder, side = Path(sys.argv[1]), sys.argv[2]
    question = json.loads((folder / "question.json").read_text())
    train, test = (pd.read_parquet(folder / f"{name}.parquet") for name in ("train", "test"))
    y = train.pop(question["target"])
    y = y.to_numpy(float) if question["task"] == "regression" else y.astype(str).to_numpy(object)
    question |= {"scratch": str(folder / side), "rows": len(train) + len(test)}
    package, module, make = SIDES[side]
    importlib.import_module(module)
    before, begin = cpu(), time.perf_counter()
    predictions, classes, words = make(question, train, y, test.drop(columns=question["target"]))
    found = {
        "seconds": time.perf_counter() - begin,
        "cpu": cpu() - before,
        "memory": round(peak_memory()),
        "classes": classes,
        "model": words,
        "version": f"{package} {version(package)}",
    }
    np.save(folder / f"{side}.npy", np.asarray(predictions, float))
    (folder / f"{side}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
