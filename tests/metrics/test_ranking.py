import numpy as np
from sklearn.metrics import roc_curve

from justright.metrics.ranking import rank
from justright.metrics.rows import class_rows as check


def test_steps_are_the_roc_curve(binary_rows):
    target, prediction, weight = binary_rows
    ranking = rank(check(target, prediction, weight))
    fpr, tpr, thresholds = roc_curve(target, prediction, sample_weight=weight, drop_intermediate=False)
    np.testing.assert_allclose(np.cumsum(ranking.positive) / ranking.positive.sum(), tpr[1:], rtol=1e-12)
    np.testing.assert_allclose(np.cumsum(ranking.negative) / ranking.negative.sum(), fpr[1:], rtol=1e-12)
    np.testing.assert_array_equal(ranking.score, thresholds[1:])


def test_rows_point_at_their_score(binary_rows):
    rows = check(*binary_rows)
    ranking = rank(rows)
    np.testing.assert_array_equal(ranking.score[ranking.step], rows.prediction)
