"""CrossedClassifier: log-odds as a sum of functions of columns and of crosses above their noise."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from justright.errors import ColumnError
from justright.estimators import crossed_pieces as pieces
from justright.estimators.classes import class_factors, likeliest, log_probabilities, probabilities
from justright.estimators.constraints import CROSSED_CLASSIFIER, check
from justright.estimators.crossed_fitting import Fitted, fit_crossed
from justright.estimators.crossed_reading import contributions, describe, margins
from justright.estimators.inputs import read_training, read_weights
from justright.features.target import TargetFeature
from justright.optim.losses import loss_for
from justright.schema import Column, FloatArray, Target, Task

__all__ = ["CrossedClassifier"]


class CrossedClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """Additive classification with guarded crosses, tuned and cross-validated in one training.

        margin = intercept + sum of function_f(column f) + sum of table_fg(column f, column g)

    One margin for two classes (logistic) and one for each class otherwise (softmax). A column of numbers
    has a smooth function on up to 256 bins, with a bin of its own for missing and for values that hold
    many rows; a category has a value of its own. Every penalty is chosen by the folds; a cross enters
    only where chance makes such a gain in less than one search of a hundred.

    Parameters
    ----------
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
    class_weight : None, "balanced" or dict of class to weight, default None
        Factor of the weight of each row by its class; "balanced" gives all classes the same total. A class
        that the dict lacks has 1.
    max_iter : int, default 100
        Most sweeps over the rows, one over a sample counted as its share.
    random_state : None, int >= 0 or RandomState, default None
        Another value gives other folds; nothing else is random.

    Attributes
    ----------
    classes_ : array (n_classes,)
        Classes of positive weight, in order; for pieces those of `classes=`.
    terms_ : list of str
        The terms: columns in the order of X (those that tell no rows apart are left out), then crosses.
    intercept_ : float64 (1 or n_classes,)
        On the scale of log-odds.
    crosses_, tried_, penalties_, term_importances_, feature_importances_, n_iter_, history_
        As in `CrossedRegressor`; contributions are log-odds, for three and more classes their mean
        absolute value over the classes.
    n_features_in_, feature_names_in_
        As in `CrossedRegressor`.

    See Also
    --------
    CrossedRegressor : Numbers.
    LinearClassifier : A line for each column.

    Notes
    -----
    NaN is a value like others. The order of rows and of columns does not enter, an integer weight is a
    repetition, and constant columns do nothing. About 40 sweeps of O(rows (terms + pairs)). A class of a
    single row trains in every fold and is judged in none. Classes that the columns part wholly have their
    optimum at infinity: the sweeps end where the held-out loss stands.

    References
    ----------
    .. [1] T. Hastie and R. Tibshirani (1986), Generalized additive models.
    .. [2] Y. Lou, R. Caruana, J. Gehrke and G. Hooker (2013), Accurate intelligible models with pairwise
       interactions.

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(-1.0, 1.0, (600, 2))
    >>> model = CrossedClassifier().fit(X, np.where(X[:, 0] * X[:, 1] > 0, "same", "other"))
    >>> model.terms_, model.predict([[0.5, 0.5], [0.5, -0.5]]).tolist()
    (['x0', 'x1', 'x0 x x1'], ['same', 'other'])
    """

    def __init__(
        self,
        *,
        crosses: Any = "auto",
        products: Any = None,
        penalty: Any = None,
        cv: Any = 5,
        class_weight: Any = None,
        max_iter: int = 100,
        random_state: Any = None,
    ) -> None:
        self.crosses = crosses
        self.products = products
        self.penalty = penalty
        self.cv = cv
        self.class_weight = class_weight
        self.max_iter = max_iter
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit to rows.

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
        CrossedClassifier
            Itself.

        Raises
        ------
        ValueError
            A parameter or a value that is not allowed, fewer than two rows or classes.
        TrainingError
            Nothing could be trained.
        """
        self._fit(X, y, sample_weight, None)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Go on with more rows; the first call is a `fit` that fixes bins, categories, crosses and classes.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`. Every further piece may be as short as one row.
        classes : array (n_classes,), optional
            All classes that will come, at the first call; default the classes of the first piece.

        Returns
        -------
        CrossedClassifier
            Itself.

        Notes
        -----
        Former rows count through their curvature, cell by cell (see `models.crossed.pieces`): the cost is
        that of the new rows, and pieces come near one `fit` to all rows. The first piece should
        be large enough to place the bins, 2,000 rows say; `class_weight="balanced"` goes by its totals. `fit`
        ends a run of pieces: the next `partial_fit` begins anew.
        """
        if getattr(self, "_course", None) is None:
            pieces.begin(self, self._fit(X, y, sample_weight, classes))
            return self
        check(self.get_params(deep=False), CROSSED_CLASSIFIER)
        if classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ColumnError(
                f"classes={np.unique(classes).tolist()!r}",
                allowed=f"those of the first call, {self.classes_.tolist()!r}",
            )
        table, y, weight = pieces.read(self, X, y, sample_weight, numeric=False)
        number = self._numbers(y, weight)
        weight = weight * self._factors[number]
        pieces.go_on(self, table, number, weight)
        self._set_intercept()
        return self

    def decision_function(self, X: Any) -> FloatArray:
        """Return log-odds of the second class (rows,); for more classes margins (rows, n_classes)."""
        found = margins(self, X)
        return found[:, 0] if found.shape[1] == 1 else found

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the likeliest class of each row, (rows,)."""
        best = likeliest(margins(self, X))
        return np.asarray(self.classes_[best])

    def predict_proba(self, X: Any) -> FloatArray:
        """Return the probability of each class, float64 (rows, n_classes); rows sum to 1."""
        return probabilities(margins(self, X))

    def predict_log_proba(self, X: Any) -> FloatArray:
        """Return the logarithm of each probability, float64 (rows, n_classes), exact where it is tiny."""
        return log_probabilities(margins(self, X))

    def explain(self, X: Any) -> FloatArray:
        """Return what each term adds to the margin of each row.

        Returns
        -------
        float64 (rows, terms), for three and more classes (rows, terms, n_classes)
            In the order of `terms_`, log-odds: a row's sum plus `intercept_` is `decision_function`, up to
            rounding.
        """
        return contributions(self, X)

    def _fit(self, X: Any, y: Any, sample_weight: Any, classes: Any) -> Fitted:
        """Fit, and return the model with its rows."""
        check(self.get_params(deep=False), CROSSED_CLASSIFIER)
        self._course = None
        table, y = read_training(self, X, y, numeric=False, gaps=True)
        check_classification_targets(y)
        weight = read_weights(sample_weight, table.rows)
        self.classes_ = np.unique(y[weight > 0] if classes is None else classes)
        if len(self.classes_) < 2:
            raise ColumnError(
                f"y with one class, {self.classes_[:1].tolist()[0]!r}, in every row of positive weight",
                allowed="at least two classes",
            )
        number = self._numbers(y, weight)
        self._factors = class_factors(self.class_weight, self.classes_, number, weight)
        weight = weight * self._factors[number]
        binary = len(self.classes_) == 2
        task: Task = "binary" if binary else "multiclass"
        fitted = fit_crossed(
            self,
            table,
            y,
            weight,
            loss=loss_for("auto", task),
            outputs=1 if binary else len(self.classes_),
            target=TargetFeature(Target(Column("y", "categorical", "text"), task)),
            encoded=number,
        )
        describe(self, fitted)
        self._set_intercept()
        return fitted

    def _numbers(self, y: npt.NDArray[Any], weight: FloatArray) -> npt.NDArray[np.int32]:
        """Return the place of each row's class; ColumnError where one of positive weight is not known."""
        place = np.clip(np.searchsorted(self.classes_, y), 0, len(self.classes_) - 1).astype(np.int32)
        unknown = (self.classes_[place] != y) & (weight > 0)
        if unknown.any():
            raise ColumnError(
                f"y with {y[unknown][0]!r}",
                allowed=f"the classes {self.classes_.tolist()!r}",
                next_step="give all classes at the first call, with classes=",
            )
        return place

    def _set_intercept(self) -> None:
        """Read the intercept from the model."""
        self.intercept_ = np.asarray(self._model.arrays["intercept"], np.float64)

    def __sklearn_tags__(self) -> Any:
        """Say what the estimator can do, for scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
