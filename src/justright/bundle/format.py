"""A bundle: one folder of plain files that is the whole model, written atomically and read with suspicion.

    model.json           ModelFile: schema, features, front, link, threshold, metrics
    weights.safetensors  named arrays
    baseline.json        statistics of the training rows
    card.md              what a customer must hear
    manifest.json        format number, sha256 and size of each file above

The model's id is the sha256 of `manifest.json`, which is canonical JSON: equal models have equal ids.
Nothing in a bundle is executed or imported; a folder is never changed once written.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import msgspec

from justright.bundle import strict_json
from justright.bundle.tensors import AnyArray, pack, unpack
from justright.errors import BundleError, StorageError
from justright.optim.calibration_map import Calibration
from justright.optim.interval_map import Intervals
from justright.schema import Schema, Task

__all__ = ["FORMAT", "LIMITS", "Bundle", "Link", "ModelFile", "read_bundle", "write_bundle"]

Link: TypeAlias = Literal["identity", "logistic", "softmax", "log"]

FORMAT: Final = 1
"""The format this version writes, and the only one it reads."""

LIMITS: Final[Mapping[str, int]] = {
    "model.json": 64 << 20,
    "weights.safetensors": 2 << 30,
    "baseline.json": 64 << 20,
    "card.md": 4 << 20,
}
"""The files of a bundle beside the manifest, each with its most bytes."""

_MANIFEST: Final = "manifest.json"
_MANIFEST_LIMIT: Final = 64 << 10
_LINKS: Final[Mapping[Task, tuple[Link, ...]]] = {
    "regression": ("identity", "log"),
    "binary": ("logistic",),
    "multiclass": ("softmax",),
}


class ModelFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The content of `model.json`: everything but the arrays.

    Parameters
    ----------
    format : int
        Format number of the bundle.
    schema : Schema
        Columns and target as inferred at training; `schema.target` is required.
    features : dict
        The feature plan as plain data.
    family : str
        Name of the numpy forward that turns blocks into margins; only a name, looked up in a table.
    front : dict
        The family's own plain data (clips, indicators, crosses); default none.
    hyperparameters : dict
        What was chosen (penalty, passes); for people, not used to score.
    task : {"regression", "binary", "multiclass"}
        Must be the task of `schema.target`.
    outputs : int
        Columns of the margins: 1, or the number of classes for `multiclass`.
    link : {"identity", "logistic", "softmax", "log"}
        From margins to predictions: x, 1 / (1 + exp(-x)), exp(x_j) / sum(exp(x)), exp(x).
    threshold : float or None
        Probability of class 1 from which a row is called class 1, 0..1; None = 0.5. Binary only.
    threshold_note : str
        Why this threshold.
    offset : tuple of float, optional
        Added to the margin of each output: takes back what a training on balanced classes did to it.
    calibration : Calibration, optional
        What is done to probabilities; only where held-out rows prove that it helps.
    intervals : Intervals, optional
        Prediction intervals of a regression.
    missing_seen : tuple of str
        Columns that a JSON row may leave out, beside those of which the feature plan itself knows that
        training rows had gaps.
    metrics : dict
        Measured at training, by name.
    versions : dict of str to str
        Versions of the libraries at training.
    created_by : str
        The program that wrote it.
    """

    format: int = FORMAT
    schema: Schema
    features: dict[str, Any]
    family: str
    front: dict[str, Any] = {}
    hyperparameters: dict[str, Any] = {}
    task: Task
    outputs: int
    link: Link
    threshold: float | None = None
    threshold_note: str = ""
    # Left out of the file where there is none: a model of an earlier version keeps its id.
    offset: tuple[float, ...] | msgspec.UnsetType = msgspec.UNSET
    calibration: Calibration | msgspec.UnsetType = msgspec.UNSET
    intervals: Intervals | msgspec.UnsetType = msgspec.UNSET
    missing_seen: tuple[str, ...] = ()
    metrics: dict[str, Any] = {}
    versions: dict[str, str] = {}
    created_by: str = ""


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file in the manifest."""

    sha256: str
    size: int


class _Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The manifest; its canonical bytes are what the model's id is the hash of."""

    format: int
    files: dict[str, _File]


