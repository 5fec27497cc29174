"""The rivals of quality.py. Runs in an environment of its own.

    python quality_rival.py FOLDER lightgbm|lightgbm_stopped|mlp|mlp_stopped|realmlp|realmlp_s

reads train.parquet, test.parquet, held.npy and question.json of FOLDER, fits once from the data frame and
writes SIDE.npy (numbers, or probabilities in the order of the classes) and SIDE.json. Seconds: the fit
alone, with its encoding; imports apart. The held-out rows are given to the sides that can take them (both
RealMLP and lightgbm_stopped); the others train on them too. Dates become the instant and its parts for all.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from usage import cpu, peak_memory

sys.path.insert(0, str(Path(__file__).parent.parent / "linear"))
import rival  # noqa: E402  (a script: its neighbours are not on the path before)

Frame = pd.DataFrame
Fit = Callable[[Frame, Any, Any], Any]
ERRORS = {"regression": "rmse", "binary": "1-auc_ovr", "multiclass": "cross_entropy"}


def realmlp(question: dict[str, Any], simple: bool) -> Fit:
    """Fit RealMLP with tuned defaults, on the metric asked; missing numbers as TabArena's wrapper does."""
    from pytabkit import (
        RealMLP_TD_Classifier,
        RealMLP_TD_Regressor,
        RealMLP_TD_S_Classifier,
        RealMLP_TD_S_Regressor,
    )

    regression = question["task"] == "regression"
    settings = {
        "device": "cpu",
        "n_threads": 2,
        "random_state": question["seed"],
        "val_metric_name": ERRORS[question["task"]],
    }
    if regression:
        kind = RealMLP_TD_S_Regressor if simple else RealMLP_TD_Regressor
    else:
        kind = RealMLP_TD_S_Classifier if simple else RealMLP_TD_Classifier
        # Smoothed labels serve accuracy, not AUC or log loss.
        settings["use_ls"] = False

    class Fitted:
        def __init__(self, x: Frame, y: Any, held: Any) -> None:
            self.numbers = [name for name in x if name not in question["roles"]["categories"]]
            self.means = x[self.numbers].mean()
            self.missing = [name for name in self.numbers if x[name].isna().any()]
            texts = question["roles"]["categories"] + [f"{name} is missing" for name in self.missing]
            self.model = kind(**settings)
            self.model.fit(self.filled(x), y, val_idxs=held, cat_col_names=texts)
            self.classes_ = getattr(self.model, "classes_", None)

        def filled(self, x: Frame) -> Frame:
            marks = {
                f"{name} is missing": x[name].isna().map({True: "yes", False: "no"}) for name in self.missing
            }
            return x.fillna(self.means).assign(**marks)

        def predict(self, x: Frame) -> Any:
            return self.model.predict(self.filled(x))

        def predict_proba(self, x: Frame) -> Any:
            return self.model.predict_proba(self.filled(x))

    return Fitted


def lightgbm(question: dict[str, Any], stopped: bool) -> Fit:
    """Fit LightGBM: 100 trees on all training rows, or at most 2,000 stopped on the held-out ones."""
    from lightgbm import LGBMClassifier, LGBMRegressor, early_stopping

    kind = LGBMRegressor if question["task"] == "regression" else LGBMClassifier
    metric = {"regression": "rmse", "binary": "auc", "multiclass": "multi_logloss"}[question["task"]]
    settings = {"n_jobs": 2, "verbose": -1, "random_state": question["seed"]}

    class Fitted:
        def __init__(self, x: Frame, y: Any, held: Any) -> None:
            texts = question["roles"]["categories"]
            self.known = {name: pd.CategoricalDtype(sorted(x[name].unique())) for name in texts}
            x = x.astype(self.known)
            if question["task"] != "regression":
                self.classes_, y = np.unique(y, return_inverse=True)
            if stopped:
                rest = np.setdiff1d(np.arange(len(x)), held)
                self.model = kind(n_estimators=2000, metric=metric, **settings).fit(
                    x.iloc[rest],
                    y[rest],
                    eval_X=x.iloc[held],
                    eval_y=y[held],
                    callbacks=[early_stopping(50, verbose=False)],
                )
            else:
                self.model = kind(**settings).fit(x, y)
            self.words = f"{self.model.best_iteration_ or self.model.n_estimators} trees"

        def predict(self, x: Frame) -> Any:
            return self.model.predict(x.astype(self.known))

        def predict_proba(self, x: Frame) -> Any:
            return self.model.predict_proba(x.astype(self.known))

    return Fitted


