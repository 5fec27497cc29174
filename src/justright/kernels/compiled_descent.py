"""Compiled steps of gradient descent; see `kernels.descent` for the formulas and the values.

A batch touches the weights of its own entries only. For sgd the penalty of all others is kept as two
numbers a column, weight = shrink * soft(theta, drop - seen): soft thresholds add up, so a weight that is
read again after many steps is exactly what those steps would have made of it (after Tsuruoka, Tsujii and
Ananiadou 2009). For ftrl a weight is a function of its sums and the number of steps. Momentum moves
every weight at every step.

Inner functions take plain arrays, and loop inside: a call that hands on a tuple of arrays counts
references to each of them, which made a step of 20 features 40 times slower. One column is the case of
single-row descent and has loops of its own: an inner loop of length one costs more than its arithmetic.
"""

from __future__ import annotations

import math

from justright.kernels.jit import kernel

__all__ = ["descend"]

# Below, the common factor is folded into the weights: far from underflow, and seldom.
_SMALL = 1e-100
_FACTORS = 1024


@kernel
def _soft(value, by):  # type: ignore[no-untyped-def]
    """Return the value moved towards zero by `by`, at most to zero; NaN stays."""
    if value > by:
        return value - by
    if value < -by:
        return value + by
    return value if value != value else 0.0


@kernel
def _slope(loss, first, second, margin, target):  # type: ignore[no-untyped-def]
    """Return the derivative of a loss of one margin."""
    gap = margin - target
    if loss == 0:
        return gap
    if loss == 1:
        return 0.5 + 0.5 * math.tanh(0.5 * margin) - (target * (1.0 - first) + 0.5 * first)
    if loss == 2:
        return math.exp(min(margin, 500.0)) - target
    if loss == 3:
        return max(-first, min(first, gap))
    return 0.5 * max(-1.0, min(1.0, gap / second)) + (0.5 - first)


@kernel
def _softmax(smoothing, members, target, i, margin, slope):  # type: ignore[no-untyped-def]
    """Set `slope` (C,) to the derivative of row i's cross-entropy over the outputs of each member."""
    outputs = margin.shape[0] // members
    for m in range(members):
        top = margin[m]
        for o in range(1, outputs):
            top = max(top, margin[o * members + m])
        total = 0.0
        for o in range(outputs):
            c = o * members + m
            slope[c] = math.exp(margin[c] - top)
            total += slope[c]
        for o in range(outputs):
            share = target[i, o] if target.shape[1] > 1 else (1.0 if target[i, 0] == o else 0.0)
            c = o * members + m
            slope[c] = slope[c] / total - (share * (1.0 - smoothing) + smoothing / outputs)


