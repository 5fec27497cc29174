import math

import numpy as np
import pytest

from justright.errors import TableError
from justright.evaluate.intervals import interval
from justright.evaluate.selection import Choice, luck, parameters_per_row, validation_interval


def rows(n=300, seed=1, noise=1.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    return x + noise * rng.normal(size=n), x


def alone(target, prediction, **more):
    return Choice(((prediction - target) ** 2)[:, None], **more)


def test_nothing_chosen_and_nothing_known_is_the_plain_interval():
    target, prediction = rows()
    for name in ("rmse", "mae", "r2"):
        found = validation_interval(name, target, prediction, alone(target, prediction))
        assert found == interval(name, target, prediction)


def test_luck_of_the_smallest_of_normal_means():
    expected = {2: 0.5642, 3: 0.8463, 10: 1.5388}
    for count, value in expected.items():
        assert luck(np.zeros(count), np.eye(count)) == pytest.approx(value, rel=0.08)
    assert luck(np.array([0.0, 50.0]), np.eye(2)) == pytest.approx(0.0, abs=0.06)
    assert luck(np.zeros(3), np.ones((3, 3))) == pytest.approx(0.0, abs=0.06)  # all share one noise
    assert luck(np.zeros(1), np.eye(1)) == 0.0


def test_the_best_of_many_useless_settings_is_corrected():
    """Thirty settings of pure chance: the best looks better than it is, and the correction knows."""
    rng = np.random.default_rng(3)
    plain, ours, held = [], [], 0
    for _ in range(200):
        target = rng.normal(size=100)
        guesses = 0.5 * rng.normal(size=(100, 30))
        losses = (guesses - target[:, None]) ** 2
        best = int(losses.mean(axis=0).argmin())
        found = validation_interval("rmse", target, guesses[:, best], Choice(losses, best))
        plain.append(math.sqrt(losses[:, best].mean()))
        ours.append(found.value)
        held += found.low <= math.sqrt(1.25) <= found.high
    assert np.mean(plain) < math.sqrt(1.25) - 0.1
    assert np.mean(ours) == pytest.approx(math.sqrt(1.25), abs=0.03)
    assert held >= 0.9 * 200


def test_parameters_are_read_off_the_gap():
    """Ordinary least squares with p columns, judged by leaving out one row."""
    rng = np.random.default_rng(4)
    n, p = 2000, 40
    x = rng.normal(size=(n, p))
    y = rng.normal(size=n)
    hat = np.einsum("ij,ji->i", x, np.linalg.solve(x.T @ x, x.T))
    residual = y - x @ np.linalg.solve(x.T @ x, x.T @ y)
    train, left_out = np.mean(residual**2), np.mean((residual / (1 - hat)) ** 2)
    assert n * parameters_per_row("squared", train, left_out) == pytest.approx(p, rel=0.1)
    assert parameters_per_row("logistic", 0.50, 0.52) == pytest.approx(0.02)
    assert parameters_per_row("squared", 1.1, 1.0) == 0.0
    assert parameters_per_row("squared", math.nan, 1.0) == 0.0


def test_a_gap_widens_and_moves_towards_the_model_of_all_rows():
    target, prediction = rows()
    lost = np.mean((target - prediction) ** 2)
    known = validation_interval("rmse", target, prediction, alone(target, prediction, train_loss=0.8 * lost))
    unknown = validation_interval("rmse", target, prediction, alone(target, prediction))
    assert known.high - known.low > 1.1 * (unknown.high - unknown.low)
    assert known.value < unknown.value
    assert known.value**2 == pytest.approx(lost - 0.2 * lost / 2 / 5, rel=1e-3)


def test_the_correction_of_the_loss_is_carried_to_other_metrics():
    rng = np.random.default_rng(5)
    p = rng.beta(1, 1, 400)
    target = (rng.uniform(size=400) < p).astype(int)
    loss = -np.log(np.where(target == 1, p, 1 - p))
    choice = Choice(loss[:, None], loss="logistic", train_loss=loss.mean() - 0.1)
    for name, better in (("log_loss", -1), ("brier", -1), ("accuracy", 1), ("roc_auc", 1), ("f1", 1)):
        found, plain = validation_interval(name, target, p, choice), interval(name, target, p)
        assert better * (found.value - plain.value) > 0
        assert found.low <= found.value <= found.high
        assert found.high - found.low > plain.high - plain.low
    error = validation_interval("calibration_error", target, p, choice)
    assert error.value == interval("calibration_error", target, p).value


def test_the_area_compares_rows_of_one_fold_only():
    """Folds with shifted scores: the order within each is perfect, across them it is not."""
    target = np.tile([0, 1], 50)
    fold = np.repeat(np.arange(5), 20)
    p = (target + fold * 3 + 1) / 20
    losses = np.abs(target - p)[:, None]
    within = validation_interval("roc_auc", target, p, Choice(losses, fold=fold))
    pooled = validation_interval("roc_auc", target, p, Choice(losses))
    assert within.value == 1.0
    assert pooled.value < 0.7
    single = Choice(losses, fold=np.arange(100))  # leave one out: no fold holds both classes
    assert validation_interval("roc_auc", target, p, single).value == pooled.value


def test_a_sample_of_the_losses_says_the_same():
    target, prediction = rows(20_000)
    full = np.stack([(prediction * s - target) ** 2 for s in (1.0, 0.9, 1.1)], axis=1)
    sampled = np.arange(0, 20_000, 7)
    once = validation_interval("mae", target, prediction, Choice(full, train_loss=0.95))
    again = validation_interval("mae", target, prediction, Choice(full[sampled], 0, sampled, train_loss=0.95))
    for a, b in zip((once.value, once.low, once.high), (again.value, again.low, again.high), strict=True):
        assert a == pytest.approx(b, rel=0.005)


def test_rows_of_weight_zero_change_nothing():
    target, prediction = rows(200)
    losses = np.stack([(prediction - target) ** 2, (0.9 * prediction - target) ** 2], axis=1)
    sampled = np.arange(0, 200, 2)
    expected = validation_interval(
        "rmse",
        target[:150],
        prediction[:150],
        Choice(losses[:150:2], 0, np.arange(0, 150, 2), train_loss=0.9),
    )
    weight = np.r_[np.ones(150), np.zeros(50)]
    found = validation_interval(
        "rmse", target, prediction, Choice(losses[sampled], 0, sampled, train_loss=0.9), weight
    )
    assert (found.value, found.low, found.high) == pytest.approx(
        (expected.value, expected.low, expected.high)
    )


def test_a_setting_that_diverged_is_no_rival():
    target, prediction = rows()
    good = (prediction - target) ** 2
    with_bad = Choice(np.stack([good, np.full(300, np.nan)], axis=1))
    found = validation_interval("rmse", target, prediction, with_bad)
    expected = validation_interval("rmse", target, prediction, Choice(good[:, None]))
    assert found.value == pytest.approx(expected.value, abs=0.01)


def test_refusals():
    target, prediction = rows(10)
    with pytest.raises(TableError, match=r"losses of shape \(9, 1\) for 10 rows"):
        validation_interval("rmse", target, prediction, Choice(np.ones((9, 1))))
    with pytest.raises(TableError, match="chosen=3"):
        validation_interval("rmse", target, prediction, Choice(np.ones((10, 2)), 3))
    with pytest.raises(TableError, match="missing"):
        validation_interval("rmse", target, prediction, Choice(np.full((10, 1), np.nan)))


def test_coverage_of_tuned_ridge():
    """Ridge out of six penalties, five folds, refitted on all rows; its true error is known."""
    held, n, d = 0, 100, 20
    for repeat in range(200):
        rng = np.random.default_rng(repeat)
        w = rng.normal(size=d) / d**0.5
        x = rng.normal(size=(n, d))
        y = x @ w + rng.normal(size=n)
        fold = rng.permutation(n) % 5
        path = 10.0 ** np.arange(1, -5, -1)
        guess = np.empty((n, 6))

        def fit(rows, x=x, y=y, path=path):
            a, b = x[rows].T @ x[rows] / rows.sum(), x[rows].T @ y[rows] / rows.sum()
            return np.stack([np.linalg.solve(a + p * np.eye(d), b) for p in path])

        for f in range(5):
            guess[fold == f] = x[fold == f] @ fit(fold != f).T
        losses = (guess - y[:, None]) ** 2
        best = int(losses.mean(axis=0).argmin())
        exported = fit(np.ones(n, bool))[best]
        train = np.mean((x @ exported - y) ** 2)
        found = validation_interval(
            "rmse", y, guess[:, best], Choice(losses, best, fold=fold, train_loss=train)
        )
        held += found.low <= math.sqrt(1 + np.sum((exported - w) ** 2)) <= found.high
    assert held >= 0.91 * 200  # 95 % less two and a half standard errors; the plain interval holds 88 %


def test_the_noise_of_a_loser_is_no_luck_of_the_winner():
    """One row ruins the weak penalties; the chosen setting is known well and stays as it is."""
    covariance = np.diag([0.01, 0.3, 0.3]) ** 2
    found = luck(np.array([0.04, 0.33, 0.37]), covariance)
    assert 0.0 <= found < 0.01
    noisy = luck(np.array([0.04, 0.33, 0.37]), covariance, 1)  # its own noise counts in full
    assert noisy > 0.05
    rng = np.random.default_rng(2)
    losses = rng.exponential(size=(500, 3)) * 0.04
    losses[:, 1:] = losses[:, :1] * 1.05
    losses[3, 1:] = [150.0, 160.0]
    target, prediction = np.zeros(500), np.sqrt(losses[:, 0])
    alone = validation_interval("rmse", target, prediction, Choice(losses[:, :1]))
    found = validation_interval("rmse", target, prediction, Choice(losses))
    assert found.value == pytest.approx(alone.value, rel=0.03)


def test_out_of_fold_less_noise_is_taken_off_the_calibration_error():
    """Level and slope follow the rows: their noise is in the model, not in its out-of-fold gap."""
    rng = np.random.default_rng(6)
    p = rng.uniform(size=500)
    target = (rng.uniform(size=500) < p).astype(int)
    choice = Choice(-np.log(np.where(target == 1, p, 1 - p))[:, None], loss="logistic")
    found, plain = (
        validation_interval("calibration_error", target, p, choice),
        interval("calibration_error", target, p),
    )
    assert found.value == plain.value
    assert found.low == plain.low == 0.0
    assert found.high > 1.05 * plain.high
