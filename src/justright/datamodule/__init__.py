"""The DataModule: a source becomes encoded Blocks with their split, in two passes over the rows."""

from justright.datamodule.prepare import DataModule, prepare
from justright.datamodule.rows import RowData, read_rows

__all__ = ["DataModule", "RowData", "prepare", "read_rows"]
