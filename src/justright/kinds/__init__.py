"""What each column of a table is, why, and what the table implies as a task.

`infer_schema` reads the table once: every row counts for what must be true of all rows (missing
values, constants, classes of the target, ranges), a sample that is a fixed function of the row
numbers serves for the rest. `Profile` holds what was seen, for people.
"""

from justright.kinds.infer import infer_schema
from justright.kinds.profile import ColumnProfile, Profile

__all__ = ["ColumnProfile", "Profile", "infer_schema"]
