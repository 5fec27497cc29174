"""From a fingerprint to a part: one hash, one uniform number, nested intervals.

    u = (fingerprint as unsigned >> 11) * 2**-53        in [0, 1)
    in the sample:  u < sample                          part i:  C[i-1] <= u / sample < C[i]

with C the running sums of the shares. Sample and part are cut from one number, so that a second stage
cannot meet residues that the first one has removed (the trap of `h % 10` used twice).

Invariant: the part of a row is a function of its fingerprint, the shares and the sample alone; other
rows cannot move it. The comparison is done on integers, so that SQL gives the same part to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt

from justright.errors import RecipeError
from justright.schema import FloatArray, IntArray

__all__ = ["bounds", "parse_shares", "part_of", "uniform"]

_LOW_BITS: Final = 11  # a float64 holds 53 of the 64 bits
_MOST_PARTS: Final = 100
_ALLOWED: Final = "positive numbers such as 80/10/10, one for each part"


def uniform(fingerprints: IntArray) -> FloatArray:
    """Return the uniform number of each fingerprint.

    Parameters
    ----------
    fingerprints : int64 (rows,)
        As `farm_fingerprint` gives them; negative ones are read as unsigned.

    Returns
    -------
    float64 (rows,)
        In [0, 1): the upper 53 bits over 2**53, without rounding.

    Examples
    --------
    >>> import numpy as np
    >>> uniform(np.array([0, 2**62, -2**62]))
    array([0.  , 0.25, 0.75])
    """
    return _upper(fingerprints).astype(np.float64) * 2.0**-53


def parse_shares(shares: str | Sequence[float]) -> tuple[float, ...]:
    """Read the shares of the parts and make them sum to one.

    Parameters
    ----------
    shares : str or sequence of float
        `"80/10/10"` (also with `,`, `:` or blanks) or the numbers themselves; any positive numbers.

    Returns
    -------
    tuple of float
        The shares in order, in (0, 1].

    Raises
    ------
    RecipeError
        Not numbers, none, more than 100, or one that is not positive and finite.

    Examples
    --------
    >>> parse_shares("80/10/10")
    (0.8, 0.1, 0.1)
    >>> parse_shares([3, 1])
    (0.75, 0.25)
    """
    parts = _exact(shares)
    return tuple(float(part) for part in parts)


def bounds(shares: str | Sequence[float], sample: float = 1.0) -> IntArray:
    """Return the upper end of each part's interval, counted in steps of 2**-53.

    Parameters
    ----------
    shares : str or sequence of float
        As in `parse_shares`.
    sample : float, default 1.0
        Share of the rows that is used at all, in (0, 1].

    Returns
    -------
    int64 (parts,)
        Rising; a row is in the first part whose bound is above the upper 53 bits of its fingerprint.

    Raises
    ------
    RecipeError
        Shares or sample outside what is allowed.

    Notes
    -----
    Exact rational arithmetic: no part depends on the rounding of a sum.

    Examples
    --------
    >>> bounds("50/50", sample=0.5).tolist() == [2**51, 2**52]
    True
    """
    if not 0 < sample <= 1:
        raise RecipeError(
            f"sample={sample!r}",
            allowed="a share above 0 and up to 1",
            next_step="--sample 0.1 takes a tenth",
        )
    total = Fraction(0)
    ends = []
    for part in _exact(shares):
        total += part
        # The smallest whole number that is not below the bound: k < bound exactly where k < end.
        ends.append(-(-(total * Fraction(str(sample)) * 2**53) // 1))
    return np.array([int(end) for end in ends], np.int64)


def part_of(
    fingerprints: IntArray, shares: str | Sequence[float], sample: float = 1.0
) -> npt.NDArray[np.int8]:
    """Return the part of each row: 0, 1, 2... in the order of the shares.

    Parameters
    ----------
    fingerprints : int64 (rows,)
        Fingerprint of the key of each row; rows with one key get one part.
    shares : str or sequence of float
        As in `parse_shares`.
    sample : float, default 1.0
        Share of the keys that is used, in (0, 1]; 1 = all. A smaller sample is a subset of a larger
        one, but a row's part is that of u / sample: it may change with the sample.

    Returns
    -------
    int8 (rows,)
        -1 = not in the sample.

    Raises
    ------
    RecipeError
        Shares or sample outside what is allowed.

    Notes
    -----
    One comparison a part and row. Real shares differ from those asked for by about
    sqrt(share * (1 - share) / keys): see `audit`.

    Examples
    --------
    >>> from justright.split import farm_fingerprint
    >>> part = part_of(farm_fingerprint([str(i) for i in range(1000)]), "80/10/10")
    >>> [int((part == i).sum()) for i in range(3)]
    [810, 94, 96]
    """
    ends = bounds(shares, sample)
    upper = _upper(fingerprints)
    part = np.zeros(upper.shape, np.int8)
    for end in ends.astype(np.uint64):
        part += upper >= end
    part[part == len(ends)] = -1
    return part


def _upper(fingerprints: IntArray) -> npt.NDArray[np.uint64]:
    """Return the upper 53 bits, the sign bit as the highest."""
    return np.asarray(fingerprints, np.int64).view(np.uint64) >> np.uint64(_LOW_BITS)


def _exact(shares: str | Sequence[float]) -> list[Fraction]:
    """Return the shares as exact fractions of their sum."""
    texts = _words(shares) if isinstance(shares, str) else [str(share) for share in shares]
    try:
        # From the text of a number: 0.1 is meant as a tenth, not as the float next to it.
        numbers = [Fraction(text) for text in texts]
    except (ValueError, ZeroDivisionError) as error:
        raise RecipeError(f"shares={shares!r}", allowed=_ALLOWED, next_step="--shares 80/10/10") from error
    if not 1 <= len(numbers) <= _MOST_PARTS or min(numbers) <= 0:
        raise RecipeError(f"shares={shares!r}", allowed=_ALLOWED, next_step="--shares 80/10/10")
    total = sum(numbers)
    return [number / total for number in numbers]


def _words(text: str) -> list[str]:
    """Cut a text of shares at its separators; an empty field stays, so that it is refused."""
    for mark in "/,:":
        if mark in text:
            return [field.strip() for field in text.split(mark)]
    return text.split()
