"""Networks on tables: one compiled program per pass, members side by side.

Training needs jax and optax (`pip install 'justright[neural]'`); `forward` scores with numpy alone.
"""

from typing import Final

__all__ = ["NETWORKS", "NEURAL", "WIDE_DEEP"]

NEURAL: Final = "neural"
"""Name of the family of networks."""

WIDE_DEEP: Final = "wide-deep"
"""Name of the family of networks with a wide part."""

NETWORKS: Final = (NEURAL, WIDE_DEEP)
"""Families that are networks."""
