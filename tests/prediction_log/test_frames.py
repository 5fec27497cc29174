"""Frames: what is whole is read, at any cut and with any byte changed; nothing else ever is."""

from hypothesis import given, settings
from hypothesis import strategies as st

from justright.prediction_log.frames import HEADER_BYTES, frame, new_header, read_frames, seed_of

RECORDS = st.lists(st.binary(max_size=60), max_size=8)


def whole(records: list[bytes]) -> bytes:
    header = new_header()
    seed = seed_of(header)
    assert seed is not None
    return header + b"".join(frame(record, seed) for record in records)


@given(RECORDS)
@settings(max_examples=60, deadline=None)
def test_what_was_written_is_read(records):
    assert read_frames(whole(records)) == (records, 0, 0)


@given(RECORDS, st.data())
@settings(max_examples=60, deadline=None)
def test_a_torn_tail_costs_only_the_torn_record(records, data):
    text = whole(records)
    cut = data.draw(st.integers(0, len(text)))
    found = read_frames(text[:cut])
    ends = [len(whole(records[:i])) for i in range(len(records) + 1)]
    kept = sum(end <= cut for end in ends) - 1
    assert found.records == records[: max(kept, 0)]
    assert found.damaged == 0
    if cut >= HEADER_BYTES:
        assert found.torn == cut - ends[kept]


@given(st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=8), st.data())
@settings(max_examples=100, deadline=None)
def test_a_flipped_bit_costs_only_its_record(records, data):
    text = bytearray(whole(records))
    place = data.draw(st.integers(HEADER_BYTES, len(text) - 1))
    text[place] ^= 1 << data.draw(st.integers(0, 7))
    ends = [len(whole(records[:i])) for i in range(len(records) + 1)]
    hit = sum(end <= place for end in ends) - 1
    found = read_frames(bytes(text))
    assert found.records == records[:hit] + records[hit + 1 :]
    assert found.damaged + (found.torn > 0) == 1


def test_a_frame_inside_a_text_is_no_frame():
    # Whoever sends a text does not know where the checksums of the file start.
    forged = frame(b"forged", 0)
    text = bytearray(whole([b"a" + forged, b"b"]))
    text[HEADER_BYTES + 4] ^= 1
    assert read_frames(bytes(text)).records == [b"b"]


def test_a_file_of_something_else_has_no_records():
    assert read_frames(b"") == ([], 0, 0)
    assert read_frames(b"PAR1 and more bytes") == ([], 0, 19)
