"""The house rules that no linter knows: sizes, names of files, one test file for each source file."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import justright

SOURCE = Path(justright.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
FILE_LINES, FUNCTION_LINES, KERNEL_LINES, METHODS = 500, 60, 100, 15
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "shared", "core", "tools"}


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body without its docstring."""
    body = node.body
    if isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_sizes(path: Path) -> None:
    text = path.read_text()
    limit = KERNEL_LINES if path.name.startswith("compiled_") else FUNCTION_LINES
    long = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and body_lines(node) > limit:
            long.append(f"{node.name}: {body_lines(node)} lines, at most {limit}")
        elif isinstance(node, ast.ClassDef):
            methods = sum(isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) for each in node.body)
            if methods > METHODS:
                long.append(f"class {node.name}: {methods} methods, at most {METHODS}")
    assert not long
    assert text.count("\n") <= FILE_LINES


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_plain_text_and_a_first_line(path: Path) -> None:
    text = path.read_text()
    assert text.isascii()
    assert ast.get_docstring(ast.parse(text)), "a module says in its first line what it is for"


def test_no_file_is_a_dump() -> None:
    assert not {path.stem for path in FILES} & VAGUE
    assert not {path.name for path in SOURCE.rglob("*") if path.is_dir()} & VAGUE


def test_nothing_below_the_edges_reads_the_environment_or_says_anything() -> None:
    edges = ("cli/", "report/", "__main__.py")
    seen = []
    for path in FILES:
        if name_of(path).startswith(edges):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                word = f"{node.value.id}.{node.attr}"
                if word in ("os.environ", "os.getenv", "sys.stdout", "sys.argv", "sys.stdin"):
                    seen.append(f"{name_of(path)}: {word}")
    assert not seen


def test_tests_are_no_package() -> None:
    assert not list(Path(__file__).parents[1].rglob("__init__.py"))
