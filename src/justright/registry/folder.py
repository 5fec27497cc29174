"""The registry is a folder: versions that never change, aliases that move, and a history that only grows.

    models/<name>/
        versions/<n>/       a bundle, with record.json beside its files
        aliases.json        {"champion": 3}: replaced as a whole, so that a server sees a change by its inode
        history.jsonl       who registered or moved what, from where, why and when: one line a step
        baselines/          dated baselines of the monitor

Writers take turns by a lock a name; readers need none. A step is written down before it is done: the next
writer finishes what a killed one began, so that `aliases.json` is what the history says.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from justright.bundle.format import LIMITS, Bundle, read_bundle
from justright.errors import BundleError, RecipeError, StorageError, closest
from justright.registry.facts import MANIFEST, facts_of, place_of
from justright.registry.record import Entry, Record, Step, Table
from justright.registry.reference import CHAMPION, Reference, check_alias, check_name, read_reference
from justright.registry.steps import read_steps, stacks_of
from justright.registry.storage import (
    add_line,
    clear_left,
    copy_folder,
    held,
    publish,
    replace_file,
    translated,
)

__all__ = ["Registry", "open_registry"]

_FILES: Final = (*LIMITS, MANIFEST)
_RECORD: Final = "record.json"
_HALF: Final = ".[0-9]*.*"  # a version that is being copied


def open_registry(
    root: str | Path = "models", *, user: str = "", now: Callable[[], str] | None = None
) -> Registry:
    """Open the registry of a folder, which is made when the first model is registered.

    Parameters
    ----------
    root : str or Path, default "models"
        The folder.
    user : str, optional
        Who, for the history; default: the user of the system.
    now : callable, optional
        Returns the time for the history (ISO 8601); default: the clock of the system, UTC.

    Examples
    --------
    >>> open_registry("/nowhere/models").names()
    ()
    """
    return Registry(Path(root), user or _user(), now or _now)


class Registry:
    """Models by name; see `open_registry`.

    Parameters
    ----------
    root : Path
        The folder.
    user : str
        Who, for the history.
    now : callable
        Returns the time for the history.
    """

    def __init__(self, root: Path, user: str, now: Callable[[], str]) -> None:
        self.root = root
        self._user = user
        self._now = now

    def names(self) -> tuple[str, ...]:
        """Return the names of the models that have a version, sorted."""
        with translated("read the registry", self.root):
            found = [each.name for each in self.root.iterdir()] if self.root.is_dir() else []
        there = (name for name in sorted(found) if not name.startswith("."))
        return tuple(name for name in there if _numbers(self.root / name))

    def versions(self, name: str) -> tuple[Entry, ...]:
        """Return the versions of a model, the oldest first.

        Raises
        ------
        StorageError
            No model has this name.
        """
        numbers = _numbers(self.root / check_name(name))
        if not numbers:
            raise _unknown(name, self.root, self.names())
        return tuple(self._entry(name, number) for number in numbers)

    def aliases(self, name: str) -> dict[str, int]:
        """Return where the aliases of a model point; none for a name that is not there."""
        return _read_aliases(self.root / check_name(name))

    def resolve(self, text: str) -> Entry:
        """Find the version that a text names.

        Parameters
        ----------
        text : str
            `churn@champion`, `churn@3`, or `churn`: the champion, or the newest where there is none.

        Raises
        ------
        RecipeError
            It is no name.
        StorageError
            No model, alias or version of it is there.
        """
        asked = read_reference(text)
        numbers = _numbers(self.root / asked.name)
        if not numbers:
            raise _unknown(asked.name, self.root, self.names())
        aliases = self.aliases(asked.name)
        number = asked.version or aliases.get(asked.alias or CHAMPION) or (0 if asked.alias else numbers[-1])
        if not number:
            raise StorageError(
                f"model={text!r}, an alias that is not set",
                where=str(self.root / asked.name),
                allowed=closest(asked.alias, aliases) if aliases else f"versions {_listed(numbers)}",
                next_step=f"justright register {asked.name}@{numbers[-1]} --alias {asked.alias}",
            )
        if number not in numbers:
            raise StorageError(
                f"model={text!r}, a version that is not there",
                where=str(self.root / asked.name),
                allowed=f"versions {_listed(numbers)}",
            )
        return self._entry(asked.name, number)

    def record(self, entry: Entry) -> Record:
        """Return what is kept of a version: its run, recipe, rows and tables."""
        path = entry.path / _RECORD
        try:
            return msgspec.json.decode(path.read_bytes(), type=Record)
        except (OSError, msgspec.DecodeError) as error:
            raise StorageError(
                f"the record of {entry.name}@{entry.version}", where=f"{path}: {error}"
            ) from error

    def history(self, name: str) -> tuple[Step, ...]:
        """Return all steps of a model, the oldest first; a line that was cut short is left out."""
        return read_steps(self.root / check_name(name))

    def register(
        self,
        model: str | Path,
        name: str,
        alias: str | None = None,
        *,
        why: str = "",
        tables: tuple[Table, ...] | None = None,
    ) -> Entry:
        """Copy a model into the registry as a new version.

        Parameters
        ----------
        model : str or Path
            The folder of a finished run, or of a bundle.
        name : str
            The model; begun where it is new.
        alias : str, optional
            Moved to this version.
        why : str, default ""
            For the history.
        tables : tuple of Table, optional
            The tables that trained it; default: that of the recipe, read once for its hash.

        Returns
        -------
        Entry
            The new version; where the same model is there already, that one.

        Raises
        ------
        RecipeError
            A name or alias that cannot be one; a model of another target or task than the versions there.
        StorageError
            It is no model, the run has not ended, or the folder cannot be written: then nothing is left.
        BundleError
            The model is damaged.

        Notes
        -----
        Processes at once take turns and get different versions. A killed one leaves nothing half.
        """
        check_name(name)
        if alias is not None:
            check_alias(alias)
        source, run = place_of(Path(model))
        bundle = read_bundle(source)
        facts = facts_of(bundle, run, tables)
        folder = self.root / name
        with held(folder), translated("register a model", folder):
            _settle(folder)
            number = next((n for n in _numbers(folder) if _id(folder, n) == bundle.model_id), 0)
            if not number:
                if numbers := _numbers(folder):
                    _check_question(self._entry(name, numbers[-1]), bundle)
                number = self._copy(folder, source, bundle.model_id, facts)
            steps = read_steps(folder)
            if not any(step.what == "register" and step.version == number for step in steps):
                self._add(folder, "register", number, why=why)
            if alias is not None:
                self._point(folder, alias, number, "move", why)
        return self._entry(name, number)

    def move(
        self, name: str, alias: str, version: int, why: str = "", *, expected: int | None = None
    ) -> Entry:
        """Let an alias point to a version; nothing is done where it does.

        Parameters
        ----------
        name, alias, version, why
            As in `register`.
        expected : int, optional
            Where the alias must point now: a decision that was made against another version does not count.

        Raises
        ------
        RecipeError
            A name or alias that cannot be one.
        StorageError
            There is no such model or version, the alias is not where it was expected, or the folder cannot be
            written.
        """
        self.resolve(str(Reference(check_name(name), version=version)))
        check_alias(alias)
        folder = self.root / name
        with held(folder), translated("move an alias", folder):
            _settle(folder)
            now = _read_aliases(folder).get(alias, 0)
            if expected is not None and now != expected:
                raise StorageError(
                    f"{name}@{alias} at version {now}, moved by somebody meanwhile",
                    where=str(folder),
                    allowed=f"version {expected}",
                    next_step=f"justright register {name} shows its history",
                )
            self._point(folder, alias, version, "move", why)
        return self._entry(name, version)

    def rollback(self, name: str, alias: str = CHAMPION, why: str = "") -> Entry:
        """Let an alias point to where it was before its last move; once more, to where it was before that.

        Raises
        ------
        StorageError
            The alias has not been moved, or the version of before is gone.
        """
        self.versions(name)
        folder = self.root / name
        with held(folder), translated("move an alias", folder):
            _settle(folder)
            been = stacks_of(read_steps(folder)).get(check_alias(alias), [])
            if len(been) < 2:
                raise StorageError(
                    f"a rollback of {name}@{alias}, which has no place to go back to",
                    where=str(folder),
                    allowed="an alias that has pointed elsewhere before",
                    next_step=f"justright register {name} shows its history",
                )
            self.resolve(str(Reference(name, version=been[-2])))
            self._point(folder, alias, been[-2], "rollback", why)
        return self._entry(name, been[-2])

    def note(self, name: str, version: int, why: str) -> None:
        """Write a line into the history that changes nothing: what was found, and that nothing was moved."""
        self.resolve(str(Reference(check_name(name), version=version)))
        folder = self.root / name
        with held(folder), translated("write the history", folder):
            _settle(folder)
            self._add(folder, "note", version, why=why)

    def _entry(self, name: str, number: int) -> Entry:
        """Return a version that is there, with the aliases that point to it."""
        own = tuple(sorted(alias for alias, to in self.aliases(name).items() if to == number))
        folder = self.root / name
        return Entry(name, number, folder / "versions" / str(number), _id(folder, number), own)

    def _copy(self, folder: Path, source: Path, model_id: str, facts: dict[str, Any]) -> int:
        """Copy a bundle to the next free number, check the copy, and let it appear."""
        versions = folder / "versions"
        versions.mkdir(exist_ok=True)
        clear_left(versions, _HALF)
        number = max([0, *_numbers(folder), *(step.version for step in read_steps(folder))]) + 1
        record = Record(
            name=folder.name, version=number, model_id=model_id, when=self._now(), who=self._user, **facts
        )
        beside = versions / f".{number}.{secrets.token_hex(4)}"
        try:
            text = msgspec.json.format(msgspec.json.encode(record), indent=1)
            copy_folder(source, _FILES, {_RECORD: text + b"\n"}, beside)
            if read_bundle(beside).model_id != model_id:
                raise BundleError("a model that changed while it was copied", where=str(source))
            publish(beside, versions / str(number))
        except BaseException:
            clear_left(versions, _HALF)
            raise
        return number

    def _point(self, folder: Path, alias: str, number: int, what: str, why: str) -> None:
        """Write down that an alias moves, then move it."""
        aliases = _read_aliases(folder)
        if aliases.get(alias) == number:
            return
        self._add(folder, what, number, alias=alias, before=aliases.get(alias, 0), why=why)
        _write_aliases(folder, aliases | {alias: number})

    def _add(
        self, folder: Path, what: str, number: int, *, alias: str = "", before: int = 0, why: str = ""
    ) -> None:
        """Add a step to the history."""
        step = Step(
            what=what, when=self._now(), who=self._user, version=number, alias=alias, before=before, why=why
        )
        add_line(folder / "history.jsonl", msgspec.json.encode(step))


def _numbers(folder: Path) -> list[int]:
    """Return the numbers of the versions of a model that are there as a whole, rising."""
    versions = folder / "versions"
    with translated("read the registry", versions):
        found = [each.name for each in versions.iterdir()] if versions.is_dir() else []
    return sorted(int(each) for each in found if each.isascii() and each.isdigit())


def _id(folder: Path, number: int) -> str:
    """Return the id of a version's model."""
    path = folder / "versions" / str(number) / MANIFEST
    with translated("read the registry", path):
        return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_aliases(folder: Path) -> dict[str, int]:
    """Return where the aliases of a model point; none where there is no such file."""
    path = folder / "aliases.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, int])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        raise StorageError(
            f"the aliases of {folder.name!r}", where=f"{path}: {error}", allowed="a JSON object of versions"
        ) from error


