"""Who may ask: bearer tokens, compared in constant time, and names of hosts that a request may give."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from justright.errors import RecipeError, StorageError

__all__ = ["LOCAL_HOSTS", "Access", "is_local", "read_tokens"]

LOCAL_HOSTS: Final = ("127.0.0.1", "localhost", "::1")
"""Names of this machine for itself."""

_LEAST: Final = 16


class Access:
    """Decides who may ask.

    Parameters
    ----------
    tokens : iterable of str
        Bearer tokens; none = everybody may.
    hosts : iterable of str
        Names allowed in the header `Host`, without a port; none = every name. A list stops a web page in
        a browser on this machine from reaching the server under a name of its own (DNS rebinding).

    Examples
    --------
    >>> access = Access(["a-token-of-some-length"], ["localhost"])
    >>> access.knows(b"Bearer a-token-of-some-length"), access.knows(b"Bearer guess"), access.knows(None)
    (True, False, False)
    >>> access.reaches(b"localhost:8080"), access.reaches(b"evil.example"), access.reaches(None)
    (True, False, False)
    """

    def __init__(self, tokens: Iterable[str] = (), hosts: Iterable[str] = ()) -> None:
        self._digests = [_digest(token.encode("utf-8")) for token in tokens]
        self._hosts = frozenset(host.lower().strip("[]").encode("ascii", "replace") for host in hosts)
        self._known: set[bytes] = set()

    @property
    def open(self) -> bool:
        """No token is asked for."""
        return not self._digests

    def knows(self, header: bytes | None) -> bool:
        """Say whether the header `Authorization` brings a token, in a time that does not tell which."""
        if not self._digests:
            return True
        scheme, _, token = (header or b"").partition(b" ")
        digest = _digest(token.strip())
        found = False
        for own in self._digests:  # all of them, whichever matches
            found |= hmac.compare_digest(own, digest)
        return found and scheme.lower() == b"bearer"

    def reaches(self, header: bytes | None) -> bool:
        """Say whether the header `Host` names us."""
        if not self._hosts:
            return True
        if header is None:
            return False
        if header in self._known:
            return True
        name = header.strip().lower()
        if name.startswith(b"["):
            name = name[1:].partition(b"]")[0]
        elif name.count(b":") == 1:
            name = name.partition(b":")[0]
        if name not in self._hosts:
            return False
        if len(self._known) < 64:
            self._known.add(header)
        return True


def read_tokens(path: str | Path) -> list[str]:
    """Read a file of tokens: one a line, blank lines and lines that begin with # are skipped.

    Raises
    ------
    StorageError
        The file cannot be read.
    RecipeError
        It holds no token, or one that is too short to be safe or has a blank in it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
    ...     _ = file.write("# made with: openssl rand -hex 32\\n0123456789abcdef0123\\n")
    ...     file.flush()
    ...     read_tokens(file.name)
    ['0123456789abcdef0123']
    """
    step = "openssl rand -hex 32 > FILE; chmod 600 FILE"
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"token file {str(path)!r}: {error}", next_step=step) from error
    lines = [line.strip() for line in text.splitlines()]
    tokens = [line for line in lines if line and not line.startswith("#")]
    if not tokens:
        raise RecipeError("a token file without a token", where=str(path), next_step=step)
    for place, token in enumerate(tokens):
        if len(token) < _LEAST or not token.isascii() or any(mark.isspace() for mark in token):
            allowed = f"{_LEAST} ASCII characters or more without a blank"
            raise RecipeError(f"token {place + 1}", allowed=allowed, where=str(path), next_step=step)
    return tokens


def is_local(host: str) -> bool:
    """Say whether an address can only be reached from this machine.

    Examples
    --------
    >>> is_local("127.0.0.2"), is_local("0.0.0.0"), is_local("localhost")
    (True, False, True)
    """
    return host in LOCAL_HOSTS or host.startswith("127.")


def _digest(token: bytes) -> bytes:
    """Hash a token, so that all compare in the same time whatever their lengths."""
    return hashlib.sha256(token).digest()
