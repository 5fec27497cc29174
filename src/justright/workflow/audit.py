"""The audit beside the split of a run: shares, duplicates, groups, overlap in time, folds."""

from __future__ import annotations

import msgspec
import numpy as np

from justright.datamodule import DataModule
from justright.recipe import Recipe
from justright.schema import Schema
from justright.split import SplitAudit, audit

__all__ = ["split_audit"]


def split_audit(data: DataModule, schema: Schema, recipe: Recipe) -> SplitAudit:
    """Audit training against test part, and say how the folds turned out.

    Parameters
    ----------
    data : DataModule
        Parts and folds of every row.
    schema : Schema
        Target.
    recipe : Recipe
        The split that was asked for.
    """
    facts, split, target = data.facts, recipe.split, schema.target
    assert target is not None
    made = audit(
        facts.part,
        facts.content,
        facts.target,
        target.classes or None,
        facts.key if split.by else None,
        facts.time if split.time else None,
        ("train", "test") if split.test else ("train",),
        shares=(100.0 - split.test, split.test) if split.test else None,
    )
    counts = [
        np.bincount(fold[fold >= 0], minlength=split.folds).tolist() for fold in facts.fold[facts.part == 0].T
    ]
    definition = {
        "by": list(split.by) or ("time: " + split.time if split.time else "content of the features"),
        "test": split.test,
        "folds": split.folds,
        "repeats": split.repeats,
        "salt": split.salt,
        "fold_rows": counts,
    }
    return msgspec.structs.replace(made, definition=definition)
