"""Watching a model in service against the rows it was trained on."""

from justright.monitor.baseline import baseline

__all__ = ["baseline"]
