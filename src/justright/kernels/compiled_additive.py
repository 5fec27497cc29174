"""Compiled loops over rows of additive models; see `kernels.additive` for the shapes and the numpy twins.

Columns (an output of a member each) are the last axis and come in lanes of eight, one 64-byte line of
float64: a code is read once for all of them. Loops over a lane have a constant length, so that the
compiler turns them into vector instructions. Each loss is a kernel of its own: only the one in use is
compiled.
"""

from __future__ import annotations

from justright.kernels.jit import inner, kernel

__all__ = [
    "bin_codes",
    "gather",
    "histogram",
    "logistic",
    "nudge",
    "pair_histogram",
    "poisson",
    "slopes",
    "softmax",
    "squared",
]

_LANE = 8
_ROWS = 64  # rows at a time: their margins stay in the nearest cache
_FLAT = 1e-6  # least curvature of a probability
_HIGH = 80.0  # largest margin of a rate: its slope times a weight stays within float32


@kernel
def bin_codes(values, edges, out):  # type: ignore[no-untyped-def]
    """Set `out` to the number of edges <= each value; NaN gets one more than the highest bin."""
    count = edges.shape[0]
    for i in range(values.shape[0]):
        value = values[i]
        if value != value:
            out[i] = count + 1
            continue
        low, left = 0, count
        while left > 0:
            half = left >> 1
            right = edges[low + half] <= value
            low = low + half + 1 if right else low
            left = left - half - 1 if right else half
        out[i] = low


@kernel
def histogram(codes, group, g, h, trains, held, begin, end, slope, bend, held_slope, held_bend):  # type: ignore[no-untyped-def]
    """Add rows begin..end to the sums by code: training rows of each column, and its held-out rows."""
    columns = g.shape[1]
    if columns == 1:
        for i in range(begin, end):
            b, r = codes[i], group[i]
            slope[b, 0] += g[i, 0] * trains[r, 0]
            bend[b, 0] += h[i, 0] * trains[r, 0]
        return
    for i in range(begin, end):
        b, r = codes[i], group[i]
        for lane in range(0, columns, _LANE):
            for m in range(_LANE):
                slope[b, lane + m] += g[i, lane + m] * trains[r, lane + m]
            for m in range(_LANE):
                bend[b, lane + m] += h[i, lane + m] * trains[r, lane + m]
        for j in range(held.shape[1]):
            c = held[r, j]
            if c < 0:
                break
            held_slope[b, c] += g[i, c]
            held_bend[b, c] += h[i, c]


@kernel
def slopes(codes, group, g, trains, begin, end, slope):  # type: ignore[no-untyped-def]
    """Add the slopes of rows begin..end to the sums by code of the columns that they train."""
    columns = g.shape[1]
    if columns == 1:
        for i in range(begin, end):
            slope[codes[i], 0] += g[i, 0] * trains[group[i], 0]
        return
    for i in range(begin, end):
        b, r = codes[i], group[i]
        for lane in range(0, columns, _LANE):
            for m in range(_LANE):
                slope[b, lane + m] += g[i, lane + m] * trains[r, lane + m]


@kernel
def gather(codes, table, begin, end, margin):  # type: ignore[no-untyped-def]
    """Add each row's line of the table to its margins."""
    columns = margin.shape[1]
    if columns == 1:
        for i in range(begin, end):
            margin[i, 0] += table[codes[i], 0]
        return
    for i in range(begin, end):
        b = codes[i]
        for lane in range(0, columns, _LANE):
            for m in range(_LANE):
                margin[i, lane + m] += table[b, lane + m]


@inner
def _powers(buffer, count, low, high):  # type: ignore[no-untyped-def]
    """Replace x by exp(x), 1e-14 absolute for the logistic; x is cut to low..high, within 100 of 0.

    exp(x / 256) by its series, squared eight times: no branch and no call, so eight at a time.
    """
    for k in range(count):
        x = buffer[k]
        x = max(x, low)
        x = min(x, high)
        x = x * (1.0 / 256.0)
        r = 1.0 / 720 + x * (1.0 / 5040 + x * (1.0 / 40320))
        r = 1.0 + x * (1.0 + x * (1.0 / 2 + x * (1.0 / 6 + x * (1.0 / 24 + x * (1.0 / 120 + x * r)))))
        r *= r
        r *= r
        r *= r
        r *= r
        r *= r
        r *= r
        r *= r
        r *= r
        buffer[k] = r


@inner
def _moved(codes, table, first, count, margin, buffer):  # type: ignore[no-untyped-def]
    """Add each row's line of the table to its margins, where there is one, and copy them to the buffer."""
    columns = margin.shape[1]
    k = 0
    for i in range(first, first + count):
        if table.shape[0] > 0:
            b = codes[i]
            for c in range(columns):
                margin[i, c] += table[b, c]
        for c in range(columns):
            buffer[k + c] = margin[i, c]
        k += columns


