import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from justright.source import lines
from justright.source.lines import line_numbers


def _oracle(text, quote, header_lines, wanted):
    """The line of each record by Python's csv reader over the whole text."""
    reader = csv.reader(io.StringIO(text, newline=""), quotechar=quote)
    found, start = [], 0
    for row in reader:
        if row and start >= header_lines:
            found.append(start + 1)
        start = reader.line_num
    return [found[record] for record in wanted if record < len(found)]


def _lines(text, wanted, header_lines=1, encoding="utf-8"):
    return line_numbers(io.BytesIO(text.encode(encoding)), encoding, ",", '"', header_lines, wanted)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_blank_lines_count_as_lines_not_as_records(end):
    text = end.join(["a,b", "1,2", "", "3,4", "", "", "5,6"])
    assert _lines(text, [0, 1, 2]) == [2, 4, 7]


def test_quoted_line_ends_count_as_lines():
    text = 'a,b\n1,"x\ny"\n2,"u\n\nv"\n3,z\n'
    assert _lines(text, [0, 1, 2]) == [2, 4, 7]


def test_form_feeds_are_no_line_ends():
    text = 'a,b\n1,"x\x0c\u2028\x1cy"\n2,z\x0b\n3,4\n'
    assert _lines(text, [0, 1, 2]) == [2, 3, 4]


def test_a_header_over_several_lines():
    assert _lines('\n"a\nb",c\n1,2\n3,4\n', [0, 1], header_lines=3) == [4, 5]


def test_other_encodings():
    assert _lines("a,b\n\u00e4,2\n\u20ac,4\n", [1], encoding="utf-16") == [3]


def test_records_beyond_the_end_are_left_out():
    assert _lines("a,b\n1,2\n", [0, 5]) == [2]


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["1,2", "", '"x\ny",1', '"a ""b""",2', "3"]), max_size=30),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(4, 40),
)
def test_agrees_with_a_plain_reader_however_the_file_is_cut(rows, end, chunk):
    text = end.join(["a,b", *rows]) + end
    text = text.replace("\n", end) if end == "\r\n" and "\r" not in "".join(rows) else text
    text = text.replace("\r\r\n", "\r\n")
    wanted = list(range(len(rows)))
    before, lines._CHUNK = lines._CHUNK, chunk
    try:
        assert _lines(text, wanted) == _oracle(text, '"', 1, wanted)
    finally:
        lines._CHUNK = before
