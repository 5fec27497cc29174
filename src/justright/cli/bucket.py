"""A model out of a bucket, by the standard library alone: what Vertex AI expects of a container that serves.

`AIP_STORAGE_URI` names a folder of the bucket. Each file is asked for by the JSON API of Cloud Storage, with
the token that the machine's own metadata server gives; every hash is compared when the model is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from justright.bundle.format import LIMITS
from justright.errors import BundleError, StorageError

__all__ = ["fetch_model"]

_STORE: Final = "https://storage.googleapis.com"
_TOKEN: Final = "/computeMetadata/v1/instance/service-accounts/default/token"
_SECONDS: Final = 60.0
_MANIFEST: Final = 64 << 10


def fetch_model(uri: str, folder: Path, environment: Mapping[str, str]) -> Path:
    """Copy a model from a bucket into a folder, the manifest last, and return the folder.

    Parameters
    ----------
    uri : str
        gs://BUCKET/FOLDER.
    folder : Path
        Made where it is not there.
    environment : mapping of str to str
        STORAGE_EMULATOR_HOST and GCE_METADATA_HOST, where they are set, name other hosts than the usual ones;
        an emulator is asked without a token.

    Raises
    ------
    StorageError
        The bucket cannot be read, a file is missing, or the folder cannot be written.
    BundleError
        A file is larger than a model's can be.
    """
    bucket, _, inner = uri.removeprefix("gs://").partition("/")
    emulator = environment.get("STORAGE_EMULATOR_HOST", "")
    base = (emulator if "://" in emulator else f"http://{emulator}") if emulator else _STORE
    headers = {} if emulator else {"Authorization": f"Bearer {_token(environment)}"}
    prefix = f"{inner.rstrip('/')}/" if inner.strip("/") else ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, limit in {**LIMITS, "manifest.json": _MANIFEST}.items():
            place = (
                f"{base}/storage/v1/b/{quote(bucket, safe='')}/o/{quote(prefix + name, safe='')}?alt=media"
            )
            data = _get(place, headers, limit, f"gs://{bucket}/{prefix}{name}")
            (folder / name).write_bytes(data)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(f"{error.strerror or error} while keeping {uri}", where=str(folder)) from error
    return folder


def _token(environment: Mapping[str, str]) -> str:
    """Ask the metadata server of the machine for a token."""
    host = environment.get("GCE_METADATA_HOST", "metadata.google.internal")
    answer = _get(f"http://{host}{_TOKEN}", {"Metadata-Flavor": "Google"}, 1 << 16, f"the token of {host}")
    try:
        return str(json.loads(answer)["access_token"])
    except (ValueError, KeyError, TypeError) as error:
        raise StorageError("an answer without a token", where=host) from error


def _get(place: str, headers: Mapping[str, str], limit: int, name: str) -> bytes:
    """Read an address, at most `limit` bytes."""
    try:
        with urlopen(Request(place, headers=dict(headers)), timeout=_SECONDS) as answer:
            data: bytes = answer.read(limit + 1)
    except HTTPError as error:
        raise StorageError(
            f"status {error.code} for {name}",
            allowed="a folder that holds a model, readable by the service account",
            next_step="gcloud storage ls on the folder",
        ) from error
    except (URLError, HTTPException, OSError) as error:
        raise StorageError(
            f"{getattr(error, 'reason', error)} while reading {name}",
            allowed="a machine of the platform, or STORAGE_EMULATOR_HOST",
        ) from error
    if len(data) > limit:
        raise BundleError(f"{name} of more than {limit} bytes", allowed=f"at most {limit}")
    return data
