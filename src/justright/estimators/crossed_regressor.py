"""CrossedRegressor: a number as a sum of functions of columns and of crosses that stand above their noise."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from justright.errors import ColumnError
from justright.estimators import crossed_pieces as pieces
from justright.estimators.constraints import CROSSED_REGRESSOR, check
from justright.estimators.crossed_fitting import Fitted, fit_crossed
from justright.estimators.crossed_reading import contributions, describe, margins
from justright.estimators.encoding import scale_target
from justright.estimators.inputs import read_training, read_weights
from justright.optim.losses import loss_for, margins_to_predictions
from justright.schema import FloatArray

__all__ = ["CrossedRegressor"]


class CrossedRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """Additive regression with guarded crosses, tuned and cross-validated in one training.

        margin = intercept + sum of function_f(column f) + sum of table_fg(column f, column g)

    A column of numbers has a smooth function on up to 256 bins, with a bin of its own for missing and for
    values that hold many rows; a category has a value of its own. Every penalty is chosen by the
    folds; a cross enters only where chance makes such a gain in less than one search of a hundred.

    Parameters
    ----------
    loss : {"squared", "poisson"}, default "squared"
        Half the squared error (the mean), or exp(f) - y f for counts y >= 0 (a rate, log link).
    crosses : "auto", None or list of pairs, default "auto"
        "auto" looks for crosses among all pairs of columns; None has none; pairs of names or numbers of
        columns are taken in whatever the rows say, and no others.
    products : None or list of pairs, default None
        Pairs of columns of numbers whose product (in standard units) is taken in as one more column.
    penalty : None or float in 0..1e6, default None
        None = chosen by cross-validation, for each term on its own. A number is a multiple of a moderate
        strength (a ridge of 10 rows a cell, a smoothness of 10 bins): nothing is chosen, no fold is trained
        and no cross is looked for, which is the fastest way to a model.
    cv : int, splitter or list of (train, test), default 5
        Folds that choose, 2..100. An integer takes folds by the fingerprint of the row: equal rows stay
        together. Splits must train on all rows that they do not test.
    max_iter : int, default 100
        Most sweeps over the rows, one over a sample counted as its share.
    random_state : None, int >= 0 or RandomState, default None
        Another value gives other folds; nothing else is random.

    Attributes
    ----------
    terms_ : list of str
        The terms: columns in the order of X (those that tell no rows apart are left out), then crosses.
    crosses_ : list of pairs
        Crosses in the model, as `crosses` takes them.
    tried_ : list of Tried
        Every pair tried, by falling gain: pair, gain, z, p, verdict.
    penalties_ : float64 (terms, 2)
        Smoothness and ridge of each term.
    intercept_ : float
        In the unit of y (of log y for "poisson").
    term_importances_ : float64 (terms,)
        Mean absolute contribution of each term over the training rows, in the unit of `explain`.
    feature_importances_ : float64 (n_features_in_,)
        The same by column, crosses shared by halves, adding up to 1.
    n_iter_ : int
        Sweeps made.
    history_ : History
        Losses of every member after every sweep.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : array of str (n_features_in_,)
        Names of the columns, for a data frame with text names.

    See Also
    --------
    CrossedClassifier : Classes.
    LinearRegressor : A line for each column.

    Notes
    -----
    NaN is a value like others. The order of rows and of columns does not enter, an integer weight is a
    repetition, and constant columns do nothing. About 40 sweeps of O(rows (terms + pairs)); 20,000 rows
    of 8 columns take a second or two.

    References
    ----------
    .. [1] T. Hastie and R. Tibshirani (1986), Generalized additive models.
    .. [2] Y. Lou, R. Caruana, J. Gehrke and G. Hooker (2013), Accurate intelligible models with pairwise
       interactions.

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(-1.0, 1.0, (500, 2))
    >>> model = CrossedRegressor().fit(X, np.sign(X[:, 0] * X[:, 1]))
    >>> model.terms_, model.tried_[0].verdict
    (['x0', 'x1', 'x0 x x1'], 'kept')
    """

    def __init__(
        self,
        *,
        loss: str = "squared",
        crosses: Any = "auto",
        products: Any = None,
        penalty: Any = None,
        cv: Any = 5,
        max_iter: int = 100,
        random_state: Any = None,
    ) -> None:
        self.loss = loss
        self.crosses = crosses
        self.products = products
        self.penalty = penalty
        self.cv = cv
        self.max_iter = max_iter
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to rows.

        Parameters
        ----------
        X : array or data frame (rows, columns)
            Numbers, NaN = missing; a data frame may hold text and dates too.
        y : array (rows,)
            Finite numbers; >= 0 for "poisson".
        sample_weight : array (rows,), optional
            Weights >= 0; an integer weight is that many copies of the row.

        Returns
        -------
        CrossedRegressor
            Itself.

        Raises
        ------
        ValueError
            A parameter or a value that is not allowed, fewer than two rows.
        TrainingError
            Nothing could be trained.
        """
        self._fit(X, y, sample_weight)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Go on with more rows; the first call is a `fit` that fixes bins, categories, crosses and scales.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`. Every further piece may be as short as one row.

        Returns
        -------
        CrossedRegressor
            Itself.

        Notes
        -----
        Former rows count through their curvature, cell by cell (see `models.crossed.pieces`): the cost is
        that of the new rows, and pieces come near one `fit` to all rows. The first piece should
        be large enough to place the bins, 2,000 rows say. `fit` ends a run of pieces: the next `partial_fit`
        begins anew.
        """
        if getattr(self, "_course", None) is None:
            pieces.begin(self, self._fit(X, y, sample_weight))
            return self
        check(self.get_params(deep=False), CROSSED_REGRESSOR)
        table, y, weight = pieces.read(self, X, y, sample_weight, numeric=True)
        target = pieces.target_of(self)
        pieces.go_on(self, table, target.scaled(self._checked(y)), weight)
        self._set_intercept()
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
        return margins_to_predictions(margins(self, X), "log" if self.loss == "poisson" else "identity")

    def explain(self, X: Any) -> FloatArray:
        """Return what each term adds to each prediction.

        Returns
        -------
        float64 (rows, terms)
            In the order of `terms_`, in the unit of y (of log y for "poisson"): a row's sum plus
            `intercept_` is the prediction (its logarithm), up to rounding.
        """
        return contributions(self, X)

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> Fitted:
        """Fit, and return the model with its rows."""
        check(self.get_params(deep=False), CROSSED_REGRESSOR)
        self._course = None
        table, y = read_training(self, X, y, numeric=True, gaps=True)
        weight = read_weights(sample_weight, table.rows)
        y = self._checked(y)
        target = scale_target(y, weight, own_unit=self.loss == "poisson")
        fitted = fit_crossed(
            self,
            table,
            y,
            weight,
            loss=loss_for(self.loss, "regression"),
            outputs=1,
            target=target,
            encoded=target.scaled(y),
        )
        describe(self, fitted)
        self._set_intercept()
        return fitted

    def _checked(self, y: Any) -> FloatArray:
        """Return y as float64; ColumnError where a count is negative."""
        values = np.asarray(y, np.float64)
        if self.loss == "poisson" and values.min() < 0:
            raise ColumnError(
                f"y with {values.min():g}",
                allowed="counts >= 0 for loss='poisson'",
                next_step="loss='squared'",
            )
        return values

    def _set_intercept(self) -> None:
        """Read the intercept from the model, in the unit of y."""
        front = self._model.front
        self.intercept_ = float(self._model.arrays["intercept"][0]) * front["scale"] + front["centre"]

    def __sklearn_tags__(self) -> Any:
        """Say what the estimator can do, for scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = self.loss == "poisson"
        tags.input_tags.allow_nan = True
        return tags
