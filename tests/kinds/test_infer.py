from pathlib import Path

import numpy as np
import pytest

from justright.errors import ColumnError, RecipeError
from justright.kinds import infer_schema
from justright.source import open_source

SHARED = Path(__file__).parents[3] / "shared" / "data"
RNG = np.random.default_rng(0)
TABLE = {
    "size": RNG.normal(size=200),
    "city": ["Rome", "Oslo"] * 100,
    "row": np.arange(200),
    "note": [None] * 200,
    "weight": RNG.integers(0, 3, 200) + 0.0,
    "price": RNG.normal(size=200),
}


def _infer(table=TABLE, **more):
    return infer_schema(open_source(table), **more)


def test_roles():
    schema, profile = _infer(target="price", weight="weight", drop=["size"])
    assert [column.name for column in schema.columns] == ["city", "row", "note"]
    assert [column.name for column in schema.features] == ["city"]
    assert schema.target.column.name == "price"
    assert schema.weight.name == "weight"
    assert schema.dropped == ("size",)
    assert {column.name: column.role for column in profile.columns} == {
        "size": "dropped",
        "city": "feature",
        "row": "set aside",
        "note": "set aside",
        "weight": "weight",
        "price": "target",
    }


def test_a_table_without_target():
    schema, _ = _infer()
    assert schema.target is None
    assert schema.weight is None
    assert len(schema.columns) == 6


def test_kinds_are_corrected_by_hand():
    kinds = {"row": "numeric", "size": "categorical", "city": "text", "note": "categorical"}
    schema, _ = _infer(kinds=kinds)
    found = {column.name: (column.kind, column.form) for column in schema.columns}
    assert found["row"] == ("numeric", "number")
    assert found["size"] == ("categorical", "number")
    assert found["city"] == ("text", "text")
    assert next(c for c in schema.columns if c.name == "row").reason.startswith("asked for; a row counter")


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ({"target": "prise"}, ColumnError, r"target='prise', which the table does not have.*one of: price"),
        ({"weight": "w"}, ColumnError, "weight='w', which the table does not have"),
        ({"drop": ["x"]}, ColumnError, "drop='x'"),
        ({"kinds": {"x": "numeric"}}, ColumnError, "kind='x'"),
        ({"kinds": {"size": "number"}}, RecipeError, "kind of 'size'='number'; allowed: one of: numeric"),
        (
            {"kinds": {"city": "numeric"}},
            ColumnError,
            r"kind of 'city'='numeric', but what it holds is: text",
        ),
        ({"kinds": {"size": "datetime"}}, ColumnError, "dates in ISO 8601"),
        ({"task": "ranking"}, RecipeError, "task='ranking'"),
        ({"target": "price", "drop": ["price"]}, RecipeError, "which is the target"),
        ({"target": "price", "weight": "price"}, RecipeError, "which is the target"),
        ({"weight": "weight", "drop": ["weight"]}, RecipeError, "which is the weight"),
        ({"weight": "city"}, ColumnError, "not a number in every row"),
        ({"weight": "size"}, ColumnError, "weight='size' with -"),
        (
            {"target": "price", "drop": ["size", "city", "weight"]},
            ColumnError,
            "no column from which 'price'",
        ),
        ({"target": "note"}, ColumnError, "without a value"),
    ],
)
def test_wishes_that_cannot_be(more, error, message):
    with pytest.raises(error, match=message):
        _infer(**more)


def test_weights_are_checked_in_every_row():
    with pytest.raises(ColumnError, match="missing in 1 rows"):
        _infer({"a": [1.0, 2.0], "w": [1.0, None]}, weight="w")
    with pytest.raises(ColumnError, match="0 in every row"):
        _infer({"a": [1.0, 2.0], "w": [0, 0]}, weight="w")


def test_constants_are_of_all_rows(tmp_path):
    """One other value at the end of a large file: not in the sample, and yet no constant."""
    path = tmp_path / "t.csv"
    path.write_text("a,b,c\n" + "1,x,5\n" * 50_000 + "2,y,5\n")
    schema, profile = infer_schema(open_source(path), sample_rows=1_000)
    assert [column.kind for column in schema.columns] == ["numeric", "categorical", "constant"]
    assert profile.rows == 50_001
    assert profile.column("a").distinct == 2


