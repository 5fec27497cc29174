"""Predictor: a plain oracle for the scores, rows equal tables, and every odd input defined."""

import contextlib
import datetime
import json
import math
from concurrent.futures import ThreadPoolExecutor

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from justright.bundle.format import ModelFile, write_bundle
from justright.bundle.predictor import load
from justright.errors import BundleError, ColumnError, RecipeError, RowError, TableError
from justright.features.categorical import CategoricalFeature
from justright.features.numeric import NumericFeature
from justright.features.plan import FeaturePlan, PlanData
from justright.models.linear.forward import Layout
from justright.schema import Column, Schema, Target

X, C = Column("x", "numeric", "number"), Column("c", "categorical", "text")


def build(path, target, link, outputs, *, weights=None, bias=0.0, x=X, front=None, family="linear", **more):
    """A model of one number and one category with known weights."""
    plan = FeaturePlan(
        PlanData(
            (NumericFeature(x, 1.0, 2.0, -9.0, 9.0),),
            (CategoricalFeature(C, ("a", "b"), (0.0, 0.0, 5.0, 5.0)),),
            (),
            None,
        )
    )
    layout = Layout(1, [], [4], 0)
    model = ModelFile(
        schema=Schema((x, C), target),
        features=plan.to_data(),
        family=family,
        front=layout.to_front() if front is None else front,
        task=target.task,
        outputs=outputs,
        link=link,
        **more,
    )
    if weights is None:
        weights = np.arange(5.0 * outputs).reshape(5, outputs) / 8
    write_bundle(path, model, {"weights": weights, "bias": np.full(outputs, bias)}, {}, "")
    return path


def price(form="number"):
    return Target(Column("price", "numeric", form), "regression")


def classes(*names, form="text"):
    return Target(Column("y", "categorical", form), "binary" if len(names) == 2 else "multiclass", names)


ROWS = [{"x": 3.0, "c": "a"}, {"x": -1, "c": "b"}, {"x": "2", "c": "new"}, {"x": None, "c": None}]
# margin = w0 (x - 1) / 2 + w[1 + code], weights 0, 1/8, 2/8, 3/8, 4/8 with codes a=2, b=3, new=0, missing=1
ORACLE = [0.0 * 1 + 3 / 8, 0.0 * -1 + 4 / 8, 1 / 8, 2 / 8]
TABLE = {"x": ["3.0", "-1", "2", None], "c": ["a", "b", "new", None]}


def test_known_answer_of_a_regression(tmp_path):
    model = load(build(tmp_path / "m", price(), "identity", 1, bias=10.0))
    assert model.predict_rows(ROWS) == [10 + value for value in ORACLE]
    assert model.predict(TABLE).tolist() == [10 + value for value in ORACLE]
    assert (model.task, model.classes, model.columns) == ("regression", (), ("x", "c"))
    with pytest.raises(RecipeError, match="predict_proba of a regression"):
        model.predict_proba(TABLE)


def test_known_answer_of_the_log_link_and_its_cut(tmp_path):
    model = load(build(tmp_path / "m", price(), "log", 1))
    np.testing.assert_allclose(model.predict(TABLE), np.exp(ORACLE), rtol=1e-15)
    huge = load(build(tmp_path / "h", price(), "log", 1, bias=1e6))
    assert all(math.isfinite(value) for value in huge.predict_rows(ROWS))


@pytest.mark.parametrize("threshold", [None, 0.0, 0.6, 1.0])
def test_known_answer_of_two_classes(tmp_path, threshold):
    model = load(build(tmp_path / "m", classes("no", "yes"), "logistic", 1, threshold=threshold))
    expected = [1 / (1 + math.exp(-margin)) for margin in ORACLE]
    cut = 0.5 if threshold is None else threshold
    np.testing.assert_allclose(model.predict_proba(TABLE)[:, 1], expected, rtol=1e-14)
    assert model.predict(TABLE).tolist() == ["yes" if p >= cut else "no" for p in expected]
    for answer, p in zip(model.predict_rows(ROWS), expected, strict=True):
        assert answer["probabilities"] == pytest.approx({"no": 1 - p, "yes": p}, rel=1e-14)
        assert answer["label"] == ("yes" if p >= cut else "no")


def test_known_answer_of_three_classes(tmp_path):
    model = load(build(tmp_path / "m", classes("a", "b", "c"), "softmax", 3))
    shares = model.predict_proba(TABLE)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-14)
    w = np.arange(15).reshape(5, 3) / 8
    margins = w[0] * 1.0 + w[3]
    powers = [math.exp(value) for value in margins]
    np.testing.assert_allclose(shares[0], [value / sum(powers) for value in powers], rtol=1e-14)
    assert shares.argmax(axis=1).tolist() == [2, 0, 2, 2]  # (x - 1) / 2 = -1 turns the weights of x around
    assert model.predict(TABLE).tolist() == ["c", "a", "c", "c"]


