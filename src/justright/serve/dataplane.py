"""What a server does, without a word of HTTP: hold models, predict rows, describe itself.

Every wire format and every server ends here, so that one model gives one answer through all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from justright.bundle.families import Forward
from justright.bundle.predictor import Predictor, load

__all__ = ["DataPlane", "load_plane"]


def load_plane(
    models: Mapping[str, str | Path], *, families: Mapping[str, Forward] | None = None
) -> DataPlane:
    """Load models and return the plane that answers for them.

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


class DataPlane:
    """Models by name.

    Parameters
    ----------
    models : mapping of str to Predictor
        At least one.

    Notes
    -----
    Holds no state that a request changes: threads may share it.

    Examples
    --------
    >>> DataPlane({}).health()
    {'status': 'ok', 'models': []}
    """

    def __init__(self, models: Mapping[str, Predictor]) -> None:
        self._models = dict(models)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the models."""
        return tuple(self._models)

    def columns(self, name: str) -> tuple[str, ...]:
        """Return the columns a model needs, in order; KeyError for an unknown name."""
        return self._models[name].columns

    def predict(self, name: str, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Return one JSON value a row, in order; see `Predictor.predict_rows`.

        Raises
        ------
        KeyError
            No model of that name: ask `names` first.
        RowError
            A row that cannot be understood; names row and column. No row is scored then.
        """
        return self._models[name].predict_rows(rows)

    def metadata(self, name: str) -> dict[str, Any]:
        """Return what a client must know to send rows, as JSON values; KeyError for an unknown name.

        Returns
        -------
        dict
            `name`, `model_id`, `task`, `classes`, `threshold` (binary only, else None) and `columns`, a
            list of `{"name", "kind", "form", "optional"}` in order.
        """
        model = self._models[name]
        by_name = {column.name: column for column in model.schema.columns}
        columns = [
            {
                "name": column,
                "kind": by_name[column].kind,
                "form": by_name[column].form,
                "optional": column in model.optional,
            }
            for column in model.columns
        ]
        return {
            "name": name,
            "model_id": model.model_id,
            "task": model.task,
            "classes": list(model.classes),
            "threshold": model.threshold if model.task == "binary" else None,
            "columns": columns,
        }

    def health(self) -> dict[str, Any]:
        """Return `{"status": "ok", "models": [names]}`: the models are loaded before a plane exists."""
        return {"status": "ok", "models": list(self._models)}
