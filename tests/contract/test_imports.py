"""What a fresh interpreter has loaded: the import is light, the help is light, nothing heavy comes early."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import justright

HEAVY = (
    "altair",
    "duckdb",
    "httptools",
    "jax",
    "lightgbm",
    "numba",
    "pandas",
    "polars",
    "pyarrow",
    "scipy",
    "sklearn",
    "uvloop",
    "vl_convert",
)
SOURCE = Path(justright.__file__).parent


def loaded(code: str) -> set[str]:
    """Run code in a fresh interpreter and return the top-level modules it has loaded."""
    program = (
        f"import sys\n{code}\nprint('LOADED', *sorted({{name.partition('.')[0] for name in sys.modules}}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("LOADED")[2].split())


def test_the_import_loads_nothing() -> None:
    third_party = loaded("import justright") - set(sys.stdlib_module_names) - loaded("")
    assert third_party == {"justright"}


def test_the_help_loads_the_parser_only() -> None:
    found = loaded("from justright.cli import main\nassert main(['--help']) == 0")
    assert {"typer", "rich"} <= found
    assert not found & {*HEAVY, "numpy"}


@pytest.mark.parametrize(
    "verb", ["demo", "train", "predict", "explain", "evaluate", "split", "profile", "report", "serve", "tune"]
)
def test_the_help_of_a_verb_loads_nothing_heavy(verb: str) -> None:
    found = loaded(f"from justright.cli import main\nassert main([{verb!r}, '--help']) == 0")
    assert not found & {*HEAVY, "numpy"}


def test_names_of_the_root_that_need_little_load_little() -> None:
    code = "import justright\njustright.load, justright.Recipe, justright.JustrightError, justright.metric"
    assert not loaded(code) & set(HEAVY)


def test_reading_rows_needs_no_training_library() -> None:
    code = "import justright\nlist(justright.open_source({'a': [1.0, 2.0]}).batches())"
    # pyarrow looks for pandas by itself when it is handed Python values.
    assert not loaded(code) & (set(HEAVY) - {"pyarrow", "pandas"})


def test_no_module_imports_a_heavy_library_at_its_top() -> None:
    allowed = {
        "pyarrow": "anywhere but what serves: tests/contract/test_serving_imports.py holds that",
        "numba": "kernels/compiled_*.py, loaded on first use",
        "httptools": "serve/wire.py, loaded by `serve`",
        "lightgbm": "models/boosted.py, loaded for a boosted model",
        "sklearn": "estimators.py",
        "jax": "models/neural/, loaded when a network trains",
        "optax": "models/neural/",
    }
    places: dict[str, set[str]] = {}
    for path in SOURCE.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            for name in names:
                top = name.partition(".")[0]
                if top in HEAVY:
                    places.setdefault(top, set()).add(path.relative_to(SOURCE).as_posix())
    assert set(places) <= set(allowed), places
    assert all(each.startswith("kernels/") for each in places.get("numba", set()))
    neural = places.get("jax", set()) | places.get("optax", set())
    assert all(each.startswith("models/neural/") for each in neural)
    assert places.get("httptools", set()) <= {"serve/wire.py"}


def test_the_names_of_the_root_are_sorted_complete_and_there() -> None:
    assert list(justright.__all__) == sorted(justright.__all__)
    assert set(justright.__all__) == {*justright._PLACES, "__version__"}
    for name in justright.__all__:
        assert getattr(justright, name) is not None, name
        assert name in dir(justright)


def test_the_root_tells_type_checkers_what_it_loads() -> None:
    """The imports under TYPE_CHECKING and the table of places say the same."""
    tree = ast.parse(Path(justright.__file__).read_text())
    stated: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("justright."):
            stated |= {alias.name: node.module for alias in node.names}
    assert stated == justright._PLACES


def test_no_submodule_bears_the_name_of_a_root_name() -> None:
    """`import justright.x` would hide the function x."""
    modules = {path.stem if path.is_file() else path.name for path in SOURCE.iterdir()}
    assert not modules & set(justright.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'tarin'"):
        justright.tarin  # noqa: B018 - reading the attribute is the test


def test_the_layers_of_the_linter_name_every_folder() -> None:
    import tomllib

    settings = tomllib.loads((SOURCE.parents[1] / "pyproject.toml").read_text())
    text = " ".join(settings["tool"]["importlinter"]["contracts"][0]["layers"])
    layers = {name.strip("()").split(".")[1] for name in text.split() if name != "|"}
    found = {path.stem if path.is_file() else path.name for path in SOURCE.iterdir()}
    assert {name for name in found if not name.startswith("_") and name != "py"} - {"py.typed"} <= layers
