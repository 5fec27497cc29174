"""The card: opens with the customer's sentences, warns where it must, and renders no foreign markup."""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from justright.bundle.card import CardFacts, ColumnFact, SliceFact, write_card
from justright.schema import Value

FULL = CardFacts(
    target="churn",
    task="binary",
    family="linear",
    customer=("Of 1,000 new rows 31 (24 to 39) are wrongly flagged.", "Of 1,000 new rows 80 are missed."),
    metrics={"roc_auc": Value(0.84512, 0.83, 0.86), "log_loss": Value(0.42, 0.4, 0.44)},
    baselines={"base rate": {"roc_auc": 0.5, "log_loss": 0.57}, "boosted": {"roc_auc": 0.85}},
    slices=(SliceFact("contract = month", 812, "log_loss", Value(0.61, 0.55, 0.67)),),
    rows=5634,
    class_rows={"no": 5600, "yes": 34},
    columns=(
        ColumnFact("tenure", "numeric", "72 different numbers", 0.0, 72.0),
        ColumnFact("gender", "categorical", "2 texts", missing=0.31),
    ),
    set_aside=(ColumnFact("customerID", "identifier", "different in each row"),),
    threshold=0.25,
    threshold_note="a missed customer costs 3 times a call",
    training=("5 folds by fingerprint.",),
    findings=("12 rows stand twice.",),
    source="telco.csv",
)


def test_it_opens_with_what_a_customer_must_hear():
    lines = [line for line in write_card(FULL).splitlines() if line]
    assert lines[:4] == [
        "# Model of churn",
        "Of 1,000 new rows 31 (24 to 39) are wrongly flagged.",
        "Of 1,000 new rows 80 are missed.",
        "A linear model, binary into 2 classes, trained on 5,634 rows from telco.csv.",
    ]


@pytest.mark.parametrize(
    "part",
    [
        "| roc\\_auc | 0.8451 | 0.83 to 0.86 | 0.5 | 0.85 |",
        "| log\\_loss | 0.42 | 0.4 to 0.44 | 0.57 | - |",
        "| contract = month | 812 | log\\_loss 0.61 | 0.55 to 0.67 |",
        "- Class yes had 34 training rows",
        "- gender was missing in 31% of the training rows.",
        "numbers outside the training range",
        "- Columns that were never missing in training must be filled",
        "from a probability of 0.25: a missed customer costs 3 times a call.",
        "| tenure | numeric | 0 to 72 | 0.0% | 72 different numbers |",
        "- customerID: different in each row",
        "- 12 rows stand twice.",
    ],
)
def test_it_says(part):
    assert part in write_card(FULL)


def test_large_figures_are_written_for_people():
    facts = msgspec.structs.replace(
        FULL,
        customer=("Half of the predictions are off by at most 3.77e+04 (3.7e+04 to 3.95e+04).",),
        metrics={"rmse": Value(68857.63, 61234.5, 7.5e4)},
        slices=(SliceFact("income = 1.23457e+06 or more", 812, "mean absolute error", Value(5e4, 4e4, 6e4)),),
        columns=(ColumnFact("price", "numeric", "numbers to 1.23457e+06", 14999.0, 500001.0),),
        training=("The penalty 1.2e+04 was chosen.",),
        findings=("In test, price is 2.068e+05.",),
    )
    card = write_card(facts)
    assert "e+" not in card
    for part in (
        "at most 37,700 (37,000 to 39,500).",
        "| rmse | 68,860 | 61,230 to 75,000 |",
        "| income = 1,234,570 or more | 812 | mean absolute error 50,000 | 40,000 to 60,000 |",
        "| price | numeric | 14,999 to 500,001 | 0.0% | numbers to 1,234,570 |",
        "- The penalty 12,000 was chosen.",
        "- In test, price is 206,800.",
    ):
        assert part in card


def test_sections_without_facts_are_left_out():
    card = write_card(CardFacts(target="y", task="regression", family="linear"))
    assert card == "# Model of y\n\nA linear model, regression.\n"


def test_few_rows_are_warned_about():
    few = msgspec.structs.replace(FULL, rows=90)
    assert "It has seen 90 rows only" in write_card(few)
    assert "rows only" not in write_card(FULL)


def test_many_columns_are_counted():
    many = msgspec.structs.replace(FULL, columns=tuple(ColumnFact(f"c{i}", "numeric") for i in range(1000)))
    assert "and 800 more." in write_card(many)


@given(st.text(max_size=30))
def test_names_stay_names(name):
    facts = msgspec.structs.replace(
        FULL, target=name, columns=(ColumnFact(name, "text", name),), findings=(name,), customer=(name,)
    )
    card = write_card(facts)
    assert "<" not in card
    assert not re.search(r"(?<!\\)[`\[]", card)
    in_table = [line for line in card.splitlines() if line.startswith("| ") and " text " in line]
    assert all(len(re.findall(r"(?<!\\)\|", line.replace("\\\\", ""))) == 6 for line in in_table)
    assert sum(line.startswith("# ") for line in card.splitlines()) == 1
