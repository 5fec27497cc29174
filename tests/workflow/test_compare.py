"""Two runs: the same rows are found, and only the same question is compared."""

from __future__ import annotations

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
import pytest

from justright.errors import RecipeError, StorageError, TableError
from justright.workflow.compare import Comparison, compare

LINEAR = {"family": "linear"}


def drop(path, *names) -> None:
    table = pq.read_table(path / "out_of_fold.parquet")
    pq.write_table(table.drop_columns(list(names)), path / "out_of_fold.parquet")


@pytest.fixture
def pair(trained, houses):
    """Train with and without what the price hangs on."""

    def make(target="price", second=None):
        one = trained(houses(target), target, **LINEAR)
        other = trained(houses(target), target, **(second or {**LINEAR, "drop": ("size",)}))
        return one, other

    return make


@pytest.mark.parametrize("target", ["price", "sold", "kind"])
def test_the_run_without_its_best_column_is_worse(pair, target) -> None:
    one, other = pair(target)
    found = compare(one.path, other.path)
    assert (found.rows, found.matched_by, found.better) == (240, "row", "first")
    assert found.metric == one.summary.metric == found.differences[0].metric
    assert "The first run (linear) is better" in found.sentence and "240 held-out rows" in found.sentence
    turned = compare(other.path, one.path)
    assert turned.better == "second"
    assert turned.differences[0].difference.value == pytest.approx(-found.differences[0].difference.value)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Comparison) == found


def test_the_difference_is_plain_arithmetic(pair) -> None:
    one, other = pair()
    tables = [pq.read_table(run.path / "out_of_fold.parquet").to_pydict() for run in (one, other)]
    errors = [np.sqrt(np.mean((np.array(t["prediction"]) - t["target"]) ** 2)) for t in tables]
    found = {d.metric: d for d in compare(one.path, other.path).differences}["rmse"]
    assert (found.first, found.second) == pytest.approx(tuple(errors))


def test_a_second_training_of_the_same_recipe_is_not_better(pair) -> None:
    one, other = pair(second=LINEAR)
    found = compare(one.path, other.path)
    assert found.better == "neither" and "Neither run is shown to be better" in found.sentence
    assert found.matched_by == "fingerprint"


def test_rows_in_another_order_are_found_by_their_fingerprint(trained, houses) -> None:
    table = houses("price")
    order = np.random.default_rng(0).permutation(240)
    mixed = {name: [values[i] for i in order] for name, values in table.items()}
    found = compare(trained(table, "price", **LINEAR).path, trained(mixed, "price", **LINEAR).path)
    assert (found.rows, found.matched_by) == (240, "fingerprint")
    assert abs(found.differences[0].difference.value) < 0.02 * found.differences[0].first


def test_of_other_rows_only_those_in_common_count(trained, houses) -> None:
    table = houses("sold")
    few = {name: values[40:] for name, values in table.items()}
    found = compare(trained(table, "sold", **LINEAR).path, trained(few, "sold", **LINEAR).path)
    assert (found.rows, found.first.rows, found.second.rows) == (200, 240, 200)


def test_copies_of_a_row_are_matched_one_by_one(trained, houses) -> None:
    table = {name: [*values, *values[:60]] for name, values in houses("price").items()}
    one, other = (trained(table, "price", **LINEAR) for _ in range(2))
    assert compare(one.path, other.path).rows == 300


def test_a_run_of_before_fingerprints_is_matched_by_row(pair) -> None:
    one, other = pair(second=LINEAR)
    drop(one.path, "fingerprint")
    found = compare(one.path, other.path)
    assert (found.rows, found.matched_by) == (240, "row")


def test_other_rows_are_refused(trained, houses) -> None:
    one = trained(houses("price"), "price", **LINEAR)
    other = trained(houses("price", seed=9), "price", **LINEAR)
    with pytest.raises(TableError, match="0 rows that both runs held out, of 240 and 240"):
        compare(one.path, other.path)


def test_other_questions_are_refused(trained, houses, tmp_path) -> None:
    price = trained(houses("price"), "price", **LINEAR)
    sold = trained(houses("sold"), "sold", **LINEAR)
    with pytest.raises(RecipeError, match=r"regression of 'price', and binary of 'sold' \(2 classes\)"):
        compare(price.path, sold.path)
    with pytest.raises(RecipeError, match="twice"):
        compare(price.path, price.path)
    with pytest.raises(StorageError, match="a run folder"):
        compare(price.path, tmp_path)


def test_a_damaged_file_is_said(pair) -> None:
    one, other = pair(second=LINEAR)
    drop(one.path, "prediction")
    with pytest.raises(StorageError, match=r"out_of_fold\.parquet"):
        compare(one.path, other.path)
    (other.path / "out_of_fold.parquet").unlink()
    with pytest.raises(StorageError, match="cannot be read"):
        compare(other.path, one.path)


def test_unknown_classes_are_said(pair) -> None:
    one, other = pair("sold", second=LINEAR)
    path = one.path / "out_of_fold.parquet"
    table = pq.read_table(path)
    at = table.column_names.index("target")
    pq.write_table(table.set_column(at, "target", pa.array(["maybe"] * 240)), path)
    with pytest.raises(StorageError, match="unknown classes"):
        compare(one.path, other.path)


def test_classes_the_other_way_round_are_the_same(pair) -> None:
    one, other = pair("sold")
    before = compare(one.path, other.path)
    path = other.path / "out_of_fold.parquet"
    table = pq.read_table(path)
    turned = pa.array(1.0 - table.column("probability_yes").to_numpy())
    pq.write_table(table.drop_columns(["probability_yes"]).append_column("probability_no", turned), path)
    after = compare(one.path, other.path)
    assert after.differences[0].second == pytest.approx(before.differences[0].second)


def test_another_salt_is_no_reason_for_a_wider_interval(pair) -> None:
    one, other = pair(second={**LINEAR, "drop": ("size",)})
    salted = pair(second={**LINEAR, "drop": ("size",), "split": {"salt": "b"}})[1]
    widths = [compare(one.path, run.path).differences[0].difference for run in (other, salted)]
    assert (widths[1].high - widths[1].low) < 1.6 * (widths[0].high - widths[0].low)


def test_a_run_that_one_part_judged_is_compared_on_that_part(pair) -> None:
    one, other = pair()
    path = other.path / "out_of_fold.parquet"
    table = pq.read_table(path)
    part = table.filter(pa.compute.equal(table.column("fold"), 0))
    pq.write_table(part, path)
    found = compare(one.path, other.path)
    assert (found.rows, found.better) == (part.num_rows, "first")
