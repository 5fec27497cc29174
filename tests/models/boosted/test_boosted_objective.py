import numpy as np
import pytest

from justright.errors import RecipeError
from justright.models.boosted.objective import margins_from, objective_for
from justright.optim.losses import LOSSES, loss_for, margins_to_predictions

Y = np.asarray([0.0, 1.0])


def test_every_loss_of_ours_has_an_objective():
    found = {}
    for name, tasks in LOSSES.items():
        found[name] = objective_for(loss_for(name, tasks[0], 0.9), 4, Y)
    assert found["squared"] == {"objective": "regression"}
    assert found["absolute"] == {"objective": "regression_l1"}
    assert found["quantile"] == {"objective": "quantile", "alpha": 0.9}
    assert found["huber"] == {"objective": "huber", "alpha": 1.35}
    assert found["softmax"] == {"objective": "multiclass", "num_class": 4}
    assert found["logistic"] == {"objective": "binary"}
    assert objective_for(loss_for("logistic", "binary"), 1, Y / 2) == {"objective": "cross_entropy"}


def test_a_loss_of_your_own_is_refused():
    class Own:
        name, link = "own", "identity"

    with pytest.raises(RecipeError, match="loss='own' for boosted trees"):
        objective_for(Own(), 1, Y)


@pytest.mark.parametrize(("link", "outputs"), [("identity", 1), ("logistic", 1), ("log", 1), ("softmax", 3)])
def test_margins_come_back_from_predictions(link, outputs):
    margin = np.random.default_rng(0).normal(size=(50, outputs)) * 5
    said = margins_to_predictions(margin, link)
    back = margins_from(said, link)
    assert back.shape == (50, outputs)
    if link == "softmax":
        margin, back = margin - margin[:, :1], back - back[:, :1]
    np.testing.assert_allclose(back, margin, rtol=1e-6, atol=1e-9)


def test_probabilities_of_nought_and_one_stay_finite():
    assert np.isfinite(margins_from(np.asarray([0.0, 1.0]), "logistic")).all()
    assert margins_from(np.asarray([1.0]), "logistic")[0, 0] > 36
    assert np.isfinite(margins_from(np.asarray([[0.0, 1.0]]), "softmax")).all()
    assert np.isfinite(margins_from(np.asarray([0.0]), "log")).all()
