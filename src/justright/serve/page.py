"""The page to try the models: one file that asks the server for its own description, and nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Final

__all__ = ["page", "policy"]

_SCRIPT: Final = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_STYLE: Final = re.compile(r"<style>(.*?)</style>", re.DOTALL)


@cache
def page() -> bytes:
    """Return the page; it holds no word of a model.

    Examples
    --------
    >>> page()[:15]
    b'<!doctype html>'
    """
    return Path(__file__).with_name("page.html").read_bytes()


@cache
def policy() -> tuple[tuple[str, str], ...]:
    """Return headers that let the page run its own script alone and ask this server alone."""
    text = page().decode("utf-8")
    script, style = (
        _hashed(found.group(1)) for found in (_SCRIPT.search(text), _STYLE.search(text)) if found
    )
    parts = (
        "default-src 'none'",
        f"script-src {script}",
        f"style-src {style}",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return (
        ("content-security-policy", "; ".join(parts)),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    )


def _hashed(text: str) -> str:
    """Return the hash by which a policy names a script or a style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"