@pytest.mark.parametrize(
    ("names", "form", "kind", "label"),
    [
        (("0", "1"), "number", np.int64, 1),
        (("0.5", "1.5"), "number", np.float64, 1.5),
        (("1", "9" * 30), "number", np.float64, 1e30),
        (("false", "true"), "boolean", np.bool_, True),
        (("no", "yes"), "boolean", np.str_, "yes"),
        (("01", "02"), "text", np.str_, "02"),
        (("low", "1"), "number", np.str_, "1"),
    ],
)
def test_labels_are_written_as_in_the_target(tmp_path, names, form, kind, label):
    model = load(build(tmp_path / "m", classes(*names, form=form), "logistic", 1, bias=30.0))
    predicted = model.predict(TABLE)
    assert issubclass(predicted.dtype.type, kind)
    assert predicted[0] == label
    answer = model.predict_rows(ROWS)[0]
    assert answer["label"] == label
    assert type(answer["label"]) in (int, float, bool, str)
    assert list(answer["probabilities"]) == list(names)


def test_rows_equal_tables_and_batches_do_not_matter(model, rows):
    rows[2]["income"] = "1e3"  # str(1000.0) has a point where this column has a comma
    texts = [{name: None if row[name] is None else str(row[name]) for name in row} for row in rows]
    table = pa.table({name: pa.array([row[name] for row in texts]) for name in model.columns})
    by_table = model.predict_proba(table)
    together = model.predict_rows(texts)
    np.testing.assert_allclose([list(a["probabilities"].values()) for a in together], by_table, rtol=1e-12)
    for row, answer in zip(rows, model.predict_rows(rows), strict=True):
        assert model.predict_rows([row])[0]["probabilities"] == pytest.approx(
            answer["probabilities"], rel=1e-12
        )


def test_many_rows_in_parts_equal_one_by_one(tmp_path):
    model = load(build(tmp_path / "m", price(), "identity", 1, weights=np.arange(5.0)[:, None] + 1))
    rows = [{"x": i % 97, "c": "ab"[i % 2]} for i in range(20_000)]
    answers = model.predict_rows(rows)
    assert len(answers) == len(rows)
    assert [model.predict_rows([rows[i]])[0] for i in (0, 8191, 8192, 19_999)] == [
        answers[i] for i in (0, 8191, 8192, 19_999)
    ]
    with pytest.raises(RowError, match="row 19000"):
        model.predict_rows(rows[:19_000] + [{"x": "old", "c": "a"}])


def test_no_rows_give_no_predictions(model):
    assert model.predict_rows([]) == []
    with pytest.raises(TableError, match="without rows"):
        model.predict(pa.table({name: pa.array([], pa.string()) for name in model.columns}))


def test_a_missing_column_of_a_table_names_missing_and_extra(tmp_path):
    model = load(build(tmp_path / "m", price(), "identity", 1))
    with pytest.raises(ColumnError, match=r"without 'x'.*extra columns: 'X'"):
        model.predict({"X": [1.0], "c": ["a"]})


def test_extra_columns_and_keys_are_ignored(tmp_path):
    model = load(build(tmp_path / "m", price(), "identity", 1))
    assert model.predict({"z": [[1]], "c": ["a"], "x": [1.0]}).tolist() == [3 / 8]
    assert model.predict_rows([{"z": {"deep": [1]}, "c": "a", "x": 1.0}]) == [3 / 8]


def test_a_missing_key_is_an_error_unless_training_had_missing_values(model, rows):
    assert model.optional == {"age", "income", "shop", "member", "note"}
    left_out = {key: rows[0][key] for key in ("seen", "colour")}
    nulls = left_out | dict.fromkeys(model.optional)
    assert model.predict_rows([left_out]) == model.predict_rows([nulls])
    del left_out["colour"]
    with pytest.raises(RowError, match=r"row without 'colour'.*in row 1.*\"colour\": null"):
        model.predict_rows([nulls, left_out | {"color": "red"}])


def test_the_model_file_may_name_further_optional_columns(tmp_path):
    assert load(build(tmp_path / "a", price(), "identity", 1)).optional == set()
    model = load(build(tmp_path / "b", price(), "identity", 1, missing_seen=("x",)))
    assert model.optional == {"x"}
    assert model.predict_rows([{"c": "a"}]) == model.predict_rows([{"c": "a", "x": None}])


@pytest.mark.parametrize("row", [None, 3, "x", ["x"], [], ({},)])
def test_a_row_that_is_no_object_is_a_row_error(model, row):
    with pytest.raises(RowError, match="row 0"):
        model.predict_rows([row])


@pytest.mark.parametrize("cell", [[1], {"a": 1}, object(), 1j, {1}])
def test_a_cell_that_is_no_value_is_a_row_error(model, rows, cell):
    for name in model.columns:
        with pytest.raises(RowError, match=f"{name}=.*row 1"):
            model.predict_rows([rows[0], rows[0] | {name: cell}])


