"""Rows to parts and folds by the fingerprint of a key, by group or by time, with an audit beside it.

A row's part is a pure function of its key, so that a row never moves when others come.
"""

from __future__ import annotations

from justright.split.auditor import audit
from justright.split.content import CanonicalColumn, content_key
from justright.split.counts import PartAudit, SplitAudit
from justright.split.cutoffs import part_by_time, time_cutoffs
from justright.split.fingerprint import farm_fingerprint
from justright.split.fold import folds, time_folds
from justright.split.key import CodedTexts, key_fingerprints
from justright.split.parts import bounds, parse_shares, part_of, uniform
from justright.split.sql import split_sql
from justright.split.table import split_table

__all__ = [
    "CanonicalColumn",
    "CodedTexts",
    "PartAudit",
    "SplitAudit",
    "audit",
    "bounds",
    "content_key",
    "farm_fingerprint",
    "folds",
    "key_fingerprints",
    "parse_shares",
    "part_by_time",
    "part_of",
    "split_sql",
    "split_table",
    "time_cutoffs",
    "time_folds",
    "uniform",
]
