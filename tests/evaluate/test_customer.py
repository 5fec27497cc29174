import numpy as np
import pytest

from justright.evaluate.customer import tell_customer, weighted_quantile
from justright.evaluate.intervals import wilson

TARGET = np.array([0] * 80 + [1] * 20)
PREDICTION = np.array([0.1] * 76 + [0.8] * 4 + [0.9] * 14 + [0.2] * 6)


def test_flags_of_a_thousand():
    found = tell_customer("binary", ("no", "yes"), TARGET, PREDICTION)
    for name, count in (("wrongly_flagged", 4), ("missed", 6), ("flagged", 18)):
        expected = wilson(count / 100, 100)
        assert found.figures[name].value == pytest.approx(10 * count)
        assert found.figures[name].low == pytest.approx(1000 * expected.low)
        assert found.figures[name].high == pytest.approx(1000 * expected.high)
    assert found.sentences == (
        "Of 1,000 new rows about 180 (117 to 267) will be flagged as 'yes'; about 40 (15.7 to 98.4) of them "
        "wrongly.",
        "About 200 of the 1,000 are truly 'yes'; about 60 (27.8 to 125) of them will be missed.",
    )


def test_the_threshold_decides():
    found = tell_customer("binary", ("no", "yes"), TARGET, PREDICTION, threshold=0.15)
    assert found.figures["missed"].value == 0.0
    assert found.figures["missed"].high > 10.0


def test_the_cost_is_told_when_it_is_known():
    found = tell_customer("binary", ("no", "yes"), TARGET, PREDICTION, cost_fp=1.0, cost_fn=5.0)
    assert found.figures["cost"].value == pytest.approx(10 * (4 * 1 + 6 * 5))
    assert found.figures["cost"].low < 340 < found.figures["cost"].high
    assert "1 for each wrongly flagged and 5 for each missed" in found.sentences[2]
    assert "cost" not in tell_customer("binary", ("no", "yes"), TARGET, PREDICTION).figures


def test_errors_of_numbers():
    rng = np.random.default_rng(1)
    target = rng.normal(size=4000)
    found = tell_customer("regression", (), target, target + rng.normal(0, 2.0, 4000))
    assert found.figures["typical_error"].value == pytest.approx(2 * 0.6745, rel=0.05)
    assert found.figures["bad_error_90"].value == pytest.approx(2 * 1.645, rel=0.05)
    assert found.figures["bad_error_95"].value == pytest.approx(2 * 1.96, rel=0.05)
    assert all(f.low < f.value < f.high for f in found.figures.values())
    assert len(found.sentences) == 2


def test_a_bias_is_told():
    found = tell_customer("regression", (), np.arange(50.0), np.arange(50.0) + 1.0 + np.tile([0.1, -0.1], 25))
    assert found.sentences[-1] == "On average predictions are too high by 1."


def test_confused_pairs():
    target = np.repeat([0, 1, 2], 100)
    label = target.copy()
    label[:30] = 1
    label[100:105] = 2
    found = tell_customer("multiclass", ("cat", "dog", "owl"), target, np.eye(3)[label])
    assert found.figures["wrong"].value == pytest.approx(1000 * 35 / 300)
    assert list(found.figures) == ["wrong", "taken:cat:dog", "taken:dog:owl"]
    assert found.sentences[1].startswith("About 100 (")
    assert "'cat' and will be taken for 'dog'" in found.sentences[1]


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_the_interval_of_a_quantile_holds_it(share):
    held = 0
    for seed in range(400):
        values = np.random.default_rng(seed).exponential(size=200)
        found = weighted_quantile(values, np.ones(200), share)
        held += found.low <= -np.log(1 - share) <= found.high
    assert 0.91 * 400 <= held <= 0.985 * 400


def test_weight_is_repetition_for_a_quantile():
    values, weight = np.array([3.0, 1.0, 2.0, 5.0]), np.array([2, 1, 3, 1])
    repeated = np.repeat(values, weight)
    for share in (0.1, 0.3, 0.5, 0.7, 0.95):
        expected = weighted_quantile(repeated, np.ones(7), share).value
        assert weighted_quantile(values, weight.astype(float), share).value == expected
        assert expected == np.quantile(repeated, share, method="inverted_cdf")