@kernel
def _slopes(loss, first, second, members, target, i, margin, slope):  # type: ignore[no-untyped-def]
    """Set `slope` (C,) to the derivative of row i's loss by each margin."""
    if loss == 5:
        _softmax(first, members, target, i, margin, slope)
        return
    for o in range(margin.shape[0] // members):
        value = target[i, o] if target.shape[1] > 1 else target[i, 0]
        for c in range(o * members, (o + 1) * members):
            slope[c] = _slope(loss, first, second, margin[c], value)


@kernel
def _weigh(folds, i, weight, own, repeat, forward, mean, slope, trained):  # type: ignore[no-untyped-def]
    """Weigh the slopes of row i, zero where it does not train, and count where it does."""
    for c in range(slope.shape[0]):
        fold = folds[i, repeat[c]]
        if fold == own[c] or (forward[c] and fold > own[c]):
            slope[c] = 0.0
        else:
            slope[c] *= weight / mean[c]
            trained[c] += 1.0


@kernel
def _catch_up(theta, seen, drop, begin, end, places):  # type: ignore[no-untyped-def]
    """Bring the weights of some places up to the thresholds of the steps made."""
    for entry in range(begin, end):
        j = places[entry]
        for c in range(theta.shape[1]):
            gap = drop[c] - seen[j, c]
            if gap != 0.0:
                theta[j, c] = _soft(theta[j, c], gap)
                seen[j, c] = drop[c]


@kernel
def _follow(theta, pull, stiff, steps, lasso, ridge, begin, end, places, flags):  # type: ignore[no-untyped-def]
    """Bring the ftrl weights of some places up to the steps made, where the open batch has not yet."""
    for entry in range(begin, end):
        j = places[entry]
        if flags[j]:
            continue
        for c in range(theta.shape[1]):
            free = _soft(pull[j, c], steps[c] * lasso[c])
            theta[j, c] = -free / (stiff[j, c] + steps[c] * ridge[c])


@kernel
def _margins(dense, i, begin, end, places, values, theta, shrink, margin):  # type: ignore[no-untyped-def]
    """Set `margin` (C,) of row i."""
    count = theta.shape[1]
    if count == 1:
        total = 0.0
        for j in range(dense.shape[1]):
            total += dense[i, j] * theta[j, 0]
        for entry in range(begin, end):
            total += values[entry] * theta[places[entry], 0]
        margin[0] = total * shrink[0] + theta[theta.shape[0] - 1, 0]
        return
    for c in range(count):
        margin[c] = 0.0
    for j in range(dense.shape[1]):
        x = dense[i, j]
        for c in range(count):
            margin[c] += x * theta[j, c]
    for entry in range(begin, end):
        j, x = places[entry], values[entry]
        for c in range(count):
            margin[c] += x * theta[j, c]
    for c in range(count):
        margin[c] = margin[c] * shrink[c] + theta[theta.shape[0] - 1, c]


@kernel
def _add(dense, i, begin, end, places, values, slope, gradient, touched, flags, known):  # type: ignore[no-untyped-def]
    """Add row i's gradient; return how many places of theta are touched now."""
    count = gradient.shape[1]
    for j in range(dense.shape[1] if count == 1 else 0):
        gradient[j, 0] += dense[i, j] * slope[0]
    for j in range(dense.shape[1] if count > 1 else 0):
        x = dense[i, j]
        for c in range(count):
            gradient[j, c] += x * slope[c]
    for c in range(count):
        gradient[gradient.shape[0] - 1, c] += slope[c]
    for entry in range(begin, end):
        j, x = places[entry], values[entry]
        if not flags[j]:
            flags[j] = True
            touched[known] = j
            known += 1
        for c in range(count):
            gradient[j, c] += x * slope[c]
    return known


@kernel
def _move_sgd(theta, gradient, inverse, rate, shrink, push, touched, known):  # type: ignore[no-untyped-def]
    """Make the step of the touched places and of the bias, without penalties; sets `push`."""
    count, d = theta.shape[1], theta.shape[0] - 1
    for c in range(count):
        push[c] = rate[c] * inverse[c]
        theta[d, c] -= push[c] * gradient[d, c]
        gradient[d, c] = 0.0
        push[c] /= shrink[c]
    for place in range(known if count == 1 else 0):
        j = touched[place]
        theta[j, 0] -= push[0] * gradient[j, 0]
        gradient[j, 0] = 0.0
    for place in range(known if count > 1 else 0):
        j = touched[place]
        for c in range(count):
            theta[j, c] -= push[c] * gradient[j, c]
            gradient[j, c] = 0.0


@kernel
def _move_momentum(theta, gradient, inverse, rate, pull, keep, lasso, ridge):  # type: ignore[no-untyped-def]
    """Make the step of every place; clears the gradient."""
    count, d = theta.shape[1], theta.shape[0] - 1
    for j in range(d + 1):
        for c in range(count):
            g = gradient[j, c] * inverse[c]
            gradient[j, c] = 0.0
            if rate[c] > 0.0:
                pull[j, c] = keep * pull[j, c] + g
                theta[j, c] -= rate[c] * pull[j, c]
                if j < d:
                    reach = rate[c] / (1.0 - keep)
                    theta[j, c] = _soft(theta[j, c], reach * lasso[c]) / (1.0 + reach * ridge[c])


@kernel
def _move_ftrl(theta, gradient, inverse, rate, pull, squares, stiff, steps, lasso, ridge, touched, known):  # type: ignore[no-untyped-def]
    """Make the step of the touched places and of the bias; clears their gradient."""
    count, d = theta.shape[1], theta.shape[0] - 1
    for place in range(known + 1):
        j = touched[place] if place < known else d
        for c in range(count):
            g = gradient[j, c] * inverse[c]
            gradient[j, c] = 0.0
            if rate[c] > 0.0 and g != 0.0:
                squares[j, c] += g * g
                new = max(stiff[j, c], (1.0 + math.sqrt(squares[j, c])) / rate[c])
                pull[j, c] += g - (new - stiff[j, c]) * theta[j, c]
                stiff[j, c] = new
            by = steps[c] * lasso[c] if j < d else 0.0
            more = steps[c] * ridge[c] if j < d else 0.0
            theta[j, c] = -_soft(pull[j, c], by) / (stiff[j, c] + more)


@kernel
def _shrink_all(rate, lasso, ridge, shrink, drop):  # type: ignore[no-untyped-def]
    """Note the penalties of one step; return the smallest common factor."""
    smallest = 1.0
    for c in range(rate.shape[0]):
        drop[c] += rate[c] * lasso[c] / shrink[c]
        shrink[c] /= 1.0 + rate[c] * ridge[c]
        smallest = min(smallest, shrink[c])
    return smallest


@kernel
def _fold_in(theta, shrink, drop, seen):  # type: ignore[no-untyped-def]
    """Bring every weight of sgd up to date and forget the common numbers."""
    count, d, lazy = theta.shape[1], theta.shape[0] - 1, seen.shape[0] > 1
    for j in range(d):
        for c in range(count):
            if lazy:
                theta[j, c] = _soft(theta[j, c], drop[c] - seen[j, c])
                seen[j, c] = 0.0
            theta[j, c] *= shrink[c]
    for c in range(count):
        shrink[c] = 1.0
        drop[c] = 0.0


@kernel
def _rates(factor, full, trained, steps, rate, inverse):  # type: ignore[no-untyped-def]
    """Set rate and 1 / rows of each column's step, 0 for one without rows; clears the count of rows."""
    for c in range(full.shape[0]):
        rate[c] = full[c] * factor if trained[c] > 0.0 else 0.0
        inverse[c] = 1.0 / max(trained[c], 1.0)
        trained[c] = 0.0
        if rate[c] > 0.0:
            steps[c] += 1.0


@kernel
def _penalised(lasso, ridge):  # type: ignore[no-untyped-def]
    """Say whether any column has a penalty."""
    total = 0.0
    for c in range(lasso.shape[0]):
        total += lasso[c] + ridge[c]
    return total > 0.0


@kernel
def _settle(optimizer, theta, pull, stiff, steps, lasso, ridge, shrink, drop, seen):  # type: ignore[no-untyped-def]
    """End a pass: bring every weight up to date."""
    if optimizer == 0:
        _fold_in(theta, shrink, drop, seen)
    elif optimizer == 2 and _penalised(lasso, ridge):
        for j in range(theta.shape[0] - 1):
            for c in range(theta.shape[1]):
                free = _soft(pull[j, c], steps[c] * lasso[c])
                theta[j, c] = -free / (stiff[j, c] + steps[c] * ridge[c])


@kernel
def descend(rows, columns, memory, rule):  # type: ignore[no-untyped-def]
    """Run the steps of some rows, in order; changes `memory`."""
    dense, starts, places, values = rows.dense, rows.starts, rows.places, rows.values
    target, weight, folds = rows.target, rows.weight, rows.fold
    own, repeat, forward, mean = columns.fold, columns.repeat, columns.forward, columns.weight
    full, lasso, ridge = columns.rate, columns.lasso, columns.ridge
    theta, gradient, pull = memory.theta, memory.gradient, memory.pull
    squares, stiff, steps = memory.squares, memory.stiff, memory.steps
    shrink, drop, seen = memory.shrink, memory.drop, memory.seen
    clock, trained, touched, flags = memory.clock, memory.trained, memory.touched, memory.flags
    margin, slope, rate, inverse = memory.margin, memory.slope, memory.rate, memory.inverse
    optimizer, batch, factors, keep = rule.optimizer, rule.batch, rule.factors, rule.momentum
    loss, first, second, members = rule.loss, rule.first, rule.second, rule.members
    catches = optimizer == 0 and seen.shape[0] > 1
    follows = optimizer == 2 and _penalised(lasso, ridge)
    wide = dense.shape[1]
    for i in range(weight.shape[0]):
        begin, end = starts[i], starts[i + 1]
        first_row = clock[1] == 0
        if catches:
            _catch_up(theta, seen, drop, 0, wide if first_row else 0, touched)
            _catch_up(theta, seen, drop, begin, end, places)
        elif follows:
            _follow(theta, pull, stiff, steps, lasso, ridge, 0, wide if first_row else 0, touched, flags)
            _follow(theta, pull, stiff, steps, lasso, ridge, begin, end, places, flags)
        _margins(dense, i, begin, end, places, values, theta, shrink, margin)
        _slopes(loss, first, second, members, target, i, margin, slope)
        _weigh(folds, i, weight[i], own, repeat, forward, mean, slope, trained)
        clock[2] = _add(dense, i, begin, end, places, values, slope, gradient, touched, flags, clock[2])
        clock[0] += 1
        clock[1] += 1
        if clock[1] < batch and clock[0] < rule.rows:
            continue
        _rates(factors[(clock[0] - clock[1]) * _FACTORS // rule.rows], full, trained, steps, rate, inverse)
        known = clock[2]
        if optimizer == 0:
            _move_sgd(theta, gradient, inverse, rate, shrink, slope, touched, known)
            if _shrink_all(rate, lasso, ridge, shrink, drop) < _SMALL:
                _fold_in(theta, shrink, drop, seen)
        elif optimizer == 1:
            _move_momentum(theta, gradient, inverse, rate, pull, keep, lasso, ridge)
        else:
            _move_ftrl(
                theta, gradient, inverse, rate, pull, squares, stiff, steps, lasso, ridge, touched, known
            )
        for place in range(wide, known):
            flags[touched[place]] = False
        clock[1] = 0
        clock[2] = wide
    if clock[0] == rule.rows:
        _settle(optimizer, theta, pull, stiff, steps, lasso, ridge, shrink, drop, seen)
