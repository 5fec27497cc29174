"""LinearClassifier: logistic and softmax regression, the penalty chosen by cross-validation."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from justright.errors import ColumnError
from justright.estimators.classes import class_factors, likeliest, log_probabilities, probabilities
from justright.estimators.constraints import CLASSIFIER, check
from justright.estimators.encoding import coefficient_names
from justright.estimators.fitting import fit_linear
from justright.estimators.inputs import margins, read_training, read_weights
from justright.features.target import TargetFeature
from justright.optim.losses import loss_for
from justright.schema import Column, FloatArray, Target, Task

__all__ = ["LinearClassifier"]


class LinearClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """Logistic regression whose penalty is chosen by cross-validation: one fit answers all of it.

    Minimises, over columns z that are centred and scaled to standard deviation 1,

        weighted mean cross-entropy(b + z'w, y)  +  alpha (l1_ratio |w|_1 + (1 - l1_ratio) |w|_2^2 / 2)

    with one margin for two classes (logistic) and one for each class otherwise (softmax).

    Parameters
    ----------
    penalty : {"l2", "l1", "elasticnet"}, default "l2"
        Ridge, lasso, or both.
    alphas : None, float or sequence of float >= 0, default None
        Strengths to try; None = a path from the data. With a single one nothing is to be chosen and
        no fold is trained. C of scikit-learn's LogisticRegression is 1 / (alpha rows).
    l1_ratio : float in 0..1, default 0.5
        Share of L1, read for `penalty="elasticnet"` only.
    cv : int, splitter or list of (train, test), default 5
        Folds that choose the strength, 2..100. An integer takes folds by the fingerprint of the row: equal
        rows stay together and the order of rows does not enter. Splits must train on all rows that
        they do not test.
    class_weight : None, "balanced" or dict of class to weight, default None
        Factor of the weight of each row by its class; "balanced" gives all classes the same total. A class
        that the dict lacks has 1.
    max_iter : int, default 100
        Most passes over the rows.
    tol : float in 1e-12..0.1, default 1e-6
        Passes end when the objective can fall by less than tol**2 / 10 of its first value: coefficients
        are then right to about tol. Where folds judge, long trainings also end when the best held-out
        loss has all but stopped falling.
    random_state : None, int >= 0 or RandomState, default None
        Another value gives other folds; nothing else is random.

    Attributes
    ----------
    classes_ : array (n_classes,)
        Classes of positive weight, in order.
    coef_ : float64 (1 or n_classes, n_features_in_)
        In the units of X, on the scale of log-odds. A constant column has 0. A data frame with other
        columns than complete numbers has one entry for each of `coef_names_`.
    intercept_ : float64 (1 or n_classes,)
        On the scale of log-odds.
    coef_names_ : list of str
        What each coefficient belongs to: columns, missing marks, categories.
    alpha_, alphas_, cv_losses_, n_iter_, history_, n_features_in_, feature_names_in_
        As in `LinearRegressor`.

    See Also
    --------
    LinearRegressor : Numbers.

    Notes
    -----
    Two classes, a ridge and 10,000 rows or more of up to 300 complete numbers: Newton's method on the array
    as it is, float32 or float64 in C order without a copy; about three passes, of O(rows d) for each of
    folds x strengths members and O(rows d^2) for one in eight strengths. Else standardised values are kept
    as float32, as in `justright train`, for about ten passes. A class of a single row trains in every fold
    and is judged in none.

    Examples
    --------
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]])
    >>> model = LinearClassifier(alphas=0.1).fit(X, ["no", "no", "no", "yes", "yes", "yes"])
    >>> model.predict([[0.5]]).tolist(), round(float(model.predict_proba([[2.5]])[0, 1]), 3)
    (['no'], 0.5)
    """

    def __init__(
        self,
        *,
        penalty: str = "l2",
        alphas: Any = None,
        l1_ratio: float = 0.5,
        cv: Any = 5,
        class_weight: Any = None,
        max_iter: int = 100,
        tol: float = 1e-6,
        random_state: Any = None,
    ) -> None:
        self.penalty = penalty
        self.alphas = alphas
        self.l1_ratio = l1_ratio
        self.cv = cv
        self.class_weight = class_weight
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
            Classes: at least two of positive weight.
        sample_weight : array (rows,), optional
            Weights >= 0; an integer weight is that many copies of the row.

        Returns
        -------
        LinearClassifier
            Itself.

        Raises
        ------
        ValueError
            A parameter or a value that is not allowed, fewer than two rows or classes.
        TrainingError
            Nothing could be trained.
        """
        check(self.get_params(deep=False), CLASSIFIER)
        table, y = read_training(self, X, y, numeric=False, narrow=True)
        if y.dtype.kind not in "biu":  # whole numbers are classes
            check_classification_targets(y)
        weight = read_weights(sample_weight, table.rows)
        self.classes_ = np.unique(y if (weight > 0).all() else y[weight > 0])
        if len(self.classes_) < 2:
            raise ColumnError(
                f"y with one class, {self.classes_[:1].tolist()[0]!r}, in every row of positive weight",
                allowed="at least two classes",
            )
        number = np.clip(np.searchsorted(self.classes_, y), 0, len(self.classes_) - 1).astype(np.int32)
        weight = weight * class_factors(self.class_weight, self.classes_, number, weight)[number]
        binary = len(self.classes_) == 2
        task: Task = "binary" if binary else "multiclass"
        model, fitted = fit_linear(
            self,
            table,
            y,
            weight,
            loss=loss_for("auto", task),
            outputs=1 if binary else len(self.classes_),
            target=TargetFeature(Target(Column("y", "categorical", "text"), task)),
            encoded=number,
        )
        self._model = model
        self.coef_ = np.ascontiguousarray(model.coefficients.T)
        self.intercept_ = model.intercept
        self.coef_names_ = coefficient_names(model.plan)
        self.alpha_, self.alphas_, self.cv_losses_ = fitted.alpha, fitted.alphas, fitted.losses
        self.history_, self.n_iter_ = fitted.history, fitted.history.passes
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
