"""Small drawings that need no chart library: a thousand squares, a range, a bar of an error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

__all__ = ["range_strip", "thousand_squares"]

_SQUARE: Final = 7
_STEP: Final = 9
_ACROSS: Final = 40


def thousand_squares(counts: Sequence[tuple[str, int]], description: str) -> str:
    """Draw a thousand squares, coloured in the order of the groups, column by column.

    Parameters
    ----------
    counts : sequence of (tone, int)
        Name of a colour of the style sheet and number of squares; the sum is 1,000.
    description : str
        For those who do not see it; it must hold no markup.

    Examples
    --------
    >>> thousand_squares([("bad", 1), ("rest", 999)], "one in a thousand").count("<path")
    2
    """
    down = 1000 // _ACROSS
    paths, begin = [], 0
    for tone, size in counts:
        squares = "".join(
            f"M{(place // down) * _STEP} {(place % down) * _STEP}h{_SQUARE}v{_SQUARE}h-{_SQUARE}z"
            for place in range(begin, begin + size)
        )
        begin += size
        if squares:
            paths.append(f'<path class="sq-{tone}" d="{squares}"/>')
    box = f"0 0 {_ACROSS * _STEP - 2} {down * _STEP - 2}"
    return f'<svg viewBox="{box}" role="img" aria-label="{description}">{"".join(paths)}</svg>'


def range_strip(low: float, high: float, quantiles: Sequence[float]) -> str:
    """Draw where the values of a column lie: 5-95 % as a line, 25-75 % as a bar, the median as a mark.

    Parameters
    ----------
    low, high : float
        Ends of the drawing: the smallest and the largest value.
    quantiles : sequence of float
        5, 25, 50, 75 and 95 per cent, rising.

    Returns
    -------
    str
        An `<svg>`; empty where all values are equal.

    Examples
    --------
    >>> range_strip(0.0, 10.0, [1, 2, 5, 8, 9]).startswith('<svg viewBox="0 0 240 14"')
    True
    """
    if not high > low or len(quantiles) != 5:
        return ""
    q05, q25, q50, q75, q95 = (1 + 238 * (value - low) / (high - low) for value in quantiles)
    return (
        '<svg viewBox="0 0 240 14" class="strip" aria-hidden="true">'
        '<path class="st-base" d="M1 7h238"/>'
        f'<path class="st-line" d="M{q05:.1f} 7H{q95:.1f}"/>'
        f'<path class="st-bar" d="M{q25:.1f} 7H{max(q75, q25 + 1):.1f}"/>'
        f'<path class="st-mark" d="M{q50:.1f} 1v12"/></svg>'
    )
