"""WideDeepClassifier: classes by an additive model with crosses and a network, trained together."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin

from justright.estimators.classes import likeliest, log_probabilities, probabilities
from justright.estimators.constraints import WIDE_DEEP_CLASSIFIER
from justright.estimators.neural_reading import margins
from justright.estimators.neural_targets import fit_classes
from justright.models.neural import WIDE_DEEP
from justright.schema import FloatArray

__all__ = ["WideDeepClassifier"]


class WideDeepClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """Classification by a wide part, functions and guarded crosses of columns, and a deep part, a network.

        margin = intercept + sum of function_f(column f) + sum of table_fg(column f, column g) + network

    The wide part is fitted first, to the rows that train (see `CrossedClassifier`); then both parts are
    trained together, so that the network learns what the wide part leaves. One margin for two classes
    (logistic) and one for each class otherwise (softmax).

    Parameters
    ----------
    crosses : "auto", None or list of pairs, default "auto"
        Crosses of the wide part: "auto" looks for them among all pairs of columns; None has none; pairs of
        names or numbers of columns are taken in whatever the rows say, and no others.
    hidden_layer_sizes : int or sequence of int, default (192, 192)
        Neurons of each hidden layer, at most 65,536; empty = a linear model.
    activation : str, default "auto"
        Of the hidden layers: relu, tanh, logistic, identity, elu, selu, gelu, silu, mish, softplus and
        others; "auto" = selu.
    numbers : {"auto", "plain", "periodic", "piecewise"}, default "auto"
        How a number is read: as it is, by waves of learned frequencies, or by 32 pieces; "auto" =
        piecewise, in a linear model plain.
    dropout : float in 0..1, default 0.15
        Share of neurons dropped in a step, falling to 0 in the second half of the training.
    ensemble : int in 1..64, default 8
        Networks in one that share all but a factor an input and their last layer.
    solver : str, default "adam"
        How the weights move: a name of docs/reference/optimizers.md.
    alpha : float >= 0, default 0.02
        Decoupled weight decay of matrices, a multiple of the rate; biases have none.
    learning_rate_init : "auto" or float > 0, default "auto"
        "auto" = found by a race on held-out rows, half a decade apart, for at most 15 % of the steps beside.
        A training of fewer than 400 steps has no race and takes the rate that serves most tables; a solver
        that finds its own step has none either.
    schedule : str or callable, default "auto"
        How the rate moves: a name of docs/reference/optimizers.md, or a function from the share of the
        work done to a factor of the rate; "auto" = coslog4, four cycles of doubling length, or constant
        where the solver wants that.
    batch_size : "auto" or int > 0, default "auto"
        Rows a step; "auto" = 256, up to 4,096 where there are more than 100,000 rows.
    max_iter : "auto" or int > 0, default "auto"
        Most passes over the rows; "auto" = 48, fewer where they would take more than 60,000 steps.
    clip : float >= 0, default 0.0
        Longest gradient; 0 = as it is.
    average : float in 0..1, default 0.0
        Decay of a running average of the weights, which is then the model; 0 = none.
    label_smoothing : float in 0..1, default 0.0
        What each training label gives away to all classes alike. It harms probabilities.
    validation_fraction : float in 0.01..0.5, default 0.2
        Share of the rows that judge each pass and train nothing. The best pass is kept, and the training
        stops after as many passes without a better one as led to the best.
    class_weight : None, "balanced" or dict of class to weight, default None
        Factor of the weight of each row by its class; "balanced" gives all classes the same total. A class
        that the dict lacks has 1.
    random_state : None, int >= 0 or RandomState, default None
        Seed of the weights, the order of the rows, dropout and the held-out part. None = 0.

    Attributes
    ----------
    classes_ : array (n_classes,)
        Classes of positive weight, in order.
    crosses_ : list of pairs
        Crosses of the wide part, as `crosses` takes them.
    loss_curve_ : list of float
        Mean training loss of each pass, dropout and all.
    validation_curve_ : list of float
        Mean loss on held-out rows after each pass.
    n_iter_ : int
        Passes made.
    best_iter_ : int
        The pass whose weights the model has, from 1.
    learning_rate_ : float
        The rate, as a multiple of the schedule; lower than the race's where the training had diverged.
    race_ : float64 (candidates, 3)
        Rate, held-out loss half way and at the end of its leg; NaN = not run, infinite = diverged. No
        candidates where there was no race.
    history_ : History
        Losses and norms of every network after every pass.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : array of str (n_features_in_,)
        Names of the columns, for a data frame with text names.

    See Also
    --------
    NeuralClassifier : The network alone; with folds and warm start.
    CrossedClassifier : The wide part alone, which can be read.

    Notes
    -----
    Numbers are centred at their median, scaled by their quartiles and gently cut at 3; NaN is 0 with an
    indicator. Categories of up to 8 values are columns, others are embedded. Equal rows become one with
    all their weight, and a heavy row several, so the order of rows does not enter and an integer weight
    is a repetition. Each fit compiles its pass first, in two seconds or so. Single precision. Training needs
    `pip install 'justright[neural]'`; predictions are made by numpy alone.

    References
    ----------
    .. [1] H.-T. Cheng et al. (2016), Wide & Deep Learning for Recommender Systems, arXiv 1606.07792.

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(-1.0, 1.0, (600, 2))
    >>> model = WideDeepClassifier(hidden_layer_sizes=(32,), batch_size=32, max_iter=30)
    >>> model.fit(X, np.where(X[:, 0] * X[:, 1] > 0, "same", "other")).predict([[0.5, 0.5], [0.5, -0.5]])
    array(['same', 'other'], dtype='<U5')
    """

    def __init__(
        self,
        *,
        crosses: Any = "auto",
        hidden_layer_sizes: Any = (192, 192),
        activation: str = "auto",
        numbers: str = "auto",
        dropout: float = 0.15,
        ensemble: int = 8,
        solver: str = "adam",
        alpha: float = 0.02,
        learning_rate_init: Any = "auto",
        schedule: Any = "auto",
        batch_size: Any = "auto",
        max_iter: Any = "auto",
        clip: float = 0.0,
        average: float = 0.0,
        label_smoothing: float = 0.0,
        validation_fraction: float = 0.2,
        class_weight: Any = None,
        random_state: Any = None,
    ) -> None:
        self.crosses = crosses
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.numbers = numbers
        self.dropout = dropout
        self.ensemble = ensemble
        self.solver = solver
        self.alpha = alpha
        self.learning_rate_init = learning_rate_init
        self.schedule = schedule
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.clip = clip
        self.average = average
        self.label_smoothing = label_smoothing
        self.validation_fraction = validation_fraction
        self.class_weight = class_weight
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None, eval_rows: Any = None) -> Self:
        """Fit to rows.

        Parameters
        ----------
        X : array or data frame (rows, columns)
            Numbers, NaN = missing; a data frame may hold text and dates too.
        y : array (rows,), or shares of classes (rows, classes)
            Classes: at least two of positive weight. Shares are soft labels that sum to 1 in each row; the
            classes are then the columns of a data frame, or 0, 1...
        sample_weight : array (rows,), optional
            Weights >= 0; an integer weight is that many copies of the row.
        eval_rows : array of int or bool, optional
            Places of the rows that are the held-out part; default: chosen by `validation_fraction`. All
            others train.

        Returns
        -------
        WideDeepClassifier
            Itself.

        Raises
        ------
        ValueError
            A parameter or a value that is not allowed, fewer than two rows or classes.
        MissingExtraError
            No jax or optax.
        TrainingError
            Nothing could be trained.
        """
        fit_classes(self, X, y, sample_weight, eval_rows, WIDE_DEEP_CLASSIFIER, WIDE_DEEP)
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

    def __sklearn_tags__(self) -> Any:
        """Say what the estimator can do, for scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
