"""WideDeepRegressor: a number by an additive model with crosses and a network, trained together."""

from __future__ import annotations

from typing import Any, Self

from sklearn.base import BaseEstimator, RegressorMixin

from justright.estimators.constraints import WIDE_DEEP_REGRESSOR
from justright.estimators.neural_reading import margins
from justright.estimators.neural_targets import fit_numbers
from justright.models.neural import WIDE_DEEP
from justright.optim.losses import margins_to_predictions
from justright.schema import FloatArray

__all__ = ["WideDeepRegressor"]


class WideDeepRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """Regression by a wide part, functions and guarded crosses of columns, and a deep part, a network.

        margin = intercept + sum of function_f(column f) + sum of table_fg(column f, column g) + network

    The wide part is fitted first, to the rows that train (see `CrossedRegressor`); then both parts are
    trained together, so that the network learns what the wide part leaves.

    Parameters
    ----------
    crosses : "auto", None or list of pairs, default "auto"
        Crosses of the wide part: "auto" looks for them among all pairs of columns; None has none; pairs of
        names or numbers of columns are taken in whatever the rows say, and no others.
    hidden_layer_sizes : int or sequence of int, default (192, 192)
        Neurons of each hidden layer, at most 65,536; empty = a linear model.
    activation : str, default "auto"
        Of the hidden layers: relu, tanh, logistic, identity, elu, selu, gelu, silu, mish, softplus and
        others; "auto" = mish.
    loss : {"squared", "huber", "absolute", "poisson"}, default "squared"
        Half the squared error (the mean); squared near 0 and absolute beyond (robust); the absolute error
        (the median); exp(f) - y f for counts y >= 0 (a rate, log link).
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
    validation_fraction : float in 0.01..0.5, default 0.2
        Share of the rows that judge each pass and train nothing. The best pass is kept, and the training
        stops after as many passes without a better one as led to the best.
    random_state : None, int >= 0 or RandomState, default None
        Seed of the weights, the order of the rows, dropout and the held-out part. None = 0.

    Attributes
    ----------
    crosses_ : list of pairs
        Crosses of the wide part, as `crosses` takes them.
    loss_curve_ : list of float
        Mean training loss of each pass, dropout and all;
        numbers are in standard deviations of y.
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
    NeuralRegressor : The network alone; with folds and warm start.
    CrossedRegressor : The wide part alone, which can be read.

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
    >>> import numpy as np
    >>> X = np.random.default_rng(0).uniform(-2.0, 2.0, (400, 1))
    >>> model = WideDeepRegressor(hidden_layer_sizes=(32,), batch_size=32, max_iter=40)
    >>> bool(model.fit(X, np.sin(3 * X[:, 0])).score(X, np.sin(3 * X[:, 0])) > 0.98)
    True
    """

    def __init__(
        self,
        *,
        crosses: Any = "auto",
        hidden_layer_sizes: Any = (192, 192),
        activation: str = "auto",
        loss: str = "squared",
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
        validation_fraction: float = 0.2,
        random_state: Any = None,
    ) -> None:
        self.crosses = crosses
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.loss = loss
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
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None, eval_rows: Any = None) -> Self:
        """Fit to rows.

        Parameters
        ----------
        X : array or data frame (rows, columns)
            Numbers, NaN = missing; a data frame may hold text and dates too.
        y : array (rows,)
            Finite numbers; >= 0 for "poisson".
        sample_weight : array (rows,), optional
            Weights >= 0; an integer weight is that many copies of the row.
        eval_rows : array of int or bool, optional
            Places of the rows that are the held-out part; default: chosen by `validation_fraction`. All
            others train.

        Returns
        -------
        WideDeepRegressor
            Itself.

        Raises
        ------
        ValueError
            A parameter or a value that is not allowed, fewer than two rows.
        MissingExtraError
            No jax or optax.
        TrainingError
            Nothing could be trained.
        """
        fit_numbers(self, X, y, sample_weight, eval_rows, WIDE_DEEP_REGRESSOR, WIDE_DEEP)
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

    def __sklearn_tags__(self) -> Any:
        """Say what the estimator can do, for scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.target_tags.positive_only = self.loss == "poisson"
        tags.input_tags.allow_nan = True
        return tags
