"""Rows in: any table as a stream of Arrow batches in bounded memory, with the place of each row."""

from justright.source.base import BadLine, Place, Source
from justright.source.opening import open_source

__all__ = ["BadLine", "Place", "Source", "open_source"]
