"""The audit counts what plain Python counts, and finds what was planted."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.errors import RecipeError
from justright.split import SplitAudit, audit, content_key, farm_fingerprint, folds, part_of

ROWS = st.lists(
    st.tuples(
        st.integers(-1, 2),  # part
        st.integers(0, 8),  # content
        st.integers(0, 4),  # group
        st.one_of(st.integers(0, 9).map(float), st.just(np.nan)),  # moment
        st.integers(-1, 1),  # class
    ),
    min_size=1,
    max_size=40,
)


def columns(rows):
    part, content, group, moment, label = zip(*rows, strict=True)
    return (
        np.array(part, np.int8),
        np.array(content, np.uint64),
        np.array(label),
        np.array(group, np.uint64),
        np.array(moment),
    )


@given(ROWS)
def test_counts_equal_those_of_plain_python(rows):
    part, content, label, group, moment = columns(rows)
    seen = audit(part, content, label, ["no", "yes"], group, moment, shares="1/1/1")
    used = [row for row in rows if row[0] >= 0]
    first = [row for row in used if row[0] == 0]
    assert (seen.rows, seen.unused) == (len(rows), len(rows) - len(used))
    assert seen.repeated == len(used) - len({row[1] for row in used})
    later_groups = {row[2] for row in used if row[0] > 0}
    assert seen.groups_on_both_sides == len(later_groups & {row[2] for row in first})
    assert seen.without_moment == sum(row[3] != row[3] for row in rows)
    last = max((row[3] for row in first if row[3] == row[3]), default=-np.inf)
    for i, got in enumerate(seen.parts):
        mine = [row for row in used if row[0] == i]
        times = [row[3] for row in mine if row[3] == row[3]]
        known = [row[4] for row in mine if row[4] >= 0]
        assert got.rows == len(mine)
        assert got.share == pytest.approx(len(mine) / max(len(used), 1))
        assert got.groups == len({row[2] for row in mine})
        assert (got.earliest, got.latest) == (min(times, default=None), max(times, default=None))
        assert got.class_shares["yes"] == pytest.approx(sum(known) / max(len(known), 1))
        if i:
            assert got.duplicates == sum(row[1] in {f[1] for f in first} for row in mine)
            assert got.group_leaks == sum(row[2] in {f[2] for f in first} for row in mine)
            assert got.early == sum(t <= last for t in times)
        else:
            assert (got.duplicates, got.group_leaks, got.early) == (0, 0, 0)


@given(ROWS)
def test_every_audit_is_json_and_comes_back_equal(rows):
    part, content, label, group, moment = columns(rows)
    seen = audit(part, content, label, ["no", "yes"], group, moment)
    assert msgspec.json.decode(msgspec.json.encode(seen), type=SplitAudit) == seen


@given(ROWS, st.randoms())
def test_the_order_of_rows_does_not_matter(rows, random):
    part, content, label, group, moment = columns(rows)
    order = np.array(random.sample(range(len(rows)), len(rows)), np.intp)
    shuffled = audit(
        part[order], content[order], label[order], ["no", "yes"], group[order], moment[order], shares="1/1/1"
    )
    assert shuffled == audit(part, content, label, ["no", "yes"], group, moment, shares="1/1/1")


def ids(seen):
    return [finding.id for finding in seen.findings]


@pytest.fixture(scope="module")
def clean():
    words = farm_fingerprint([f"row {i}" for i in range(5000)])
    return part_of(words, "80/10/10"), words.view(np.uint64)


def test_a_clean_split_has_no_finding(clean):
    part, content = clean
    rng = np.random.default_rng(0)
    seen = audit(part, content, rng.normal(size=5000), groups=content, shares="80/10/10")
    assert seen.findings == ()
    assert seen.keys == 5000
    assert sum(p.rows for p in seen.parts) == 5000
    assert audit(part, content, rng.integers(0, 3, 5000), ["a", "b", "c"]).findings == ()


def test_planted_duplicates_are_counted(clean):
    part, content = clean
    content = content.copy()
    content[np.flatnonzero(part == 2)[:30]] = content[np.flatnonzero(part == 0)[:30]]
    seen = audit(part, content)
    assert ids(seen) == ["split-duplicates"]
    finding = seen.findings[0]
    assert finding.severity == "warning"
    assert finding.evidence["rows"] == {"test": 30}
    assert finding.sentence.startswith(
        "30 rows of the later parts are equal in every column to a row of train"
    )
    assert "leave out --by" in finding.next


def test_groups_on_both_sides_are_found(clean):
    part, content = clean
    seen = audit(part, content, groups=content % np.uint64(700))
    assert ids(seen) == ["split-groups-leak"]
    assert seen.groups_on_both_sides > 500
    assert "--by" in seen.findings[0].next


def test_time_overlap_and_missing_moments(clean):
    part, content = clean
    moments = np.arange(5000.0)
    moments[:7] = np.nan
    seen = audit(part, content, moments=moments)
    assert ids(seen) == ["split-time-overlap", "split-time-missing"]
    assert seen.findings[1].evidence["rows"] == 7
    by_time = np.repeat(np.array([0, 1, 2], np.int8), [4000, 500, 500])
    assert ids(audit(by_time, content, moments=np.arange(5000.0))) == []


def test_few_groups_make_a_lumpy_split():
    group = np.repeat(np.arange(6, dtype=np.uint64), [500, 300, 100, 50, 30, 20])
    part = np.where(group == 0, 1, 0).astype(np.int8)
    content = np.arange(1000, dtype=np.uint64)
    seen = audit(part, content, groups=group, shares="80/20")
    assert ids(seen) == ["split-lumpy"]
    assert "train 50.0 % for 80.0 %" in seen.findings[0].sentence
    assert seen.keys == pytest.approx(1000**2 / (500**2 + 300**2 + 100**2 + 50**2 + 30**2 + 20**2))
    assert "about 3 groups" in audit(part, content, groups=group).findings[0].sentence


def test_an_empty_part_is_an_error(clean):
    part, content = clean
    seen = audit(np.minimum(part, 1), content, shares="80/10/10")
    assert ids(seen) == ["split-lumpy"]
    assert seen.findings[0].severity == "error"
    assert seen.findings[0].evidence["empty"] == ["test"]


@pytest.mark.parametrize("kind", ["mean", "classes"])
def test_an_imbalanced_target_is_found(clean, kind):
    part, content = clean
    rng = np.random.default_rng(1)
    target = np.where(part == 1, rng.normal(1.0, 1.0, 5000), rng.normal(0.0, 1.0, 5000))
    if kind == "mean":
        seen = audit(part, content, target)
        assert seen.parts[1].target_mean == pytest.approx(target[part == 1].mean())
    else:
        seen = audit(part, content, (target > 0).astype(int), ["low", "high"])
    assert ids(seen) == ["split-imbalanced"]
    assert seen.findings[0].evidence["part"] == "validation"


def test_unknown_targets_are_left_out(clean):
    part, content = clean
    target = np.full(5000, np.nan)
    target[0] = 3.0
    means = {p.target_mean for p in audit(part, content, target).parts}
    assert means == {3.0, None}


def test_folds_as_parts():
    keys = content_key({"x": np.arange(1000.0)})
    seen = audit(folds(keys, 5)[:, 0], keys, names=[f"fold {i}" for i in range(5)])
    assert [p.name for p in seen.parts] == [f"fold {i}" for i in range(5)]
    assert seen.findings == ()


def test_no_rows_and_too_many_parts():
    seen = audit(np.empty(0, np.int8), np.empty(0, np.uint64), shares="80/20")
    assert (seen.rows, seen.keys, ids(seen)) == (0, 0.0, ["split-lumpy"])
    with pytest.raises(RecipeError, match="4 parts"):
        audit(np.array([3], np.int8), np.zeros(1, np.uint64))


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1000])
def test_runs_of_keys_are_counted_over_the_ends_of_chunks(monkeypatch, chunk):
    from justright.split import auditor

    monkeypatch.setattr(auditor, "_CHUNK", chunk)
    rng = np.random.default_rng(chunk)
    for count in (0, 1, 2, 50):
        keys = rng.integers(0, 9, count).astype(np.uint64)
        sizes = np.unique(keys, return_counts=True)[1]
        assert auditor._sizes(keys) == (len(sizes), float((sizes**2).sum()))
        target = rng.integers(-1, 3, count)
        seen = audit(np.zeros(count, np.int8), keys, target, ("a", "b", "c"), names=("train",))
        known = np.bincount(target[target >= 0], minlength=3) / max((target >= 0).sum(), 1)
        assert list(seen.parts[0].class_shares.values()) == pytest.approx(known.tolist())
