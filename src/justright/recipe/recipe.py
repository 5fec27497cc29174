"""Every choice of a run as one validated, serialisable value; the defaults need no tuning.

A Recipe is read from TOML or JSON, changed by `key=value` (`--set penalty.kind=l1`), and written into
the run folder, so that a run can be repeated from it alone.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from justright.errors import RecipeError, StorageError, closest
from justright.recipe.groups import Boosting, Crosses, Descent, Features, Ladder, Network, Penalty, Split
from justright.recipe.ranges import check_ranges

__all__ = ["Recipe", "change", "from_data", "read_recipe"]


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All choices of one run.

    Parameters
    ----------
    target : str
        Column to predict.
    table : str
        Path, glob or database of the rows; empty when they were given in memory.
    sql : str
        A query over `table`, run by DuckDB (or SQLite for a database file).
    task : {"auto", "regression", "binary", "multiclass"}
        `auto` reads it off the target.
    family : str
        auto, ladder, glass-box, linear, crossed, boosted, neural, wide-deep, or one that
        `justright.register_network` made known.
        `ladder` = all of them within a budget, and the simplest that is good enough; `auto` = ladder, but
        linear where the optimizer, the kind or the path of the penalty is one of linear models.
        `glass-box` = what can be read: crossed; linear with choices like these, where a column is text,
        and where there are fewer than 500 rows.
    loss : {"auto", "squared", "logistic", "softmax", "poisson", "absolute", "huber", "quantile"}
        `auto` = the one that belongs to the task.
    quantile : float
        Which quantile for `quantile`, between 0 and 1.
    metric : str
        Headline metric, `auto` = rmse, roc_auc or log_loss by task.
    kinds : dict
        Corrections of column kinds, `{"zip": "categorical"}`.
    drop : tuple of str
        Columns to leave out.
    weight : str
        Column of row weights.
    cost_fp, cost_fn : float
        Cost of a false positive and of a false negative; they choose the decision threshold.
    preset : {"cost", "recall-first", "precision-first"}
        What the threshold keeps instead of costs: the share `floor` of the true rows found, or of the flagged
        rows right, so that new rows keep it with confidence 95 %. Two classes only.
    floor : float
        That share, above 0 and below 1; default 0.9.
    balance : {"none", "weights", "sampling"}
        For rare classes: train on rows weighted so that all classes weigh the same, or on as many rows of
        each as the rarest one has; the probabilities are corrected back to the table as it is.
    baseline : bool
        Fit the boosted baseline beside the model.
    seed : int
        Seed of everything random, >= 0.
    """

    target: str = ""
    table: str = ""
    sql: str = ""
    task: Literal["auto", "regression", "binary", "multiclass"] = "auto"
    family: str = "auto"
    loss: Literal["auto", "squared", "logistic", "softmax", "poisson", "absolute", "huber", "quantile"] = (
        "auto"
    )
    quantile: float = 0.5
    metric: str = "auto"
    kinds: dict[str, str] = {}
    drop: tuple[str, ...] = ()
    weight: str = ""
    cost_fp: float = 1.0
    cost_fn: float = 1.0
    preset: Literal["cost", "recall-first", "precision-first"] = "cost"
    floor: float = 0.9
    balance: Literal["none", "weights", "sampling"] = "none"
    baseline: bool = True
    seed: int = 0
    split: Split = Split()
    features: Features = Features()
    penalty: Penalty = Penalty()
    crosses: Crosses = Crosses()
    descent: Descent = Descent()
    network: Network = Network()
    boosting: Boosting = Boosting()
    ladder: Ladder = Ladder()


def from_data(data: Mapping[str, Any]) -> Recipe:
    """Build a Recipe from plain data and check every value.

    Parameters
    ----------
    data : mapping
        As `tomllib` or a JSON reader gives it; missing keys take their defaults.

    Raises
    ------
    RecipeError
        An unknown key, a wrong type or a value out of range, with the key's path.

    Examples
    --------
    >>> from_data({"target": "price", "split": {"folds": 3}}).split.folds
    3
    """
    _check_keys(data, Recipe, "")
    try:
        recipe = msgspec.convert(data, Recipe)
    except msgspec.ValidationError as error:
        raise RecipeError(
            f"a recipe that does not fit: {error}", next_step="see docs/reference/recipe.md"
        ) from error
    check_ranges(recipe)
    return recipe


def read_recipe(path: str | Path) -> Recipe:
    """Read a Recipe from a TOML or JSON file.

    Raises
    ------
    StorageError
        The file cannot be read.
    RecipeError
        It is not TOML or JSON, or a value does not fit.
    """
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise StorageError(
            f"recipe={str(path)!r}", where=str(error.strerror), allowed="a readable file"
        ) from error
    try:
        data = msgspec.json.decode(text) if str(path).endswith(".json") else tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecipeError(
            f"recipe={str(path)!r}", allowed="TOML, or JSON in a .json file", where=str(error)
        ) from error
    if not isinstance(data, dict):
        raise RecipeError(f"recipe={str(path)!r}", allowed="a table of keys and values")
    return from_data(data)


def change(recipe: Recipe, assignments: Sequence[str]) -> Recipe:
    """Apply `key=value` assignments; nested keys use a dot, values are read as TOML, else as text.

    Examples
    --------
    >>> change(Recipe(target="y"), ["penalty.kind=l1", "seed=3"]).penalty.kind
    'l1'
    """
    data = msgspec.to_builtins(recipe)
    for assignment in assignments:
        key, equals, raw = assignment.partition("=")
        if not equals:
            raise RecipeError(f"--set {assignment!r}", allowed="key=value", next_step="--set seed=3")
        *folders, last = key.strip().split(".")
        place = data
        for folder in folders:
            inner = place.setdefault(folder, {})
            if not isinstance(inner, dict):
                raise RecipeError(f"--set {assignment!r}", where=f"{folder} is a value, not a group")
            place = inner
        place[last] = _value(raw.strip())
    return from_data(data)


def _value(raw: str) -> Any:
    """Read one value as TOML; bare words are texts."""
    try:
        return tomllib.loads(f"v = {raw}")["v"]
    except tomllib.TOMLDecodeError:
        return raw


def _check_keys(data: Mapping[str, Any], kind: type[msgspec.Struct], prefix: str) -> None:
    """Name the first key that no field has, with the closest that exist."""
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in data.items():
        if key not in fields:
            raise RecipeError(f"key {prefix + str(key)!r}", allowed=closest(str(key), fields))
        inner = fields[key]
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct) and isinstance(value, Mapping):
            _check_keys(value, inner, f"{prefix}{key}.")
