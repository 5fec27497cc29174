"""The running program as a wheel: the image gets the very code that made the model, from no index."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

__all__ = ["wheel"]

_WHEN: Final = (1980, 1, 1, 0, 0, 0)
_WHEEL: Final = "Wheel-Version: 1.0\nGenerator: justright\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def wheel(package: str = "justright") -> tuple[str, bytes]:
    """Return the file name and the bytes of a wheel of this program; equal sources give equal bytes.

    Examples
    --------
    >>> name, data = wheel()
    >>> name.startswith("justright-") and name.endswith("-py3-none-any.whl"), data[:2]
    (True, b'PK')
    """
    found = distribution(package)
    info = f"{package}-{found.version}.dist-info"
    root = Path(__file__).parents[1]
    files = {
        f"{package}/{path.relative_to(root).as_posix()}": path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    files[f"{info}/METADATA"] = (found.read_text("METADATA") or "").encode()
    files[f"{info}/WHEEL"] = _WHEEL.encode()
    files[f"{info}/entry_points.txt"] = (found.read_text("entry_points.txt") or "").encode()
    lines = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, _WHEN)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return f"{package}-{found.version}-py3-none-any.whl", buffer.getvalue()


def _digest(data: bytes) -> str:
    """Return the hash of a file as a wheel writes it."""
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