def _settle(folder: Path) -> None:
    """Finish what a killed process began: the aliases are what the history says."""
    clear_left(folder, ".aliases.json.*")
    aliases = {alias: been[-1] for alias, been in stacks_of(read_steps(folder)).items()}
    if aliases != _read_aliases(folder):
        _write_aliases(folder, aliases)


def _unknown(name: str, root: Path, names: tuple[str, ...]) -> StorageError:
    """Say that no model has a name."""
    return StorageError(
        f"model={name!r}, which no model is called",
        where=str(root),
        allowed=closest(name, names) if names else "a model that was registered",
        next_step="" if names else f"justright register RUN --name {name} --alias {CHAMPION}",
    )


def _write_aliases(folder: Path, aliases: dict[str, int]) -> None:
    """Replace the aliases as a whole."""
    replace_file(folder / "aliases.json", msgspec.json.encode(dict(sorted(aliases.items()))) + b"\n")


def _listed(numbers: list[int]) -> str:
    """Name versions: `1, 2, 3`, or their ends where they are many."""
    return ", ".join(map(str, numbers)) if len(numbers) <= 8 else f"{numbers[0]} to {numbers[-1]}"


def _user() -> str:
    """Return the user of the system; a container may know only a number."""
    with suppress(OSError, KeyError, ImportError):
        return getpass.getuser()
    return f"uid {os.getuid()}"


def _now() -> str:
    """Return the time for the history."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _check_question(newest: Entry, bundle: Bundle) -> None:
    """Refuse a model that answers another question: clients of the name would be refused or misled."""
    there, here = _question(read_bundle(newest.path, verify=False)), _question(bundle)
    if here != there:
        raise RecipeError(
            f"a {here[1]} of {here[0]!r:.60} under the name {newest.name}",
            allowed=f"a {there[1]} of {there[0]!r:.60}, as its version {newest.version}",
            next_step="another --name",
        )


def _question(bundle: Bundle) -> tuple[str, str]:
    """Return what a model predicts: the name of its target, and its task."""
    target = bundle.model.schema.target
    return "" if target is None else target.column.name, bundle.model.task
