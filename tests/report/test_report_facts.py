"""A run folder read once: what is there is read, what is not has its reason."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from justright.report.facts import Facts, read_facts

FILES = ["recipe.json", "schema.json", "profile.json", "split.json", "evaluation.json"]


def test_a_whole_run_lacks_nothing(regression: Facts, binary: Facts, multiclass: Facts) -> None:
    for facts in (regression, binary, multiclass):
        assert facts.absent == {}
        for name in (
            "recipe",
            "schema",
            "profile",
            "split",
            "evaluation",
            "history",
            "out_of_fold",
            "bundle",
            "reading",
        ):
            assert getattr(facts, name)


def test_the_name_is_that_of_the_folder(binary: Facts, binary_run: Path) -> None:
    assert binary.name == binary_run.name


@pytest.mark.parametrize("file", FILES[1:])
@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"null", b"\xff\xfe", b"[1, 2]"])
def test_a_damaged_file_is_named(binary_run: Path, tmp_path: Path, file: str, content: bytes) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for name in ("recipe.json", "run.json", *FILES[1:]):
        shutil.copy(binary_run / name, run)
    (run / file).write_bytes(content)
    facts = read_facts(run)
    assert getattr(facts, file.removesuffix(".json")) is None or content == b"{}"
    if content != b"{}":
        assert (
            facts.why_not(file) == f"Left out: {file} of this run is not in the form that this version reads."
        )


def test_a_damaged_last_line_of_the_history_is_dropped(
    binary: Facts, binary_run: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(binary_run, run)
    with (run / "history.jsonl").open("ab") as file:
        file.write(b'{"number": 1, "mem')
    assert read_facts(run).history == binary.history


def test_a_file_that_says_nothing_is_said_to(binary: Facts) -> None:
    assert binary.why_not("evaluation.json") == "Left out: evaluation.json says nothing about it."


def test_a_race_that_is_not_there_is_no_absence(regression: Facts, neural: Facts) -> None:
    assert regression.race is None
    assert "race.json" not in regression.absent
    assert neural.race is not None
    assert "race.json" not in neural.absent
