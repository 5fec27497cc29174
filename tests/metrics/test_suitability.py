import pytest

from justright.errors import RecipeError
from justright.metrics.suitability import check_loss


@pytest.mark.parametrize(
    ("task", "loss", "reason", "right"),
    [
        ("binary", "squared", "gradient vanishes", "logistic"),
        ("multiclass", "huber", "amounts", "softmax"),
        ("multiclass", "logistic", "for two classes", "softmax"),
        ("regression", "logistic", "the target here is a number", "squared"),
        ("regression", "softmax", "cross-entropy", "squared"),
    ],
)
def test_a_wrong_loss_is_refused_with_the_right_one(task, loss, reason, right):
    with pytest.raises(RecipeError, match=rf"{reason}.*Next: --set loss={right}"):
        check_loss(task, loss)


@pytest.mark.parametrize(
    ("task", "loss"), [("regression", "poisson"), ("binary", "logistic"), ("multiclass", "auto")]
)
def test_a_right_loss_passes(task, loss):
    assert check_loss(task, loss) == ()


def test_accuracy_on_unbalanced_classes_is_warned():
    (finding,) = check_loss("binary", "logistic", "accuracy", 0.99)
    assert (finding.id, finding.severity) == ("accuracy-misleads", "warning")
    assert finding.evidence["largest_share"] == 0.99
    assert check_loss("binary", "logistic", "accuracy", 0.8) == ()
    assert check_loss("binary", "logistic", "roc_auc", 0.99) == ()


def test_a_loss_that_aims_elsewhere_is_said():
    (finding,) = check_loss("regression", "absolute", "rmse")
    assert finding.id == "loss-and-metric-differ"
    assert "mae" in finding.next
    assert check_loss("regression", "squared", "rmse") == ()
    assert check_loss("regression", "squared", "r2") == ()


def test_a_metric_of_another_task_is_refused():
    with pytest.raises(RecipeError, match="metric='rmse'"):
        check_loss("binary", "auto", "rmse")