class _Probe(msgspec.Struct, frozen=True):
    """The one field of a manifest that every format, also a later one, has."""

    format: int


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle in memory, checked.

    Parameters
    ----------
    model : ModelFile
        Content of `model.json`.
    arrays : mapping of str to ndarray
        The weights, read-only.
    baseline : dict
        Statistics of the training rows.
    card : str
        Markdown.
    model_id : str
        sha256 of the manifest, 64 hexadecimal digits.
    """

    model: ModelFile
    arrays: Mapping[str, AnyArray]
    baseline: Mapping[str, Any]
    card: str
    model_id: str


def write_bundle(
    path: str | Path, model: ModelFile, arrays: Mapping[str, AnyArray], baseline: dict[str, Any], card: str
) -> str:
    """Write a new bundle folder, whole or not at all, and return the model's id.

    Parameters
    ----------
    path : str or Path
        The folder to make; its parent must exist, it must not.
    model : ModelFile
        Dicts inside may hold JSON values only; NaN is refused, not turned into null.
    arrays : mapping of str to ndarray
        Weights: finite floats, integers, booleans.
    baseline : dict
        JSON values.
    card : str
        Markdown.

    Returns
    -------
    str
        The id: equal arguments give equal bytes, hence an equal id. No clock enters.

    Raises
    ------
    BundleError
        The parts do not fit each other or cannot be stored exactly; nothing was written.
    StorageError
        The folder exists, the disk is full, no right to write; nothing is left behind.

    Notes
    -----
    Files go to a hidden folder beside `path`, are flushed to the disk, then the folder is renamed.
    The whole bundle is held in memory once.

    Examples
    --------
    >>> import tempfile
    >>> from justright.schema import Column, Schema, Target
    >>> price = Target(Column("price", "numeric", "number"), "regression")
    >>> model = ModelFile(schema=Schema((), price), features={}, family="linear", task="regression",
    ...                   outputs=1, link="identity")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     model_id = write_bundle(folder + "/model", model, {}, {}, "# Card")
    ...     read_bundle(folder + "/model").model_id == model_id
    True
    """
    target = Path(path)
    try:
        files = _encode(model, arrays, baseline, card)
    except UnicodeEncodeError as error:
        raise BundleError(
            f"a text with a lone surrogate: {error}", allowed="text that UTF-8 holds"
        ) from error
    if target.exists() or target.is_symlink():
        raise StorageError(f"path={str(target)!r}, which exists", next_step="another path; a bundle is final")
    try:
        _write_folder(target, files)
    except OSError as error:
        received = f"{error.strerror or error} while writing the bundle {str(target)!r}"
        raise StorageError(
            received, next_step="make room or choose another folder; nothing was left"
        ) from error
    return hashlib.sha256(files[_MANIFEST]).hexdigest()


def read_bundle(path: str | Path, verify: bool = True) -> Bundle:
    """Read a bundle of any origin: every limit, hash and shape is checked before anything is used.

    Parameters
    ----------
    path : str or Path
        The folder; other files in it are not looked at.
    verify : bool, default True
        Compare the sha256 of every file. False saves hashing where the folder is trusted and large;
        sizes, limits and contents are checked all the same.

    Raises
    ------
    StorageError
        No such folder, or no right to read it.
    BundleError
        Not a bundle, of another format, damaged or unsafe; says which file and why.

    Notes
    -----
    Limits: `LIMITS` bytes a file, 64 levels of JSON, 4 MiB and 10,000 tensors in the header of the
    weights. A file that is a link, a pipe or a device is refused. Memory: the size of the files.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise StorageError(
            f"path={str(folder)!r}", allowed="the folder of a bundle", next_step="check the path"
        )
    manifest_bytes = _read_file(folder / _MANIFEST, _MANIFEST_LIMIT)
    manifest = _decode_manifest(manifest_bytes)
    files = {name: _read_listed(folder / name, entry, verify) for name, entry in manifest.files.items()}
    return _decode(files, hashlib.sha256(manifest_bytes).hexdigest())


def _encode(
    model: ModelFile, arrays: Mapping[str, AnyArray], baseline: dict[str, Any], card: str
) -> dict[str, bytes]:
    """Return the bytes of every file, after proving that they can be read again."""
    if model.format != FORMAT:
        raise BundleError(f"format={model.format}", allowed=str(FORMAT), where="model")
    for name in ("features", "front", "hyperparameters", "metrics"):
        strict_json.check_plain(getattr(model, name), name)
    strict_json.check_plain(baseline, "baseline")
    strict_json.check_plain(model.threshold, "threshold")
    files = {
        "model.json": strict_json.encode(model),
        "weights.safetensors": pack(arrays),
        "baseline.json": strict_json.encode(baseline),
        "card.md": card.encode("utf-8"),
    }
    for name, data in files.items():
        if len(data) > LIMITS[name]:
            raise BundleError(f"{len(data)} bytes", allowed=f"at most {LIMITS[name]}", where=name)
    _decode(files, "")
    entries = {name: _File(hashlib.sha256(data).hexdigest(), len(data)) for name, data in files.items()}
    return {**files, _MANIFEST: strict_json.encode(_Manifest(FORMAT, entries))}


def _decode(files: Mapping[str, bytes], model_id: str) -> Bundle:
    """Parse and check the four files."""
    model = strict_json.decode(files["model.json"], ModelFile, where="model.json")
    _check_model(model)
    try:
        card = files["card.md"].decode("utf-8")
    except UnicodeDecodeError as error:
        raise BundleError(f"bytes that are no text: {error}", allowed="UTF-8", where="card.md") from error
    return Bundle(
        model=model,
        arrays=unpack(files["weights.safetensors"]),
        baseline=strict_json.decode(files["baseline.json"], dict[str, Any], where="baseline.json"),
        card=card,
        model_id=model_id,
    )