def test_an_unreadable_number_names_row_column_and_value(model, rows):
    with pytest.raises(RowError, match=r"age='old' \(in row 2\).*a finite number"):
        model.predict_rows([rows[0], rows[1], rows[0] | {"age": "old"}])
    table = {name: [rows[0][name]] * 3 for name in model.columns} | {"age": ["1", "2", "old"]}
    with pytest.raises(RowError, match=r"age='old' \(in row 3\)"):
        model.predict(table)


@pytest.mark.parametrize("value", [math.inf, -math.inf, 10**400, "1e999", "inf"])
def test_infinite_numbers_are_row_errors(model, rows, value):
    with pytest.raises(RowError, match="age"):
        model.predict_rows([rows[0] | {"age": value}])


def test_nan_is_missing(model, rows):
    assert model.predict_rows([rows[0] | {"age": math.nan}]) == model.predict_rows([rows[0] | {"age": None}])


def test_a_score_that_overflows_is_a_row_error(tmp_path):
    model = load(build(tmp_path / "m", price(), "identity", 1, weights=np.full((5, 1), 1e300)))
    assert math.isfinite(model.predict_rows([{"x": 1e6, "c": "a"}])[0])
    for score in (
        lambda: model.predict_rows([ROWS[0], {"x": 1e37, "c": "a"}]),
        lambda: model.predict({"x": [1, 1e37], "c": ["a", "a"]}),
    ):
        with pytest.raises(RowError, match="overflows.*row 1"):
            score()


def test_dates_come_as_text_or_values(model, rows):
    row = rows[0] | {"seen": datetime.date(2024, 3, 1)}
    assert model.predict_rows([row]) == model.predict_rows([rows[0]])


def test_lines_that_are_no_rows_are_not_silently_dropped(tmp_path):
    model = load(build(tmp_path / "m", price(), "identity", 1))
    (tmp_path / "t.csv").write_text("x,c\n1,a\n2\n3,b\n" + "4,a\n" * 50)
    with pytest.raises(TableError, match=r"1 lines that are no rows, the first in line 3"):
        model.predict(tmp_path / "t.csv")


def test_an_unknown_family_names_the_plugin(tmp_path):
    path = build(tmp_path / "m", price(), "identity", 1, family="os.system")
    with pytest.raises(BundleError, match=r"family='os.system'.*--plugin"):
        load(path)
    model = load(path, families={"os.system": lambda front, arrays, block: np.full((block.rows, 1), 7.0)})
    assert model.predict_rows(ROWS[:1]) == [7.0]


@pytest.mark.parametrize(
    "change",
    [
        {"weights": np.zeros((4, 1))},
        {"weights": np.zeros((5, 2))},
        {"weights": np.zeros(5)},
        {"weights": np.zeros((0, 1))},
        {"front": {}},
        {"front": {"numeric": 1, "indicators": [0], "sizes": [4], "tokens": 0}},
        {"front": {"numeric": 1, "indicators": [], "sizes": [2], "tokens": 2}},
        {"front": {"numeric": 1, "indicators": [], "sizes": [10**18], "tokens": 0}},
        {"front": {"numeric": 0, "indicators": [], "sizes": [5], "tokens": 0}},
        {"front": {"numeric": "x", "indicators": [], "sizes": [4], "tokens": 0}},
        {"bias": 1e308, "weights": np.full((5, 1), 1e308)},
    ],
)
def test_weights_that_do_not_fit_are_refused_at_loading(tmp_path, change):
    with pytest.raises(BundleError):
        load(build(tmp_path / "m", price(), "identity", 1, **change))


def paths_of(value, path=()):
    """Every place inside a JSON value."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from paths_of(value[key], (*path, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from paths_of(item, (*path, i))


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_forged_plan_loads_or_is_a_bundle_error(tmp_path_factory, parts, rows, data):
    features = json.loads(msgspec.json.encode(parts["model"].features))
    place = data.draw(st.sampled_from([p for p in paths_of(features) if p]))
    inside = features
    for key in place[:-1]:
        inside = inside[key]
    odd = [
        None,
        -1,
        0,
        2**31,
        2**40,
        1e308,
        "",
        "x",
        "boolean",
        "number",
        "datetime",
        "hour",
        "day-sin",
        [],
        {},
    ]
    inside[place[-1]] = data.draw(st.sampled_from(odd))
    folder = tmp_path_factory.mktemp("forged") / "model"
    changed = msgspec.structs.replace(parts["model"], features=features)
    write_bundle(folder, **parts | {"model": changed})
    try:
        model = load(folder)
    except BundleError:
        return
    for row in rows:
        with contextlib.suppress(RowError, ColumnError):
            model.predict_rows([row])


def test_threads_may_share_a_predictor(model, rows):
    single = [model.predict_rows([row]) for row in rows]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: model.predict_rows([rows[i % 4]]), range(400)))
    assert found == [single[i % 4] for i in range(400)]
