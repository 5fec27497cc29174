import random

import pytest

from justright.kinds.words import of_text

random.seed(1)
WORDS = ["red", "green", "blue", "dark", "light", "old", "new", "warm"]


@pytest.mark.parametrize("values", [["true", "FALSE"], ["T", "f"], ["True", "False", "true"]])
def test_booleans(seen, values):
    found = of_text(seen(values * 30))
    assert (found.kind, found.form) == ("boolean", "boolean")


def test_yes_and_no_are_two_categories(seen):
    assert of_text(seen(["yes", "no"] * 30)).kind == "categorical"


def test_numbers_stored_as_text(seen):
    values = [f"{i}.5" for i in range(200)]
    found = of_text(seen([*values, " ", "NA"]))
    assert (found.kind, found.form) == ("numeric", "number")
    assert "numbers stored as text" in found.notes
    assert of_text(seen(values, typed=False)).notes == []


def test_a_few_slips_among_numbers_are_counted(seen):
    found = of_text(seen([f"{i}.5" for i in range(200)] + ["broken", "12 %"]))
    assert found.kind == "numeric"
    assert found.notes[0].startswith("2 values are not numbers, such as 'broken', '12 %'")


def test_codes_among_numbers_are_a_vocabulary(seen):
    values = [str(i) for i in range(200, 400)] * 5 + ["V57", "V58", "E812"]
    found = of_text(seen(values))
    assert (found.kind, found.form) == ("categorical", "text")
    assert any("taken as codes" in note for note in found.notes)


def test_leading_zeros_keep_their_text(seen):
    zips = [f"{i * 37 % 99999:05d}" for i in range(40)] * 10
    for typed in (True, False):
        found = of_text(seen(zips, typed=typed))
        assert (found.kind, found.form) == ("categorical", "text")
        assert "leading zeros in" in found.reason
    assert of_text(seen(["0", "0.5", "10"] * 20, typed=False)).form == "number"
    assert of_text(seen([str(i) for i in range(1000)] + ["007"], typed=False)).form == "number"


def test_decimal_comma(seen):
    found = of_text(seen([f"{i},{i % 10}" for i in range(100)]))
    assert (found.kind, found.decimal) == ("numeric", ",")
    assert "with a decimal comma" in found.reason


def test_thousands_marks_are_not_guessed(seen):
    values = [f"{i},{i:03d}" for i in range(100, 200)] + [f"1,{i:03d},000" for i in range(100)]
    found = of_text(seen(values))
    assert found.form == "text"
    assert "thousands marks are not guessed" in found.notes[0]


def test_dates_stored_as_text(seen):
    found = of_text(seen([f"2024-01-{i % 28 + 1:02d}" for i in range(100)]))
    assert (found.kind, found.form, found.format, found.zone) == ("datetime", "datetime", "", "")
    zoned = of_text(seen([f"2024-01-{i % 28 + 1:02d}T05:00:00Z" for i in range(100)]))
    assert zoned.zone == "UTC"
    swapped = of_text(seen([f"0{i % 9 + 1}/05/2024" for i in range(100)]))
    assert swapped.format == "%m/%d/%Y"
    assert "could be swapped" in swapped.notes[0]
    assert of_text(seen(["2024-01-01"] * 5)).kind == "constant"


def test_names_of_rows_free_text_and_categories(seen):
    assert of_text(seen([f"{i}-XYZ" for i in range(500)])).kind == "identifier"
    assert of_text(seen([f"{i}-XYZ" for i in range(20)])).kind == "categorical"
    assert of_text(seen([f"{i % 50}-XYZ" for i in range(500)])).kind == "categorical"
    sentences = [" ".join(random.choices(WORDS, k=6)) for _ in range(300)]
    assert of_text(seen(sentences)).kind == "text"
    assert of_text(seen(["near the bay", "on the island", "far from it"] * 100)).kind == "categorical"
    hashes = [f"{random.getrandbits(32):08x}" for _ in range(400)]
    assert of_text(seen(hashes + hashes[:300], "session_id")).kind == "identifier"
    assert of_text(seen(hashes + hashes[:300], "session")).kind == "categorical"


def test_a_hundred_thousand_categories(seen):
    values = [f"item {i % 100_000}x" for i in range(200_000)]
    found = of_text(seen(values))
    assert found.kind == "categorical"
    assert found.reason == "text with 100000 values"