def mlp(question: dict[str, Any], stopped: bool) -> Fit:
    """Fit scikit-learn's network on standard units and one-hot columns; targets in standard units."""
    from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    regression, texts = question["task"] == "regression", question["roles"]["categories"]
    settings = {"random_state": question["seed"]}
    if stopped:
        settings |= {"early_stopping": True, "validation_fraction": 0.2}

    def fit(x: Frame, y: Any, held: Any) -> Any:
        numbers = [name for name in x if name not in texts]
        scaled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
        coded = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5)
        encode = ColumnTransformer([("numbers", scaled, numbers), ("texts", coded, texts)])
        if regression:
            model = TransformedTargetRegressor(MLPRegressor(**settings), transformer=StandardScaler())
        else:
            model = MLPClassifier(**settings)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "did not converge in 200 passes" is its default at work
            fitted = make_pipeline(encode, model).fit(x, y)
        last = fitted[-1].regressor_ if regression else fitted[-1]
        fitted.words = f"{last.n_iter_} passes"
        return fitted

    return fit


def read(folder: Path, question: dict[str, Any]) -> tuple[Frame, Any, Frame]:
    """Return the training rows, their targets and the test rows, as all rivals get them."""
    train, test = (pd.read_parquet(folder / f"{name}.parquet") for name in ("train", "test"))
    y = train.pop(question["target"])
    y = y.to_numpy(float) if question["task"] == "regression" else y.astype(str).to_numpy(object)
    frames = []
    for frame in (train, test.drop(columns=question["target"])):
        made, numbers, categories = rival.columns_of(frame, question["roles"])
        frames.append(made[numbers + categories])
    useful = [name for name in frames[0] if frames[0][name].nunique(dropna=False) > 1]
    return frames[0][useful], y, frames[1][useful]


SIDES: dict[str, tuple[str, Callable[[dict[str, Any]], Fit]]] = {
    "lightgbm": ("lightgbm", lambda question: lightgbm(question, stopped=False)),
    "lightgbm_stopped": ("lightgbm", lambda question: lightgbm(question, stopped=True)),
    "mlp": ("scikit-learn", lambda question: mlp(question, stopped=False)),
    "mlp_stopped": ("scikit-learn", lambda question: mlp(question, stopped=True)),
    "realmlp_s": ("pytabkit", lambda question: realmlp(question, simple=True)),
    "realmlp": ("pytabkit", lambda question: realmlp(question, simple=False)),
}


def main() -> None:
    """Fit, predict, write."""
    folder, side = Path(sys.argv[1]), sys.argv[2]
    question = json.loads((folder / "question.json").read_text())
    train, y, test = read(folder, question)
    held = np.load(folder / "held.npy")
    package, make = SIDES[side]
    if package == "pytabkit":
        import lightning  # noqa: F401  (an import is no part of a fit)
    fit = make(question)
    before, memory, begin = cpu(), peak_memory(), time.perf_counter()
    model = fit(train, y, held)
    seconds, used = time.perf_counter() - begin, cpu() - before
    begin = time.perf_counter()
    if question["task"] == "regression":
        predictions, classes = model.predict(test), []
    else:
        predictions, classes = model.predict_proba(test), [str(each) for each in model.classes_]
    found = {
        "fits": [seconds],
        "cpu": [used],
        "predict": time.perf_counter() - begin,
        "memory": [round(memory), round(peak_memory())],
        "classes": classes,
        "model": getattr(model, "words", ""),
        "version": f"{package} {version(package)}",
    }
    np.save(folder / f"{side}.npy", np.asarray(predictions, float))
    (folder / f"{side}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