def test_a_column_that_turns_to_words_late(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1,2\n" * 40_000 + "x,y\n" * 3 + "5,word\n" * 30_000)
    schema, profile = infer_schema(open_source(path))
    assert [column.form for column in schema.columns] == ["number", "text"]
    assert profile.column("a").unreadable == 3
    assert "3 values are not numbers, such as 'x'" in profile.column("a").notes[0]


def test_skipped_lines_are_counted(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n3\n4,5\n")
    assert infer_schema(open_source(path))[1].skipped == 1


# What the published tables must be: the target's task, and the columns that are not plainly numbers or words.
REAL = {
    "adult": ("income", "binary", {"fnlwgt": "numeric", "education-num": "numeric", "sex": "categorical"}),
    "titanic": ("Survived", "binary", {"PassengerId": "identifier", "Name": "text", "Ticket": "categorical",
                                       "Cabin": "categorical", "Pclass": "numeric"}),
    "bike_sharing": ("cnt", "regression", {"instant": "identifier", "dteday": "datetime", "hr": "numeric"}),
    "bank_marketing": ("y", "binary", {"pdays": "numeric", "month": "categorical"}),
    "telco_churn": ("Churn", "binary", {"customerID": "identifier", "TotalCharges": "numeric",
                                        "SeniorCitizen": "numeric"}),
    "credit_default": ("default.payment.next.month", "binary", {"ID": "identifier", "PAY_0": "numeric",
                                                                "SEX": "numeric"}),
    "criteo_sample": ("label", "binary", {"I1": "numeric", "C3": "categorical"}),
    "diabetes130": ("readmitted", "multiclass", {"encounter_id": "identifier", "patient_nbr": "identifier",
                                                 "admission_type_id": "categorical", "diag_1": "categorical",
                                                 "examide": "constant", "max_glu_serum": "categorical"}),
    "letter": ("letter", "multiclass", {"xbox": "numeric"}),
    "wine_quality": ("quality", "regression", {"type": "categorical"}),
    "kdd99_10pct": ("label", "multiclass", {"num_outbound_cmds": "constant", "service": "categorical"}),
    "nycflights13_100k": ("arr_delay", "regression", {"year": "constant", "time_hour": "datetime",
                                                      "tailnum": "categorical", "flight": "numeric"}),
    "acs_employment_ma": ("employed", "binary", {"id": "identifier", "SCHL": "categorical",
                                                 "AGEP": "numeric"}),
    "diamonds": ("price", "regression", {"cut": "categorical", "table": "numeric"}),
    "insurance": ("charges", "regression", {"smoker": "categorical", "children": "numeric"}),
    "abalone": ("Rings", "regression", {"Sex": "categorical"}),
    "mammography": ("class", "binary", {"attr1": "numeric"}),
    "higgs_7k": ("label", "binary", {"m_bb": "numeric"}),
    "mnist_10k": ("label", "multiclass", {"pixel0": "constant", "pixel400": "numeric"}),
    "noaa_weather": ("target", "binary", {"feat_1": "numeric"}),
    "california_housing": ("median_house_value", "regression", {"ocean_proximity": "categorical"}),
}  # fmt: skip


@pytest.mark.parametrize("name", REAL)
def test_published_tables(name):
    target, task, kinds = REAL[name]
    paths = [SHARED / f"{name}.parquet", SHARED / f"{name}.csv"]
    paths = [path for path in paths if path.is_file()]
    if not paths:
        pytest.skip("the published tables are not beside the repository")
    for path in paths:
        schema, profile = infer_schema(open_source(path), target=target)
        assert schema.target.task == task
        found = {column.name: column.kind for column in schema.columns}
        assert {column: found[column] for column in kinds} == kinds
        assert all(column.reason for column in schema.columns)
        assert all(column.unreadable == 0 for column in profile.columns)
