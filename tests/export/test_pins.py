"""What is pinned is what is installed, with all that it needs, and nothing else."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from justright.export.pins import SERVING_WITHOUT, imported_by, pins, roots_of


def names(lines: tuple[str, ...]) -> list[str]:
    return [line.partition("==")[0] for line in lines]


def test_versions_are_those_that_are_installed():
    assert pins(["numpy"]) == (f"numpy=={version('numpy')}",)
    assert pins(["Markdown_It.Py"]) == (
        f"markdown-it-py=={version('markdown-it-py')}",
        f"mdurl=={version('mdurl')}",
    )


def installed(folder: Path, name: str, *needs: str) -> None:
    """Write what an installer leaves behind of a library: its name, version and what it asks for."""
    place = folder / f"{name}-1.0.dist-info"
    place.mkdir()
    asks = "".join(f"Requires-Dist: {need}\n" for need in needs)
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{asks}")


def test_extras_are_not_followed_unless_they_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    installed(tmp_path, "upper", "middle[fast]>=1", "lower")
    installed(tmp_path, "middle", "quick; extra == 'fast'", "slow; extra == 'calm'")
    installed(tmp_path, "lower", "pytest; extra == 'test'")
    installed(tmp_path, "quick")
    installed(tmp_path, "slow")
    monkeypatch.syspath_prepend(tmp_path)
    assert names(pins(["upper"])) == ["lower", "middle", "quick", "upper"]
    assert names(pins(["middle"])) == ["middle"]


def test_what_is_not_installed_is_left_out():
    assert pins(["no-such-library-anywhere"]) == ()


def test_the_serving_process_needs_no_library_of_tables_or_training():
    serving = names(pins(roots_of(), without=SERVING_WITHOUT))
    assert {"numpy", "msgspec", "safetensors", "typer"} <= set(serving)
    assert not {"pyarrow", "scipy", "numba", "scikit-learn", "lightgbm", "jax", "justright"} & set(serving)
    training = names(pins([*roots_of(), *roots_of(extra="train")]))
    assert {"pyarrow", "scipy", "numba", "llvmlite", "scikit-learn", "lightgbm"} <= set(training)
    assert set(serving) <= set(training)


def test_what_is_imported_is_found_wherever_it_stands(tmp_path: Path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.py").write_text("import os, numpy.linalg\nfrom . import b\nimport nowhere_at_all\n")
    (tmp_path / "inner" / "b.py").write_text(
        "def f():\n    from yaml import x\n    import justright.schema, rich.table\n"
    )
    assert set(imported_by(tmp_path)) - {"pyyaml"} == {"numpy", "rich"}


def test_the_server_finds_all_that_it_imports():
    import justright

    wanted = set(imported_by(Path(justright.__file__).parent / "serve")) - SERVING_WITHOUT
    assert {"msgspec", "numpy"} <= wanted
    assert wanted <= set(names(pins(wanted)))
