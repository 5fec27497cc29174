"""JustRightRegressor: a number by the simplest family that is good enough, found by climbing the ladder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from justright.estimators.constraints import check
from justright.estimators.inputs import read_training, read_weights
from justright.estimators.just_right_fitting import JUST_RIGHT, fit_ladder, read_new
from justright.schema import FloatArray

__all__ = ["JustRightRegressor"]


class JustRightRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """Regression by the ladder: linear, crossed, boosted trees, a network, and what the rows support of them.

    Every rung is judged on the same held-out rows; taken is the simplest whose loss is within one standard
    error of the best, the error being that of the paired difference.

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
        Headline metric of `summary_`; "auto" = rmse. Rungs are compared by their loss.
    folds : int in 2..20, default 5
        Parts by the fingerprint of the row, each judged by models of the others. A network is judged on one.
    run_folder : None, str or Path, default None
        Folder of runs in which this one is kept, for `justright report` and the other verbs; None = none is.
    random_state : None, int >= 0 or RandomState, default None
        Another value gives other folds and other networks. None = 0.

    Attributes
    ----------
    rung_ : str
        The family that was taken.
    ladder_ : list of dict
        A row for each rung that was trained, from simple to complex: `family`, `chosen`, `seconds`, the
        headline metric (`value`, `low`, `high`), `loss` on held-out and `train` on training rows, `gap` to
        the best, paired, with its standard `error`, on `judged` rows.
    summary_ : Summary
        What `justright train --json` prints: metrics with intervals, findings, the verdict. Its paths lead
        nowhere where no `run_folder` is given.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : array of str (n_features_in_,)
        Names of the columns, for a data frame with text names.

    See Also
    --------
    JustRightClassifier : Classes.
    CrossedRegressor, LinearRegressor, NeuralRegressor : One rung alone.

    Notes
    -----
    NaN is a value like others. Equal rows become one with all their weight, in an order of their own: the
    order of rows does not enter and an integer weight is a repetition. An interrupt (Ctrl-C) after the first
    rung ends the climb, and the rungs below are the ladder.

    References
    ----------
    .. [1] L. Breiman, J. Friedman, R. Olshen and C. Stone (1984), Classification and Regression Trees, 3.4.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> y = 3 * X[:, 0] - X[:, 1]
    >>> model = JustRightRegressor(rungs=("linear", "crossed")).fit(X, y)
    >>> model.rung_, [rung["family"] for rung in model.ladder_], round(model.score(X, y), 3)
    ('linear', ['linear', 'crossed'], 1.0)
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
            Finite numbers.
        sample_weight : array (rows,), optional
            Weights >= 0; an integer weight is that many copies of the row.

        Returns
        -------
        JustRightRegressor
            Itself.

        Raises
        ------
        ValueError
            A parameter or a value that is not allowed, fewer than two rows, a y that never changes.
        TrainingError
            No rung could be trained.
        """
        check(self.get_params(deep=False), JUST_RIGHT)
        table, y = read_training(self, X, y, numeric=True, gaps=True)
        weight = read_weights(sample_weight, table.rows)
        fit_ladder(self, X, table, np.asarray(y, np.float64), weight, "regression")
        return self

    def predict(self, X: Any) -> FloatArray:
        """Predict y for new rows.

        Parameters
        ----------
        X : array or data frame (rows, columns)
            As in `fit`.

        Returns
        -------
        float64 (rows,)
            In the unit of y.
        """
        table = read_new(self, X)
        return np.asarray(self._model.predictor.predict(table))

    def predict_interval(self, X: Any, level: float = 0.9) -> FloatArray:
        """Return an interval for y of each new row, from the errors on held-out rows.

        Parameters
        ----------
        X : array or data frame (rows, columns)
            As in `fit`.
        level : {0.8, 0.9, 0.95}, default 0.9
            Share of new rows whose y lies within.

        Returns
        -------
        float64 (rows, 2)
            Lower and upper end, in the unit of y.

        Raises
        ------
        RecipeError
            Another level, or too few different rows for it: 0.95 needs about 50, 0.9 half of them.
        """
        table = read_new(self, X)
        return np.asarray(self._model.predictor.intervals(table, level))

    def __sklearn_tags__(self) -> Any:
        """Say what the estimator can do, for scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
