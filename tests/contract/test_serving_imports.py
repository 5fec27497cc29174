"""The serving process needs numpy, msgspec and the server; loading runs nothing that a bundle names."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[1] / "golden"
ABSENT = (
    "numba",
    "jax",
    "lightgbm",
    "sklearn",
    "pandas",
    "polars",
    "scipy",
    "pyarrow",
    "duckdb",
    "matplotlib",
)

SCORE = """
import json, sys
{imports}
rows = json.load(open({expected!r}))["rows"]
{score}
roots = {{name.partition(".")[0] for name in sys.modules}}
print(json.dumps(sorted(roots & set({absent!r}))))
"""


def loaded(imports: str, score: str) -> list[str]:
    expected = str(GOLDEN / "bundle-1-expected.json")
    code = SCORE.format(imports=imports, score=score, expected=expected, absent=ABSENT)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_loading_and_scoring_rows_imports_no_heavy_library():
    path = str(GOLDEN / "bundle-1")
    imports = "from justright.bundle.predictor import load"
    assert loaded(imports, f"assert len(load({path!r}).predict_rows(rows)) == 4") == []


def test_a_server_imports_no_heavy_library():
    path = str(GOLDEN / "bundle-1")
    imports = "from justright.serve.app import build_app\nfrom justright.serve.dataplane import load_plane"
    score = f"plane = load_plane({{'m': {path!r}}}); build_app(plane); plane.predict('m', rows)"
    assert loaded(imports, score) == []


def test_scoring_a_table_imports_pyarrow_and_nothing_of_training():
    path, table = str(GOLDEN / "bundle-1"), "{name: [row[name] for row in rows[:1]] for name in rows[0]}"
    imports = "from justright.bundle.predictor import load"
    # pyarrow looks for pandas by itself when it is handed Python values.
    assert set(loaded(imports, f"load({path!r}).predict({table})")) <= {"pyarrow", "pandas"}


# The first load of a process compiles the annotations of our own types, so it happens before the watch.
HOOK = """
import json, sys
from justright.bundle.predictor import load
load({golden!r})
seen = []
watching = False
def hook(event, arguments):
    if watching and event in ("exec", "compile", "import", "pickle.find_class", "marshal.loads", "os.system",
                              "subprocess.Popen", "socket.connect", "ctypes.dlopen"):
        seen.append((event, str(arguments[0])[:80]))
sys.addaudithook(hook)
watching = True
try:
    load({path!r})
except Exception as error:
    name = type(error).__name__
else:
    name = ""
watching = False
print(json.dumps([name, seen]))
"""


def audited(path: Path) -> list:
    done = subprocess.run(
        [sys.executable, "-c", HOOK.format(path=str(path), golden=str(GOLDEN / "bundle-1"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_loading_executes_compiles_and_imports_nothing():
    assert audited(GOLDEN / "bundle-1") == ["", []]


@pytest.mark.parametrize(
    ("field", "value"),
    [("family", "os.system"), ("created_by", "__import__('os').system('true')"), ("family", "tests.golden")],
)
def test_names_in_a_forged_bundle_are_never_imported(tmp_path, field, value):
    import hashlib
    import shutil

    import msgspec

    folder = tmp_path / "model"
    shutil.copytree(GOLDEN / "bundle-1", folder)
    model = json.loads((folder / "model.json").read_bytes()) | {field: value}
    data = json.dumps(model).encode()
    (folder / "model.json").write_bytes(data)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"]["model.json"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest, order="sorted"))
    name, seen = audited(folder)
    assert name == ("BundleError" if field == "family" else "")
    assert seen == []
