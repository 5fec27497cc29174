"""Bundles: whole or not at all on disk, the same bytes from the same parts, and refused when touched."""

import errno
import hashlib
import json
import os
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from justright.bundle import format as bundle_format
from justright.bundle.format import LIMITS, read_bundle, write_bundle
from justright.bundle.strict_json import encode
from justright.errors import BundleError, StorageError

FILES = [*LIMITS, "manifest.json"]


def forge(folder: Path, name: str, data: bytes) -> None:
    """Replace a file and write a manifest that fits it: what a clever attacker would do."""
    (folder / name).write_bytes(data)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest, order="sorted"))


def forge_model(folder: Path, **changes: object) -> None:
    """Change fields of model.json under a manifest that fits."""
    forge(
        folder, "model.json", json.dumps(json.loads((folder / "model.json").read_bytes()) | changes).encode()
    )


def test_round_trip(folder, parts):
    bundle = read_bundle(folder)
    assert encode(bundle.model) == encode(parts["model"])
    assert bundle.baseline == parts["baseline"]
    assert bundle.card == parts["card"]
    assert {name: a.tolist() for name, a in bundle.arrays.items()} == {
        name: a.tolist() for name, a in parts["arrays"].items()
    }


def test_the_id_is_the_hash_of_the_manifest(folder):
    digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    assert read_bundle(folder).model_id == digest


def test_same_parts_same_bytes(tmp_path, parts):
    parts_again = parts | {"arrays": dict(reversed(parts["arrays"].items()))}
    assert write_bundle(tmp_path / "a", **parts) == write_bundle(tmp_path / "b", **parts_again)
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_other_parts_other_id(tmp_path, parts):
    first = write_bundle(tmp_path / "a", **parts)
    assert first != write_bundle(tmp_path / "b", **parts | {"card": "# Another\n"})


def test_a_bundle_is_never_overwritten(folder, parts):
    with pytest.raises(StorageError, match="which exists"):
        write_bundle(folder, **parts)
    read_bundle(folder)


def test_a_link_in_the_place_is_never_followed(tmp_path, parts):
    (tmp_path / "model").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="which exists"):
        write_bundle(tmp_path / "model", **parts)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("call", range(7))
def test_a_full_disk_is_one_error_and_leaves_nothing(tmp_path, parts, monkeypatch, call):
    (tmp_path / "earlier").mkdir()
    real, calls = os.fsync, []

    def fsync(handle: int) -> None:
        calls.append(handle)
        if len(calls) == call + 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(bundle_format.os, "fsync", fsync)
    with pytest.raises(StorageError, match="No space left on device"):
        write_bundle(tmp_path / "model", **parts)
    left = sorted(path.name for path in tmp_path.iterdir())
    # The last flush is that of the parent, after the rename: the bundle is there and whole.
    assert left == ["earlier", "model"] if call == 6 else ["earlier"]


