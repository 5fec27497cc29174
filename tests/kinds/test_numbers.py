import numpy as np
import pytest

from justright.kinds.numbers import of_numbers

RNG = np.random.default_rng(0)


def _kind(found):
    return found.kind, found.form


def test_quantities(seen):
    found = of_numbers(seen(RNG.normal(size=100)))
    assert _kind(found) == ("numeric", "number")
    assert found.reason.startswith("numbers, 100 values from -")
    counts = of_numbers(seen(RNG.integers(0, 5, 1000)))
    assert _kind(counts) == ("numeric", "number")
    assert "if they are codes: --kind c=categorical" in counts.reason
    assert "codes" not in of_numbers(seen(RNG.integers(0, 2, 1000))).reason


def test_unique_floats_are_no_ids(seen):
    assert of_numbers(seen(RNG.normal(size=1000), "user_id")).kind == "numeric"
    assert of_numbers(seen(RNG.permutation(10**6)[:1000], "income")).kind == "numeric"


@pytest.mark.parametrize("start", [0, 1, 1000])
def test_row_counters(seen, start):
    values = np.arange(start, start + 500)
    found = of_numbers(seen(values, "whatever"))
    assert found.kind == "identifier"
    assert found.reason == f"a row counter: each integer from {start} to {start + 499} once"
    assert of_numbers(seen(RNG.permutation(values))).kind == "identifier"
    assert of_numbers(seen(values.astype(float))).kind == "identifier"
    assert of_numbers(seen(np.append(values, values[-1]))).kind == "numeric"
    assert of_numbers(seen(values[:20])).kind == "numeric"


def test_ids_and_codes_by_name(seen):
    many = RNG.choice(10**9, 1000)
    assert of_numbers(seen(many, "patient_nbr")).kind == "identifier"
    assert of_numbers(seen(RNG.choice(50, 1000), "storeId")).kind == "categorical"
    assert of_numbers(seen(RNG.choice(50, 1000) + 0.5, "storeId")).kind == "numeric"
    assert of_numbers(seen(RNG.choice(5000, 1000), "zip")).kind == "categorical"
    assert of_numbers(seen(RNG.choice(50, 1000), "paid")).kind == "numeric"
    assert of_numbers(seen(RNG.choice(50, 1000) - 3, "price_type")).kind == "numeric"


def test_integers_stored_as_text_are_codes_in_a_typed_table(seen):
    values = [str(i % 9) for i in range(1000)]
    assert _kind(of_numbers(seen(values))) == ("categorical", "number")
    assert of_numbers(seen(values, typed=False)).kind == "numeric"
    assert of_numbers(seen([f"{v / 7:.3f}" for v in range(1000)])).kind == "numeric"
    assert "stored as text" in of_numbers(seen([f"{v / 7:.3f}" for v in range(1000)])).reason


def test_eight_digits_in_a_column_of_dates(seen):
    days = [20240100 + i % 28 + 1 for i in range(200)]
    found = of_numbers(seen(days, "order_date"))
    assert (found.kind, found.form, found.format) == ("datetime", "datetime", "%Y%m%d")
    assert of_numbers(seen(days, "amount")).kind == "numeric"
    assert of_numbers(seen([20240199, *days], "order_date")).kind == "numeric"


def test_numbers_that_may_stand_for_missing_are_noted(seen):
    found = of_numbers(seen([999] * 60 + list(range(40))))
    assert found.kind == "numeric"
    assert found.notes == ["999 stands in 60% of the values and may mean missing"]
    assert of_numbers(seen([999] * 60 + list(range(2000)))).notes == []


def test_constants(seen):
    assert of_numbers(seen([3, 3, 3])).kind == "constant"
    assert of_numbers(seen([3, None, 3])).kind == "categorical"
