"""justright takes a table to a model that is just right, and keeps it so in service.

    import justright
    run = justright.train("houses.csv", target="price")
    run.model.predict("new_houses.csv")

Names are loaded when they are first used, so that the import itself is quick.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from justright.bundle.predictor import Predictor, load
    from justright.bundle.scoring import score_file
    from justright.bundle.scoring_folder import score_folder
    from justright.errors import JustrightError, JustrightWarning
    from justright.estimators import (
        Autoencoder,
        CrossedClassifier,
        CrossedRegressor,
        JustRightClassifier,
        JustRightRegressor,
        LinearClassifier,
        LinearRegressor,
        NeuralClassifier,
        NeuralRegressor,
        WideDeepClassifier,
        WideDeepRegressor,
    )
    from justright.kinds import infer_schema
    from justright.metrics import metric
    from justright.models.neural.own import served
    from justright.models.registry import register_network
    from justright.recipe import Recipe, read_recipe
    from justright.report import write_report
    from justright.schema import Finding, Schema, Value
    from justright.source import Source, open_source
    from justright.split import farm_fingerprint, split_table
    from justright.workflow import Run, load_run, train, train_recipe
    from justright.workflow.evaluate import evaluate_model

__all__ = [
    "Autoencoder",
    "CrossedClassifier",
    "CrossedRegressor",
    "Finding",
    "JustRightClassifier",
    "JustRightRegressor",
    "JustrightError",
    "JustrightWarning",
    "LinearClassifier",
    "LinearRegressor",
    "NeuralClassifier",
    "NeuralRegressor",
    "Predictor",
    "Recipe",
    "Run",
    "Schema",
    "Source",
    "Value",
    "WideDeepClassifier",
    "WideDeepRegressor",
    "__version__",
    "evaluate_model",
    "farm_fingerprint",
    "infer_schema",
    "load",
    "load_run",
    "metric",
    "open_source",
    "read_recipe",
    "register_network",
    "score_file",
    "score_folder",
    "served",
    "split_table",
    "train",
    "train_recipe",
    "write_report",
]

__version__: Final = "0.1.0"

_PLACES: Final = {
    "Autoencoder": "justright.estimators",
    "CrossedClassifier": "justright.estimators",
    "CrossedRegressor": "justright.estimators",
    "Finding": "justright.schema",
    "JustRightClassifier": "justright.estimators",
    "JustRightRegressor": "justright.estimators",
    "JustrightError": "justright.errors",
    "JustrightWarning": "justright.errors",
    "LinearClassifier": "justright.estimators",
    "LinearRegressor": "justright.estimators",
    "NeuralClassifier": "justright.estimators",
    "NeuralRegressor": "justright.estimators",
    "Predictor": "justright.bundle.predictor",
    "Recipe": "justright.recipe",
    "Run": "justright.workflow",
    "Schema": "justright.schema",
    "Source": "justright.source",
    "Value": "justright.schema",
    "WideDeepClassifier": "justright.estimators",
    "WideDeepRegressor": "justright.estimators",
    "evaluate_model": "justright.workflow.evaluate",
    "farm_fingerprint": "justright.split",
    "infer_schema": "justright.kinds",
    "load": "justright.bundle.predictor",
    "load_run": "justright.workflow",
    "metric": "justright.metrics",
    "open_source": "justright.source",
    "read_recipe": "justright.recipe",
    "register_network": "justright.models.registry",
    "score_file": "justright.bundle.scoring",
    "score_folder": "justright.bundle.scoring_folder",
    "served": "justright.models.neural.own",
    "split_table": "justright.split",
    "train": "justright.workflow",
    "train_recipe": "justright.workflow",
    "write_report": "justright.report",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its place."""
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module 'justright' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(place), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
