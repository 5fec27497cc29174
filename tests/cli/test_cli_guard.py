from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from justright import errors
from justright.cli import guard

ONE_LINE = 1


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def parse(arguments: list[str]) -> int:
        raise error

    monkeypatch.setattr(guard, "_parse_and_call", parse)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.RecipeError, 2),
        (errors.TableError, 4),
        (errors.ColumnError, 4),
        (errors.RowError, 4),
        (errors.BundleError, 5),
        (errors.TrainingError, 6),
        (errors.StorageError, 7),
        (errors.MissingExtraError, 8),
    ],
)
def test_our_errors_are_one_line_and_a_code(
    kind: type[errors.JustrightError],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fail_with(monkeypatch, kind("x='a\nb'", allowed="c", next_step="do it"))
    assert guard.run(["train"]) == code
    said = capsys.readouterr()
    assert said.err == "error: received x='a b'; allowed: c. Next: do it\n"
    assert said.out == ""


def test_a_fault_of_ours_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fail_with(monkeypatch, ZeroDivisionError("division\nby zero"))
    assert guard.run([]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: this is a bug in justright: ZeroDivisionError: division by zero (at ")
    assert said.count("\n") == ONE_LINE


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("scipy.sparse", 8, "received no library 'scipy'. Next: pip install 'justright[train]'"),
        ("justright.lost", 1, "this is a bug in justright: ModuleNotFoundError: lost"),
    ],
)
def test_a_library_of_the_extra_is_named(
    name: str, code: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(monkeypatch, ModuleNotFoundError("lost", name=name))
    assert guard.run([]) == code
    assert capsys.readouterr().err.startswith(f"error: {said}")


@pytest.mark.parametrize("by", ["option", "environment"])
def test_debug_shows_the_traceback(
    by: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fail_with(monkeypatch, errors.TableError("no rows"))
    if by == "environment":
        monkeypatch.setenv("JUSTRIGHT_DEBUG", "1")
    assert guard.run(["train", "--debug"] if by == "option" else ["train"]) == 4
    said = capsys.readouterr().err
    assert "Traceback" in said and said.endswith("error: received no rows.\n")


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    fail_with(monkeypatch, KeyboardInterrupt())
    assert guard.run([]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_an_interrupt_inside_a_verb_is_130(call: Any, monkeypatch: pytest.MonkeyPatch, table: Path) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("justright.kinds.infer_schema", interrupted)
    assert call("profile", table) == (130, "", "interrupted\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["profil"], "error: No such command 'profil'. Did you mean 'profile'?. Next: justright --help"),
        (["train", "--tragte"], "No such option: --tragte"),
        (["predict", "m"], "Next: justright predict --help"),
        (["train", "t", "--task", "x"], "'x' is not one of 'auto', 'regression', 'binary', 'multiclass'"),
        (["train", "t", "--rate", "x"], "--rate"),
        (["serve", "m", "--port", "x"], "--port"),
    ],
)
def test_usage_errors_are_one_line_and_2(arguments: list[str], said: str, call: Any) -> None:
    found = call(*arguments)
    assert found.code == 2 and said in found.err
    assert found.err.startswith("error: ") and found.err.count("\n") == ONE_LINE and not found.out


def test_no_verb_prints_the_help(call: Any) -> None:
    said = call()
    assert said.code == 2 and "train" in said.out and not said.err


def test_warnings_are_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def parse(arguments: list[str]) -> int:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("a column\nwas left out", errors.JustrightWarning, stacklevel=1)
            warnings.warn("overflow", RuntimeWarning, stacklevel=1)
        return 0

    monkeypatch.setattr(guard, "_parse_and_call", parse)
    assert guard.run([]) == 0
    ours, theirs = capsys.readouterr().err.splitlines()
    assert ours == "warning: a column was left out"
    assert theirs.startswith("warning: RuntimeWarning: overflow (at test_cli_guard.py:")


@pytest.mark.parametrize(
    "options",
    [
        "profile '{table}'",
        "profile '{table}' --json",
        "split '{table}' --print-sql",
        "train '{table}' --target price --no-baseline --family glass-box --quiet --out '{out}'",
        "train --help",
        "--version",
    ],
)
def test_a_closed_pipe_is_silent_and_has_its_code(options: str, table: Path, tmp_path: Path) -> None:
    arguments = options.format(table=table, out=tmp_path)
    command = f"'{sys.executable}' -m justright {arguments} | true; echo ${{PIPESTATUS[0]}}"
    environment = {key: value for key, value in os.environ.items() if key != "JUSTRIGHT_DEBUG"}
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment)
    assert (done.stderr, done.stdout.strip()) == ("", "141")


def test_other_ends_of_the_process_are_not_taken_for_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(*_: object) -> None:
        raise SystemExit(5)

    monkeypatch.setattr(guard, "_parse_and_call", leave)
    with pytest.raises(SystemExit, match="5"):
        guard.run(["--version"])


def test_the_libraries_of_the_extra_are_those_of_the_project() -> None:
    import tomllib

    settings = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    stated = {re.split(r"[>=\[]", each)[0] for each in settings["project"]["optional-dependencies"]["train"]}
    modules = {"scikit-learn": "sklearn", "vl-convert-python": "vl_convert"}
    assert {modules.get(name, name) for name in stated} == set(guard._TRAIN)


def test_the_table_of_codes_is_that_of_the_errors() -> None:
    kinds = [getattr(errors, name) for name in errors.__all__ if name.endswith("Error")]
    codes = [errors.exit_code(kind("x")) for kind in kinds if kind is not errors.JustrightError]
    assert all(code > 1 for code in codes)