def test_ctrl_c_leaves_nothing(tmp_path, parts, monkeypatch):
    def interrupt(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bundle_format.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bundle(tmp_path / "model", **parts)
    assert not list(tmp_path.iterdir())


def test_a_missing_parent_is_a_storage_error(tmp_path, parts):
    with pytest.raises(StorageError, match="No such file"):
        write_bundle(tmp_path / "no" / "model", **parts)


def test_what_cannot_be_stored_exactly_is_refused_before_anything_is_written(tmp_path, parts):
    model = parts["model"]
    bad = [
        {"arrays": {"weights": np.array([np.nan])}},
        {"baseline": {"mean": float("nan")}},
        {"baseline": {"mean": np.float64(1.0)}},
        {"card": "\ud800"},
        {"baseline": {"\ud800": 1}},
        {"model": msgspec.structs.replace(model, metrics={"auc": float("inf")})},
        {"model": msgspec.structs.replace(model, front={1: 2})},
        {"model": msgspec.structs.replace(model, link="identity")},
        {"model": msgspec.structs.replace(model, outputs=2)},
        {"model": msgspec.structs.replace(model, task="regression")},
        {"model": msgspec.structs.replace(model, threshold=1.5)},
        {"model": msgspec.structs.replace(model, threshold=float("nan"))},
        {"model": msgspec.structs.replace(model, format=2)},
    ]
    for change in bad:
        with pytest.raises(BundleError):
            write_bundle(tmp_path / "bad", **parts | change)
    assert [path.name for path in tmp_path.iterdir()] == []


@pytest.mark.parametrize("name", FILES)
def test_every_flipped_bit_is_found(folder, name):
    path = folder / name
    whole = path.read_bytes()
    step = max(1, len(whole) * 8 // 100)
    for bit in range(0, len(whole) * 8, step):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(BundleError):
            read_bundle(folder)
    path.write_bytes(whole)
    read_bundle(folder)


@pytest.mark.parametrize("name", FILES)
def test_every_truncation_is_found_also_unverified(folder, name):
    whole = (folder / name).read_bytes()
    for size in {0, 1, len(whole) // 2, len(whole) - 1}:
        (folder / name).write_bytes(whole[:size])
        with pytest.raises(BundleError):
            read_bundle(folder, verify=False)
    (folder / name).write_bytes(whole + b" ")
    with pytest.raises(BundleError):
        read_bundle(folder, verify=False)


@pytest.mark.parametrize("name", FILES)
def test_missing_linked_and_odd_files_are_refused(folder, tmp_path, name):
    path = folder / name
    moved = tmp_path / "moved"
    path.rename(moved)
    with pytest.raises(BundleError, match=f"no file {name}"):
        read_bundle(folder)
    path.symlink_to(moved)
    with pytest.raises(BundleError, match="a link"):
        read_bundle(folder)
    path.unlink()
    path.mkdir()
    with pytest.raises((BundleError, StorageError)):
        read_bundle(folder)
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(BundleError, match="no regular file"):
        read_bundle(folder)


def test_other_files_are_not_looked_at(folder):
    (folder / "model.sig").write_bytes(b"\x00")
    os.mkfifo(folder / "pipe")
    read_bundle(folder)


def test_a_link_to_the_folder_is_followed(folder, tmp_path):
    (tmp_path / "current").symlink_to(folder)
    assert read_bundle(tmp_path / "current").model_id == read_bundle(folder).model_id


def test_no_folder_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "none", tmp_path / "file"):
        with pytest.raises(StorageError, match="the folder of a bundle"):
            read_bundle(path)


def test_an_empty_folder_says_what_to_give(tmp_path):
    with pytest.raises(BundleError, match=r"no file manifest\.json.*Next: give the folder"):
        read_bundle(tmp_path)


@pytest.mark.parametrize(("number", "step"), [(2, "install a newer justright"), (0, "train again")])
def test_another_format_is_one_clear_error(folder, number, step):
    # A later format may have other files and fields: the number is what is read first.
    (folder / "manifest.json").write_text(json.dumps({"format": number, "tree": {"a": [1]}}))
    with pytest.raises(BundleError, match=rf"format={number}.*allowed: 1.*{step}"):
        read_bundle(folder)


def test_a_forged_format_inside_the_model_is_refused(folder):
    forge_model(folder, format=2)
    with pytest.raises(BundleError, match="format=2"):
        read_bundle(folder)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "sub/model.json", "model.json\x00", "..", ""]
)
def test_names_that_leave_the_folder_are_refused(folder, name):
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for files in (
        manifest["files"] | {name: {"sha256": "0" * 64, "size": 1}},
        {name if key == "card.md" else key: entry for key, entry in manifest["files"].items()},
    ):
        data = msgspec.json.encode({"format": 1, "files": files}, order="sorted")
        (folder / "manifest.json").write_bytes(data)
        with pytest.raises(BundleError, match="the files"):
            read_bundle(folder)


def test_a_manifest_that_is_not_canonical_is_refused(folder):
    manifest = json.loads((folder / "manifest.json").read_bytes())
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))
    with pytest.raises(BundleError, match="canonical"):
        read_bundle(folder)


@pytest.mark.parametrize("size", [-1, 2**62])
def test_impossible_sizes_are_refused_before_reading(folder, size):
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"]["card.md"]["size"] = size
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest, order="sorted"))
    with pytest.raises(BundleError, match=rf"size={size}"):
        read_bundle(folder)


def test_a_sparse_file_of_many_gigabytes_is_refused_unread(folder):
    with (folder / "manifest.json").open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(BundleError, match="at most 65536"):
        read_bundle(folder)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[" * 10**6 + b"]" * 10**6, "nested"),
        (b'{"format":1,"format":1}', "twice"),
        (b"{}", "does not parse"),
        (b"\x80\x04\x95.", "does not parse"),
    ],
)
def test_forged_models_are_refused(folder, data, message):
    forge(folder, "model.json", data)
    with pytest.raises(BundleError, match=message):
        read_bundle(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"import": "os"},
        {"task": "ranking"},
        {"link": "probit"},
        {"outputs": -1},
        {"outputs": 10**9},
        {"threshold": -0.1},
        {"threshold": "0.5"},
        {"schema": {"columns": []}},
        {"features": []},
        {"family": 7},
    ],
)
def test_forged_fields_are_refused(folder, changes):
    forge_model(folder, **changes)
    with pytest.raises(BundleError, match=r"model\.json"):
        read_bundle(folder)


def test_doubled_columns_are_refused(folder):
    model = json.loads((folder / "model.json").read_bytes())
    model["schema"]["columns"] *= 2
    forge(folder, "model.json", json.dumps(model).encode())
    with pytest.raises(BundleError, match="a column name twice"):
        read_bundle(folder)


def test_a_forged_baseline_and_card_are_refused(folder):
    card = (folder / "card.md").read_bytes()
    forge(folder, "card.md", b"\xff\xfe")
    with pytest.raises(BundleError, match="no text"):
        read_bundle(folder)
    forge(folder, "card.md", card)
    forge(folder, "baseline.json", b"[1]")
    with pytest.raises(BundleError, match=r"baseline\.json"):
        read_bundle(folder)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_forged_bytes_never_do_more_than_raise(folder, data):
    name = data.draw(st.sampled_from(list(LIMITS)))
    whole = bytearray((folder / name).read_bytes())
    kept = {file: (folder / file).read_bytes() for file in (name, "manifest.json")}
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(whole)))
        whole[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    forge(folder, name, bytes(whole))
    try:
        read_bundle(folder)
    except BundleError:
        pass
    finally:
        for file, content in kept.items():
            (folder / file).write_bytes(content)
