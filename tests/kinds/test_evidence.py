import pyarrow as pa
import pytest

from justright.kinds.evidence import evidence, name_words
from justright.kinds.tally import ColumnTally


def test_values_are_clean_and_most_frequent_first(seen):
    found = seen(["b", "a ", "a", None, "", "NA", "a", "b", "c"])
    assert found.values == ["a", "b", "c"]
    assert found.counts == [3, 2, 1]
    assert (found.distinct, found.exact, found.sampled, found.unique, found.is_text) == (3, 3, 6, False, True)


@pytest.mark.parametrize(
    "array",
    [
        pa.array(["x", "y", "x"]).dictionary_encode(),
        pa.array(["x", "y", "x"], pa.large_string()),
        pa.array(["x", "y", "x"], pa.string_view()),
        pa.array([b"x", b"y", b"x"]),
    ],
)
def test_every_kind_of_text(seen, array):
    found = seen(array)
    assert found.values == ["x", "y"]
    assert found.is_text


def test_nested_values_are_their_text(seen):
    assert seen([[1], [1], [2]]).values == ["[1]", "[2]"]


def test_distinct_values_of_all_rows_are_known_while_few():
    tally = ColumnTally("c")
    tally.add(pa.array(["a", "b", "c", " a", "NA"]))
    found = evidence(tally, pa.chunked_array([["a"]]), whole=False, typed=True)
    assert (found.distinct, found.exact) == (1, 3)
    many = ColumnTally("c")
    many.add(pa.array([str(i) for i in range(1000)]))
    assert evidence(many, pa.chunked_array([["1"]]), whole=False, typed=True).exact is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("customerID", {"customer", "id"}),
        ("admission_type_id", {"admission", "type", "id"}),
        ("paid", {"paid"}),
        ("HTTPCode2", {"http", "code", "2"}),
        ("idle time", {"idle", "time"}),
    ],
)
def test_words_of_a_name(name, words):
    assert name_words(name) == words
