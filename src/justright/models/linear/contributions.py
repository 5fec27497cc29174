"""What each column adds to the margin of a linear model, with numpy alone.

    margin = intercept + sum over columns of weight * (value - mean)

A number counts against the mean of the training rows (0 where it is missing, and then what missing itself
weighs), a category against the mean weight of its column's training rows, a text as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from justright.features.plan import FeaturePlan
from justright.models.linear.forward import layout_of
from justright.schema import Block, FloatArray

__all__ = ["contributions"]


def contributions(
    front: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], plan: FeaturePlan, block: Block
) -> tuple[FloatArray, FloatArray]:
    """Return what each feature adds to each row's margin, and the intercept: together the margin.

    Returns
    -------
    float64 (rows, features, outputs)
        In the order of the plan: numbers, categories, texts; in the target's unit for `identity`.
    float64 (outputs,)
    """
    layout, data = layout_of(front), plan.data
    scale = float(front.get("scale", 1.0))
    weights = np.asarray(arrays["weights"], np.float64) * scale
    intercept = np.asarray(arrays["bias"], np.float64) * scale + float(front.get("centre", 0.0))
    features = layout.numeric + len(layout.sizes) + len(data.text)
    out = np.zeros((block.rows, features, weights.shape[1]))
    gone = np.isnan(block.numeric)
    z = np.where(gone, np.float32(0), layout.cut(block.numeric)).astype(np.float64)
    out[:, : layout.numeric] = z[:, :, None] * weights[: layout.numeric]
    for number, place in enumerate(layout.indicators):
        out[:, place] += gone[:, place, None] * weights[layout.numeric + number]
    for place, (offset, feature) in enumerate(zip(layout.offsets, data.categorical, strict=True)):
        own = weights[offset : offset + layout.sizes[place]]
        mean = feature.shares() @ own
        intercept = intercept + mean
        out[:, layout.numeric + place] = (own - mean).take(block.codes[:, place], axis=0)
    tokens = block.tokens
    if tokens is not None:
        ends = np.cumsum([0, *(text.slots for text in data.text)])
        row = np.repeat(np.arange(block.rows), np.diff(tokens.indptr))
        added = weights[layout.token_offset :].take(tokens.indices, axis=0) * tokens.values[:, None]
        which = np.searchsorted(ends, tokens.indices, side="right") - 1
        np.add.at(out, (row, layout.numeric + len(layout.sizes) + which), added)
    return out, intercept
