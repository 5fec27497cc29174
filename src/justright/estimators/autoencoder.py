"""Autoencoder: a row in a few numbers, learned from rows alone."""

from __future__ import annotations

from numbers import Integral, Real
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted

from justright.errors import ColumnError
from justright.estimators.autoencoder_bundle import save_autoencoder
from justright.estimators.autoencoder_fitting import encoded, fit_autoencoder, undone
from justright.estimators.constraints import NEURAL_REGRESSOR, Table, check
from justright.estimators.neural_reading import describe
from justright.models.neural import autoencoder
from justright.schema import FloatArray

__all__ = ["Autoencoder"]

_SHARED: Final = (
    "hidden_layer_sizes",
    "activation",
    "solver",
    "alpha",
    "learning_rate_init",
    "schedule",
    "batch_size",
    "max_iter",
    "validation_fraction",
    "random_state",
)


def _is_number(value: Any, low: float, high: float, kind: Any) -> bool:
    """Say whether a value is a number in low..high, both ends included."""
    return isinstance(value, kind) and not isinstance(value, bool) and low <= float(value) <= high


_ALLOWED: Final[Table] = {
    "n_components": (lambda value: _is_number(value, 1, 65_536, Integral), "an integer in 1..65536"),
    "noise": (
        lambda value: _is_number(value, 0, 10, Real),
        "a number in 0..10, and below 1 with corruption='mask'",
    ),
    "corruption": (lambda value: value in ("mask", "gaussian"), "one of mask, gaussian"),
    **{name: NEURAL_REGRESSOR[name] for name in _SHARED},
}


class Autoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """Rows as a few numbers, from which a network can make them again.

    An encoder turns a row into `n_components` numbers, a decoder makes the row again, and both learn to lose
    little on the way. The few numbers are columns for other models; a row that is made again badly is
    unlike those of the training. The learning rate is found by a race on held-out rows; the same rows end
    the training.

    Parameters
    ----------
    n_components : int, default 8
        Numbers that a row becomes.
    hidden_layer_sizes : int or sequence of int, default (128,)
        Neurons of each hidden layer of the encoder, at most 65,536; the decoder has them in reverse. Empty
        = linear.
    activation : str, default "auto"
        Of the hidden layers: relu, tanh, logistic, identity, elu, selu, gelu, silu, mish, softplus and
        others; "auto" = mish. The few numbers have none.
    noise : float >= 0, default 0.1
        How much of a row the encoder does not see in a training step, while the decoder has to make all of
        it: what is robust is learned. 0 = a plain autoencoder.
    corruption : {"mask", "gaussian"}, default "mask"
        "mask": `noise` is the share of the columns that are taken away, as if missing. "gaussian": it is the
        standard deviation of what is added to each number, in units of the distance of its quartiles.
    solver : str, default "adam"
        How the weights move: a name of docs/reference/optimizers.md.
    alpha : float >= 0, default 0.0
        Decoupled weight decay of matrices, a multiple of the rate; biases have none.
    learning_rate_init : "auto" or float > 0, default "auto"
        "auto" = found by a race of seven rates on held-out rows, for at most 15 % of the steps beside.
    schedule : str or callable, default "auto"
        How the rate moves: a name of docs/reference/optimizers.md, or a function from the share of the
        work done to a factor of the rate; "auto" = coslog4, four cycles of doubling length, or constant
        where the solver wants that.
    batch_size : "auto" or int > 0, default "auto"
        Rows a step; "auto" = 256, down to 32 where there are less than 4,096 rows, up to 4,096 where there
        are more than 100,000.
    max_iter : "auto" or int > 0, default "auto"
        Most passes over the rows; "auto" = 48, up to 400 where they are less than 3,000 steps.
    validation_fraction : float in 0.01..0.5, default 0.1
        Share of the rows that judge each pass and train nothing. The best pass is kept, and the training
        stops after as many passes without a better one as led to the best.
    random_state : None, int >= 0 or RandomState, default None
        Seed of the weights, the order of the rows, the noise and the held-out part. None = 0.

    Attributes
    ----------
    loss_curve_ : list of float
        Mean training error of each pass, noise and all.
    validation_curve_ : list of float
        Mean error on held-out rows after each pass, without noise.
    n_iter_ : int
        Passes made.
    best_iter_ : int
        The pass whose weights the model has, from 1.
    learning_rate_ : float
        The rate, as a multiple of the schedule; lower than the race's where the training had diverged.
    race_ : float64 (candidates, 3)
        Rate, held-out error half way and at the end of its leg; NaN = not run, infinite =
        diverged. No candidates where the rate was given or the training is short.
    history_ : History
        Errors and norms after every pass.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : array of str (n_features_in_,)
        Names of the columns, for a data frame with text names.

    Notes
    -----
    A number is read less its median, over the distance of its quartiles, gently cut at 3; NaN is 0 with an
    indicator. Categories of up to 8 values are columns, others are embedded. The error of a row is the mean
    over its known columns: of a number the squared difference, of a category of few values half the sum of
    squared differences, of one of up to 1,024 the cross-entropy over that of guessing; of more it is read
    alone. A date counts as several columns, its parts. Free text and columns that name rows are set aside.
    A number that more than half of the rows lack counts as its median there. Each fit compiles its pass
    first, in two seconds or so. Fitting needs `pip install 'justright[neural]'`; new rows are read by numpy
    alone.

    References
    ----------
    .. [1] P. Vincent, H. Larochelle, Y. Bengio and P.-A. Manzagol (2008), Extracting and Composing Robust
       Features with Denoising Autoencoders, ICML. DOI 10.1145/1390156.1390294.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(500, 2)) @ rng.normal(size=(2, 6))
    >>> model = Autoencoder(2, hidden_layer_sizes=(32,), noise=0.0, max_iter=40).fit(X)
    >>> Z = model.transform(X)
    >>> Z.shape, bool(np.square(model.inverse_transform(Z) - X).mean() < 0.05 * X.var())
    ((500, 2), True)
    """

    def __init__(
        self,
        n_components: int = 8,
        *,
        hidden_layer_sizes: Any = (128,),
        activation: str = "auto",
        noise: float = 0.1,
        corruption: str = "mask",
        solver: Any = "adam",
        alpha: float = 0.0,
        learning_rate_init: Any = "auto",
        schedule: Any = "auto",
        batch_size: Any = "auto",
        max_iter: Any = "auto",
        validation_fraction: float = 0.1,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.noise = noise
        self.corruption = corruption
        self.solver = solver
        self.alpha = alpha
        self.learning_rate_init = learning_rate_init
        self.schedule = schedule
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit to rows.

        Parameters
        ----------
        X : array or data frame (rows, columns)
            Numbers, NaN = missing; a data frame may hold categories and dates too.
        y : None
            Not looked at.
        sample_weight : array (rows,), optional
            Weights >= 0; an integer weight is that many copies of the row.

        Returns
        -------
        Autoencoder
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
        check(self.get_params(deep=False), _ALLOWED)
        check({"noise": self.noise}, {"noise": (self._fits, _ALLOWED["noise"][1])})
        made = fit_autoencoder(self, X, sample_weight)
        describe(self, made.fitted)
        self._baseline = made.baseline
        used = set(made.fitted.model.plan.columns)
        # What tells rows nothing is made again as it was.
        self._others = {
            name: float(np.nanmean(value.numbers)) if np.isfinite(value.numbers).any() else np.nan
            for name, value in made.table.values.items()
            if name not in used and value.numbers is not None
        }
        return self

    def transform(self, X: Any) -> FloatArray:
        """Return each row as a few numbers, float64 (rows, n_components).

        Parameters
        ----------
        X : array or data frame (rows, columns)
            As in `fit`. A category never seen counts as a rare one.

        Raises
        ------
        ValueError
            Other columns than in `fit`, an infinity.
        """
        return encoded(self, X, autoencoder.latent)

    def inverse_transform(self, X: Any) -> FloatArray:
        """Return the rows that a few numbers stand for, float64 (rows, n_features_in_), in X's own units.

        Parameters
        ----------
        X : array (rows, n_components)
            As `transform` gives them.

        Raises
        ------
        ColumnError
            The autoencoder was fitted on columns that are no numbers.
        ValueError
            Another number of columns, or values that are no numbers.

        Notes
        -----
        Networks read numbers through a gentle cut, which is undone: what lies far out is made again coarsely,
        and nothing beyond the range of the training rows.
        """
        check_is_fitted(self)
        z = check_array(X, dtype=np.float64, input_name="X")
        model = self._model
        if z.shape[1] != self.n_components:
            raise ColumnError(f"X of {z.shape[1]} columns", allowed=f"{self.n_components}, the components")
        names = list(model.names or (f"x{place}" for place in range(model.width)))
        return undone(model, autoencoder.decoded(model.front, model.arrays, z), self._others, names)

    def score_samples(self, X: Any) -> FloatArray:
        """Return minus the error with which each row is made again, float64 (rows,), at most 0.

        The lower, the less a row is like those of the training. About -1 is what the median of each column
        would do.
        """
        return -encoded(self, X, autoencoder.margins)[:, 0]

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean of `score_samples`: higher is better, 0 is exact."""
        return float(self.score_samples(X).mean())

    def save(self, path: str | Path) -> str:
        """Write the autoencoder as a bundle, and return the model's id.

        `justright.load(path)` predicts the error of each row, and its method `latent` gives the few numbers;
        `justright predict PATH TABLE --latent --out FILE` writes both.

        Parameters
        ----------
        path : str or Path
            The folder to make; its parent must exist, it must not. Columns of an array are x0, x1, ...

        Raises
        ------
        StorageError
            The folder exists or cannot be written.
        """
        check_is_fitted(self)
        seen = self.validation_curve_[self.best_iter_ - 1]
        error = float(seen if np.isfinite(seen) else self.loss_curve_[self.best_iter_ - 1])
        settings = {
            "n_components": int(self.n_components),
            "noise": float(self.noise),
            "corruption": self.corruption,
            "rate": float(self.learning_rate_),
            "passes": int(self.best_iter_),
        }
        return save_autoencoder(path, self._model, self._baseline, settings, error)

    @property
    def _n_features_out(self) -> int:
        """Number of columns that `transform` gives, for scikit-learn."""
        return int(self.n_components)

    def _fits(self, noise: Any) -> bool:
        """Say whether the noise can be: not all columns are masked."""
        return self.corruption != "mask" or float(noise) < 1

    def __sklearn_tags__(self) -> Any:
        """Say what the estimator can do, for scikit-learn."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
