import numpy as np
import pytest

from justright.errors import TableError
from justright.evaluate.slices import worst_slices


def table(n=3000, seed=1, bad=0.0):
    rng = np.random.default_rng(seed)
    city, size = rng.integers(0, 5, n), rng.integers(0, 4, n)
    loss = rng.gamma(2.0, 0.5, n) + bad * (city == 3)
    return {"city": (city, list("abcde")), "size": (size, ["S", "M", "L", "XL"])}, loss


def test_the_worst_slice_is_found_with_its_numbers():
    features, loss = table(bad=1.0)
    worst, *rest = worst_slices(features, loss)
    own = features["city"][0] == 3
    assert (worst.column, worst.value, worst.rows, worst.looked) == ("city", "d", own.sum(), 9)
    assert worst.loss.value == pytest.approx(loss[own].mean())
    assert worst.rest == pytest.approx(loss[~own].mean())
    assert worst.clear and not any(other.clear for other in rest)
    assert len(rest) == 2


def test_chance_is_seldom_called_clear():
    clear = sum(any(s.clear for s in worst_slices(*table(600, seed))) for seed in range(200))
    assert clear <= 14  # 5 % of 200 tables, one side, and three standard errors


def test_small_slices_are_left_out():
    code = np.r_[np.zeros(20, int), np.ones(1000, int), np.full(1000, 2)]
    found = worst_slices({"x": (code, ["tiny", "one", "two"])}, np.r_[np.full(20, 99.0), np.ones(2000)])
    assert {s.value for s in found} == {"one", "two"}
    share = worst_slices({"x": (np.arange(10_000) // 60, [str(i) for i in range(167)])}, np.ones(10_000))
    assert share == ()  # 60 rows are less than one per cent


def test_noise_does_not_win_against_a_large_sure_slice():
    rng = np.random.default_rng(3)
    code = np.r_[np.zeros(30, int), np.ones(1000, int), np.full(1970, 2)]
    loss = np.r_[rng.choice([0.0, 20.0], 30, p=[0.85, 0.15]), np.full(1000, 2.0), np.ones(1970)]
    loss += rng.uniform(0, 0.1, 3000)
    assert worst_slices({"x": (code, ["wild", "sure", "good"])}, loss)[0].value == "sure"


def test_weight_is_taken_and_negative_codes_belong_to_none():
    features, loss = table(bad=1.0)
    weight = np.where(features["city"][0] == 3, 0.0, 1.0)
    assert all(s.value != "d" for s in worst_slices(features, loss, weight))
    hidden = np.where(features["city"][0] == 3, -1, features["city"][0])
    assert all(s.value != "d" for s in worst_slices({"city": (hidden, list("abcde"))}, loss))
    doubled = worst_slices(features, loss, np.full(3000, 2.0))
    assert doubled == worst_slices(features, loss)


def test_one_value_has_no_rest_to_compare_with():
    assert worst_slices({"x": (np.zeros(100, int), ["all"])}, np.ones(100)) == ()
    assert worst_slices({}, np.ones(100)) == ()


def test_refuses_codes_without_a_label():
    with pytest.raises(TableError, match=r"column 'x'"):
        worst_slices({"x": (np.array([0, 2]), ["a", "b"])}, [1.0, 1.0])
    with pytest.raises(TableError, match="one code for each of 3 rows"):
        worst_slices({"x": (np.array([0, 1]), ["a", "b"])}, [1.0, 1.0, 1.0])
