"""Options: what is out of range is refused, with a key for what is hashed."""

import pytest

from justright.errors import RecipeError
from justright.prediction_log.options import LogOptions, options_from, read_key


@pytest.mark.parametrize(
    "options",
    [
        LogOptions(share=0),
        LogOptions(share=1.1),
        LogOptions(share=float("nan")),
        LogOptions(queue_bytes=0),
        LogOptions(sync_seconds=-1),
        LogOptions(keep_days=0),
        LogOptions(keep_bytes=-5),
        LogOptions(hashed=("a",)),
        LogOptions(hashed=("a",), key=b"short"),
    ],
)
def test_what_is_out_of_range_is_refused(options):
    with pytest.raises(RecipeError):
        options.checked()


def test_a_key_is_read_and_a_short_one_refused(tmp_path):
    (tmp_path / "key").write_bytes(bytes(range(100)))
    assert read_key(tmp_path / "key") == bytes(range(64))
    (tmp_path / "key").write_bytes(b"123")
    with pytest.raises(RecipeError, match="3 bytes"):
        read_key(tmp_path / "key")


def test_choices_of_a_command_line(tmp_path):
    (tmp_path / "key").write_bytes(b"k" * 32)
    texts = ["hashed=a=b", "hashed=c", f"key_file={tmp_path / 'key'}", "queue_rows=7", "make_parts=false"]
    found = options_from(texts)
    assert found == LogOptions(hashed=("a=b", "c"), key=b"k" * 32, queue_rows=7, make_parts=False)
    assert options_from([]) == LogOptions()
    assert options_from(["share=0.5", "share=0.25"]).share == 0.25


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("shares=1", "share"),
        ("share", "KEY=VALUE"),
        ("share=much", "does not fit"),
        ("share=2", "at most 1"),
        ("key=secret", "KEY"),
        ("hashed=a", "0 bytes"),
        ("queue_rows=1.5", "does not fit"),
    ],
)
def test_choices_that_do_not_fit_are_refused(choice, message):
    with pytest.raises(RecipeError, match=message):
        options_from([choice])
