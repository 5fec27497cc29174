"""Options: what is out of range is refused, with a key for what is hashed."""

import pytest

from justright.errors import RecipeError
from justright.prediction_log.options import LogOptions, read_key


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
