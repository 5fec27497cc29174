"""Models by name: versions that never change, aliases that move, and who moved them and why."""

from justright.registry.folder import Registry, open_registry
from justright.registry.record import Entry, Record, Step, Table
from justright.registry.reference import Reference, read_reference

__all__ = [
    "Entry",
    "Record",
    "Reference",
    "Registry",
    "Step",
    "Table",
    "open_registry",
    "read_reference",
]
