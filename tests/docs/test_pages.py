"""Every code that the program may say has a heading; generated pages are current; links lead somewhere."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import justright
from justright import errors
from justright.errors import exit_code, http_code

PAGES = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")


def headings(page: Path) -> list[str]:
    return [line.lstrip("# ") for line in page.read_text().splitlines() if line.startswith("#")]


def finding_ids(root: Path) -> set[str]:
    """Return the first argument of every call of Finding in the code, which must be a literal."""
    found = set()
    for path in (root / "src/justright").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
                assert node.args, f"{path.name}:{node.lineno}: give the id as first argument"
                first = node.args[0]
                assert isinstance(first, ast.Constant), f"{path.name}:{node.lineno}: the id is no literal"
                found.add(str(first.value))
    return found


def test_every_finding_has_a_heading(root: Path) -> None:
    ids = finding_ids(root)
    assert len(ids) > 15
    assert sorted(ids - set(headings(root / "docs/findings.md"))) == []


def test_no_heading_stands_for_a_finding_that_is_gone(root: Path) -> None:
    ids = {text for text in headings(root / "docs/findings.md") if re.fullmatch(r"[a-z]+(-[a-z]+)+", text)}
    assert sorted(ids - finding_ids(root)) == []


def test_every_error_has_a_heading_with_its_codes(root: Path) -> None:
    text = (root / "docs/errors.md").read_text()
    for name in errors.__all__:
        if not name.endswith("Error") or name == "JustrightError":
            continue
        kind = getattr(errors, name)
        builtin = kind.__mro__[2].__name__
        said = f"## {name}\n\n`{builtin}`, exit code {exit_code(kind('x'))}, HTTP {http_code(kind('x'))}."
        assert said in text, said


def test_generated_pages_are_current(root: Path) -> None:
    command = [sys.executable, str(root / "docs/make_reference.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", [*PAGES, "docs"])
def test_links_lead_somewhere(page: str, root: Path) -> None:
    pages = [root / page] if page != "docs" else sorted((root / "docs").rglob("*.md"))
    links = [(path, to) for path in pages for to in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text())]
    inner = [(path, to) for path, to in links if not re.match(r"https?:", to)]
    assert [f"{path.name}: {to}" for path, to in inner if not (path.parent / to).exists()] == []


def test_every_page_of_the_docs_is_in_the_index(root: Path) -> None:
    index = (root / "docs/index.md").read_text()
    pages = {path.relative_to(root / "docs").as_posix() for path in (root / "docs").rglob("*.md")} - {
        "index.md"
    }
    assert sorted(page for page in pages if f"({page})" not in index) == []


def test_files_named_in_the_architecture_exist(root: Path) -> None:
    text = (root / "ARCHITECTURE.md").read_text()
    named = re.findall(r"`([\w./]+/(?:[\w.]+\.py)?|[\w]+\.py)`", text)
    assert len(named) > 20
    missing = [name for name in named if not (root / "src/justright" / name).exists()]
    assert missing == []


def test_the_checklists_have_at_most_eight_steps(root: Path) -> None:
    text = (root / "CONTRIBUTING.md").read_text()
    assert len(re.findall(r"^## Add a", text, re.MULTILINE)) == 6
    assert max(int(number) for number in re.findall(r"^(\d+)\. ", text, re.MULTILINE)) <= 8


def test_the_version_is_the_same_everywhere(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    cited = re.search(r"^version: (.+)$", (root / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited is not None
    assert project["version"] == cited[1] == justright.__version__


def test_every_verb_of_the_makefile_has_a_comment(root: Path) -> None:
    text = (root / "Makefile").read_text()
    verbs = re.findall(r"^([a-z]+):", text, re.MULTILINE)
    assert {"demo", "setup", "test", "check", "fmt", "bench", "docs"} <= set(verbs)
    for verb in verbs:
        assert f"\n# {verb}: " in text
    assert "make check" in (root / ".ci/run").read_text()
