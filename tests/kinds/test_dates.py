import pytest

from justright.kinds.dates import date_format
from justright.schema import Column
from justright.values import moment


@pytest.mark.parametrize(
    ("texts", "format_", "swapped"),
    [
        (["2024-01-31", "2024-02-01"], "", False),
        (["2024-01-31T08:30:00Z", "2024-02-01 08:30"], "", False),
        (["31/01/2024", "01/02/2024"], "%d/%m/%Y", False),
        (["01/31/2024", "02/01/2024"], "%m/%d/%Y", False),
        (["01/02/2024", "03/04/2024"], "%m/%d/%Y", True),
        (["01.02.2024", "03.04.2024"], "%d.%m.%Y", True),
        (["31.01.2024 08:30", "01.02.2024 09:00"], "%d.%m.%Y %H:%M", False),
        (["1/31/24 8:30 PM", "2/1/24 9:00 AM"], "%m/%d/%y %I:%M %p", False),
        (["31-Jan-2024", "01-Feb-2024"], "%d-%b-%Y", False),
        (["January 31, 2024"], "%B %d, %Y", False),
        (["2024/01/31"], "%Y/%m/%d", False),
        (["2024-01", "2024-02"], "%Y-%m", False),
    ],
)
def test_formats(texts, format_, swapped):
    assert date_format(texts) == (format_, swapped)
    for text in texts:
        assert 1.7e9 < moment(text, Column("d", "datetime", "datetime", format=format_)) < 1.72e9


@pytest.mark.parametrize(
    "texts",
    [[], ["a"], ["1.5", "2"], ["2024-01-31", "soon"], ["20240131"], ["12:30"], ["1-2", "3-4"], ["A/5 21171"]],
)
def test_what_is_no_date(texts):
    assert date_format(texts) is None


def test_eight_digits_are_dates_only_when_asked_for():
    assert date_format(["20240131", "20240201"], digits=True) == ("%Y%m%d", False)
    assert date_format(["20241331"], digits=True) is None
    assert date_format(["00010131"], digits=True) is None
