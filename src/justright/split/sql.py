"""The BigQuery SQL of a split: the same key, the same hash, the same integer comparisons.

    FARM_FINGERPRINT(key) >> 11  =  u * 2**53      (BigQuery's >> on INT64 fills with zeros)

Invariant: the parts equal those of `part_of(key_fingerprints(...))` row by row, as far as
CAST(x AS STRING) writes a value as its canonical text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from justright.errors import RecipeError
from justright.schema import Column
from justright.split.parts import bounds

__all__ = ["split_sql"]

_HASH: Final = "justright_upper_53_bits"


def split_sql(
    table: str,
    by: Sequence[str],
    shares: str | Sequence[float] = "80/10/10",
    salt: str = "",
    sample: float = 1.0,
    *,
    names: Sequence[str] = ("train", "validation", "test"),
    columns: Mapping[str, Column] | None = None,
) -> str:
    """Return a BigQuery query that adds the column `part` to the rows of a table.

    Parameters
    ----------
    table : str
        Name of the table, for example `project.dataset.table`; without backticks.
    by : sequence of str
        Key columns in the order of the key. For a split by the row's content: all columns of the
        table, sorted by name.
    shares, salt, sample
        As in `part_of` and `key_fingerprints`. Rows outside the sample are left out.
    names : sequence of str
        Name of each part.
    columns : mapping of str to Column, optional
        How the values of key columns are written; a column that is not named here is written by
        CAST(x AS STRING) without surrounding blanks.

    Returns
    -------
    str
        One SELECT statement in GoogleSQL.

    Raises
    ------
    RecipeError
        No key column, a name that cannot be quoted, shares or sample out of range.

    Notes
    -----
    Exact for columns of type INT64, STRING, BOOL and DATE; with `columns` also for DATETIME and
    TIMESTAMP, and for missing marks. FLOAT64 is exact where BigQuery and Python write the same digits:
    integers below 10**15, and numbers of at most 15 digits between 1e-4 and 1e15.

    Examples
    --------
    >>> print(split_sql("shop.orders", ["customer"], "80/20", names=("train", "test")))
    WITH hashed AS (
      SELECT *,
        FARM_FINGERPRINT(IFNULL(TRIM(CAST(`customer` AS STRING)), '')) >> 11 AS justright_upper_53_bits
      FROM `shop.orders`
    )
    SELECT * EXCEPT (justright_upper_53_bits),
      CASE
        WHEN justright_upper_53_bits < 7205759403792794 THEN 'train'
        ELSE 'test'
      END AS part
    FROM hashed
    """
    if not by:
        raise RecipeError(
            "no key column",
            allowed="at least one",
            next_step="for the row's content name all columns, sorted",
        )
    ends = bounds(shares, sample).tolist()
    if len(ends) > len(names):
        raise RecipeError(f"{len(ends)} parts", allowed=f"as many as there are names: {', '.join(names)}")
    texts = [_text(name, (columns or {}).get(name)) for name in by]
    key = texts[0] if len(texts) == 1 else f"ARRAY_TO_STRING([{', '.join(texts)}], '|')"
    if salt:
        key = f"CONCAT({key}, {_literal('|' + salt)})"
    named = list(zip(ends, names, strict=False))
    # The last end is the end of the sample, which the WHERE clause has cut off already.
    whens = "".join(f"    WHEN {_HASH} < {end} THEN {_literal(name)}\n" for end, name in named[:-1])
    last = _literal(named[-1][1])
    part = f"CASE\n{whens}    ELSE {last}\n  END" if whens else last
    where = f"\nWHERE {_HASH} < {ends[-1]}" if ends[-1] < 2**53 else ""
    return (
        f"WITH hashed AS (\n  SELECT *,\n    FARM_FINGERPRINT({key}) >> 11 AS {_HASH}\n"
        f"  FROM {_quoted(table)}\n)\n"
        f"SELECT * EXCEPT ({_HASH}),\n  {part} AS part\nFROM hashed{where}"
    )


def _text(name: str, column: Column | None) -> str:
    """Write the canonical text of a column as an expression, missing = empty."""
    value = _quoted(name)
    if column is not None and column.form == "datetime" and not column.format:
        return f"IFNULL({_moment(value, zoned=bool(column.zone))}, '')"
    text = f"TRIM(CAST({value} AS STRING))"
    if column is not None and column.form == "number":
        text = f"IF({text} IN ('nan', 'NaN'), '', {text})"
    if column is not None and column.missing:
        text = f"IF({text} IN ({', '.join(map(_literal, column.missing))}), '', {text})"
    return f"IFNULL({text}, '')"


def _moment(value: str, *, zoned: bool) -> str:
    """Write a moment as its canonical text: a midnight without zone as the date alone, zones in UTC."""
    moment = f"CAST({value} AS DATETIME)"
    whole = f"FORMAT_DATETIME('%Y-%m-%dT%H:%M:%S', {moment})"
    exact = f"FORMAT_DATETIME('%Y-%m-%dT%H:%M:%E6S', {moment})"
    text = f"IF(EXTRACT(MICROSECOND FROM {moment}) = 0, {whole}, {exact})"
    if zoned:
        return f"({text} || 'Z')"
    midnight = f"EXTRACT(TIME FROM {moment}) = TIME '00:00:00'"
    return f"IF({midnight}, FORMAT_DATETIME('%Y-%m-%d', {moment}), {text})"


def _quoted(name: str) -> str:
    """Quote a name of a table or column."""
    if not name or "`" in name or "\\" in name or "\n" in name:
        raise RecipeError(f"the name {name!r}", allowed="a name without backtick, backslash and line break")
    return f"`{name}`"


def _literal(text: str) -> str:
    """Quote a text as a GoogleSQL literal."""
    plain = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{plain}'"
