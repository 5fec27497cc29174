import pytest

from justright.kinds.verdict import one_value, shown


@pytest.mark.parametrize(
    ("values", "form"), [([5, 5.0], "number"), (["x", " x"], "text"), ([True, True], "boolean")]
)
def test_one_value_in_every_row_is_constant(seen, values, form):
    found = one_value(seen(values), form)
    if form == "text":
        # The raw texts differ: only their blanks do, and the sample says so.
        assert found is None or found.kind == "constant"
    else:
        assert found.kind == "constant"
        assert "in every row" in found.reason


def test_one_value_that_is_missing_in_some_rows_says_something(seen):
    found = one_value(seen(["x", None, "x"]), "text")
    assert found.kind == "categorical"
    assert "in 2 rows, missing in the others" in found.reason


def test_several_values(seen):
    assert one_value(seen([1, 2]), "number") is None
    assert one_value(seen(["1", "1.0", "2"]), "number") is None
    assert one_value(seen(["1", "1.0"]), "number").kind == "constant"


def test_values_are_shown_shortly():
    assert [shown(v) for v in (2.0, 0.1234567, "x", 1e300)] == ["2", "0.123457", "'x'", "1e+300"]
    assert len(shown("x" * 100)) == 40
