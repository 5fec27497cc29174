"""Columns become numbers, codes and tokens: fitted on training rows once, the same in service."""
