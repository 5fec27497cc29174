"""The rules of the findings at their borders."""

import pytest

from justright.split.counts import PartAudit, SplitAudit
from justright.split.findings import judge


def split(share, asked, keys=1e6, **later):
    parts = PartAudit("train", 1000, 1 - share, 1 - asked), PartAudit("test", 1000, share, asked, **later)
    return SplitAudit(2000, 0, parts, keys=keys)


def ids(seen, **how):
    return [finding.id for finding in judge(seen, **{"grouped": False, "spread": 0.0} | how)]


@pytest.mark.parametrize(("share", "found"), [(0.11, False), (0.121, True), (0.079, True), (0.085, False)])
def test_a_share_may_be_off_by_a_fifth(share, found):
    assert ids(split(share, 0.1)) == ["split-lumpy"] * found


@pytest.mark.parametrize(("keys", "found"), [(100, False), (99, True), (1, True)])
def test_fewer_than_a_hundred_keys_are_few(keys, found):
    assert ids(split(0.5, 0.5, keys)) == ["split-lumpy"] * found


@pytest.mark.parametrize(("duplicates", "severity"), [(9, "info"), (10, "warning")])
def test_one_per_cent_of_duplicates_is_a_warning(duplicates, severity):
    (finding,) = judge(split(0.5, 0.5, duplicates=duplicates), grouped=True, spread=0.0)
    assert (finding.id, finding.severity) == ("split-duplicates", severity)
    assert finding.next == "remove the repeated rows"


@pytest.mark.parametrize(("mean", "found"), [(0.17, False), (0.19, True), (-0.19, True)])
def test_means_differ_by_four_standard_errors(mean, found):
    # Two parts of 1,000 rows and a standard deviation of 1: the error of the difference is 0.0447.
    parts = PartAudit("train", 1000, 0.5, target_mean=0.0), PartAudit("test", 1000, 0.5, target_mean=mean)
    assert ids(SplitAudit(2000, 0, parts, keys=1e6), spread=1.0) == ["split-imbalanced"] * found


def test_a_certain_but_small_difference_is_not_reported():
    parts = PartAudit("train", 10**8, 0.5, target_mean=0.0), PartAudit("test", 10**8, 0.5, target_mean=0.05)
    assert ids(SplitAudit(2 * 10**8, 0, parts, keys=1e8), spread=1.0) == []


def test_a_single_row_is_counted_in_the_singular():
    (finding,) = judge(split(0.5, 0.5, duplicates=1), grouped=False, spread=0.0)
    assert finding.sentence.startswith("1 row of the later parts is equal")
