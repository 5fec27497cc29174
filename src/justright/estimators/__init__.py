"""Estimators in the manner of scikit-learn: thin faces of the features, solver and choice of `train`.

    estimator.fit(X, y)  =  encode -> folds by fingerprint -> penalties x folds in one training -> the best

Invariant: an integer weight is a repetition of the row, and the order of rows does not enter.
"""

from __future__ import annotations

from importlib.util import find_spec

from justright.errors import MissingExtraError

if find_spec("sklearn") is None:
    raise MissingExtraError(
        "estimators without scikit-learn, whose conventions they follow",
        next_step="pip install 'justright[train]'",
    )

from justright.estimators.autoencoder import Autoencoder
from justright.estimators.classifier import LinearClassifier
from justright.estimators.crossed_classifier import CrossedClassifier
from justright.estimators.crossed_regressor import CrossedRegressor
from justright.estimators.just_right_classifier import JustRightClassifier
from justright.estimators.just_right_regressor import JustRightRegressor
from justright.estimators.neural_classifier import NeuralClassifier
from justright.estimators.neural_regressor import NeuralRegressor
from justright.estimators.neural_wide_classifier import WideDeepClassifier
from justright.estimators.neural_wide_regressor import WideDeepRegressor
from justright.estimators.regressor import LinearRegressor

__all__ = [
    "Autoencoder",
    "CrossedClassifier",
    "CrossedRegressor",
    "JustRightClassifier",
    "JustRightRegressor",
    "LinearClassifier",
    "LinearRegressor",
    "NeuralClassifier",
    "NeuralRegressor",
    "WideDeepClassifier",
    "WideDeepRegressor",
]
