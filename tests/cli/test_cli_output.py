from __future__ import annotations

import json

import pytest

from justright.cli.output import console, grid, write_findings, write_json
from justright.schema import Finding, Value


def test_json_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"a": Value(1.0, 0.5, 2.0), "b": "line\nbreak"})
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert json.loads(said) == {"a": {"value": 1.0, "low": 0.5, "high": 2.0}, "b": "line\nbreak"}


def test_sentences_of_findings_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    write_findings(console(), [Finding("an-id", "info", "The mean is 3.77e+04.")])
    assert capsys.readouterr().out == "info  The mean is 37,700. [an-id]\n"


def test_texts_are_never_read_as_markup(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "[bold]x[/bold] :smile: [/]"
    to = console()
    grid(to, ["[red]name"], [[hostile]])
    write_findings(to, [Finding("an-id", "warning", hostile, {}, "do [it]")])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "[red]name",
        hostile,
        f"warning  {hostile} [an-id]",
        "         next: do [it]",
    ]


def test_columns_set_to_the_right(capsys: pytest.CaptureFixture[str]) -> None:
    grid(console(), ["a", "count"], [["x", "1"], ["y", "1,000"]], right=(1,))
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "a  count",
        "x      1",
        "y  1,000",
    ]
