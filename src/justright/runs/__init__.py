"""The run folder: the truth about a run, as files that can be read, copied and resumed."""

from justright.runs.folder import RunFolder, create, open_run

__all__ = ["RunFolder", "create", "open_run"]
