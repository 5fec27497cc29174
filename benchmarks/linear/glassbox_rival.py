"""The rivals of glassbox.py. Runs in an environment of its own.

    python glassbox_rival.py FOLDER ebm|lightgbm|linear

reads train.parquet, test.parquet and question.json of FOLDER into data frames, fits as often as the question
says, and writes SIDE.npy (numbers, or probabilities of the positive class) and SIDE.json. Seconds: the
fit alone, from the data frame; imports apart. `cpu` counts workers too, in seconds of processors.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rival
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

Frame = pd.DataFrame


def ebm(question: dict[str, Any]) -> Callable[[Frame, Any], Any]:
    """Fit an explainable boosting machine as it comes, with two workers."""
    from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor

    kind = ExplainableBoostingRegressor if question["task"] == "regression" else ExplainableBoostingClassifier
    return lambda x, y: kind(n_jobs=2).fit(x, y)


def lightgbm(question: dict[str, Any]) -> Callable[[Frame, Any], Any]:
    """Fit LightGBM as it comes, texts as its categories."""
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMRegressor if question["task"] == "regression" else LGBMClassifier
    texts = question["roles"]["categories"]
    known: dict[str, Any] = {}

    def typed(x: Frame) -> Frame:
        for name in texts:
            known.setdefault(name, pd.CategoricalDtype(sorted(x[name].dropna().astype(str).unique())))
        return x.assign(
            **{name: x[name].astype(str).where(x[name].notna(), None).astype(known[name]) for name in texts}
        )

    class Fitted:
        def __init__(self, x: Frame, y: Any) -> None:
            self.model = kind(n_jobs=2, verbose=-1).fit(typed(x), y)
            self.classes_ = getattr(self.model, "classes_", None)

        def predict(self, x: Frame) -> Any:
            return self.model.predict(typed(x))

        def predict_proba(self, x: Frame) -> Any:
            return self.model.predict_proba(typed(x))

    return Fitted


def linear(question: dict[str, Any]) -> Callable[[Frame, Any], Any]:
    """Fit the tuned linear pipeline of rival.py."""

    class Fitted:
        def __init__(self, x: Frame, y: Any) -> None:
            frame, numbers, categories = rival.columns_of(x.copy(), question["roles"])
            scaled = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
            coded = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5)
            self.encode = ColumnTransformer([("numbers", scaled, numbers), ("categories", coded, categories)])
            self.model, self.words = rival.fit(question, self.encode.fit_transform(frame), np.asarray(y))
            self.classes_ = getattr(self.model, "classes_", None)

        def _encoded(self, x: Frame) -> Any:
            return self.encode.transform(rival.columns_of(x.copy(), question["roles"])[0])

        def predict(self, x: Frame) -> Any:
            return self.model.predict(self._encoded(x))

        def predict_proba(self, x: Frame) -> Any:
            return self.model.predict_proba(self._encoded(x))

    return Fitted


def cpu() -> float:
    """Return the processor seconds of this process and of workers that ended."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def end_workers() -> None:
    """End joblib's workers, so that what they used is counted."""
    if "joblib" in sys.modules:
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown(wait=True)


def main() -> None:
    """Fit, predict, write."""
    folder, side = Path(sys.argv[1]), sys.argv[2]
    question = json.loads((folder / "question.json").read_text())
    train, test = (pd.read_parquet(folder / f"{name}.parquet") for name in ("train", "test"))
    regression, target = question["task"] == "regression", question["target"]
    y = train.pop(target)
    y = y.to_numpy(float) if regression else y.astype(str).to_numpy(object)
    test = test.drop(columns=target)
    makers = {"ebm": ebm, "lightgbm": lightgbm, "linear": linear}
    fit = makers[side](question)
    seconds: list[float] = []
    end_workers()
    before, used = cpu(), 0.0
    while not seconds or (len(seconds) < question["repeats"] and seconds[0] < question["once_above"]):
        begin = time.perf_counter()
        model = fit(train, y)
        seconds.append(time.perf_counter() - begin)
        if len(seconds) == 1:
            if seconds[0] > question["once_above"]:
                end_workers()
            used = cpu() - before
    begin = time.perf_counter()
    if regression:
        predictions = model.predict(test)
    else:
        place = [str(each) for each in model.classes_].index(question["positive"])
        predictions = model.predict_proba(test)[:, place]
    scoring = time.perf_counter() - begin
    np.save(folder / f"{side}.npy", np.asarray(predictions, float))
    package = {"ebm": "interpret-core", "lightgbm": "lightgbm", "linear": "scikit-learn"}[side]
    found = {
        "fits": seconds,
        "cpu": used,
        "predict": scoring,
        "model": getattr(model, "words", ""),
        "version": f"{package} {version(package)}",
    }
    (folder / f"{side}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
