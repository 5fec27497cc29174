"""Kept runs: one compressed file a table and group, so that rules are written without training again."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from planting import Case

from justright.diagnose.evidence import Evidence


def _plain(value: Any) -> Any:
    """Write an array as its type, shape and bytes."""
    if isinstance(value, np.ndarray):
        kept = value.astype(np.float32) if value.dtype == np.float64 else value
        return {"dtype": str(kept.dtype), "shape": list(kept.shape), "bytes": kept.tobytes()}
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(type(value).__name__)


def _array(kind: Any, value: Any) -> Any:
    """Read an array."""
    made = np.frombuffer(value["bytes"], value["dtype"]).reshape(value["shape"])
    return made.astype(np.float64) if made.dtype == np.float32 else made


def keep(path: Path, cases: list[Case]) -> None:
    """Write cases; the file appears when it is whole."""
    beside = path.with_suffix(".part")
    beside.write_bytes(gzip.compress(msgspec.msgpack.encode(cases, enc_hook=_plain), 6))
    beside.rename(path)


def kept(path: Path) -> list[Case]:
    """Read cases."""
    return [_case(each) for each in msgspec.msgpack.decode(gzip.decompress(path.read_bytes()))]


def _case(each: dict[str, Any]) -> Case:
    """Read a case; arrays are those of `HeldRows`."""
    held = each["evidence"].pop("held")
    evidence = msgspec.convert({**each["evidence"], "held": None}, Evidence)
    from dataclasses import replace

    from justright.diagnose.evidence import HeldRows

    rows = HeldRows(**{name: _array(None, value) for name, value in held.items()})
    return Case(**{**each, "evidence": replace(evidence, held=rows)})
