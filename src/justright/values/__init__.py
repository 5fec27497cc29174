"""What a value of a table means: one scalar definition, used by every path.

`scalar` says it for one value; `columns` says it for many, from Arrow arrays, numpy arrays and plain
lists alike. The vectorised paths are short cuts whose results equal the scalar functions on each
value (a property test holds them to it), so the same row gives the same numbers and the same
category texts from CSV, Parquet, a data frame and JSON.

`pool` keeps the texts of a column over many batches. `figures` is the way back: how a number is written
where people read it.

Nothing here imports pyarrow until it is handed an Arrow array.
"""

from justright.values.columns import to_codes, to_moments, to_numbers
from justright.values.figures import figure, figures_in, interval, interval_known
from justright.values.pool import TextPool
from justright.values.scalar import MARKS, Unreadable, canonical_text, is_infinite, moment, number

__all__ = [
    "MARKS",
    "TextPool",
    "Unreadable",
    "canonical_text",
    "figure",
    "figures_in",
    "interval",
    "interval_known",
    "is_infinite",
    "moment",
    "number",
    "to_codes",
    "to_moments",
    "to_numbers",
]
