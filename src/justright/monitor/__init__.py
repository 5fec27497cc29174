"""Watching a model in service against the rows it was trained on."""

from justright.monitor.baseline import Proof, baseline

__all__ = ["Proof", "baseline"]
