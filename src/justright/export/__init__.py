"""A model as a folder from which a container image is built: it serves, and it trains."""

from justright.export.container import Exported, export_container

__all__ = ["Exported", "export_container"]
