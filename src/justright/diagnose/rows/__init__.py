"""Are the rows what a training assumes: copies, groups, leaks, order, drift, wrong labels, too few of "
"them."""

from justright.diagnose.rows.checks import check_rows
from justright.diagnose.rows.control import shuffled

__all__ = ["check_rows", "shuffled"]