@kernel
def squared(codes, table, target, weight, begin, end, margin, g, h, buffer):  # type: ignore[no-untyped-def]
    """Move the margins of rows begin..end, and set slope and bend of the squared loss."""
    columns = margin.shape[1]
    for first in range(begin, end, _ROWS):
        count = min(_ROWS, end - first)
        _moved(codes, table, first, count, margin, buffer)
        k = 0
        for i in range(first, first + count):
            w, y = weight[i], target[i]
            for c in range(columns):
                g[i, c] = w * (buffer[k + c] - y)
                h[i, c] = w
            k += columns


@kernel
def logistic(codes, table, target, weight, begin, end, margin, g, h, buffer):  # type: ignore[no-untyped-def]
    """Move the margins of rows begin..end, and set slope and bend of the logistic loss."""
    columns = margin.shape[1]
    for first in range(begin, end, _ROWS):
        count = min(_ROWS, end - first)
        _moved(codes, table, first, count, margin, buffer)
        _powers(buffer, count * columns, -40.0, 40.0)
        k = 0
        for i in range(first, first + count):
            w, y = weight[i], target[i]
            for c in range(columns):
                q = 1.0 / (1.0 + buffer[k + c])
                g[i, c] = w * (1.0 - q - y)
                h[i, c] = w * max(_FLAT, q * (1.0 - q))
            k += columns


@kernel
def poisson(codes, table, target, weight, begin, end, margin, g, h, buffer):  # type: ignore[no-untyped-def]
    """Move the margins of rows begin..end, and set slope and bend of the Poisson loss."""
    columns = margin.shape[1]
    for first in range(begin, end, _ROWS):
        count = min(_ROWS, end - first)
        _moved(codes, table, first, count, margin, buffer)
        _powers(buffer, count * columns, -40.0, _HIGH)
        k = 0
        for i in range(first, first + count):
            w, y = weight[i], target[i]
            for c in range(columns):
                g[i, c] = w * (buffer[k + c] - y)
                h[i, c] = w * max(_FLAT, buffer[k + c])
            k += columns


@kernel
def softmax(outputs, codes, table, target, weight, begin, end, margin, g, h, buffer):  # type: ignore[no-untyped-def]
    """Move the margins of rows begin..end, and set slope and bend of the cross-entropy.

    Columns run over outputs first, then members; the padding after them stays as it is.
    """
    columns = margin.shape[1]
    used = columns // outputs * outputs
    for first in range(begin, end, _ROWS):
        count = min(_ROWS, end - first)
        _moved(codes, table, first, count, margin, buffer)
        for k in range(0, count * columns, columns):
            for own in range(k, k + used, outputs):
                top = buffer[own]
                for c in range(own + 1, own + outputs):
                    top = max(top, buffer[c])
                for c in range(own, own + outputs):
                    buffer[c] -= top
        _powers(buffer, count * columns, -80.0, 0.0)
        k = 0
        for i in range(first, first + count):
            w, own = weight[i], int(target[i])
            for start in range(0, used, outputs):
                total = 0.0
                for c in range(start, start + outputs):
                    total += buffer[k + c]
                for c in range(start, start + outputs):
                    p = buffer[k + c] / total
                    g[i, c] = w * p
                    # 2 p (1 - p) bounds the coupled curvature from above: all classes may step at once.
                    h[i, c] = w * max(2.0 * p * (1.0 - p), _FLAT)
                g[i, start + own] -= w
            k += columns


@kernel
def nudge(codes, table, begin, end, margin, g, h):  # type: ignore[no-untyped-def]
    """Add each row's line of the table to its margins, and to its slope what a constant bend makes of it."""
    columns = margin.shape[1]
    if columns == 1:
        for i in range(begin, end):
            t = table[codes[i], 0]
            margin[i, 0] += t
            g[i, 0] += h[i, 0] * t
        return
    for i in range(begin, end):
        b = codes[i]
        for lane in range(0, columns, _LANE):
            for m in range(_LANE):
                t = table[b, lane + m]
                margin[i, lane + m] += t
                g[i, lane + m] += h[i, lane + m] * t


@kernel
def pair_histogram(first, second, width, fold, g, h, begin, end, slope, bend, spread):  # type: ignore[no-untyped-def]
    """Add rows begin..end to the sums by fold and pair of codes: slope, bend, squared slope."""
    for i in range(begin, end):
        cell = first[i] * width + second[i]
        f = fold[i]
        slope[f, cell] += g[i]
        bend[f, cell] += h[i]
        spread[f, cell] += g[i] * g[i]
