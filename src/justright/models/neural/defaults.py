"""What the settings that are left open become: after RealMLP (arXiv 2407.04491, table A.1), by table size."""

from __future__ import annotations

from typing import Final

from justright.errors import RecipeError, closest
from justright.models.base import Spec
from justright.models.crossed.forward import layout_of as cells_layout
from justright.models.neural.activations import ACTIVATIONS
from justright.models.neural.design import Design, Numbers
from justright.models.neural.front import Layout
from justright.models.neural.guards import Ema
from justright.models.neural.optimizer_table import row_of
from justright.models.neural.rule import Rule
from justright.recipe import Network

__all__ = ["batch_of", "design_for", "epochs_of", "finds_its_rate", "prior_of", "rule_for"]

_BATCH: Final = 256
_LARGE: Final = 100_000  # training rows from which a step takes more of them
_LARGEST_BATCH: Final = 4096
_EPOCHS: Final = 48
_STEPS: Final = 60_000  # of a training, where passes are many
_FEWEST: Final = 8
# Rates in the "neural tangent" scale that serve all widths (RealMLP, 256 passes: 0.04 for classes, 0.2 for
# numbers; california, 48 passes: 0.1 is better by 3 %).
_RATES: Final = {"classes": 0.04, "numbers": 0.1}
_USUAL_DEPTH: Final = 2  # layers that they are for
# Larger batches bear larger rates where steps are many; california, 2,400 rows: batches of 1,024 (144 steps)
# and 4,096 (48) at twice and three times the rate went back once and three times, and lost 5.7 % and 1.3 %.
_FEW_STEPS: Final = 1_000
# With one step a pass nothing averages out: california, 48 passes of one step each went back twice at the
# usual rate, and lost 5.5 % (2,400 rows) and 11 % (120 rows) to the best; three steps a pass bear it.
_STEPS_A_PASS: Final = 3


def design_for(network: Network, layout: Layout, spec: Spec) -> Design:
    """Return the network that a recipe asks for, for these inputs and outputs."""
    names = {"squared", "huber", "absolute", "quantile", "poisson"}
    activation = network.activation
    if activation == "auto":
        activation = "mish" if spec.loss.name in names else "selu"
    if activation not in ACTIVATIONS:
        raise RecipeError(f"network.activation={activation!r}", allowed=closest(activation, ACTIVATIONS))
    return Design(
        layout.numbers,
        layout.others,
        tuple(size for _, size in layout.embedded),
        spec.outputs,
        tuple(network.hidden),
        activation,
        bool(network.hidden) and network.factors,
        _numbers(network),
        network.normalise,
        network.residual,
        network.ensemble if network.hidden else 1,
        bool(network.hidden) and network.factors,
        tuple(cells_layout(layout.wide).cells) if layout.wide else (),
    )


def _numbers(network: Network) -> Numbers:
    """Return how numbers are read: by pieces, in a linear model as they are, unless it is told."""
    if network.numbers == "auto":
        return "piecewise" if network.hidden else "plain"
    return network.numbers


def rule_for(network: Network) -> Rule:
    """Return how the weights move."""
    options = dict(network.options)
    if network.optimizer in ("adam", "adamw", "nadam", "nadamw"):
        options.setdefault("b2", 0.95)
    return Rule(
        network.optimizer,
        tuple(sorted(options.items())),
        _schedule(network),
        network.clip,
        network.decay if network.hidden else 0.0,
        Ema(network.average) if network.average else None,
        network.dropout if network.hidden else 0.0,
    )


def _schedule(network: Network) -> str:
    """Return four cycles, or a constant rate for optimizers that a moving one disturbs."""
    if network.schedule != "auto":
        return network.schedule
    name = _named(network)
    return "coslog4" if name is not None and row_of(name).scheduled else "constant"


def finds_its_rate(network: Network) -> bool:
    """Say whether no race is needed: the optimizer finds its own step, or is a user's with a rate in it."""
    name = _named(network)
    return name is None or row_of(name).rate_free


def _named(network: Network) -> str | None:
    """Return the name of the optimizer, None for a user's own."""
    optimizer: object = network.optimizer
    return optimizer if isinstance(optimizer, str) else None


def batch_of(network: Network, rows: int) -> int:
    """Return the rows of a step: 256, and more from 100,000 rows on, where steps are many."""
    if network.batch:
        return min(network.batch, max(rows, 1))
    size = _BATCH
    while rows / size > _LARGE / _BATCH and size < _LARGEST_BATCH:
        size *= 2
    return min(size, max(rows, 1))


def epochs_of(network: Network, rows: int) -> int:
    """Return the passes of a training: 48, fewer where they would take more than 60,000 steps."""
    if network.epochs:
        return network.epochs
    steps = -(-max(rows, 1) // batch_of(network, rows))
    return max(_FEWEST, min(_EPOCHS, _STEPS // steps))


def prior_of(network: Network, spec: Spec, batch: int) -> float:
    """Return the rate around which the race looks: for adam in the middle of what serves tables."""
    rate = _RATES["numbers" if spec.loss.link in ("identity", "log") else "classes"]
    name = _named(network)
    if name is None:
        return 1.0
    row = row_of(name)
    if row.rate_free:
        return float(row.rate)
    rate *= row.rate / row_of("adam").rate
    # Deep networks want smaller steps: california, six layers: a third of the rate of two is better by 14 %.
    rate *= min(_USUAL_DEPTH / max(len(network.hidden), 1), 1.0)
    steps = -(-max(spec.rows, 1) // batch) * epochs_of(network, spec.rows)
    most = min(max(steps / _FEW_STEPS, 1.0) ** 0.5, 4.0)
    rate *= min(max(round(spec.rows / batch), 1) / _STEPS_A_PASS, 1.0)
    return float(rate * min((batch / _BATCH) ** 0.5, most))
