"""The folder of an image: whole or not at all, and all that the Dockerfile copies is in it."""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path

import pytest

from justright.bundle.format import read_bundle
from justright.errors import BundleError, StorageError
from justright.export import export_container

GOLDEN = Path(__file__).parents[1] / "golden" / "bundle-1"
VERBS = {
    "FROM", "ARG", "ENV", "WORKDIR", "COPY", "RUN", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK",
    "ENTRYPOINT", "CMD",
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("image") / "box"
    export_container(GOLDEN, folder, name="prices", recipe='{"target": "y", "table": "/home/ann/t.csv"}')
    return folder


def instructions(folder: Path) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile, lines that go on joined, comments left out."""
    lines = [line for line in (folder / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    text = "\n".join(lines).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def test_the_dockerfile_is_one(made: Path):
    found = instructions(made)
    assert {verb for verb, _ in found} == VERBS
    assert found[0][0] == "FROM" and re.fullmatch(r"python:3\.\d+-slim", found[0][1])
    assert all(
        [verb for verb, _ in found].count(once) == 1 for once in ("ENTRYPOINT", "CMD", "HEALTHCHECK", "FROM")
    )
    text = (made / "Dockerfile").read_text()
    assert "{" not in text.replace("${", "") and "AIP_" not in text
    assert dict(found)["HEALTHCHECK"].endswith('CMD ["python", "-m", "justright.cli.image", "health"]')


def test_all_that_is_copied_is_there_and_not_ignored(made: Path):
    ignored = (made / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    for verb, rest in instructions(made):
        if verb == "COPY":
            for name in rest.split()[:-1]:
                assert (made / name).exists()
                assert f"!{name}" in ignored or (name.endswith(".whl") and "!*.whl" in ignored)


def test_the_model_is_the_model(made: Path):
    assert read_bundle(made / "model").model_id == read_bundle(GOLDEN).model_id
    assert sorted(each.name for each in (made / "model").iterdir()) == sorted(
        ["model.json", "weights.safetensors", "baseline.json", "card.md", "manifest.json"]
    )


def test_the_recipe_does_not_tell_where_the_table_was(made: Path):
    assert '"table": ""' in (made / "recipe.json").read_text()
    assert "/home/ann" not in "".join(
        each.read_text() for each in made.iterdir() if each.is_file() and each.suffix != ".whl"
    )


def test_libraries_are_pinned(made: Path):
    for name in ("requirements.txt", "requirements-train.txt"):
        lines = (made / name).read_text().splitlines()
        assert all(re.fullmatch(r"[a-z0-9-]+==[^=\s]+", line) for line in lines)
    assert not any(
        line.startswith("pyarrow") for line in (made / "requirements.txt").read_text().splitlines()
    )
    assert "pyarrow==" in (made / "requirements-train.txt").read_text()


def test_a_model_without_a_recipe_only_serves(tmp_path: Path):
    found = export_container(GOLDEN, tmp_path / "box")
    assert not found.trains and not (tmp_path / "box" / "recipe.json").exists()
    assert "recipe.json /app" not in (tmp_path / "box" / "Dockerfile").read_text()


def test_an_empty_folder_will_do_and_another_will_not(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    export_container(GOLDEN, tmp_path / "empty")
    before = sorted((tmp_path / "empty").rglob("*"))
    (tmp_path / "file").write_text("")
    for taken in (tmp_path / "empty", tmp_path / "file"):
        with pytest.raises(StorageError, match="which is not empty"):
            export_container(GOLDEN, taken)
    assert sorted((tmp_path / "empty").rglob("*")) == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["empty", "file"]


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("justright.export.container.os.fsync", full)
    with pytest.raises(StorageError, match="No space left on device while writing the container"):
        export_container(GOLDEN, tmp_path / "box")
    assert not list(tmp_path.iterdir())


def test_a_damaged_model_is_refused(tmp_path: Path):
    shutil.copytree(GOLDEN, tmp_path / "model")
    (tmp_path / "model" / "card.md").write_text("# Another card")
    with pytest.raises(BundleError):
        export_container(tmp_path / "model", tmp_path / "box")
    assert not (tmp_path / "box").exists()
