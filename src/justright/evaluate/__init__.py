"""Judging a model: intervals, baselines, thresholds, calibration, slices, the guarded test set."""
