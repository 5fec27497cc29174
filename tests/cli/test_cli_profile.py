from __future__ import annotations

from pathlib import Path
from typing import Any


def test_json_is_the_profile_and_the_target(call: Any, table: Path) -> None:
    said = call("profile", table, "--target", "sold", "--json")
    columns = {column["name"]: column for column in said.json["columns"]}
    assert said.code == 0 and said.json["rows"] == 240
    assert columns["size"]["kind"] == "numeric" and columns["size"]["reason"]
    assert columns["colour"]["distinct"] == 3 and columns["sold"]["role"] == "target"
    assert (said.json["target"]["task"], said.json["target"]["classes"]) == ("binary", ["no", "yes"])
    assert call("profile", table, "--json").json["target"] is None


def test_people_read_one_line_a_column(call: Any, table: Path) -> None:
    said = call("profile", table, "--target", "price")
    lines = said.out.splitlines()
    assert said.code == 0 and lines[0].startswith(
        "240 rows, 5 columns (CSV, separator ,, decimal ., encoding utf-8"
    )
    assert lines[1].startswith("target price: regression, ")
    assert [line.split()[0] for line in lines[3:] if line[:1] not in ("", " ")] == [
        "column",
        "size",
        "colour",
        "street",
        "sold",
        "price",
    ]
    assert "red, " in said.out or "blue, " in said.out


def test_missing_values_and_dates(call: Any, tmp_path: Path) -> None:
    odd = tmp_path / "odd.csv"
    rows = [f"2024-01-{day:02},{'' if day % 4 else day}" for day in range(1, 29)]
    odd.write_text("day,amount\n" + "\n".join(rows) + "\n")
    said = call("profile", odd)
    assert "75 %" in said.out and "2024-01-01" in said.out and "2024-01-28" in said.out


def test_a_query(call: Any, table: Path) -> None:
    said = call("profile", table, "--sql", "select colour, count(*) as n from rows group by colour", "--json")
    assert said.code == 0 and said.json["rows"] == 3


def test_hostile_names_are_texts(call: Any, tmp_path: Path) -> None:
    odd = tmp_path / "odd.csv"
    odd.write_text("[red]a[/red],b\n1,2\n3,5\n4,4\n")
    assert "[red]a[/red]" in call("profile", odd).out


def test_ragged_lines_are_counted(call: Any, tmp_path: Path) -> None:
    odd = tmp_path / "odd.csv"
    odd.write_text("a,b\n1,2\n3,5\n4,4,4\n6,7\n")
    assert "1 lines are no rows and were skipped" in call("profile", odd).out


def test_an_unknown_target(call: Any, table: Path) -> None:
    said = call("profile", table, "--target", "sould")
    assert said.code == 4 and "sold" in said.err
