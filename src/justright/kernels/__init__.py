"""Compiled loops, each with a numpy twin: the only folder that imports numba, and only on first use."""
