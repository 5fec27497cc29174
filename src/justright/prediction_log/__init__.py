"""The prediction log: every answered row once on disk, with what was asked, what was answered, and by whom.

    server -> PredictionLog.record -> journals -> Parquet parts -> read_log -> monitor
    labels -> add_labels ----------------------------------------^

What a row of it holds stands in `read_log`; what survives what in docs/prediction-log.md.
"""

from justright.prediction_log.labels import add_labels, read_labels
from justright.prediction_log.options import LogOptions, options_from, read_key
from justright.prediction_log.reading import read_log
from justright.prediction_log.recorder import LogStatus, PredictionLog

__all__ = [
    "LogOptions",
    "LogStatus",
    "PredictionLog",
    "add_labels",
    "options_from",
    "read_key",
    "read_labels",
    "read_log",
]
