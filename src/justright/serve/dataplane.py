"""What a server does, without a word of HTTP: hold models and their versions, choose one, score, describe.

Every wire format and every server ends here, so that one model gives one answer through all of them.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from justright.bundle.families import Forward
from justright.bundle.predictor import Predictor, load
from justright.errors import RecipeError, closest
from justright.serve.exchange import Answers, Described, Question
from justright.serve.scoring import Served

__all__ = ["DataPlane", "Group", "load_plane", "read_traffic"]


def load_plane(
    models: Mapping[str, str | Path], *, families: Mapping[str, Forward] | None = None
) -> DataPlane:
    """Load models and return the plane that answers for them, each as version 1.

    Parameters
    ----------
    models : mapping of str to path
        Name in requests to the folder of a bundle.
    families : mapping of str to Forward, optional
        Forwards of families of your own; see `justright.bundle.predictor.load`.

    Raises
    ------
    StorageError, BundleError
        As `load`.
    """
    return DataPlane({name: load(path, families=families) for name, path in models.items()})


class Group:
    """The versions of one model that are loaded; never changed, only replaced.

    Parameters
    ----------
    name : str
        Name in the routes.
    versions : mapping of str to Predictor
        At least one, the oldest first.
    aliases : mapping of str to str
        Alias to version.
    default : str
        Version that answers who names none; empty = the last one.
    traffic : mapping of str to int
        Version to its share in per cent of the requests that name no version; empty = all to the default.

    Attributes
    ----------
    served : dict of str to Served
        By version.
    """

    def __init__(
        self,
        name: str,
        versions: Mapping[str, Predictor],
        aliases: Mapping[str, str] | None = None,
        default: str = "",
        traffic: Mapping[str, int] | None = None,
    ) -> None:
        self.name = name
        self.aliases = dict(aliases or {})
        self.default = default or list(versions)[-1]
        self.traffic = dict(traffic or {})
        every = tuple(versions)
        self.served = {
            version: Served(name, version, predictor, every, self.aliases)
            for version, predictor in versions.items()
        }
        self._dice = random.Random()  # noqa: S311 - shares of requests, no secret

    def pick(self, version: str = "", alias: str = "", key: str = "") -> Served | None:
        """Return what answers a request; None where there is no such version or alias.

        Parameters
        ----------
        version, alias : str
            What the request names, at most one of them.
        key : str
            Its id: requests of one id go to one version as long as the shares stay.
        """
        if alias:
            version = self.aliases.get(alias, "-")
        if version:
            return self.served.get(version)
        if not self.traffic:
            return self.served[self.default]
        point = _point(key) if key else self._dice.randrange(100)
        for named, share in self.traffic.items():
            point -= share
            if point < 0:
                return self.served[named]
        return self.served[self.default]


class DataPlane:
    """Models by name.

    Parameters
    ----------
    models : mapping of str to Predictor or Group
        At least one; a predictor is version 1 of its name.

    Notes
    -----
    A group is replaced as a whole (`put`), so a request sees the versions of before or those of after;
    the old ones are freed once their last request is answered. Threads may share it.

    Examples
    --------
    >>> DataPlane({}).health()
    {'status': 'ok', 'models': []}
    """

    def __init__(self, models: Mapping[str, Predictor | Group]) -> None:
        self._groups = {
            name: model if isinstance(model, Group) else Group(name, {"1": model})
            for name, model in models.items()
        }

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the models."""
        return tuple(self._groups)

    def group(self, name: str) -> Group:
        """Return the versions of a model; KeyError for an unknown name."""
        return self._groups[name]

    def put(self, group: Group) -> None:
        """Replace the versions of a model at once."""
        self._groups = {**self._groups, group.name: group}

    def described(self, name: str) -> Described:
        """Return what a client must know of the default version; KeyError for an unknown name."""
        group = self._groups[name]
        return group.served[group.default].described

    def columns(self, name: str) -> tuple[str, ...]:
        """Return the columns a model needs, in order; KeyError for an unknown name."""
        return self.described(name).names

    def answer(self, name: str, question: Question) -> Answers:
        """Answer one question by the default version.

        Raises
        ------
        KeyError
            No model of that name: ask `names` first.
        RowError
            A row that cannot be understood; names row and column. No row is scored then.
        ColumnError, RecipeError
            A column is missing; the model cannot give what was asked for beside the prediction.
        """
        group = self._groups[name]
        return group.served[group.default].answer(question)

    def predict(self, name: str, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Return one JSON value a row, in order; see `Predictor.predict_rows`, errors as `answer`."""
        group = self._groups[name]
        return group.served[group.default].predictor.predict_rows(rows)

    def health(self) -> dict[str, Any]:
        """Return `{"status": "ok", "models": [names]}`: the models are loaded before a plane exists."""
        return {"status": "ok", "models": list(self._groups)}


def read_traffic(shares: Sequence[str]) -> dict[str, dict[str, int]]:
    """Read how requests are shared between versions.

    Parameters
    ----------
    shares : sequence of str
        Each `NAME@VERSION=PERCENT` or `NAME@ALIAS=PERCENT`.

    Returns
    -------
    dict
        Name to {version or alias: per cent}.

    Raises
    ------
    RecipeError
        Not of this form, given twice, or shares of a name that do not sum to 100.

    Examples
    --------
    >>> read_traffic(["churn@3=90", "churn@4=10"])
    {'churn': {'3': 90, '4': 10}}
    """
    found: dict[str, dict[str, int]] = {}
    step = "--traffic churn@3=90 --traffic churn@4=10"
    for text in shares:
        left, _, percent = text.rpartition("=")
        name, _, version = left.partition("@")
        if not name or not version or not percent.isascii() or not percent.isdecimal():
            allowed = "NAME@VERSION=PERCENT or NAME@ALIAS=PERCENT, in whole per cent"
            raise RecipeError(f"traffic={text!r:.60}", allowed=allowed, next_step=step)
        own = found.setdefault(name, {})
        if version in own:
            raise RecipeError(f"two shares for {left}", next_step=step)
        own[version] = int(percent)
    for name, own in found.items():
        if sum(own.values()) != 100:
            received = f"shares of {name} that sum to {sum(own.values())}"
            raise RecipeError(received, allowed="100", next_step=step)
    return found


def missing(name: str, names: Sequence[str]) -> str:
    """Say that a model is not here."""
    return f"received model={name!r:.80}; allowed: {closest(name, names)}"


def _point(key: str) -> int:
    """Return a number of 0..99 that depends on the key alone, evenly spread."""
    digest = hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % 100
