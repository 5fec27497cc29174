"""The history of a model: one line a step, only ever added to; the aliases follow from it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from justright.errors import StorageError
from justright.registry.record import Step

__all__ = ["read_steps", "stacks_of"]


def read_steps(folder: Path) -> tuple[Step, ...]:
    """Read the history; a last line that was cut short does not count."""
    path = folder / "history.jsonl"
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise StorageError("a history that cannot be read", where=f"{path}: {error.strerror}") from error
    try:
        return tuple(
            msgspec.json.decode(line, type=Step) for line in data[: data.rfind(b"\n") + 1].splitlines()
        )
    except msgspec.DecodeError as error:
        raise StorageError(
            "a history that is damaged", where=f"{path}: {error}", allowed="one JSON object a line"
        ) from error


def stacks_of(steps: tuple[Step, ...]) -> dict[str, list[int]]:
    """Return where each alias has been and is: a move adds a place, a rollback takes one away."""
    been: dict[str, list[int]] = {}
    for step in steps:
        own = been.setdefault(step.alias, [])
        if step.what == "rollback":
            own[:] = [*own[:-2], step.version]
        elif step.what == "move":
            own.append(step.version)
    been.pop("", None)
    return been
