"""LinearRegressor: a number as a linear function of columns, the penalty chosen by cross-validation."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from justright.errors import ColumnError
from justright.estimators.constraints import REGRESSOR, check
from justright.estimators.encoding import coefficient_names, scale_target
from justright.estimators.fitting import fit_linear
from justright.estimators.inputs import margins, read_training, read_weights
from justright.optim.losses import loss_for, margins_to_predictions
from justright.schema import FloatArray

__all__ = ["LinearRegressor"]


class LinearRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """Linear regression whose penalty is chosen by cross-validation: one fit answers all of it.

    Minimises, over columns z that are centred and scaled to standard deviation 1 and, but for counts,
    a target scaled likewise,

        weighted mean loss(b + z'w, y)  +  alpha (l1_ratio |w|_1 + (1 - l1_ratio) |w|_2^2 / 2)

    Parameters
    ----------
    loss : {"squared", "huber", "absolute", "quantile", "poisson"}, default "squared"
        Half the squared error (the mean); Huber's with its turn at 1.35 standard deviations of y (the
        mean, outliers bounded); half the absolute error (the median); the pinball loss (a quantile), both
        rounded off over 0.01 standard deviations; exp(f) - y f for counts y >= 0 (a rate, log link).
    penalty : {"l2", "l1", "elasticnet"}, default "l2"
        Ridge, lasso, or both.
    alphas : None, float or sequence of float >= 0, default None
        Strengths to try; None = a path from the data. With a single one nothing is to be chosen and
        no fold is trained.
    l1_ratio : float in 0..1, default 0.5
        Share of L1, read for `penalty="elasticnet"` only.
    cv : int, splitter or list of (train, test), default 5
        Folds that choose the strength, 2..100. An integer takes folds by the fingerprint of the row: equal
        rows stay together and the order of rows does not enter. Splits must train on all rows that
        they do not test.
    quantile : float between 0 and 1, default 0.5
        Which quantile, read for `loss="quantile"` only.
    max_iter : int, default 100
        Most passes over the rows; "squared" needs one.
    tol : float in 1e-12..0.1, default 1e-6
        Passes end when the objective can fall by less than tol**2 / 10 of its first value: coefficients
        are then right to about tol. Where folds judge, long trainings also end when the best held-out
        loss has all but stopped falling.
    random_state : None, int >= 0 or RandomState, default None
        Another value gives other folds; nothing else is random.

    Attributes
    ----------
    coef_ : float64 (n_features_in_,)
        In the units of X and y (of log y for "poisson"). A constant column has 0. A data frame with other
        columns than complete numbers has one entry for each of `coef_names_`.
    intercept_ : float
        In the unit of y (of log y for "poisson").
    coef_names_ : list of str
        What each coefficient belongs to: columns, missing marks, categories.
    alpha_ : float
        The chosen strength.
    alphas_ : float64 (settings,)
        Every strength tried, from strong to weak.
    cv_losses_ : float64 (settings, folds)
        Held-out loss on the scale of training. A strength that falls clearly behind is left before its
        optimum, with the loss reached by then; NaN where a sample of the rows ruled it out.
    n_iter_ : int
        Passes over the rows.
    history_ : History
        Losses of every member after every pass.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : array of str (n_features_in_,)
        Names of the columns, for a data frame with text names.

    See Also
    --------
    LinearClassifier : Classes.

    Notes
    -----
    For "squared" up to 2,000 encoded columns d: one pass of O(rows d^2) for all folds and strengths together,
    O(folds d^2) memory; else about ten passes of O(rows d) a member. 10,000 rows or more of up to 700
    complete numbers are read as they are, float32 or float64 in C order without a copy; else standardised
    values are kept as float32, as in `justright train`.

    References
    ----------
    .. [1] O.-C. Engstrom and M. Holm Jensen (2024), Fast partition-based cross-validation with
       centering and scaling, arXiv:2401.13185.

    Examples
    --------
    >>> X = np.arange(40.0).reshape(20, 2)
    >>> model = LinearRegressor(alphas=0.0).fit(X, 3.0 * X[:, 0] + 1.0)
    >>> round(float(model.predict([[10.0, 11.0]])[0]), 3)
    31.0
    """

    def __init__(
        self,
        *,
        loss: str = "squared",
        penalty: str = "l2",
        alphas: Any = None,
        l1_ratio: float = 0.5,
        cv: Any = 5,
        quantile: float = 0.5,
        max_iter: int = 100,
        tol: float = 1e-6,
        random_state: Any = None,
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.alphas = alphas
        self.l1_ratio = l1_ratio
        self.cv = cv
        self.quantile = quantile
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to rows.

        Parameters
        ----------
        X : array or data frame (rows, columns)
            Finite numbers; a data frame may hold text, dates and missing values.
        y : array (rows,)
            Finite numbers; >= 0 for "poisson".
        sample_weight : array (rows,), optional
            Weights >= 0; an integer weight is that many copies of the row.

        Returns
        -------
        LinearRegressor
            Itself.

        Raises
        ------
        ValueError
            A parameter or a value that is not allowed, fewer than two rows.
        TrainingError
            Nothing could be trained.
        """
        check(self.get_params(deep=False), REGRESSOR)
        table, y = read_training(self, X, y, numeric=True, narrow=True)
        weight = read_weights(sample_weight, table.rows)
        y = y.astype(np.float64)
        if self.loss == "poisson" and y.min() < 0:
            raise ColumnError(
                f"y with {y.min():g}", allowed="counts >= 0 for loss='poisson'", next_step="loss='squared'"
            )
        target = scale_target(y, weight, own_unit=self.loss == "poisson")
        model, fitted = fit_linear(
            self,
            table,
            y,
            weight,
            loss=loss_for(self.loss, "regression", self.quantile),
            outputs=1,
            target=target,
            encoded=target.scaled(y),
        )
        self._model = model
        self.coef_ = model.coefficients[:, 0]
        self.intercept_ = float(model.intercept[0])
        self.coef_names_ = coefficient_names(model.plan)
        self.alpha_, self.alphas_, self.cv_losses_ = fitted.alpha, fitted.alphas, fitted.losses
        self.history_, self.n_iter_ = fitted.history, fitted.history.passes
        return self

    def predict(self, X: Any) -> FloatArray:
        """Predict y for new rows.

        Parameters
        ----------
        X : array or data frame (rows, columns)
            As in `fit`. In a data frame a missing number is the mean of the training rows where
            training had none missing.

        Returns
        -------
        float64 (rows,)
            In the unit of y.
        """
        return margins_to_predictions(margins(self, X), "log" if self.loss == "poisson" else "identity")

    def __sklearn_tags__(self) -> Any:
        """Say what the estimator can do, for scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = self.loss == "poisson"
        return tags
