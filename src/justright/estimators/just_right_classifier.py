"""JustRightClassifier: classes by the simplest family that is good enough, found by climbing the ladder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from justright.errors import ColumnError
from justright.estimators.constraints import check
from justright.estimators.inputs import read_training, read_weights
from justright.estimators.just_right_fitting import JUST_RIGHT, fit_ladder, names_of, read_new
from justright.schema import FloatArray, Task

__all__ = ["JustRightClassifier"]


class JustRightClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """Classification by the ladder: linear, crossed, boosted trees, a network, and what the rows support.

    Every rung is judged on the same held-out rows; taken is the simplest whose log loss is within one
    standard error of the best, the error being that of the paired difference.

    Parameters
    ----------
    budget : None or float > 0, default None
        Seconds of all rungs together; None = by the number of rows, 60 to 600. Rungs that it does not reach
        are left out, so a tight one makes the model depend on the machine.
    choose : {"simplest", "best"}, default "simplest"
        The simplest rung within one standard error of the best, or the best.
    rungs : None or sequence of str, default None
        Names of families from simple to complex, such as ("linear", "boosted"); None = all.
    metric : str, default "auto"
        Headline metric of `summary_`; "auto" = roc_auc for two classes, else log_loss. Rungs are compared by
        their loss.
    folds : int in 2..20, default 5
        Parts by the fingerprint of the row, each judged by models of the others. A network is judged on one.
    run_folder : None, str or Path, default None
        Folder of runs in which this one is kept, for `justright report` and the other verbs; None = none is.
    random_state : None, int >= 0 or RandomState, default None
        Another value gives other folds and other networks. None = 0.

    Attributes
    ----------
    classes_ : array (n_classes,)
        Classes of positive weight, in order.
    rung_, ladder_, summary_
        As in `JustRightRegressor`.
    n_features_in_, feature_names_in_
        As in `JustRightRegressor`.

    See Also
    --------
    JustRightRegressor : Numbers.
    CrossedClassifier, LinearClassifier, NeuralClassifier : One rung alone.

    Notes
    -----
    `predict` takes the likeliest class; the threshold that costs ask for is in `summary_.threshold`.
    Probabilities are calibrated on held-out rows where that helps. Otherwise as `JustRightRegressor`.

    References
    ----------
    .. [1] L. Breiman, J. Friedman, R. Olshen and C. Stone (1984), Classification and Regression Trees, 3.4.

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(-1.0, 1.0, (400, 2))
    >>> y = np.where(X[:, 0] * X[:, 1] > 0, "same", "other")
    >>> model = JustRightClassifier(rungs=("linear", "crossed")).fit(X, y)
    >>> model.rung_, model.predict([[0.5, 0.5], [0.5, -0.5]]).tolist()
    ('crossed', ['same', 'other'])
    """

    def __init__(
        self,
        *,
        budget: float | None = None,
        choose: str = "simplest",
        rungs: Any = None,
        metric: str = "auto",
        folds: int = 5,
        run_folder: str | Path | None = None,
        random_state: Any = None,
    ) -> None:
        self.budget = budget
        self.choose = choose
        self.rungs = rungs
        self.metric = metric
        self.folds = folds
        self.run_folder = run_folder
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Climb the ladder.

        Parameters
        ----------
        X : array or data frame (rows, columns)
            Numbers, NaN = missing; a data frame may hold text and dates too.
        y : array (rows,)
            Classes: at least two of positive weight.
        sample_weight : array (rows,), optional
            Weights >= 0; an integer weight is that many copies of the row.

        Returns
        -------
        JustRightClassifier
            Itself.

        Raises
        ------
        ValueError
            A parameter or a value that is not allowed, fewer than two rows or classes.
        TrainingError
            No rung could be trained.
        """
        check(self.get_params(deep=False), JUST_RIGHT)
        table, y = read_training(self, X, y, numeric=False, gaps=True)
        check_classification_targets(y)
        weight = read_weights(sample_weight, table.rows)
        self.classes_ = np.unique(y[weight > 0])
        if len(self.classes_) < 2:
            raise ColumnError(
                f"y with one class, {self.classes_.tolist()[0]!r}, in every row of positive weight",
                allowed="at least two classes",
            )
        # Rows without weight may be of a class of their own: they take any, and train nothing.
        number = np.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1)
        names = names_of(self.classes_)
        task: Task = "binary" if len(names) == 2 else "multiclass"
        fit_ladder(self, X, table, names[number], weight, task)
        places = {name: place for place, name in enumerate(names.tolist())}
        self._order = np.argsort([places[name] for name in self._model.predictor.classes])
        return self

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the likeliest class of each row, (rows,)."""
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probability of each class, float64 (rows, n_classes); rows sum to 1."""
        table = read_new(self, X)
        return np.asarray(self._model.predictor.predict_proba(table)[:, self._order])

    def __sklearn_tags__(self) -> Any:
        """Say what the estimator can do, for scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