def _check_model(model: ModelFile) -> None:
    """Refuse parts of `model.json` that contradict each other."""
    target, task = model.schema.target, model.task
    names = [column.name for column in model.schema.columns]
    n_classes = len(target.classes) if target else 0
    outputs = n_classes if task == "multiclass" else 1
    threshold = 0.5 if model.threshold is None else model.threshold
    rules = (
        (model.format == FORMAT, f"format={model.format}", str(FORMAT)),
        (target is not None and target.task == task, f"task={task!r}", "the task of schema.target"),
        (model.link in _LINKS[task], f"link={model.link!r} with task={task!r}", " or ".join(_LINKS[task])),
        (model.outputs == outputs, f"outputs={model.outputs}", f"{outputs} for this {task} target"),
        (task != "binary" or n_classes == 2, f"{n_classes} classes of a binary target", "2"),
        (task != "multiclass" or n_classes >= 2, f"{n_classes} classes", "2 or more"),
        (len(set(target.classes if target else ())) == n_classes, "a class twice", "each class once"),
        (
            not isinstance(model.offset, tuple)
            or (len(model.offset) == outputs and all(isfinite(each) for each in model.offset)),
            f"offset={model.offset!r:.60}",
            f"{outputs} finite numbers",
        ),
        (0.0 <= threshold <= 1.0, f"threshold={threshold}", "0..1"),
        (model.threshold is None or task == "binary", f"a threshold with task={task!r}", "None"),
        (len(set(names)) == len(names), "a column name twice", "each column once"),
    )
    for holds, received, allowed in rules:
        if not holds:
            raise BundleError(received, allowed=allowed, where="model.json")


def _decode_manifest(data: bytes) -> _Manifest:
    """Parse the manifest; the format number comes first, so that a later format is named as such."""
    number = strict_json.decode(data, _Probe, where=_MANIFEST).format
    if number != FORMAT:
        newer = "install a newer justright" if number > FORMAT else "train again; this was never a format"
        raise BundleError(f"format={number}", allowed=str(FORMAT), where=_MANIFEST, next_step=newer)
    manifest = strict_json.decode(data, _Manifest, where=_MANIFEST)
    if set(manifest.files) != set(LIMITS):
        received = f"the files {sorted(manifest.files)!r:.200}"
        raise BundleError(received, allowed=", ".join(LIMITS), where=_MANIFEST)
    if strict_json.encode(manifest) != data:
        raise BundleError("a manifest that was written anew", allowed="its canonical bytes", where=_MANIFEST)
    return manifest


def _read_listed(path: Path, entry: _File, verify: bool) -> bytes:
    """Read one file of the manifest and compare size and hash."""
    limit = LIMITS[path.name]
    if not 0 <= entry.size <= limit:
        raise BundleError(f"size={entry.size} of {path.name}", allowed=f"0..{limit} bytes", where=_MANIFEST)
    data = _read_file(path, entry.size)
    damaged = len(data) != entry.size or (verify and hashlib.sha256(data).hexdigest() != entry.sha256)
    if damaged:
        received = f"{len(data)} bytes that are not what the manifest says"
        allowed = f"{entry.size} bytes with sha256 {entry.sha256[:12]}..."
        raise BundleError(received, allowed=allowed, where=path.name, next_step="copy the bundle again")
    return data


def _read_file(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes; links, pipes and devices are refused unopened."""
    # O_NONBLOCK: opening a pipe that nobody writes to would wait for ever.
    flags = (
        os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    try:
        if path.is_symlink():
            raise BundleError("a link", allowed="a regular file", where=path.name)
        with os.fdopen(os.open(path, flags), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise BundleError("no regular file", allowed="a regular file", where=path.name)
            if found.st_size > limit:
                raise BundleError(f"{found.st_size} bytes", allowed=f"at most {limit}", where=path.name)
            return file.read(limit + 1)
    except FileNotFoundError as error:
        step = "give the folder that holds manifest.json"
        raise BundleError(f"no file {path.name}", where=str(path.parent), next_step=step) from error
    except OSError as error:
        raise StorageError(
            f"{error.strerror or error}", where=str(path), next_step="check the rights"
        ) from error


def _write_folder(target: Path, files: Mapping[str, bytes]) -> None:
    """Write into a hidden folder beside the target, flush, rename; on any failure leave nothing."""
    import secrets
    import shutil

    temporary = target.parent / f".{target.name}.{secrets.token_hex(8)}"
    temporary.mkdir()
    try:
        for name, data in files.items():
            with (temporary / name).open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        _sync_folder(temporary)
        temporary.rename(target)
        _sync_folder(target.parent)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _sync_folder(path: Path) -> None:
    """Flush a folder's entries, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
